"""Maps → voids, on maps drawn by hand: none, one, two that overlap, a small one in front of a large one."""

import numpy as np
import pytest

from voidlab.segment import decode
from voidlab.segment.network import Maps

SHAPE = (160, 224)


def maps_of(*circles, scale=1, peak=0.9):
    """Maps that a perfect network would give for circles (x, y, radius) in px of the image."""
    shape = tuple(-(-n // scale) for n in SHAPE)
    y, x = np.mgrid[: shape[0], : shape[1]]
    void, centre, radius = (
        np.zeros(shape, np.float32),
        np.zeros(shape, np.float32),
        np.ones(shape, np.float32),
    )
    for cx, cy, r in circles:
        cx, cy, r = (cx + 0.5) / scale - 0.5, (cy + 0.5) / scale - 0.5, r / scale
        distance = np.hypot(x - cx, y - cy)
        void = np.maximum(void, (1 / (1 + np.exp(np.clip(4 * (distance - r), -50, 50)))).astype(np.float32))
        bell = (peak * np.exp(-(distance**2) / (2 * (0.2 * r + 0.5) ** 2))).astype(np.float32)
        radius = np.where(bell > centre, np.float32(r), radius)
        centre = np.maximum(centre, bell)
    return Maps(scale, void, centre, radius)


def both(*circles):
    fine = [c for c in circles if c[2] <= 26]
    coarse = [c for c in circles if c[2] >= 12]
    return maps_of(*fine), maps_of(*coarse, scale=4)


def test_nothing():
    found = decode.decode_discs(both())
    assert len(found) == 0
    labels, probability = decode.draw_labels(found, both())
    assert not labels.any()
    assert labels.shape == probability.shape == SHAPE


@pytest.mark.parametrize("radius", [2.5, 6, 14, 20, 30, 60])
def test_one_to_a_fraction_of_a_pixel(radius):
    maps = both((100.3, 80.6, radius))
    found = decode.decode_discs(maps)
    assert len(found) == 1
    assert (found.x[0], found.y[0]) == (pytest.approx(100.3, abs=0.25), pytest.approx(80.6, abs=0.25))
    assert found.radius[0] == pytest.approx(radius, rel=0.02)
    labels, _ = decode.draw_labels(found, maps)
    assert np.sqrt((labels == 1).sum() / np.pi) == pytest.approx(radius, rel=0.05, abs=0.3)


def test_two_that_overlap_keep_their_full_circles():
    maps = both((90, 80, 12), (104, 80, 10))
    found = decode.decode_discs(maps)
    assert sorted(found.radius) == pytest.approx([10, 12], rel=0.03)
    labels, _ = decode.draw_labels(found, maps)
    assert set(np.unique(labels)) == {0, 1, 2}


def test_a_small_one_in_front_of_a_large_one_is_kept():
    found = decode.decode_discs(both((100, 80, 50), (112, 90, 5)))
    assert sorted(found.radius) == pytest.approx([5, 50], rel=0.05)


def test_confidence_is_one_half_where_the_network_is_as_often_wrong_as_right():
    found = decode.decode_discs((maps_of((60, 60, 8), peak=0.3),), confidence_midpoint=0.3)
    assert found.confidence[0] == pytest.approx(0.5, abs=0.02)
