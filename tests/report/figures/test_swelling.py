"""The figures of sizes, growth, motion and swelling draw a run, nothing, and one thing; with units on their axes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from foils import spheres
from voidlab import tables, track
from voidlab.images.series import Calibration
from voidlab.report.figures import swelling, tracks
from voidlab.report.figures import voids as figures_of_voids
from voidlab.swelling import series as swelling_series
from voidlab.swelling.sample import Foil, Sample, Scale
from voidlab.track import fates

SHAPE = (300, 420)
KNOWN = Sample(SHAPE, scale=Scale(0.5, 0.02), foil=Foil(50.0, 5.0))
PX, NM = Calibration(None, "unknown"), Calibration(0.5, "parameters")


def series(count, density=5e-5):
    """Frames and the voids of a foil whose voids move to the right and grow."""
    frames = pd.DataFrame(
        {"frame": np.arange(count), "path": "a.tif", "tilt_deg": np.nan, "time_s": 2.0 * np.arange(count),
         "status": "ok", "void_count": 1, "void_fraction": 0.1, "valid_px": 1}
    )  # fmt: skip
    still = spheres(np.random.default_rng(1), shape=SHAPE, thickness=100.0, density=density, diameter=16.0)
    still = still[still["radius_px"] > 4].reset_index(drop=True)
    moving = [
        still.assign(frame=n, particle=still.index, label=still.index + 1, x_px=still["x_px"] + 0.3 * n,
                     radius_px=still["radius_px"] * (1 + 0.01 * n), touches_edge=False)
        for n in range(count)
    ]  # fmt: skip
    voids = (
        pd.concat(moving, ignore_index=True)
        if moving
        else still.iloc[:0].assign(frame=0, particle=0, label=0, touches_edge=False)
    )
    return tables.check(frames, "frames"), voids.assign(
        x_corrected_px=voids["x_px"], y_corrected_px=voids["y_px"]
    )


@pytest.fixture(
    params=[(8, 5e-5), (1, 5e-5), (8, 0.0), (0, 0.0)], ids=["run", "one frame", "no voids", "nothing"]
)
def made(request):
    return series(*request.param)


@pytest.fixture
def axes():
    figure, axes = plt.subplots(1, 2)
    yield axes
    figure.canvas.draw()
    plt.close(figure)


@pytest.mark.parametrize(("sample", "unit"), [(Sample(SHAPE), "px"), (KNOWN, "nm")])
def test_sizes_and_curves(made, axes, sample, unit):
    frames, voids = made
    outcome = swelling_series.measure_series(frames, voids, sample)
    swelling.voids_by_size(outcome.sizes, axes[0], sample.unit)
    of = swelling.volume_share_of(outcome)
    swelling.volume_by_size(outcome.sizes, axes[1], sample.unit, of=of)
    if len(voids):  # only the sample in nm has a thickness
        assert of == {"px": "void volume", "nm": "swelling"}[unit]
        assert axes[1].get_ylabel() == f"share of the {of} (%)"
    assert axes[0].get_xlabel() == f"diameter ({unit})" or axes[0].texts
    if len(voids):
        assert sum(bar.get_height() for bar in axes[0].patches) == pytest.approx(100)
        assert sum(bar.get_height() for bar in axes[1].patches) == pytest.approx(100)
    for quantity in swelling.drawn_quantities(outcome):
        axes[0].clear()
        swelling.over_series(outcome.over_time, frames, quantity, axes[0], marked=outcome.frame)
        assert axes[0].get_xlabel() == "time (s)" or axes[0].texts


def test_the_dose_runs_along_where_it_is_known(axes):
    frames, voids = series(4)
    outcome = swelling_series.measure_series(frames, voids, KNOWN, dose_dpa_per_frame=0.5)
    swelling.over_series(outcome.over_time, frames, "swelling", axes[0], marked=3)
    assert axes[0].get_xlabel() == "dose (dpa)"
    assert axes[0].lines[0].get_xdata().tolist() == [0, 0.5, 1, 1.5]


@pytest.mark.parametrize(("calibration", "unit"), [(PX, "px"), (NM, "nm")])
def test_spread_growth_and_displacement(made, axes, calibration, unit):
    frames, voids = made
    swelling.sizes_over_series(voids, frames, axes[0], calibration)
    assert axes[0].get_ylabel() == f"diameter ({unit})" or axes[0].texts
    axes[0].clear()
    tracks.growth_over_diameter(track.summarize_tracks(voids), axes[0], calibration)
    assert axes[0].get_ylabel() == f"growth of the diameter ({unit}/frame)" or axes[0].texts
    history = fates.describe_fates(voids, frames, tables.empty("events"), SHAPE, border_px=5, memory=1)
    tracks.displacement_field(voids, history, axes[1], calibration, min_frames=1)
    assert axes[1].get_xlabel() == f"x ({unit})" or axes[1].texts


def test_growth_lies_where_the_table_has_it(axes):
    _, voids = series(8)
    summary = track.summarize_tracks(voids)
    tracks.growth_over_diameter(summary, axes[0], NM)
    drawn = np.concatenate([line.get_ydata() for line in axes[0].lines[:2]])
    np.testing.assert_allclose(np.sort(drawn), np.sort(summary["growth_px_per_frame"] * 2 * 0.5))


def test_growth_is_drawn_per_second_where_the_times_are_known(axes):
    _, voids = series(8)
    summary = track.summarize_tracks(voids)
    per_s = {f"{name}_px_per_s": summary[f"{name}_px_per_frame"] / 4 for name in ("growth", "growth_sigma")}
    tracks.growth_over_diameter(summary.assign(**per_s), axes[0], NM)
    assert axes[0].get_ylabel() == "growth of the diameter (nm/s)"
    drawn = np.concatenate([line.get_ydata() for line in axes[0].lines[:2]])
    np.testing.assert_allclose(np.sort(drawn), np.sort(summary["growth_px_per_frame"] / 4 * 2 * 0.5))


def test_of_a_single_image_no_plot_over_the_series_is_made_of_one_dot(monkeypatch):
    said = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: said.append(data))
    frames, of_one = series(1)
    outcome = swelling_series.measure_series(frames, of_one, KNOWN)
    swelling.show_over_series(outcome, frames)
    swelling.show_sizes_over_series(of_one, frames, NM)
    figures_of_voids.show_count_and_fraction(frames)
    figures_of_voids.show_frames([np.full(SHAPE, 0.5, np.float32)], frames, of_one, NM)
    assert said == [{"text/plain": "of a series only"}] * 4


def test_sizes_over_the_series_are_of_voids_with_a_size(axes):
    frames, of_run = series(3)
    unsized = of_run.assign(size_basis="not a size", radius_px=100.0)
    both = pd.concat([of_run.assign(size_basis="fringe"), unsized], ignore_index=True)
    for ax, table in zip(axes, (of_run, both), strict=True):
        swelling.sizes_over_series(table, frames, ax, NM)
    lines = [ax.lines[0].get_ydata() for ax in axes]
    np.testing.assert_allclose(*lines)
