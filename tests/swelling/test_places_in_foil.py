"""Points of a tilt series in the foil: depth from mid-foil, tracks without parallax, the part that all views show."""

import numpy as np
import pandas as pd
import pytest

from foils import SHAPE, THICK, linked_in_depth
from voidlab.swelling.places_in_foil import common_field, depth_in_foil, flattened
from voidlab.tilt import project


@pytest.fixture(scope="module")
def both():
    return linked_in_depth(5, axis_deg=25.0)


def test_without_parallax_a_track_is_a_dot(both):
    _, found = both
    flat = flattened(found.linked, found.points, found.views, found.reconstruction)
    assert len(flat) == len(found.linked)
    groups = flat.groupby("particle")
    still = groups[["x_flat_px", "y_flat_px"]].std().median()
    moving = groups[["x_corrected_px", "y_corrected_px"]].std().median()
    assert (still < 1.2).all()
    assert (moving.to_numpy() > 3 * still.to_numpy()).all()
    middle = groups[["x_flat_px", "y_flat_px"]].mean()
    at = found.points.set_index("particle").loc[middle.index, ["x_px", "y_px"]]
    assert np.median(np.abs(middle.to_numpy() - at.to_numpy())) < 0.3


def test_depths_lie_between_the_faces_evenly_about_the_middle(both):
    _, found = both
    depth = depth_in_foil(found.points, found.reconstruction)
    thickness = found.reconstruction["thickness_px"].iloc[0]
    assert thickness == pytest.approx(THICK, rel=0.08)
    assert (np.abs(depth) < thickness / 2 + 4 * found.points["sigma_z_px"]).mean() > 0.97
    assert abs(np.median(depth)) < 0.12 * THICK


def test_a_foil_that_is_inclined_is_made_flat():
    """Depths are measured from the plane that the table states, along its normal."""
    random = np.random.default_rng(0)
    row = {"tilt_axis_deg": 30.0, "origin_x_px": 50.0, "origin_y_px": 40.0, "foil_z_px": 3.0}
    row |= {"foil_slope_across": 0.2, "foil_slope_along": -0.1}
    xy, depth = random.uniform(0, 400, (50, 2)), random.uniform(-9, 9, 50)
    a = np.deg2rad(30)
    across = (xy - [50, 40]) @ [np.cos(a), np.sin(a)]
    along = (xy - [50, 40]) @ [-np.sin(a), np.cos(a)]
    z = 3 + 0.2 * across - 0.1 * along + depth * np.sqrt(1 + 0.2**2 + 0.1**2)
    points = pd.DataFrame({"x_px": xy[:, 0], "y_px": xy[:, 1], "z_px": z})
    np.testing.assert_allclose(depth_in_foil(points, pd.DataFrame([row])), depth)


def test_all_views_show_the_common_field(both):
    _, found = both
    left, top, right, bottom = common_field(found.views, found.reconstruction, SHAPE)
    assert 0.4 * SHAPE[1] < right - left < SHAPE[1]
    assert 0.4 * SHAPE[0] < bottom - top < SHAPE[0]
    corners = [(x, y, z) for x in (left, right) for y in (top, bottom) for z in (-THICK / 2, THICK / 2)]
    row = found.reconstruction.iloc[0]
    for view in found.views.itertuples():
        seen = project(
            np.array(corners), view.tilt_deg, row["tilt_axis_deg"],
            origin=(row["origin_x_px"], row["origin_y_px"]), drift_px=(view.drift_x_px, view.drift_y_px),
        )  # fmt: skip
        assert (seen > -2).all()
        assert (seen < [SHAPE[1] + 1, SHAPE[0] + 1]).all()


def test_a_thicker_foil_has_less_in_common(both):
    _, found = both
    thin, thick = (common_field(found.views, found.reconstruction, SHAPE, thickness_px=t) for t in (0, 120))
    assert thick[2] - thick[0] < thin[2] - thin[0] - 10
    unknown = found.reconstruction.assign(thickness_px=np.nan)
    assert common_field(found.views, unknown, SHAPE) == thin
