"""The fringe by the rings in the spectrum of an image: of grain out of focus, and where there is none."""

import numpy as np
import pytest
from scipy import ndimage

from voidlab.segment.thon_rings import fringe_of_grain
from voidlab.simulate.microscope import Optics, intensity


def grain(fringe_px, *, under=True, shape=(384, 420), noise=0.02, seed=0):
    """A foil without order, out of focus."""
    random = np.random.default_rng(seed)
    phase = ndimage.gaussian_filter(random.normal(size=shape), 0.7)
    image = intensity(np.ones(shape), 0.1 * phase, Optics(fringe_px, under, spread=0.1))
    return image + random.normal(0, noise, shape)


@pytest.mark.parametrize("under", [True, False])
@pytest.mark.parametrize("fringe_px", [5.5, 9.0, 14.0])
def test_the_rings_of_grain_give_the_fringe(fringe_px, under):
    for seed in range(3):
        assert fringe_of_grain(grain(fringe_px, under=under, seed=seed)) == pytest.approx(fringe_px, rel=0.04)


def test_pixels_without_a_value_change_nothing():
    image = grain(9.0)
    image[:, :30] = np.nan
    assert fringe_of_grain(image) == pytest.approx(9, rel=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_without_rings_there_is_none(seed):
    random = np.random.default_rng(seed)
    white = random.normal(size=(384, 384))
    for image in (
        white,
        ndimage.gaussian_filter(white, 2),
        grain(0.0, seed=seed),
        np.zeros((300, 300)),
        white[:40],
    ):
        assert fringe_of_grain(image) is None


def test_in_a_real_micrograph_it_is_that_of_the_rings_that_an_eye_sees(shared):
    from voidlab.images import read_image

    for name, first in (("02_03.jpg", 0.0535), ("46_03.jpg", 0.056), ("42_01.jpg", 0.063)):
        file = shared / "focus_pairs" / name
        assert fringe_of_grain(read_image(file)) == pytest.approx(1 / first, rel=0.06)
