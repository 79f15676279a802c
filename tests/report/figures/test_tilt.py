"""Figures, words and the turning picture of a tilt series in 3D: what they show, also where there is nothing to."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from voidlab import simulate, tables
from voidlab.images.series import Calibration
from voidlab.project.parameters.models import TrackParameters
from voidlab.report import key_figures, tilt_words
from voidlab.report.figures import base, rotating_gif, tilt
from voidlab.scores import depths as tilt_truth
from voidlab.tables.size_basis import NOT_A_SIZE
from voidlab.track import series as linking

PX, NM = Calibration(None, "unknown"), Calibration(0.5, "parameters")
SHAPE = (300, 420)


@pytest.fixture(scope="module")
def series():
    return simulate.tilt_series(3, views=7, shape=SHAPE, voids=70, axis_deg=-30.0, most_tilt_deg=25.0)


@pytest.fixture(scope="module")
def found(series):
    frames = pd.DataFrame({"frame": range(1, 8), "tilt_deg": series.tilt_deg, "status": "ok"})
    voids = series.truth.voids.drop(columns="particle")
    return linking.link_series(voids, series.truth.drift, frames, TrackParameters(), shape=SHAPE)


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


@pytest.fixture
def two():
    figure, axes = plt.subplots(1, 2)
    yield axes
    plt.close(figure)


@pytest.fixture
def three():
    figure, axes = plt.subplots(1, 3)
    yield axes
    plt.close(figure)


NOTHING = {name: tables.empty(name) for name in ("points", "views", "reconstruction")}
NO_LINKS = tables.empty("voids").assign(
    particle=pd.Series(dtype="int64"), x_corrected_px=0.0, y_corrected_px=0.0
)


def test_residuals_stand_at_the_tilt_of_their_view(found, three):
    tilt.residual_by_view(found.views, found.linked, three)
    (line,) = three[0].get_lines()
    np.testing.assert_array_equal(line.get_xdata(), found.views["tilt_deg"])
    np.testing.assert_array_equal(line.get_ydata(), found.views["residual_px"])
    assert three[1].get_lines()[0].get_ydata().sum() == len(found.linked)
    share, off = (line.get_ydata() for line in three[2].get_lines()[:2])
    np.testing.assert_array_equal(share, found.views["left_out_found"])
    assert (share > 0.75).all()
    np.testing.assert_array_equal(off, found.views["left_out_error"])


def test_a_view_that_was_left_out_is_marked(found, three):
    views = found.views.copy()
    views.loc[2, ["residual_px", "drift_x_px", "drift_y_px", "left_out_found", "left_out_error"]] = np.nan
    tilt.residual_by_view(views, found.linked, three)
    assert len(three[0].get_lines()) == 2
    assert "1 view left out" in three[0].get_title()


def test_tracks_shrink_where_parallax_is_taken_off(found, two):
    tilt.flattened_tracks(found.linked, found.points, found.views, found.reconstruction, two, NM)
    before, after = (
        np.median([np.ptp(line, axis=0).max() for line in ax.collections[0].get_segments()]) for ax in two
    )
    assert after < before / 3
    assert two[0].get_xlabel() == "x (nm)"


def test_every_void_is_in_the_histogram_of_depths(found, ax):
    tilt.depth_histogram(found.points, found.reconstruction, ax, NM)
    bars = [patch for patch in ax.patches if patch.get_height() >= 1 and patch.get_width() < 20]
    assert sum(bar.get_height() for bar in bars if bar.get_y() == 0) >= len(found.points)
    faces = sorted(line.get_xdata()[0] for line in ax.get_lines())
    thickness = found.reconstruction["thickness_px"].iloc[0] * 0.5
    np.testing.assert_allclose(faces, [-thickness / 2, thickness / 2])


def test_without_a_thickness_the_reason_is_said(found, ax):
    none = found.reconstruction.assign(thickness_px=np.nan, thickness_reason="it fades out")
    tilt.depth_histogram(found.points, none, ax, PX)
    assert ax.get_title() == "no thickness: it fades out"
    assert not ax.get_lines()


def test_three_sides_are_at_one_scale(found):
    figure = tilt.three_sides(found.points, found.reconstruction, NM)
    figure.canvas.draw()
    beam, side, corner, below = figure.axes[0], figure.axes[1], figure.axes[3], figure.axes[2]
    scales = []
    for panel in (beam, side, below):
        box = panel.get_window_extent()
        scales += [box.width / np.ptp(panel.get_xlim()), box.height / np.ptp(panel.get_ylim())]
        assert len(panel.collections[0].get_offsets()) == len(found.points)
    np.testing.assert_allclose(scales, scales[0], rtol=0.03)
    assert (side.get_xlabel(), below.get_ylabel()) == ("z (nm)", "z (nm)")
    assert beam.get_ylim()[0] > beam.get_ylim()[1]  # y down
    assert not corner.axison
    plt.close(figure)


def test_what_is_smaller_than_its_fringe_is_drawn_hollow(found):
    basis = np.where(np.arange(len(found.points)) == 2, NOT_A_SIZE, "fringe")
    figure = tilt.three_sides(found.points.assign(size_basis=basis), found.reconstruction, NM)
    drawn = figure.axes[0].collections[0]
    assert np.flatnonzero(drawn.get_facecolors()[:, 3] < 0.5).tolist() == [2]
    assert any("size not known" in text.get_text() for text in figure.axes[0].get_legend().texts)
    plt.close(figure)
    usual, hollow = (
        rotating_gif.rotating_gif_bytes(points, found.reconstruction, NM, pictures=2)
        for points in (found.points, found.points.assign(size_basis=NOT_A_SIZE))
    )
    inked, outlined = (
        (np.asarray(Image.open(io.BytesIO(data)).convert("L"))[:320] < 200).mean() for data in (usual, hollow)
    )
    assert outlined < 0.6 * inked


def test_where_nothing_is_in_depth_it_is_said(ax, two, three):
    tilt.residual_by_view(NOTHING["views"], NO_LINKS, three)
    tilt.flattened_tracks(NO_LINKS, *NOTHING.values(), two, PX)
    tilt.depth_histogram(NOTHING["points"], NOTHING["reconstruction"], ax, PX)
    figure = tilt.three_sides(NOTHING["points"], NOTHING["reconstruction"], PX)
    assert [text.get_text() for text in figure.axes[0].texts] == ["no voids in 3D"]
    plt.close(figure)
    assert key_figures.of_reconstruction(NOTHING["reconstruction"], NOTHING["points"], PX) == []
    assert "Not placed in depth" in tilt_words.verdict_in_words(NOTHING["reconstruction"], NOTHING["views"])
    assert tilt_words.gauges_in_words(NOTHING["reconstruction"], NOTHING["views"], PX)


def test_the_turning_picture_is_small_and_turns(found):
    data = rotating_gif.rotating_gif_bytes(found.points, found.reconstruction, NM)
    assert len(data) < 1_000_000
    picture = Image.open(io.BytesIO(data))
    assert picture.n_frames == 45
    shown = []
    for number in (0, 11, 22):
        picture.seek(number)
        grey = np.asarray(picture.convert("L"))[:320]  # without the scale bar
        shown.append(np.flatnonzero((grey < 200).any(axis=0)))
    # Edge on, a quarter of a turn later, the foil is narrow; but it stays in the picture all the time.
    assert np.ptp(shown[1]) < 0.6 * np.ptp(shown[0])
    assert np.ptp(shown[2]) == pytest.approx(np.ptp(shown[0]), rel=0.1)
    assert min(columns.min() for columns in shown) > 0


def test_one_void_turns_on_its_place_and_the_faces_lean_as_the_foil_does(found):
    one = rotating_gif.rotating_gif_bytes(found.points.head(1), NOTHING["reconstruction"], PX, pictures=2)
    shown = np.asarray(Image.open(io.BytesIO(one)).convert("L"))[:320]
    assert 0.02 < (shown < 200).mean() < 0.5  # a disc, and room around it
    leaning = found.reconstruction.assign(foil_slope_across=0.0, foil_slope_along=0.0, foil_z_px=0.0)
    drawn = {}
    for name, slope in (("flat", 0.0), ("leaning", 0.5)):
        # The axis along image y: across is x, and the far side of a foil that rises along x is higher.
        row = leaning.assign(tilt_axis_deg=0.0, foil_slope_across=slope)
        pen = _Pen()
        rotating_gif._draw_faces(pen, row, np.zeros(3), np.full(3, 100.0), np.eye(3)[[0, 2, 1]], 1.0)
        drawn[name] = np.array(pen.lines)[..., 1] - rotating_gif._CENTRE[1]
    half = float(leaning["thickness_px"].iloc[0]) / 2
    origin = float(leaning["origin_x_px"].iloc[0])
    np.testing.assert_allclose(np.abs(drawn["flat"]), half)
    np.testing.assert_allclose(drawn["leaning"][:, 1] - drawn["leaning"][:, 0], 100.0)
    middle = drawn["leaning"].mean(axis=0)[:2]
    np.testing.assert_allclose(middle, [0.5 * (-100 - origin), 0.5 * (100 - origin)])
    np.testing.assert_allclose(np.diff(drawn["leaning"], axis=0), 2 * half * np.sqrt(1.25))


class _Pen:
    """Keeps what is drawn."""

    def __init__(self):
        self.lines = []

    def line(self, points, **_):
        self.lines.append(points)


def test_no_voids_give_no_picture_and_words_in_place_of_a_figure(monkeypatch, three):
    assert rotating_gif.rotating_gif_bytes(NOTHING["points"], NOTHING["reconstruction"], PX) == b""
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda what, **how: shown.append(what))
    tilt.residual_by_view(NOTHING["views"], NO_LINKS, three)
    base.show(three[0].get_figure(), "residuals")
    assert shown == [{"text/plain": "no view was used"}]


def test_the_words_say_how_well_the_others_predict_a_view(found):
    words = tilt_words.verdict_in_words(found.reconstruction, found.views)
    low, high = found.views["left_out_found"].min(), found.views["left_out_found"].max()
    assert f"{low:.0%} to {high:.0%}" in words or f"{low:.0%} are" in words
    assert "unknown times" in tilt_words.verdict_in_words(
        found.reconstruction, found.views.assign(left_out_error=np.nan)
    )


def test_key_figures_are_in_nm(found):
    shown = {
        f["label"]: f["value"] for f in key_figures.of_reconstruction(found.reconstruction, found.points, NM)
    }
    assert shown["Voids in 3D"] == str(len(found.points))
    assert shown["Thickness"].endswith(" nm")
    assert float(shown["Thickness"].split()[0]) == pytest.approx(30, rel=0.1)


# Against the truth


@pytest.fixture(scope="module")
def truth(series, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    simulate.write_demo(folder, series)
    return tilt_truth.read_truth(pd.DataFrame({"path": [str(folder / "tilt01.tif")]}))


def test_the_truth_lies_beside_simulated_images_only(truth, tmp_path, series):
    assert len(truth.points) == len(series.truth.points)
    assert tilt_truth.read_truth(pd.DataFrame({"path": [str(tmp_path / "a.tif")]})) is None
    assert tilt_truth.read_truth(tables.empty("frames")) is None


def test_what_is_right_scores_as_right(truth, found):
    rows = tilt_truth.against_truth(truth, found.linked, found.points, found.views, found.reconstruction)
    got = rows.set_index("quantity")["found"]
    assert got["links in common / links in either (JSC)"] > 0.97
    assert got["rms error of a depth"] < 1.5
    assert got["tilt axis"] == pytest.approx(-30, abs=0.3)
    assert got["rms error of the drift, but for the origin"] < 0.2


def test_depths_that_are_wrong_score_as_wrong(truth, found):
    """Depths without the mirror, and all at the same place of another void."""
    right = tilt_truth.compare_depths(truth, found.linked, found.points)
    mirrored = tilt_truth.compare_depths(truth, found.linked, found.points.assign(z_px=-found.points["z_px"]))
    error = [(t["z_px"] - t["true_z_px"]).std() for t in (right, mirrored)]
    assert error[1] > 10 * error[0]
    moved = found.points.assign(z_px=found.points["z_px"] + 40)  # another origin is no error
    again = tilt_truth.compare_depths(truth, found.linked, moved)
    np.testing.assert_allclose(again["z_px"], right["z_px"])
    assert set(right["true_particle"]) <= set(truth.points["particle"])


def test_found_depths_are_drawn_over_true_ones(truth, found, ax):
    depths = tilt_truth.compare_depths(truth, found.linked, found.points)
    tilt.depth_against_truth(depths, ax, NM)
    assert ax.get_xlabel() == "true depth (nm)"
    np.testing.assert_allclose(ax.get_lines()[0].get_xdata(orig=False), depths["true_z_px"] * 0.5)
