"""Reconstruction of simulated tilt series: right where it can be, refused or flagged with its reason where not."""

import numpy as np
import pandas as pd
import pytest

from detections import tilt_detections
from voidlab import scores
from voidlab.tilt import project, reconstruct

SMALL = {"shape": (420, 560), "voids": 110, "views": 7, "thickness_px": 80.0, "drift_step_px": 15.0}


@pytest.fixture(scope="module")
def series():
    return tilt_detections(3, axis_deg=-35.0, most_tilt_deg=30.0, **SMALL)


@pytest.fixture(scope="module")
def model(series):
    return reconstruct(series.voids.drop(columns="particle"), series.tilt_deg, shape=series.shape)


def blind(series):
    """What a user has: the detections without the truth."""
    return series.voids.drop(columns="particle")


def test_links_axis_and_verdict(series, model):
    assert model.verdict == "good", model.reasons
    assert model.reasons == []
    score = scores.score_tracks(series.voids.dropna(subset="particle"), model.voids)
    assert score["link_jsc"] > 0.95
    assert score["complete"] > 0.93
    assert score["purity"] > 0.98
    assert model.tilt_axis_deg == pytest.approx(-35.0, abs=0.3)
    assert model.sigma_px == pytest.approx(0.6, rel=0.15)


def test_points_are_seen_where_the_voids_are(model):
    """The stated projection, with the stated origin and drift, leads from the points to the detections."""
    linked = model.voids.dropna(subset="particle")
    assert len(linked) > 500
    for row in model.views.itertuples():
        here = linked[linked["frame"] == row.frame]
        points = model.points.set_index("particle").loc[here["particle"], ["x_px", "y_px", "z_px"]].to_numpy()
        drift = (row.drift_x_px, row.drift_y_px)
        seen = project(points, row.tilt_deg, model.tilt_axis_deg, origin=model.origin_px, drift_px=drift)
        off = np.hypot(*(seen - here[["x_px", "y_px"]].to_numpy()).T)
        assert np.sqrt((off**2).mean()) == pytest.approx(row.residual_px, rel=1e-6)
        assert np.median(off) < 0.9


def test_depths_agree_with_the_truth_within_their_errors(series, model):
    joined = model.voids.assign(true=series.voids["particle"]).dropna(subset=["particle", "true"])
    true = joined.groupby("particle")["true"].agg(lambda ids: ids.mode()[0])
    points = model.points.set_index("particle").loc[true.index]
    truth = series.points.set_index("particle").loc[true.to_numpy()]
    sure = (points["views"] >= 4).to_numpy()
    off = (points["z_px"].to_numpy() - truth["z_px"].to_numpy())[sure]
    assert np.corrcoef(points["z_px"].to_numpy()[sure], truth["z_px"].to_numpy()[sure])[0, 1] > 0.99
    off -= np.median(off)
    assert 0.5 < (np.abs(off) < points["sigma_z_px"].to_numpy()[sure]).mean() < 0.85
    for column in ("x_px", "y_px"):
        apart = (points[column].to_numpy() - truth[column].to_numpy())[sure]
        assert np.abs(np.median(apart)) < 0.5
        assert np.median(np.abs(apart)) < 0.8


def test_errors_are_variances_of_a_covariance(model):
    sigma = model.points[["sigma_x_px", "sigma_y_px", "sigma_z_px"]].to_numpy()
    np.testing.assert_allclose(np.diagonal(model.covariance_px2, axis1=1, axis2=2), sigma**2)
    assert (np.linalg.eigvalsh(model.covariance_px2) > 0).all()


