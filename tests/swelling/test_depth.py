"""Density and thickness of a tilt series by its voids in 3D, against what was simulated."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from foils import SHAPE, THICK, linked_in_depth
from voidlab import swelling, tables
from voidlab.images.headers import Calibration
from voidlab.report import key_figures, swelling_words
from voidlab.report.figures.swelling import drawn_quantities
from voidlab.report.figures.tilt import density_by_depth
from voidlab.swelling import Foil, Sample, Scale
from voidlab.swelling.depth import OF_3D
from voidlab.swelling.places_in_foil import common_field, in_field, mid_foil, shown_by_all
from voidlab.tilt import project

PIXEL = 0.5
PLAIN = Sample(SHAPE, Scale(PIXEL, 0.02))


def frames_of(series):
    tilts = series.tilt_deg
    frames = pd.DataFrame({"frame": list(tilts), "tilt_deg": list(tilts.values()), "status": "ok"})
    return frames.assign(time_s=np.nan)


@pytest.fixture(scope="module")
def both():
    series, found = linked_in_depth(0)
    assert found.reconstruction["verdict"].iloc[0] == "good"
    return series, found


def measured(series, found, sample=PLAIN, **changed):
    """What the export says of a series; ``changed`` as columns of the reconstruction."""
    outcome = swelling.measure_series(frames_of(series), series.voids, sample)
    row = found.reconstruction.assign(**changed)
    return swelling.with_points(outcome, found.points, found.views, row, sample)


def with_foil(thickness_nm):
    return Sample(SHAPE, Scale(PIXEL, 0.02), Foil(thickness_nm, 2.0))


def test_a_good_tilt_series_gives_what_needs_a_thickness(both):
    outcome = measured(*both)
    figures = key_figures.of_swelling(outcome)
    assert [f["label"] for f in figures[:5]] == [
        "Swelling, from 3D", "Volume fraction f, from 3D", "Number density, from 3D", "Mean diameter, from 3D",
        "Thickness of the layer with voids, from 3D",
    ]  # fmt: skip
    assert all("voids centred in the foil" in f["meaning"] for f in figures[:5])
    said = " ".join([*outcome.notes, *(str(f) for f in figures)])
    assert "not known" not in said
    assert "Rims without voids are not seen" in said
    assert not any("warning" in f for f in figures)
    assert len(swelling_words.readable(outcome.summary.estimates)) == len(outcome.summary.estimates)
    table = tables.check(outcome.over_time, "swelling").set_index("quantity")
    for name in (*(f"{n}_3d" for n in OF_3D), "layer_thickness_3d"):
        assert table.loc[name, "frame"] == outcome.frame
        assert table.loc[name, "value"] == outcome.summary.estimates.loc[name, "value"]
    assert drawn_quantities(outcome) == ("areal_density", "mean_diameter_seen", "volume_per_area")


@pytest.mark.parametrize("verdict", ["check", "do not use"])
def test_a_doubtful_tilt_series_gives_no_thickness_and_says_why(both, verdict):
    outcome = measured(*both, verdict=verdict)
    assert not [name for name in outcome.summary.estimates.index if name.endswith("_3d")]
    assert f"its verdict is '{verdict}'" in outcome.notes[-1]
    assert any("thickness is not known" in note for note in outcome.notes)


def test_a_thickness_that_was_given_outweighs_the_depths(both):
    agreed = measured(*both, with_foil(THICK * PIXEL))
    assert agreed.notes[-1].endswith("they agree.")
    assert agreed.warnings == ()
    assert "number_density" in agreed.summary.estimates.index
    assert "number_density_3d" not in agreed.summary.estimates.index


def test_a_thickness_that_disagrees_with_the_depths_is_used_and_told(both):
    thick, thin = (measured(*both, with_foil(t)) for t in (60.0, 25.0))
    whys = ("(rims without voids, or one of the two is wrong)", "explains (one of the two is wrong)")
    for outcome, why in zip((thick, thin), whys, strict=True):
        (warning,) = outcome.warnings
        assert why in warning
        assert key_figures.of_swelling(outcome)[0]["warning"] == warning
    density = [o.summary.estimates.loc["number_density_uncorrected", "value"] for o in (thick, thin)]
    assert density[0] == pytest.approx(density[1] * 25 / 60)


def test_without_tilts_nothing_changes():
    voids = pd.DataFrame({"frame": 1, "x_px": [50.0], "y_px": [50.0], "radius_px": [5.0], "kind": "void"})
    frames = pd.DataFrame({"frame": [1], "tilt_deg": [np.nan], "status": ["ok"], "time_s": [np.nan]})
    outcome = swelling.measure_series(frames, voids, PLAIN)
    none = [tables.empty(name) for name in ("points", "views", "reconstruction")]
    assert swelling.with_points(outcome, *none, PLAIN) is outcome
    assert swelling.density_over_depth(*none, SHAPE).empty


def test_voids_are_counted_in_what_all_views_show_of_the_specimen(both):
    series, found = both
    partly = np.ones(SHAPE, bool)
    partly[150:270, 200:360] = False
    frames = frames_of(series).assign(valid_px=partly.sum())
    outcome = swelling.measure_series(frames_of(series), series.voids, PLAIN)
    rest = (found.points, found.views, found.reconstruction)
    asked = {"frames": frames, "valid_area": lambda row: partly}
    counted = swelling.with_points(outcome, *rest, PLAIN, **asked)
    whole = swelling.with_points(outcome, *rest, PLAIN)
    assert "% of which are specimen in all" in counted.notes[-1]
    fewer, all_of_them = (o.summary.estimates.loc["number_density_3d"] for o in (counted, whole))
    assert fewer["value"] == pytest.approx(all_of_them["value"], rel=0.15)
    assert fewer["statistical"] > 1.05 * all_of_them["statistical"]
    density, everywhere = (swelling.density_over_depth(*rest, SHAPE, **options) for options in (asked, {}))
    assert 0.3 < density["voids"].sum() / everywhere["voids"].sum() < 0.95
    assert density["density_px3"].mean() == pytest.approx(everywhere["density_px3"].mean(), rel=0.15)


def test_what_a_part_left_out_hides_in_any_view_at_any_depth_does_not_count(both):
    _, found = both
    partly = np.ones(SHAPE, bool)
    partly[150:270, 200:360] = False
    field = common_field(found.views, found.reconstruction, SHAPE)
    shown = shown_by_all(field, found.views, found.reconstruction, lambda frame: partly)
    random, (left, top, right, bottom) = np.random.default_rng(0), field
    xy = random.uniform([left + 1, top + 1], [right - 1, bottom - 1], (3000, 2))
    row = found.reconstruction.iloc[0]
    places = np.column_stack([xy, random.uniform(-0.5, 0.5, 3000) * row["thickness_px"] + mid_foil(xy, row)])
    hidden = np.zeros(3000, bool)
    for view in found.views.itertuples():
        seen = project(
            places, view.tilt_deg, row["tilt_axis_deg"],
            origin=(row["origin_x_px"], row["origin_y_px"]), drift_px=(view.drift_x_px, view.drift_y_px),
        )  # fmt: skip
        column, line = np.rint(seen).astype(int).T
        hidden |= ~partly[line.clip(0, SHAPE[0] - 1), column.clip(0, SHAPE[1] - 1)]
    counts = in_field(pd.DataFrame(xy, columns=["x_px", "y_px"]), field, shown)
    assert 100 < hidden.sum() < 2500
    assert (counts & hidden).sum() < 0.01 * hidden.sum()  # by half a pixel
    assert counts.mean() > 0.2


def test_nothing_is_counted_in_3d_where_parts_are_left_out_and_which_is_not_known(both):
    series, found = both
    partly = frames_of(series).assign(valid_px=SHAPE[0] * SHAPE[1] - 1000)
    outcome = swelling.measure_series(frames_of(series), series.voids, PLAIN)
    rest = (found.points, found.views, found.reconstruction)
    told = swelling.with_points(outcome, *rest, PLAIN, frames=partly)
    assert "parts of the images show no specimen" in told.notes[-1]
    assert "number_density_3d" not in told.summary.estimates.index
    assert swelling.density_over_depth(*rest, SHAPE, frames=partly).empty
    hidden = {"frames": partly, "valid_area": lambda row: np.zeros(SHAPE, bool)}
    nowhere = swelling.with_points(outcome, *rest, PLAIN, **hidden)
    assert "there is nowhere to count voids" in nowhere.notes[-1]
    whole = frames_of(series).assign(valid_px=SHAPE[0] * SHAPE[1])
    fed = swelling.with_points(outcome, *rest, PLAIN, frames=whole)
    assert "number_density_3d" in fed.summary.estimates.index


def test_what_thinning_adds_is_told(both):
    """Caps of voids centred beyond the surfaces: how much too high density and volume are where they count."""
    said = measured(*both).notes[-1]
    density, volume = map(
        int, re.search(r"density is up to (\d+)%, volume fraction (\d+)% too high", said).groups()
    )
    diameter = 2 * both[0].points["radius_px"].mean()
    assert density == pytest.approx(100 * diameter / THICK, abs=4)
    assert 0 < volume < density + 5


def test_the_thickness_says_whether_the_pixel_size_is_in_its_error(both):
    series, found = both
    exact, outcome = (measured(series, found, s) for s in (Sample(SHAPE, Scale(PIXEL, 0.0)), PLAIN))
    row, alone = (o.summary.estimates.loc["layer_thickness_3d"] for o in (outcome, exact))
    assert row["high95"] - row["low95"] > 1.3 * (alone["high95"] - alone["low95"])
    shown = key_figures.of_swelling(outcome)[4]["meaning"]
    assert "95 % with the error of the pixel size: " in shown
    assert any("95 % with the error of the pixel size: " in note for note in outcome.notes)
    assert not any("error of the pixel size" in note for note in exact.notes)
    placed_ = key_figures.of_reconstruction(
        found.reconstruction, found.points, Calibration(PIXEL, "parameters")
    )
    assert any("without the error of the pixel size" in figure["meaning"] for figure in placed_)


def test_density_over_depth_is_that_of_the_foil(both):
    series, found = both
    density = swelling.density_over_depth(found.points, found.views, found.reconstruction, SHAPE)
    inner = density[density["voids"] > 0]
    assert (density["low68_px3"] <= density["density_px3"]).all()
    assert (density["density_px3"] < density["high68_px3"]).all()
    assert inner["high_px"].max() - inner["low_px"].min() == pytest.approx(THICK, rel=0.05)
    estimate = measured(series, found).summary.estimates.loc["number_density_3d", "value"]
    # Voids near the border of the common field count as a whole there, not here.
    assert inner["density_px3"].mean() == pytest.approx(estimate * PIXEL**3, rel=0.12)
    _, ax = plt.subplots()
    density_by_depth(density, found.reconstruction, ax, Calibration(PIXEL, "parameters"))
    assert ax.get_ylabel() == "voids per volume (×10²¹ m⁻³)"
    tallest = max(bar.get_height() for bar in ax.patches)
    assert tallest == pytest.approx(density["density_px3"].max() / PIXEL**3 * 1e6)


def test_a_middle_without_voids_shows_in_the_density_over_depth():
    _, found = linked_in_depth(2, layer=0.25)
    density = swelling.density_over_depth(found.points, found.views, found.reconstruction, SHAPE)
    middle = density[(density["low_px"] > -THICK / 5) & (density["high_px"] < THICK / 5)]
    assert len(middle)
    assert middle["density_px3"].mean() < 0.2 * density["density_px3"].max()


@pytest.mark.slow
def test_thickness_density_and_swelling_have_no_bias():
    """Of the simulated truth: the mean ratio over 12 series."""
    ratios = []
    for seed in range(12):
        series, found = linked_in_depth(seed)
        value = measured(series, found, verdict="good").summary.estimates["value"]
        left, top, right, bottom = common_field(found.views, found.reconstruction, SHAPE)
        x, y = series.points["x_px"], series.points["y_px"]
        there = (x > left) & (x < right) & (y > top) & (y < bottom)
        volume = (right - left) * (bottom - top) * THICK
        fraction = 4 / 3 * np.pi * (series.points["radius_px"][there] ** 3).sum() / volume
        true = np.array([THICK * PIXEL, there.sum() / volume / PIXEL**3, fraction / (1 - fraction)])
        names = ["layer_thickness_3d", "number_density_3d", "swelling_3d"]
        ratios.append(value[names].to_numpy() / true)
    np.testing.assert_allclose(np.mean(ratios, axis=0), 1, atol=0.05)
