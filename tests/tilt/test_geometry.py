"""Projection: known answers for the sign of the axis, the tilt and the depth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voidlab.tilt import project, unproject

POINTS = np.array([[10.0, 3.0, 5.0], [-4.0, 7.5, -2.0], [0.0, 0.0, 8.0]])


@pytest.mark.parametrize("axis", [-60.0, 0.0, 37.0, 90.0])
def test_without_tilt_points_stay(axis):
    np.testing.assert_allclose(project(POINTS, 0.0, axis), POINTS[:, :2], atol=1e-12)


def test_an_axis_along_image_y_moves_x_only():
    x, y, z = POINTS.T
    seen = project(POINTS, 30.0, 0.0)
    np.testing.assert_allclose(seen[:, 0], x * np.sqrt(0.75) + z * 0.5)
    np.testing.assert_allclose(seen[:, 1], y)


def test_an_axis_along_image_x_moves_y_only():
    x, y, z = POINTS.T
    seen = project(POINTS, 30.0, 90.0)
    np.testing.assert_allclose(seen[:, 0], x, atol=1e-12)
    np.testing.assert_allclose(seen[:, 1], y * np.sqrt(0.75) + z * 0.5)


def test_points_on_a_slanted_axis_stay_and_depth_moves_across_it():
    a = np.deg2rad(37.0)
    on_axis = 20 * np.array([[-np.sin(a), np.cos(a), 0.0]])
    np.testing.assert_allclose(project(on_axis, 25.0, 37.0), on_axis[:, :2])
    deep = project(np.array([[0.0, 0.0, 8.0]]), 25.0, 37.0)[0]
    np.testing.assert_allclose(deep, 8 * np.sin(np.deg2rad(25.0)) * np.array([np.cos(a), np.sin(a)]))


def test_tilts_of_opposite_sign_mirror_the_depth():
    mirrored = POINTS * [1, 1, -1]
    np.testing.assert_allclose(project(POINTS, 20.0, 37.0), project(mirrored, -20.0, 37.0))


def test_origin_stays_in_place_and_drift_is_added_last():
    origin = (50.5, 20.0)
    seen = project(np.array([[*origin, 0.0]]), 40.0, 37.0, origin=origin, drift_px=(3.0, -7.0))
    np.testing.assert_allclose(seen, [[53.5, 13.0]])


def test_no_points_give_no_points():
    assert project(np.zeros((0, 3)), 10.0, 5.0).shape == (0, 2)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(-500, 500)] * 3), max_size=5),
    st.floats(-70, 70), st.floats(-90, 90), st.floats(-50, 50),
)  # fmt: skip
def test_unproject_turns_project_round(points, tilt, axis, drift):
    points = np.array(points).reshape(-1, 3)
    seen = project(points, tilt, axis, origin=(3.0, -7.0), drift_px=(drift, -2.0))
    back = unproject(
        seen, points[:, 2], np.full(len(points), tilt), axis, origin=(3.0, -7.0), drift_px=(drift, -2.0)
    )
    np.testing.assert_allclose(back, points[:, :2], atol=1e-6)