def test_the_drift_is_that_of_the_stage_and_zero_in_the_reference(series, model):
    reference = int(np.argmin(np.abs(series.true_tilt_deg)))
    np.testing.assert_array_equal(model.drift_px[reference], 0)
    np.testing.assert_array_equal(model.views[["drift_x_px", "drift_y_px"]].to_numpy(), model.drift_px)
    a, t = np.deg2rad(series.axis_deg), np.deg2rad(series.true_tilt_deg)
    error = model.drift_px - series.drift_px
    across, along = error @ [np.cos(a), np.sin(a)], error @ [-np.sin(a), np.cos(a)]
    # Where the origin lies, no view can tell.
    gauge = np.column_stack([np.cos(t), np.sin(t)])
    across -= gauge @ np.linalg.lstsq(gauge, across, rcond=None)[0]
    assert np.sqrt((across**2 + (along - along.mean()) ** 2).mean() / 2) < 0.15


def test_thickness_lies_in_its_interval(model):
    low, high = model.thickness_interval_px
    assert low < model.thickness_px < high
    assert model.thickness_px == pytest.approx(80.0, rel=0.08)
    assert model.thickness_method == "even depths"
    assert abs(model.foil_tilt_deg) < 5 * model.foil_tilt_sigma_deg


def test_the_foil_leans_as_far_as_the_stated_tilts_are_wrong(series):
    """Tilts stated 3° too low: at stated zero the foil leans by + 3°."""
    stated = {frame: tilt - 3 for frame, tilt in series.tilt_deg.items()}
    found = reconstruct(blind(series), stated, shape=series.shape)
    assert found.foil_tilt_deg == pytest.approx(3, abs=5 * found.foil_tilt_sigma_deg + 0.1)
    assert found.flipped().foil_tilt_deg == -found.foil_tilt_deg


def test_each_view_is_where_the_others_have_it(model):
    assert (model.views["left_out_found"] > 0.6).all()
    assert model.views["left_out_error"].between(0.7, 1.4).all()


def test_rows_in_another_order_give_the_same(series, model):
    shuffled = blind(series).sample(frac=1, random_state=1)
    again = reconstruct(shuffled, list(series.tilt_deg.values()), shape=series.shape)
    assert again.voids.index.equals(shuffled.index)
    pd.testing.assert_series_equal(again.voids["particle"].sort_index(), model.voids["particle"])
    pd.testing.assert_frame_equal(again.points, model.points)


def test_particles_number_the_points(model):
    np.testing.assert_array_equal(model.points["particle"], np.arange(len(model.points)))
    seen = model.voids["particle"].value_counts().sort_index()
    np.testing.assert_array_equal(seen.to_numpy(), model.points["views"])
    assert not model.voids.dropna(subset="particle").duplicated(["frame", "particle"]).any()


def test_the_mirror_image_is_seen_the_same(model):
    other = model.flipped()
    assert other.views["tilt_deg"].iloc[0] == -model.views["tilt_deg"].iloc[0]
    places = ["x_px", "y_px", "z_px"]
    for one, two in zip(model.views["tilt_deg"], other.views["tilt_deg"], strict=True):
        np.testing.assert_allclose(
            project(model.points[places].to_numpy(), one, model.tilt_axis_deg),
            project(other.points[places].to_numpy(), two, other.tilt_axis_deg),
        )


def test_a_tilt_of_the_wrong_sign_is_noticed(series):
    angles = dict(series.tilt_deg)
    angles[6] = -angles[6]
    wrong = reconstruct(blind(series), angles, shape=series.shape)
    assert wrong.verdict == "do not use"
    assert any("frame 6" in reason for reason in wrong.reasons)
    assert np.isnan(wrong.thickness_px)
    assert "not to be used" in wrong.thickness_reason


def test_a_frame_of_unknown_tilt_is_left_out(series):
    found = reconstruct(blind(series), series.tilt_deg | {2: float("nan")}, shape=series.shape)
    assert found.verdict == "check"
    assert "frame 2 left out: tilt angle unknown" in found.reasons
    assert found.voids.loc[found.voids["frame"] == 2, "particle"].isna().all()
    assert np.isnan(found.drift_px[1]).all()
    assert np.isfinite(np.delete(found.drift_px, 1, axis=0)).all()
    assert found.views["frame"].tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_frames_that_are_left_out_and_not_named_are_counted():
    grid = pd.MultiIndex.from_product([range(77), range(2)], names=["frame", "label"]).to_frame(index=False)
    voids = grid.assign(x_px=20.0 * grid["label"], y_px=5.0, radius_px=6.0)
    found = reconstruct(voids, {frame: float(frame) for frame in range(77)})
    named = ", ".join(map(str, range(10)))
    assert f"frame {named} and 67 more left out: fewer than 5 voids" in found.reasons


