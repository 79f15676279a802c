import numpy as np
import pytest
from scipy import ndimage, stats

from voidlab.segment import completeness
from voidlab.segment.completeness import Completeness, measure_completeness
from voidlab.segment.discs import Discs


def with_spheres(places, shape=(300, 300), noise=0.05, seed=0):
    """Spheres of contrast 1 at a radius of 10 px in noise."""
    image = np.zeros(shape, np.float32)
    v, u = np.mgrid[: shape[0], : shape[1]]
    for x, y, r in places:
        image += 0.1 * np.sqrt(np.clip(r**2 - (u - x) ** 2 - (v - y) ** 2, 0, None)).astype(np.float32)
    return image + np.float32(noise) * np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


PLACES = [(50 + 70 * i, 50 + 70 * j, 10) for i in range(4) for j in range(4)]
VOIDS = Discs(*np.array([(x, y, r, 0.95) for x, y, r in PLACES], float).T)


def threshold_detector(height, blur=2.0):
    """Detects maxima of the blurred image above a height: a detector whose limit is known."""

    def detect(image):
        smooth = ndimage.gaussian_filter(image, blur)
        y, x = np.nonzero((smooth == ndimage.maximum_filter(smooth, 7)) & (smooth > height))
        return Discs(x.astype(float), y.astype(float), np.full(len(x), 5.0), np.ones(len(x)))

    return detect


def half_by_hand(height, blur=2.0):
    """Diameter of a sphere whose blurred maximum is that high."""
    for radius in np.arange(1, 12, 0.05):
        if ndimage.gaussian_filter(with_spheres([(50, 50, radius)], (100, 100), 0), blur).max() > height:
            return 2 * radius
    return np.inf


@pytest.mark.parametrize("height", [0.12, 0.25, 0.45])
def test_the_limit_of_a_detector_is_found(height):
    found = measure_completeness(with_spheres(PLACES), VOIDS, threshold_detector(height))
    assert found.half_px == pytest.approx(half_by_hand(height), rel=0.12)
    assert found.nine_px > found.half_px
    assert found.at(found.half_px) == pytest.approx(0.5)
    assert found.at(found.nine_px) == pytest.approx(0.9)
    assert found.inserted > 60
    assert found.largest_px <= 26


def test_no_copy_is_larger_than_what_is_detected():
    found = measure_completeness(with_spheres(PLACES), VOIDS, threshold_detector(0.25), largest_px=7.0)
    assert found.largest_px <= 14
    assert found.half_px == pytest.approx(half_by_hand(0.25), rel=0.12)


def test_diameters_can_be_given_as_those_of_the_table():
    found = Completeness(6.0, 9.0, 5.4, 120, 26.0)
    times = found.times(1.1)
    assert (times.half_px, times.nine_px, times.largest_px) == pytest.approx((6.6, 9.9, 28.6))
    assert times.at(1.1 * 7) == pytest.approx(found.at(7))


def test_noise_moves_the_limit_up():
    detect = threshold_detector(0.3, 1.0)
    clean, noisy = (
        measure_completeness(with_spheres(PLACES, noise=noise), VOIDS, detect).slope for noise in (0.02, 0.5)
    )
    assert noisy < clean  # a limit washed out


def test_an_image_with_few_sure_voids_tells_nothing():
    few = VOIDS.where(np.arange(16) < 4)
    assert measure_completeness(with_spheres(PLACES), few, threshold_detector(0.3)) is None
    unsure = Discs(VOIDS.x, VOIDS.y, VOIDS.radius, np.full(16, 0.6))
    assert measure_completeness(with_spheres(PLACES), unsure, threshold_detector(0.3)) is None


def test_what_is_no_specimen_is_left_alone():
    image = with_spheres(PLACES)
    image[:, 150:] = np.nan
    seen = []

    def detect(shown):
        seen.append(shown)
        return threshold_detector(0.25)(np.nan_to_num(shown))

    found = measure_completeness(image, VOIDS.where(VOIDS.x < 140), detect)
    assert found.half_px == pytest.approx(half_by_hand(0.25), rel=0.2)
    assert np.isnan(seen[0][:, 170:]).all()


def test_a_void_put_in_looks_like_the_others():
    image = with_spheres(PLACES, noise=0.01)
    profile = np.median(completeness._profiles(image, VOIDS), axis=0)
    blank = np.zeros((60, 60), np.float32)
    completeness._insert(blank, 30.0, 30.0, 10.0, profile, 1.0)
    np.testing.assert_allclose(blank, with_spheres([(30, 30, 10)], (60, 60), 0), atol=0.15)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_how_contrast_goes_with_size_is_read_off_the_voids(power):
    random = np.random.default_rng(0)
    radius = random.uniform(4, 12, 50)
    shape = np.clip(1 - completeness._STEPS**2, 0, None)
    profiles = (radius**power)[:, None] * shape + 0.05 * random.standard_normal((50, len(shape)))
    assert completeness._power(profiles, radius) == pytest.approx(power, abs=0.1)
    assert completeness._power(profiles, np.full(50, 8.0)) == 1


def test_all_and_nothing_found_have_a_limit_too():
    every, none = (
        completeness._fitted(np.linspace(2, 20, 60), np.full(60, value)) for value in (True, False)
    )
    assert every.half_px < 4
    assert none.half_px > 15
    assert isinstance(every, Completeness)


def test_the_power_that_contrast_goes_with_is_the_median_slope_of_all_pairs():
    rng = np.random.default_rng(4)
    radius = np.round(rng.uniform(3, 12, 30))  # some alike
    profiles = (radius**0.6 * rng.uniform(0.8, 1.2, 30))[:, None] * np.ones(completeness._STEPS.size)
    wanted = stats.theilslopes(np.log(profiles[:, 0]), np.log(radius)).slope
    assert 0 < wanted < 1
    assert completeness._power(profiles, radius) == pytest.approx(wanted)
