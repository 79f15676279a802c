import numpy as np
import pandas as pd
import pytest
import torch

from voidlab.segment.confidence import NAMES, Calibration
from voidlab.segment.decode import Peaks
from voidlab.segment.network import build_network
from voidlab.segment.network_segmenter import NetworkSegmenter
from voidlab.training import calibrate
from voidlab.training.calibrate import Judged


def peaks_of(random, weights, images=60):
    """Peaks whose chance of being right is known."""
    made = []
    for _ in range(images):
        spoken = random.normal(0, 1.5, (random.integers(5, 80), len(NAMES)))
        spoken[:, 0] = 1
        p = Calibration({"void": tuple(weights)}).confidence("void", spoken)
        made.append(Judged(spoken, random.random(len(p)) < p))
    return made


def test_what_confidence_is_worth_is_learnt():
    random, weights = (
        np.random.default_rng(0),
        np.array([0.7, 1.6, 0.4, -0.5, 0.2, -0.8, 0.3, 0.0, 0.4, 0.3, 0.1]),
    )
    fitted = calibrate._fitted(peaks_of(random, weights), 1.0)
    assert fitted == pytest.approx(weights, abs=0.25)
    tried = peaks_of(random, weights)
    p = np.concatenate([Calibration({"void": fitted}).confidence("void", each.spoken) for each in tried])
    right = np.concatenate([each.right for each in tried])
    for part in np.array_split(np.argsort(p), 5):
        assert p[part].mean() == pytest.approx(right[part].mean(), abs=0.06)


def test_of_harder_images_it_is_worth_less():
    peaks = peaks_of(np.random.default_rng(2), np.array([0.7, 1.6, *[0.0] * 9]))
    (usual, *_), (harder, *_) = (calibrate._fitted(peaks, times) for times in (1.0, 2.0))
    assert harder == pytest.approx(usual - np.log(2), abs=0.15)


def test_what_precision_follows_from_is_learnt():
    random = np.random.default_rng(1)
    spoken = np.column_stack(
        [np.ones(800), random.normal(1, 1, (800, 2)), random.random(800) < 0.2, random.uniform(1, 5, 800)]
    )
    true = calibrate.Teacher((0.2, 0.6, 0.9, -1.0, 0.1), (-2.0, -0.6, -0.6, 1.0, 0.0), 12.0)
    count = random.integers(5, 120, 800)
    vain, a, b = true.of(spoken)
    right = np.where(random.random(800) < vain, 0, random.binomial(count, random.beta(a, b)))
    taught = calibrate._taught(spoken, np.stack([right, count - right], axis=1))
    assert taught.weights == pytest.approx(true.weights, abs=0.3)
    shares = [taught.expect(each, n) for each, n in zip(spoken, count, strict=True)]
    held = [s.low <= r / n <= s.high for s, r, n in zip(shares, right, count, strict=True)]
    assert 0.87 <= np.mean(held) <= 0.97
    assert np.mean([s.value for s in shares]) == pytest.approx((right / count).mean(), abs=0.03)


def judged(truth, *found):
    table = pd.DataFrame(truth, columns=["x_px", "y_px", "radius_px", "ignored"]).astype({"ignored": bool})
    x, y, radius, height = np.array(found, float).T
    spoken = np.zeros((len(x), len(NAMES)))
    spoken[:, NAMES.index("height")] = height
    return calibrate._judged(Peaks(x, y, radius, spoken, np.full(len(x), "void")), table)


def test_a_peak_is_right_at_a_true_void_and_wrong_elsewhere():
    peaks = judged(
        [(20, 20, 6, False), (70, 30, 5, False)], (21, 20, 6, 2.0), (50, 80, 6, 1.0), (70, 30, 5, 0.5)
    )
    assert peaks.right.tolist() == [True, False, True]
    assert peaks.spoken[:, NAMES.index("height")].tolist() == [2.0, 1.0, 0.5]


def test_a_second_peak_at_one_void_and_what_counts_neither_way_are_left_out():
    peaks = judged(
        [(20, 20, 6, False), (70, 30, 5, True)], (20, 20, 6, 2.0), (21, 21, 6, 1.0), (70, 31, 5, 3.0)
    )
    assert peaks.right.tolist() == [True]
    assert len(peaks.spoken) == 1


def test_a_network_that_detects_nothing_is_no_trouble():
    torch.manual_seed(0)
    method = NetworkSegmenter(build_network((4, 4, 4, 4, 4, 4)).eval(), arithmetic="float32")
    found = calibrate.calibrate(method, range(2), size=96)
    assert set(found.weights) == {"void", "loop or dot"}
    assert all(len(weights) == len(NAMES) for weights in found.weights.values())
    assert calibrate.teach(method, range(2), size=96) == {}