def test_voids_without_a_position_are_left_out(series):
    voids = blind(series)
    voids.loc[[0, 5], "x_px"] = np.nan
    found = reconstruct(voids, series.tilt_deg, shape=series.shape)
    assert found.verdict == "check"
    assert any("2 voids without a finite position" in reason for reason in found.reasons)
    assert found.voids.loc[[0, 5], "particle"].isna().all()


@pytest.mark.parametrize(
    ("edit", "angles", "reason"),
    [
        (lambda v: v.iloc[:0], {}, "0 usable views"),
        (lambda v: v.iloc[:0], {1: -5.0, 2: 0.0, 3: 5.0}, "0 usable views"),
        (lambda v: v.iloc[:1], {1: 0.0}, "0 usable views"),
        (lambda v: v[v["frame"] <= 2], {1: -10.0, 2: 10.0}, "2 usable views"),
        (lambda v: v, {}, "no tilt angle is known"),
        (lambda v: v, dict.fromkeys(range(1, 8), 3.0), "the tilts span only 0.0°"),
        (lambda v: v.groupby("frame").head(3), {f: 5.0 * f for f in range(1, 8)}, "0 usable views"),
        (lambda v: v, {f: 90.0 - f for f in range(1, 8)}, "0 usable views"),
    ],
)
def test_what_cannot_be_reconstructed_is_refused_with_the_reason(series, edit, angles, reason):
    refused = reconstruct(edit(blind(series)), angles)
    assert refused.verdict == "do not use"
    assert reason in refused.reasons[0]
    assert refused.points.empty
    assert refused.points["z_px"].dtype == np.float64
    assert refused.voids["particle"].dtype == "Int64"
    assert refused.voids["particle"].isna().all()
    assert refused.drift_px.shape == (len(refused.views), 2)
    assert np.isnan(refused.thickness_px)


def test_voids_at_random_are_not_called_a_foil():
    random = np.random.default_rng(4)
    voids = pd.DataFrame({"frame": np.repeat(np.arange(1, 8), 40), "label": np.tile(np.arange(40), 7)})
    voids = voids.assign(x_px=random.uniform(0, 560, 280), y_px=random.uniform(0, 420, 280), radius_px=6.0)
    found = reconstruct(voids, {f: -40.0 + 10 * f for f in range(1, 8)}, shape=(420, 560))
    assert found.verdict == "do not use"


def test_mistakes_are_named(series):
    with pytest.raises(ValueError, match=r"lacks the column\(s\) radius_px"):
        reconstruct(blind(series).drop(columns="radius_px"), series.tilt_deg)
    with pytest.raises(ValueError, match="3 tilt angles for 7 frames"):
        reconstruct(blind(series), [1.0, 2.0, 3.0])


def test_a_small_tilt_range_works_with_wider_errors():
    series = tilt_detections(2, most_tilt_deg=4.0, **SMALL)
    found = reconstruct(blind(series), series.tilt_deg, shape=series.shape)
    assert found.verdict == "check"
    assert any("the tilts span only 8.0°" in reason for reason in found.reasons)
    assert found.points["sigma_z_px"].median() > 3


def test_loops_beside_the_voids_change_nothing(series, model):
    voids = blind(series).assign(kind="void")
    loops = voids.iloc[::4].assign(kind="loop", label=lambda rows: rows["label"] + 10_000)
    found = reconstruct(pd.concat([voids, loops]), series.tilt_deg, shape=series.shape)
    assert (found.verdict, found.reasons) == (model.verdict, model.reasons)
    pd.testing.assert_frame_equal(found.points, model.points)
    assert found.voids.loc[(found.voids["kind"] == "loop").to_numpy(), "particle"].isna().all()
