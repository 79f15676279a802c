import numpy as np
import pandas as pd
import pytest

from voidlab import segment
from voidlab.simulate.micrographs import micrograph
from voidlab.training import trust


def tables_of(confidence, right, ignored=0):
    """True voids on a grid, and detections at them or beside them, each as sure as said."""
    n = len(confidence)
    x, y = 40.0 * (np.arange(n) % 30), 40.0 * (np.arange(n) // 30)
    truth = pd.DataFrame(
        {"x_px": x, "y_px": y, "radius_px": 6.0, "ignored": np.arange(n) < ignored, "frame": 0}
    )
    found = pd.DataFrame(
        {
            "x_px": x + np.where(right, 0, 18),
            "y_px": y,
            "radius_px": 6.0,
            "confidence": confidence,
            "frame": 0,
        }
    )
    return truth, found


@pytest.mark.parametrize("power", [1.0, 3.0])
def test_confidence_that_is_no_probability_is_noticed(power):
    random = np.random.default_rng(0)
    confidence = random.uniform(0.1, 1, 900)
    right = random.random(900) < confidence**power
    error = trust._confidence_error(*tables_of(confidence, right))
    assert (error < 0.1) == (power == 1)


def test_few_detections_tell_nothing_of_confidence():
    assert np.isnan(trust._confidence_error(*tables_of(np.full(149, 0.5), np.ones(149, bool))))


def test_what_counts_neither_way_is_left_out():
    confidence = np.r_[np.full(200, 0.1), np.linspace(0.9, 1, 200)]
    truth, found = tables_of(confidence, np.ones(400, bool), ignored=200)
    assert trust._confidence_error(truth, found) < 0.1


def test_an_image_is_judged_and_what_is_said_of_it():
    method = segment.load_segmenter("voids")
    found = trust.verdicts(method, range(2_900_000, 2_900_003), [], size=192)
    assert found["images"] <= 3
    assert found["poor"] + found["fine"] <= found["images"]
    assert 0 <= found["poor_called_good"] <= found["poor"]


def test_of_a_look_without_voids_it_is_what_is_taken_for_one():
    looks = trust.by_look(segment.load_segmenter("voids"), range(2_900_000, 2_900_006), size=128)
    assert {micrograph(seed, shape=(128, 128)).look for seed in (2_900_001, 2_900_005)} == {"loops", "dark"}
    assert looks.pop("loops_voids_per_megapixel") == 0
    assert looks.pop("dark_voids_per_megapixel") == 0
    assert looks["mask_f1"] > 0.9
    assert not {"loops_f1", "dark_f1"} & set(looks)
