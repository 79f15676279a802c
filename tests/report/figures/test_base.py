"""Every figure draws what it is given, nothing, and one thing; with units on its axes."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import PIL.Image
import pytest
from matplotlib.colors import to_rgb

from projects import MADE
from voidlab import tables
from voidlab.explore import figure
from voidlab.images.series import Calibration
from voidlab.report.figures import base, drift, positions, tracks, voids
from voidlab.tables.listing import number_of
from voidlab.tables.units import IN_PX

PX, NM = Calibration(None, "unknown"), Calibration(0.5, "parameters")


@pytest.fixture(params=["run", "empty", "one"])
def made(request, finished):
    """Tables of a run, of nothing at all, and of a single void in a single frame."""
    paths, _, _ = finished
    full = {name: tables.load(paths, name) for name in MADE}
    if request.param == "run":
        return full
    if request.param == "empty":
        return {name: tables.empty(name) for name in full}
    one = {name: table.iloc[:1] for name, table in full.items()}
    return one | {"pairs": tables.empty("pairs")}


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    figure.canvas.draw()
    plt.close(figure)


@pytest.fixture
def linked(made):
    return made["voids"].merge(made["links"], on=["frame", "label"])


@pytest.mark.parametrize(("calibration", "unit"), [(PX, "px"), (NM, "nm")])
def test_sizes(made, ax, calibration, unit):
    voids.size_histogram(made["voids"], ax, calibration)
    assert made["voids"].empty or ax.get_xlabel() == f"diameter ({unit})" or ax.texts


@pytest.mark.parametrize(("calibration", "unit"), [(PX, "px"), (NM, "nm")])
def test_drift(made, ax, calibration, unit):
    drift.drift_curve(made["drift"], ax, calibration)
    assert ax.get_ylabel() == f"drift ({unit})"


def test_residuals(made, ax):
    drift.residual_matrix(made["pairs"], ax, IN_PX)
    if made["pairs"].empty:
        assert [text.get_text() for text in ax.texts] == ["no pairs of frames"]
    else:
        shown = ax.images[0].get_array()
        assert shown.count() == 2 * len(made["pairs"])
        np.testing.assert_array_equal(shown, shown.T)


def test_count_and_fraction(made):
    figure, axes = plt.subplots(1, 2)
    voids.count_and_fraction(made["frames"], axes)
    assert axes[1].get_ylabel() == "area fraction (%)"
    figure.canvas.draw()
    plt.close(figure)


def test_maps_have_y_down_as_images_have(made, linked, ax):
    positions.voids_by_frame(made["voids"], ax, NM)
    positions.positions_by_frame(linked, ax, NM, columns=positions.CORRECTED)
    positions.frame_colours(made["frames"], [ax])
    if len(linked):
        low, high = ax.get_ylim()
        assert low > high


def test_tracks(made, linked, ax):
    tracks.tracks_over_image(linked, np.zeros((150, 210)), ax, NM, min_frames=1)
    assert ax.get_title().startswith(f"{number_of(linked['particle'].nunique(), 'void')}")


def test_track_lengths_and_diameters(made, linked):
    figure, axes = plt.subplots(1, 2)
    tracks.track_lengths(made["tracks"], axes[0])
    tracks.diameter_over_frame(linked, made["tracks"], axes[1], NM)
    figure.canvas.draw()
    assert sum(bar.get_height() for bar in axes[0].patches) == len(made["tracks"])
    longest = made["tracks"].sort_values(["total_frames", "particle"], ascending=[False, True]).head(8)
    assert [line.get_label() for line in axes[1].lines] == longest["particle"].astype(str).tolist()
    plt.close(figure)


def test_overlay_sheet(made):
    series = [np.full((150, 210), 0.5, np.float32)] * 4
    sheet = voids.overlay_sheet(series, made["frames"], made["voids"], NM)
    sheet.canvas.draw()
    titles = [ax.get_title() for ax in sheet.axes if ax.axison and ax.get_title()]
    counts = made["voids"].groupby("frame").size().reindex(made["frames"]["frame"], fill_value=0)
    assert [title.split(": ")[1] for title in titles] == [number_of(count, "void") for count in counts]
    plt.close(sheet)


@pytest.mark.parametrize(
    ("width_px", "calibration", "text"),
    [(1000, NM, "100 nm"), (1024, PX, "200 px"), (130, Calibration(0.38, "x"), "5 nm")],
)
def test_the_scale_bar_is_round_and_true(ax, width_px, calibration, text):
    base.micrograph(np.zeros((200, width_px)), ax, calibration)
    assert [t.get_text() for t in ax.texts] == [text]
    bar = ax.patches[-1]
    size = calibration.pixel_size_nm or 1
    assert bar.get_width() * size == pytest.approx(float(text.split()[0]))


def test_show_gives_an_image_with_alternative_text(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    figure, _ = plt.subplots()
    base.show(figure, "what it shows", photo=True)
    data, metadata = shown[0]._repr_jpeg_()
    assert metadata["alt"] == "what it shows"
    assert data
    assert not plt.fignum_exists(figure.number)


def test_a_figure_is_shown_whole_with_a_margin_around_it(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    figure, ax = plt.subplots(figsize=(4, 3), facecolor="grey")
    ax.plot([0, 1], [0, 1], color="red", label="beside the axes")
    ax.set(xlabel="a long\nlabel of\nfour\nlines", aspect="equal", title="above")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    figure.draw_without_rendering()
    base.show(figure, "a line")
    picture = np.asarray(PIL.Image.open(io.BytesIO(shown[0].data)))
    drawn = np.nonzero((picture < 255).any(axis=-1))
    reaches = [
        (along.min(), size - 1 - along.max()) for along, size in zip(drawn, picture.shape, strict=False)
    ]
    assert reaches == [(10, 10), (10, 10)]
    assert picture.shape[:2] == pytest.approx(np.array(figure.get_tightbbox().size)[::-1] * 110 + 20, abs=8)


def test_edge_voids_are_drawn_apart(ax):
    two = pd.DataFrame(
        {"x_px": [10.0, 50], "y_px": [9.0, 9], "radius_px": [3.0, 4], "touches_edge": [True, False]}
    )
    voids.overlay(np.zeros((60, 90)), two, ax, PX)
    solid, dashed = ax.collections
    assert len(solid.get_offsets()) == len(dashed.get_offsets()) == 1
    assert solid.get_linestyle() != dashed.get_linestyle()


def test_there_is_no_half_a_void_on_an_axis(ax):
    base.histogram(np.array([1.0, 1.2, 1.9, 4.0]), np.arange(0.0, 6.0), ax)
    assert all(tick == round(tick) for tick in ax.get_yticks())


def test_the_highest_count_is_whole_within_its_axes():
    frames = pd.DataFrame({"frame": [1, 2, 3], "tilt_deg": np.nan, "time_s": np.nan})
    frames = frames.assign(void_count=[140, 150, 154], void_fraction=[0.05, 0.05, 0.056])
    figure, axes = plt.subplots(1, 2)
    voids.count_and_fraction(frames, axes)
    assert axes[0].get_ylim() == pytest.approx((0, 1.05 * 154))
    assert axes[1].get_ylim() == pytest.approx((0, 1.05 * 5.6))
    plt.close(figure)


def test_there_is_no_frame_between_two(ax):
    ax.plot([1, 5], [0, 1])
    base.mark_series(ax.xaxis, "frame")
    assert all(tick == round(tick) for tick in ax.get_xticks())
    assert ax.get_xlabel() == "frame"


def test_no_track_has_the_colour_of_a_micrograph_or_of_voids_on_no_track():
    colours = base.OF_TRACKS[:, :3]
    assert (np.ptp(colours, axis=1) > 0.15).all()  # none is grey
    assert (np.abs(colours - to_rgb(figure._OF_NONE)).sum(axis=1) > 0.4).all()
