"""Density and swelling from the points of a tilt series."""

import numpy as np
import pandas as pd
import pytest

from foils import SHAPE, THICK, linked_in_depth
from voidlab import tables
from voidlab.swelling import in_3d
from voidlab.swelling.places_in_foil import common_field, flattened
from voidlab.swelling.sample import Foil, Scale, SwellingError
from voidlab.tilt import reconstruct
from voidlab.track import series as linking


@pytest.fixture(scope="module")
def both():
    return linked_in_depth(5, axis_deg=25.0)


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


def test_density_and_volume_are_those_of_the_voids_that_are_there():
    ratios = []
    for seed in range(4):
        series, found = linked_in_depth(seed)
        left, top, right, bottom = common_field(found.views, found.reconstruction, SHAPE)
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
    flat = flattened(found.linked, found.points.iloc[:0], found.views, found.reconstruction)
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
