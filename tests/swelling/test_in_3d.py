"""Points of a tilt series in the foil: depth from mid-foil, tracks without parallax, density and swelling from 3D."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detections import tilt_detections
from voidlab import tables
from voidlab.project.parameters.models import TrackParameters
from voidlab.swelling import in_3d
from voidlab.swelling.sample import Foil, Scale, SwellingError
from voidlab.tilt import project, reconstruct, unproject
from voidlab.track import series as linking

SHAPE = (420, 560)
THICK = 80.0


def placed(seed, **sample):
    """A series linked in depth, with its truth; ``sample`` as for the simulation."""
    series = tilt_detections(
        seed, shape=SHAPE, voids=150, views=7, thickness_px=THICK, drift_step_px=10.0, **sample
    )
    frames = pd.DataFrame({"frame": list(series.tilt_deg), "tilt_deg": list(series.tilt_deg.values())})
    drift = frames[["frame"]].assign(
        drift_x_px=0.0, drift_y_px=0.0, drift_sigma_px=0.1, pairs_kept=1, flag=""
    )
    found = linking.link_series(
        series.voids.drop(columns="particle"),
        tables.check(drift, "drift"),
        frames.assign(status="ok"),
        TrackParameters(),
        shape=SHAPE,
    )
    assert found.linker == "tilt"
    return series, found


@pytest.fixture(scope="module")
def both():
    return placed(5, axis_deg=25.0)


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


def test_without_parallax_a_track_is_a_dot(both):
    _, found = both
    flat = in_3d.flattened(found.linked, found.points, found.views, found.reconstruction)
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
    depth = in_3d.depth_in_foil(found.points, found.reconstruction)
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
    np.testing.assert_allclose(in_3d.depth_in_foil(points, pd.DataFrame([row])), depth)


def test_an_inclined_foil_is_counted_as_the_same_foil(both):
    """Tilts stated 12° too low: the foil leans, and holds as many voids in as much of itself."""
    series, found = both
    stated = {frame: tilt - 12 for frame, tilt in series.tilt_deg.items()}
    model = reconstruct(series.voids.drop(columns="particle"), stated, shape=SHAPE)
    row = linking._row(model, "tilt", mirrored=False)
    upright, leaning = (
        in_3d.swelling_in_3d(*tables_, SHAPE).estimates["value"]
        for tables_ in (
            (found.points, found.views, found.reconstruction),
            (model.points, model.views, row),
        )
    )
    assert row["foil_slope_across"].abs().iloc[0] > 0.15
    for name in ("number_density", "volume_fraction"):
        assert leaning[name] == pytest.approx(upright[name], rel=0.06)


def test_all_views_show_the_common_field(both):
    _, found = both
    left, top, right, bottom = in_3d.common_field(found.views, found.reconstruction, SHAPE)
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
    thin, thick = (
        in_3d.common_field(found.views, found.reconstruction, SHAPE, thickness_px=t) for t in (0, 120)
    )
    assert thick[2] - thick[0] < thin[2] - thin[0] - 10
    unknown = found.reconstruction.assign(thickness_px=np.nan)
    assert in_3d.common_field(found.views, unknown, SHAPE) == thin


def test_density_and_volume_are_those_of_the_voids_that_are_there():
    ratios = []
    for seed in range(4):
        series, found = placed(seed)
        left, top, right, bottom = in_3d.common_field(found.views, found.reconstruction, SHAPE)
        x, y, radius = (series.points[name] for name in ("x_px", "y_px", "radius_px"))
        there = (x > left) & (x < right) & (y > top) & (y < bottom)
        room = (right - left) * (bottom - top) * THICK
        true = np.array([there.sum(), 4 / 3 * np.pi * (radius[there] ** 3).sum()]) / room
        for foil in (None, Foil(THICK, 0.0, "px")):
            estimates = in_3d.swelling_in_3d(
                found.points, found.views, found.reconstruction, SHAPE, foil=foil
            ).estimates
            value = estimates["value"]
            ratios.append([value["number_density"] / true[0], value["volume_fraction"] / true[1]])
            f = value["volume_fraction"]
            assert value["swelling"] == pytest.approx(f / (1 - f))
            for name in ("number_density", "volume_fraction", "swelling"):
                row = estimates.loc[name]
                assert row["low95"] < row["low68"] < row["value"] < row["high68"] < row["high95"]
    # Edges let a few voids in or out of a field this small.
    np.testing.assert_allclose(np.mean(ratios, axis=0), 1, atol=0.05)
    np.testing.assert_allclose(ratios, 1, atol=0.2)


def test_lengths_are_in_nm_where_the_pixel_is_known(both):
    _, found = both
    tables_ = (found.points, found.views, found.reconstruction, SHAPE)
    px = in_3d.swelling_in_3d(*tables_).estimates["value"]
    nm = in_3d.swelling_in_3d(*tables_, scale=Scale(0.5, 0.01)).estimates
    assert nm.loc["number_density", "value"] == pytest.approx(px["number_density"] / 0.5**3)
    assert nm.loc["volume_fraction", "value"] == pytest.approx(px["volume_fraction"])
    assert nm.loc["volume_fraction", "scale"] == pytest.approx(0, abs=1e-9)
    assert nm.loc["number_density", "unit"] == "nm⁻³"


def test_a_skin_leaves_out_what_surfaces_cut(both):
    """Caps that look as if centred in a surface do not count, and the density stays."""
    _, found = both
    caps = found.points.sample(60, random_state=0).assign(particle=range(10_000, 10_060), sigma_z_px=1.0)
    row = found.reconstruction.iloc[0]
    a = np.deg2rad(row["tilt_axis_deg"])
    across = (caps["x_px"] - row["origin_x_px"]) * np.cos(a) + (caps["y_px"] - row["origin_y_px"]) * np.sin(a)
    along = (caps["y_px"] - row["origin_y_px"]) * np.cos(a) - (caps["x_px"] - row["origin_x_px"]) * np.sin(a)
    plane = row["foil_z_px"] + row["foil_slope_across"] * across + row["foil_slope_along"] * along
    sides = np.where(np.arange(60) % 2, 1, -1) * row["thickness_px"] / 2
    with_caps = pd.concat([found.points, caps.assign(z_px=plane + sides)], ignore_index=True)
    rest = (found.views, found.reconstruction, SHAPE)

    def density(points, skin):
        return in_3d.swelling_in_3d(points, *rest, skin_px=skin).estimates.loc["number_density", "value"]

    assert density(with_caps, 0.0) > 1.25 * density(found.points, 0.0)
    assert density(with_caps, 6.0) == pytest.approx(density(found.points, 6.0))
    assert density(found.points, 6.0) == pytest.approx(density(found.points, 0.0), rel=0.12)


def test_what_cannot_be_counted_is_refused_in_a_sentence(both):
    _, found = both
    rest = (found.views, found.reconstruction, SHAPE)
    with pytest.raises(SwellingError, match="no tilt series was placed in depth"):
        in_3d.swelling_in_3d(found.points, found.views, tables.empty("reconstruction"), SHAPE)
    unknown = found.reconstruction.assign(thickness_px=np.nan, thickness_reason="too few voids")
    with pytest.raises(SwellingError, match=r"no thickness \(too few voids\); give the foil's thickness"):
        in_3d.swelling_in_3d(found.points, found.views, unknown, SHAPE)
    with pytest.raises(SwellingError, match="give the pixel size too"):
        in_3d.swelling_in_3d(found.points, *rest, foil=Foil(40.0, 2.0, "nm"))
    with pytest.raises(SwellingError, match="nothing is left of it"):
        in_3d.swelling_in_3d(found.points, *rest, skin_px=50.0)
    far = found.views.assign(drift_x_px=found.views["drift_x_px"] + 300.0 * np.arange(7))
    with pytest.raises(SwellingError, match="too little of the foil in common"):
        in_3d.swelling_in_3d(found.points, far, found.reconstruction, SHAPE)


def test_no_points_are_a_density_of_none(both):
    _, found = both
    none = in_3d.swelling_in_3d(found.points.iloc[:0], found.views, found.reconstruction, SHAPE)
    assert none.estimates.loc["number_density", "value"] == 0
    assert none.estimates.loc["number_density", "high95"] > 0
    flat = in_3d.flattened(found.linked, found.points.iloc[:0], found.views, found.reconstruction)
    assert flat.empty
    assert {"x_flat_px", "y_flat_px", "z_px"} <= set(flat.columns)


def test_points_without_a_size_count_in_density_and_volume_and_in_no_diameter(both):
    """A third of the voids are smaller than their fringe: 12 px is no radius of theirs."""
    _, found = both
    unsized = (found.points["particle"] % 3 == 0).to_numpy()
    basis = np.where(unsized, "not a size", "fringe")
    points = found.points.assign(
        size_basis=basis, radius_px=np.where(unsized, 12.0, found.points["radius_px"])
    )
    every, right, alike = (
        in_3d.swelling_in_3d(table, found.views, found.reconstruction, SHAPE)
        for table in (points, points[~unsized], points.assign(size_basis="fringe"))
    )
    for name in ("mean_diameter", "median_diameter_seen", "max_diameter_seen"):
        assert every.estimates.loc[name, "value"] == pytest.approx(right.estimates.loc[name, "value"])
    for name in ("number_density", "volume_fraction"):
        assert every.estimates.loc[name, "value"] == alike.estimates.loc[name, "value"]
    assert every.estimates.loc["mean_diameter", "value"] < 0.9 * alike.estimates.loc["mean_diameter", "value"]
    (said,) = [note for note in every.notes if note.about == "sizes"]
    assert said.startswith("In 3D, ")
    assert "are smaller than the fringe around them" in said
    none = in_3d.swelling_in_3d(
        points.assign(size_basis="not a size"), found.views, found.reconstruction, SHAPE
    )
    assert np.isnan(none.estimates.loc["mean_diameter", "value"])
