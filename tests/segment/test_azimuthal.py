import numpy as np
import pytest

from voidlab.segment.azimuthal import azimuthal_profiles
from voidlab.segment.discs import Discs

HEIGHT, WIDTH = 150, 230


def discs(*places):
    """Of (x, y, radius) each."""
    x, y, radius = np.array(places, float).T
    return Discs(x, y, radius, np.full(len(x), 0.9))


def hill(x, y, width, height=1.0):
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    return height * np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * width**2))


def profiles(image, of, reach=20.0, halo=2.0):
    return azimuthal_profiles(image, of, reach=np.full(len(of), reach), halo=halo)


def test_the_profile_is_the_brightness_at_each_distance_from_the_true_centre():
    image = 5 + hill(60.3, 70.6, 6) + hill(170.1, 40.2, 9, -0.5)
    left, right = profiles(image, discs((60.9, 70.1, 8), (169.5, 40.9, 12)))
    assert (left.x, left.y) == pytest.approx((60.3, 70.6), abs=0.02)
    assert (right.x, right.y) == pytest.approx((170.1, 40.2), abs=0.02)
    np.testing.assert_allclose(left.brightness, 5 + np.exp(-(left.distance**2) / 72), atol=0.004)
    np.testing.assert_allclose(right.brightness, 5 - 0.5 * np.exp(-(right.distance**2) / 162), atol=0.004)


def test_the_standard_error_is_that_of_the_noise():
    random = np.random.default_rng(0)
    places = [(x + 0.5, y + 0.2, 6) for x in range(25, 210, 45) for y in range(25, 130, 45)]
    clean = sum(hill(x, y, 7, 30) for x, y, _ in places)
    wanted = profiles(clean, discs(*places))
    few, many = [], []
    for _ in range(6):
        found = profiles(clean + random.normal(0, 3, (HEIGHT, WIDTH)), discs(*places))
        off = [(a.brightness - b.brightness) / a.sigma for a, b in zip(found, wanted, strict=True)]
        few.extend(each[:4] for each in off)
        many.extend(each[4:] for each in off)
    assert np.std(few) == pytest.approx(1, abs=0.1)
    assert np.std(many) == pytest.approx(1, abs=0.05)


def test_a_disc_has_the_same_profile_alone_and_among_many():
    random = np.random.default_rng(1)
    image = random.normal(0, 1, (HEIGHT, WIDTH)) + hill(40, 40, 5)
    every = discs((40, 40, 5), (120, 40, 6), (200, 40, 20), (40, 110, 2.5), (120, 110, 9), (200, 110, 5))
    reach = 1.7 * every.radius + 7
    together = azimuthal_profiles(image, every, reach=reach, halo=1.0)
    for i, found in enumerate(together):
        row = slice(i, i + 1)
        one = Discs(every.x[row], every.y[row], every.radius[row], every.confidence[row])
        (alone,) = azimuthal_profiles(image, one, reach=reach[row], halo=1.0)
        assert (found.x, found.y) == pytest.approx((alone.x, alone.y))
        np.testing.assert_allclose(found.brightness, alone.brightness, atol=1e-9)
        np.testing.assert_allclose(found.sigma, alone.sigma, atol=1e-9)


def test_a_neighbour_and_its_fringe_are_left_out():
    image = hill(80, 70, 5)
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    image[np.hypot(u - 98, v - 70) < 9] = 50.0
    (found, _) = profiles(image, discs((80, 70, 7), (98, 70, 7)))
    np.testing.assert_allclose(found.brightness, np.exp(-(found.distance**2) / 50), atol=0.01)


def test_what_is_not_known_or_beyond_the_border_is_left_out():
    image = hill(4, 70, 5)
    image[:60] = np.nan
    (found,) = profiles(image, discs((4, 70, 7)))
    np.testing.assert_allclose(found.brightness, np.exp(-(found.distance**2) / 50), atol=0.01)
    assert found.distance[-1] > 15


def test_a_few_odd_pixels_change_nothing():
    image = hill(80, 70, 6) + np.random.default_rng(2).normal(0, 0.01, (HEIGHT, WIDTH))
    image[64:67, 86:89] = 5.0
    (found,) = profiles(image, discs((80, 70, 7)))
    np.testing.assert_allclose(found.brightness, np.exp(-(found.distance**2) / 72), atol=0.02)


def test_no_profile_without_surroundings():
    image = np.full((HEIGHT, WIDTH), np.nan)
    image[70:73, 80:83] = 1.0
    assert profiles(image, discs((81, 71, 7), (-60, 71, 7), (81, 400, 7))) == [None, None, None]
    assert profiles(np.ones((3, 2)), discs((1, 1, 7))) == [None]
    assert profiles(image, Discs(*np.zeros((4, 0)))) == []
