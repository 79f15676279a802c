"""Outlines of voids: circles, and ellipses that were drawn by hand."""

import numpy as np
import pandas as pd
import pytest

from voidlab.tables import outlines

VOIDS = pd.DataFrame(
    {"radius_px": [5.0, 4.0], "semi_major_px": [np.nan, 8.0], "semi_minor_px": [np.nan, 2.0]}
)
VOIDS = VOIDS.assign(orientation_deg=[np.nan, 30.0])


def test_a_circle_has_its_radius_twice_and_an_ellipse_its_axes():
    axes = outlines.axes_of(VOIDS)
    assert axes.tolist() == [[5, 5, 0], [8, 2, 30]]
    assert outlines.is_drawn_as_ellipse(axes).tolist() == [False, True]
    assert outlines.axes_of(VOIDS[["radius_px"]]).tolist() == [[5, 5, 0], [4, 4, 0]]


def test_an_orientation_goes_from_right_to_down():
    """At 30° the long axis ends right of the centre and below it, as y runs down."""
    axes, end = outlines.axes_of(VOIDS)[1:], np.deg2rad(30)
    along, across = 8 * np.array([np.cos(end), np.sin(end)]), 2 * np.array([-np.sin(end), np.cos(end)])
    for x, y in (along, across, -along):
        assert outlines.reach(axes, np.array(x), np.array(y)) == pytest.approx(1)
    points = outlines.points_on(0.0, 0.0, axes[0])
    np.testing.assert_allclose(outlines.reach(axes, *points.T), 1)
    assert points[0] == pytest.approx(along)
    both = outlines.reach(outlines.axes_of(VOIDS), np.array([2.5, along[0]]), np.array([0.0, along[1]]))
    assert both.tolist() == pytest.approx([0.5, 1])
