import numpy as np
import pytest

from voidlab.segment import confidence
from voidlab.segment.confidence import NAMES, Calibration, evidence, smaller_than_sure


def spoken(height, *, void=0.5, against=0.5, radius=1.0, scale=1.0, smaller=0.0, unrest=0.5, negative=False):
    height = np.atleast_1d(np.asarray(height, float))
    ones = np.ones(len(height))
    of_all = {"smaller": smaller * ones, "unrest": unrest, "negative": negative}
    return evidence(height, void * ones, against * ones, radius * ones, scale * ones, **of_all)


def test_a_kind_without_weights_goes_by_height_alone():
    height = np.array([0.1, 0.3, 0.9])
    assert Calibration().confidence("void", spoken(height)) == pytest.approx(height)
    of_loops = Calibration({"loop or dot": (5.0, *(0.0,) * (len(NAMES) - 1))})
    assert of_loops.confidence("void", spoken(height)) == pytest.approx(height)
    assert (of_loops.confidence("loop or dot", spoken(height)) > 0.99).all()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("void", {"void": 0.9}),
        ("against", {"against": 0.1}),
        ("radius", {"radius": 3.0}),
        ("scale", {"scale": 3.0}),
        ("unrest", {"unrest": 0.1}),
        ("smaller", {"smaller": -1.5}),
    ],
)
def test_each_thing_that_speaks_has_its_weight(name, change):
    weights = np.zeros(len(NAMES))
    weights[NAMES.index(name)] = 1
    usual, changed = (
        Calibration({"void": tuple(weights)}).confidence("void", spoken(0.5, **how))[0]
        for how in ({}, change)
    )
    assert usual == pytest.approx(0.5)
    (given,) = change.values()
    odds = {"radius": np.log, "scale": np.log, "smaller": float}.get(
        name, lambda share: np.log(share / (1 - share))
    )(given)
    assert changed == pytest.approx(1 / (1 + np.exp(-odds)))


def test_doubt_grows_with_what_is_not_sure_in_the_image():
    doubt = NAMES.index("doubt")
    sure, unsure = spoken([0.9] * 20), spoken([0.9] * 20 + [0.2] * 60)
    assert sure[0, doubt] < unsure[0, doubt]
    assert np.ptp(unsure[:, doubt]) == 0


def test_the_sign_speaks_only_in_negatives():
    plain, negative = spoken(0.8), spoken(0.8, negative=True)
    signs = [NAMES.index(name) for name in ("negative", "height, negative")]
    assert (plain[:, signs] == 0).all()
    assert negative[0, signs] == pytest.approx([1, np.log(4)])
    assert np.delete(plain, signs, axis=1) == pytest.approx(np.delete(negative, signs, axis=1))


def test_unrest_is_the_height_of_what_is_everywhere():
    random = np.random.default_rng(0)
    calm, restless = random.uniform(0, 0.02, 3000), random.uniform(0, 0.3, 3000)
    voids = np.full(40, 0.9)
    area = 1024**2
    assert confidence.unrest_of(np.append(calm, voids), area) < 0.02
    assert 0.2 < confidence.unrest_of(np.append(restless, voids), area) < 0.3
    assert confidence.unrest_of(voids, area) == 0
    assert confidence.unrest_of(np.zeros(0), area) == 0


def test_no_peak_and_sure_ones_are_no_trouble():
    assert spoken([]).shape == (0, len(NAMES))
    assert np.isfinite(spoken([0.0, 1.0], void=1.0, against=0.0)).all()


def test_specks_among_sure_voids_are_told_by_how_much_smaller_they_are():
    radius = np.array([2.0, 10, 30, 0.5])
    assert smaller_than_sure(radius, np.array([8.0, 10, 10, 12])) == pytest.approx([np.log(0.2), 0, 0, -2])
    assert (smaller_than_sure(radius, np.array([10.0, 10, 10])) == 0).all()
