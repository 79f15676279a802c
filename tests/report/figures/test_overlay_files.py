"""Overlays at full resolution: outlines where the voids are, edge voids told apart, small images larger."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from voidlab.images.series import Calibration
from voidlab.report.figures.overlay_files import draw_outlines, write_overlays

NM = Calibration(0.5, "parameters")


def voids(*rows):
    return pd.DataFrame(rows, columns=["frame", "kind", "x_px", "y_px", "radius_px", "touches_edge"])


def where(picture, colour):
    pixels = np.asarray(picture).astype(int)
    return np.argwhere(np.abs(pixels - np.array(colour)).sum(axis=2) < 60)


@pytest.mark.parametrize(("shape", "factor"), [((300, 500), 2), ((1500, 1700), 1)])
def test_outlines_lie_around_the_voids(shape, factor):
    drawn = draw_outlines(np.full(shape, 0.2), voids((1, "void", 200.0, 100.0, 20.0, False)), NM)
    assert drawn.size == (shape[1] * factor, shape[0] * factor)
    orange = where(drawn, (230, 159, 0))
    middle = (orange.max(axis=0) + orange.min(axis=0)) / 2
    np.testing.assert_allclose(middle, [factor * 100.5, factor * 200.5], atol=1.5)
    reach = np.hypot(*(orange - middle).T)
    assert reach.min() >= 20 * factor - 1.5  # what is measured is not covered
    assert reach.max() <= 20 * factor + 3 * factor + 1


def test_voids_at_the_edge_have_another_colour_and_are_dashed():
    drawn = draw_outlines(np.ones((300, 500)), voids((1, "void", 200.0, 100.0, 40.0, True)), NM)
    blue = where(drawn, (86, 180, 233))
    assert len(blue) > 100
    assert not len(where(drawn, (230, 159, 0)))
    angles = np.unique(np.round(np.degrees(np.arctan2(*(blue - [201, 401]).T))))
    assert len(angles) < 260  # of 360 degrees


def test_the_files_of_the_last_time_that_do_not_come_again_go(tmp_path):
    frames = pd.DataFrame({"frame": [3, 7, 9]})
    images = [np.zeros((40, 60))] * 3
    none = voids()
    assert write_overlays(tmp_path / "o", images, frames, none, [0, 2], NM) == {
        3: "frame-3.jpg",
        9: "frame-9.jpg",
    }
    with Image.open(tmp_path / "o" / "frame-9.jpg") as picture:
        assert picture.size == (120, 80)
    (tmp_path / "o" / "mine.jpg").write_bytes(b"of somebody else")
    write_overlays(tmp_path / "o", images, frames, none, [1], NM)
    assert sorted(file.name for file in (tmp_path / "o").iterdir()) == ["frame-7.jpg", "mine.jpg"]


@pytest.mark.parametrize("at_edge", [False, True])
def test_an_ellipse_is_outlined_as_one(at_edge):
    drawn = voids((1, "void", 200.0, 100.0, 20.0, at_edge))
    drawn = drawn.assign(semi_major_px=40.0, semi_minor_px=10.0, orientation_deg=90.0)
    picture = draw_outlines(np.full((300, 500), 0.2), drawn, NM)
    found = where(picture, (86, 180, 233) if at_edge else (230, 159, 0))
    half = (found.max(axis=0) - found.min(axis=0)) / 2
    np.testing.assert_allclose(half, [80, 20], atol=4)  # down and right, two pixels to a pixel
