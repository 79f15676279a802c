"""Which linker is used when, what it gives the stages after it, and what is said where it cannot be used."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from voidlab import drift, scores, simulate, tables
from voidlab.project.parameters.models import TrackParameters
from voidlab.project.paths import STAGES, stages_for
from voidlab.report import key_figures, tilt_words
from voidlab.tilt import project
from voidlab.track import series as linking
from voidlab.track.link import LinkError

SHAPE = (300, 420)


@pytest.fixture(scope="module")
def series():
    return simulate.tilt_series(
        3, views=7, shape=SHAPE, voids=70, axis_deg=-30.0, most_tilt_deg=25.0, thickness_px=80.0
    )


def frames_of(series, **changes):
    count = len(series.images)
    frames = pd.DataFrame({"frame": np.arange(1, count + 1), "path": "a.tif", "tilt_deg": series.tilt_deg})
    frames = frames.assign(time_s=np.nan, status="ok", void_count=1, void_fraction=0.1, valid_px=1)
    return tables.check(frames.assign(**changes), "frames")


def link(series, *, frames=None, **asked):
    voids = series.truth.voids.drop(columns="particle")
    frames = frames_of(series) if frames is None else frames
    voids = voids[voids["frame"].isin(frames.loc[frames["status"] == "ok", "frame"])]
    return linking.link_series(voids, series.truth.drift, frames, TrackParameters(**asked), shape=SHAPE)


def test_a_tilt_series_is_linked_in_depth_with_one_drift(series):
    found = link(series)
    assert found.linker == "tilt"
    assert found.reconstruction["verdict"].tolist() == ["good"]
    score = scores.score_tracks(series.truth.voids, found.linked)
    assert score["link_jsc"] > 0.97
    views = found.views.set_index("frame")
    of_void = views.loc[found.linked["frame"]]
    np.testing.assert_array_equal(
        found.linked["x_corrected_px"], found.linked["x_px"] - of_void["drift_x_px"].to_numpy()
    )
    np.testing.assert_array_equal(found.drift["drift_y_px"], found.views["drift_y_px"])
    assert (found.drift["flag"] == "reference").sum() == 1
    for name in ("points", "views", "reconstruction"):
        pd.testing.assert_frame_equal(tables.check(getattr(found, name), name), getattr(found, name))
    assert set(found.linked["particle"]) == set(found.points["particle"])


def test_one_drift_counts_and_the_reference_frame_of_each_is_told(series):
    found = link(series)
    own = found.drift.loc[found.drift["flag"] == "reference", "frame"].item()
    other = next(frame for frame in found.views["frame"] if frame != own)
    measured = found.drift.assign(flag=np.where(found.drift["frame"] == other, "reference", ""))
    (figure,) = key_figures.of_used_drift(measured, found.views)
    assert f"zero in frame {own}, the reference of all positions" in figure["meaning"]
    assert f"the drift of the stage drift (zero in frame {other}) is superseded" in figure["meaning"]
    (figure,) = key_figures.of_used_drift(found.drift, found.views)
    assert "the drift of the stage drift is superseded" in figure["meaning"]
    assert key_figures.of_used_drift(found.drift, found.views.iloc[:0]) == []


def test_auto_is_assign_where_no_three_tilts_are_known(series):
    for tilts in (np.nan, 0.0, [0.0, 0.0, 0.0, 5.0, 5.0, 5.0, 5.0]):
        found = link(series, frames=frames_of(series, tilt_deg=tilts))
        assert found.linker == ("trackpy" if np.ndim(tilts) else "assign")
        assert found.reconstruction.empty
        assert found.points.empty
        assert "warning" not in key_figures.of_linker(found.linker, found.reconstruction)[0]


@pytest.mark.parametrize("linker", ["trackpy", "assign"])
def test_another_linker_uses_the_drift_of_the_drift_stage(series, linker):
    found = link(series, linker=linker)
    assert found.linker == linker
    assert found.reconstruction.empty
    pd.testing.assert_frame_equal(found.drift, series.truth.drift)
    expected = drift.subtract_drift(found.linked, series.truth.drift)
    pd.testing.assert_series_equal(found.linked["x_corrected_px"], expected["x_corrected_px"])
    assert found.linked["particle"].notna().all()


def test_what_cannot_be_trusted_falls_back_and_says_why(series):
    wrong = frames_of(series, tilt_deg=series.tilt_deg[[0, 1, 2, 3, 4, 6, 5]] * [1, 1, 1, 1, 1, -1, -1])
    found = link(series, frames=wrong)
    assert found.linker == "trackpy"
    assert found.points.empty
    assert found.views.empty
    row = found.reconstruction.iloc[0]
    assert (row["linker"], row["verdict"]) == ("trackpy", "do not use")
    assert row["reasons"]
    pd.testing.assert_frame_equal(found.drift, series.truth.drift)
    (figure,) = key_figures.of_linker(found.linker, found.reconstruction)
    assert "could not be placed in depth" in figure["warning"]
    assert row["reasons"].split("\n")[0] in figure["warning"]
    # The stage that shows the depths says the same, and no number of what there is not.
    (verdict,) = key_figures.of_reconstruction(
        found.reconstruction, found.points, SimpleNamespace(pixel_size_nm=None)
    )
    assert (verdict["value"], verdict["warning"]) == ("do not use", figure["warning"])
    assert "trackpy linked the voids instead" in tilt_words.verdict_in_words(
        found.reconstruction, found.views
    )


def test_tilt_when_asked_for_is_kept_with_its_warning(series):
    wrong = frames_of(series, tilt_deg=series.tilt_deg[[0, 1, 2, 3, 4, 6, 5]] * [1, 1, 1, 1, 1, -1, -1])
    found = link(series, frames=wrong, linker="tilt")
    assert found.linker == "tilt"
    (figure,) = key_figures.of_linker(found.linker, found.reconstruction)
    assert "verdict is 'do not use'" in figure["warning"]


def test_tilt_that_cannot_be_done_is_an_error_in_a_sentence(series):
    with pytest.raises(LinkError, match="1 different tilt angle.s. are known; expected three or more"):
        link(series, frames=frames_of(series, tilt_deg=3.0), linker="tilt")
    few = series.truth.voids[series.truth.voids["label"] <= 3].drop(columns="particle")
    with pytest.raises(LinkError, match="the voids cannot be placed in depth: 0 usable view"):
        linking.link_series(
            few, series.truth.drift, frames_of(series), TrackParameters(linker="tilt"), shape=SHAPE
        )


def test_no_voids_at_all(series):
    none = tables.empty("voids")
    for linker in ("auto", "assign", "trackpy"):
        found = linking.link_series(
            none, series.truth.drift, frames_of(series), TrackParameters(linker=linker), shape=SHAPE
        )
        assert found.linked.empty
        assert found.linker == ("assign" if linker == "assign" else "trackpy")


def test_a_frame_that_was_left_out_has_no_drift(series):
    status = ["ok"] * 7
    status[2] = "excluded"
    found = link(series, frames=frames_of(series, status=status))
    assert found.linker == "tilt"
    third = found.drift.iloc[2]
    assert np.isnan(third["drift_x_px"])
    assert third["flag"] == "not connected"
    assert found.drift.drop(index=2)["drift_x_px"].notna().all()


def test_flipping_turns_depths_and_tilts_and_nothing_else(series):
    one, two = link(series), link(series, flip_depth=True)
    np.testing.assert_allclose(two.points["z_px"], -one.points["z_px"])
    np.testing.assert_allclose(two.views["tilt_deg"], -one.views["tilt_deg"])
    pd.testing.assert_frame_equal(two.linked, one.linked)
    assert two.reconstruction["mirrored"].tolist() == [True]
    assert "turned over" in tilt_words.gauges_in_words(two.reconstruction, two.views, series_calibration())
    assert "flip_depth: false" in tilt_words.gauges_in_words(
        two.reconstruction, two.views, series_calibration()
    )


def series_calibration():
    from voidlab.images.series import Calibration

    return Calibration(None, "unknown")


def test_the_stated_mirror_sign_is_that_of_the_projection(series):
    """A void of positive z moves, from negative to positive tilt, the way the words say."""
    found = link(series)
    axis = found.reconstruction["tilt_axis_deg"].iloc[0]
    moved = project(np.array([[0.0, 0.0, 10.0]]), 20.0, axis) - project(
        np.array([[0.0, 0.0, 10.0]]), -20.0, axis
    )
    towards = np.array([np.cos(np.deg2rad(axis)), np.sin(np.deg2rad(axis))])
    assert (moved @ towards > 5).all()
    words = tilt_words.gauges_in_words(found.reconstruction, found.views, series_calibration())
    assert f"({towards[0]:+.2f}, {towards[1]:+.2f})" in words


def test_points_follow_corrections_by_hand(series):
    """What is cut has two points, what is joined again is where it was, what is left over or deleted has none."""
    found = link(series)
    rows = found.linked.assign(corrected="").reset_index(drop=True)
    a, b, c, d = found.points.nlargest(4, "views", keep="first")["particle"]
    frames = sorted(rows.loc[rows["particle"] == a, "frame"])
    later = (rows["particle"] == a) & (rows["frame"] > frames[len(frames) // 2])
    lone = (rows["particle"] == b) & (rows["frame"] == rows.loc[rows["particle"] == b, "frame"].max())
    cut = rows.assign(particle=rows["particle"].mask(later, 9001).mask(lone, 9002))
    cut.loc[cut["particle"].isin([a, b, 9001, 9002]), "corrected"] = "cut"
    cut.loc[cut["particle"] == c, "corrected"] = "deleted"
    cut = cut[cut["particle"] != d]
    mended = linking.corrected_points(found, cut)
    pd.testing.assert_frame_equal(tables.check(mended, "points"), mended)
    stands = tables.kept(mended).set_index("particle")
    assert {a, b, 9001} <= set(stands.index)
    assert not {c, d, 9002} & set(stands.index)
    old = found.points.set_index("particle")
    for part in (a, 9001):
        assert abs(stands.loc[part, "z_px"] - old.loc[a, "z_px"]) < 4 * stands.loc[part, "sigma_z_px"]
        assert stands.loc[part, "sigma_z_px"] > old.loc[a, "sigma_z_px"]
    assert stands.loc[[a, 9001], "views"].sum() == old.loc[a, "views"]
    untouched = stands[stands["corrected"] == ""].drop(columns="corrected")
    pd.testing.assert_frame_equal(untouched, old.loc[untouched.index, untouched.columns])
    joined = linking.corrected_points(found, rows.assign(corrected="joined")).set_index("particle")
    assert set(joined.index) == set(old.index)
    assert (joined["z_px"] - old["z_px"]).abs().median() < 0.1 * old["sigma_z_px"].median()


def test_without_points_there_are_none_to_correct(series):
    found = link(series, linker="trackpy")
    assert linking.corrected_points(found, found.linked.assign(corrected="")).empty


@pytest.mark.parametrize(
    ("tilts", "linker", "applies"),
    [
        ([-10, 0, 10], "auto", True),
        ([-10, 0, 10], "tilt", True),
        ([-10, 0, 10], "trackpy", False),
        ([-10, 0, 0, float("nan")], "auto", False),
        ([12.31, 12.30, 12.32, 12.33], "auto", False),  # the stage is at rest
        ([], "auto", False),
    ],
)
def test_the_stage_reconstruct_applies_to_tilt_series_only(tilts, linker, applies):
    stages = stages_for(tilts, linker)
    assert ("reconstruct" in stages) == applies
    assert [stage for stage in STAGES if stage in stages] == list(stages)
    assert len(stages) == len(STAGES) - 1 - (not applies)  # a pair is none


def test_a_point_has_the_radius_of_the_views_in_which_it_has_a_size(series):
    """Of every tenth void no radius is a size, of the others that of one view is not."""
    voids = series.truth.voids.drop(columns="particle").assign(size_basis="fringe")
    never = (series.truth.voids["particle"] % 10 == 0).to_numpy()
    once = (voids["frame"] == 4).to_numpy()
    voids.loc[never | once, ["radius_px", "size_basis"]] = [20.0, "not a size"]
    voids.loc[(voids["frame"] == 1) & ~never, "size_basis"] = "network"
    found = linking.link_series(voids, series.truth.drift, frames_of(series), TrackParameters(), shape=SHAPE)
    assert found.linker == "tilt"
    linked = found.linked.merge(series.truth.voids[["frame", "label", "particle"]], on=["frame", "label"])
    true = linked.groupby("particle_x")["particle_y"].agg(lambda names: names.mode()[0])
    points = found.points.set_index("particle")
    expected = np.where(true % 10 == 0, "not a size", "fringe")
    seldom = points["views"] < 3
    assert points.loc[~seldom, "size_basis"].tolist() == expected[~seldom].tolist()
    radius = series.truth.voids.groupby("particle")["radius_px"].median()
    sized = points[~seldom & (points["size_basis"] == "fringe")]
    np.testing.assert_allclose(sized["radius_px"], radius[true[sized.index]], rtol=0.02)
    cut = found.linked.assign(corrected="")
    pd.testing.assert_frame_equal(linking.corrected_points(found, cut), found.points)
