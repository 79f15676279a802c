"""Simulated series: the same seed, the same series; and the images show what the truth says."""

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest

from voidlab import simulate, tables
from voidlab.simulate.slab_images import _missing_foil
from voidlab.tilt import project

SMALL = {"views": 5, "shape": (120, 180), "voids": 20}


@pytest.fixture(scope="module")
def series():
    return simulate.tilt_series(seed=3, **SMALL)


@pytest.fixture(scope="module")
def film():
    return simulate.video(seed=3, frames=12, shape=(120, 180), voids=20, missing=0.1, late=0.3)


def test_images_are_the_same_in_whatever_order_they_are_asked_for(series):
    again = simulate.tilt_series(seed=3, **SMALL)
    backwards = [again.images[row] for row in reversed(range(5))]
    for row, image in enumerate(reversed(backwards)):
        assert image.shape == (120, 180)
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, series.images[row])
    np.testing.assert_array_equal(series.images[-1], series.images[4])
    assert again.truth.voids.equals(series.truth.voids)


def test_another_seed_and_another_frame_give_another_image(series):
    other = simulate.tilt_series(seed=4, **SMALL)
    assert not np.array_equal(other.images[0], series.images[0])
    noise = simulate.video(seed=0, frames=2, shape=(60, 90), voids=0, drift_step_px=0, jump_px=(0, 0)).images
    assert not np.array_equal(noise[0], noise[1])


def test_images_stop_after_the_last(series):
    with pytest.raises(IndexError):
        series.images[5]
    assert len(list(series.images)) == 5


def test_grey_values_use_the_scale_and_are_not_cut_off(series):
    image = series.images[2]
    assert image.min() >= 0
    assert image.max() <= 1
    assert 0.2 < image.mean() < 0.8
    assert (image == 1).mean() < 0.01
    assert (image == 0).mean() < 0.01


def test_voids_are_brighter_than_the_foil_around_them(series):
    labels, image = series.labels(2), series.images[2]
    assert image[labels > 0].mean() > image[labels == 0].mean() + 0.03


def test_two_voids_behind_one_another_are_brighter_than_either():
    voids = pd.DataFrame({"x_px": [30.25, 34.25], "y_px": 20.5, "radius_px": 6.0})
    both = _missing_foil(voids, (40, 60))
    each = [_missing_foil(voids.iloc[[n]], (40, 60)) for n in (0, 1)]
    np.testing.assert_allclose(both, each[0] + each[1])
    assert each[0].sum() == pytest.approx(4 / 3 * np.pi * 6**3, rel=0.01)
    ys, xs = np.mgrid[:40, :60]
    assert (each[0] * xs).sum() / each[0].sum() == pytest.approx(30.25, abs=0.02)
    assert (each[0] * ys).sum() / each[0].sum() == pytest.approx(20.5, abs=0.02)


def test_the_truth_keeps_the_contract_and_the_drift_starts_at_the_reference(series):
    tables.check(series.truth.voids, "voids")
    drift = tables.check(series.truth.drift, "drift")
    reference = drift.loc[drift["flag"] == "reference"]
    assert len(reference) == 1
    assert reference[["drift_x_px", "drift_y_px"]].to_numpy().tolist() == [[0.0, 0.0]]
    tilts = dict(zip(drift["frame"], series.tilt_deg, strict=True))
    assert abs(tilts[reference["frame"].item()]) == np.abs(series.tilt_deg).min()
    assert (drift[["drift_x_px", "drift_y_px"]] % 1 != 0).to_numpy().any()


def test_voids_lie_where_the_projection_of_their_points_says(series):
    truth = series.truth
    rows = truth.voids.merge(truth.points, on="particle", suffixes=("", "_3d")).merge(truth.drift, on="frame")
    for frame, seen in rows.groupby("frame"):
        there = project(
            seen[["x_px_3d", "y_px_3d", "z_px"]].to_numpy(),
            series.tilt_deg[frame - 1],
            series.axis_deg,
            origin=((180 - 1) / 2, (120 - 1) / 2),
            drift_px=tuple(seen[["drift_x_px", "drift_y_px"]].iloc[0]),
        )
        np.testing.assert_allclose(seen[["x_px", "y_px"]], there)
    assert rows["x_px"].between(0, 179).all()
    assert rows["y_px"].between(0, 119).all()


def test_edge_voids_are_those_within_reach_of_the_border(series):
    voids = series.truth.voids
    inner = voids[~voids["touches_edge"]]
    assert (inner["x_px"] - inner["radius_px"] >= 8).all()
    assert (inner["y_px"] + inner["radius_px"] <= 119 - 8).all()
    assert voids["touches_edge"].any()
    assert len(inner)


def test_label_images_hold_the_labels_of_the_truth(series):
    labels = series.labels(0)
    first = series.truth.voids[series.truth.voids["frame"] == 1].set_index("label")
    assert labels.shape == (120, 180)
    found = np.bincount(labels.ravel(), minlength=len(first) + 1)[1:]
    alone = (found > 0.97 * first["area_px"]) & ~first["touches_edge"]
    np.testing.assert_allclose(found[alone.to_numpy()], first.loc[alone, "area_px"], rtol=0.12)
    assert set(np.unique(labels)) == {0, *first.index}


def test_a_video_grows_blinks_and_gains_voids(film):
    rows = film.truth.voids.merge(film.truth.points, on="particle", suffixes=("", "_first"))
    grown = rows["radius_px_first"] + rows["growth_px_per_frame"] * (rows["frame"] - 1)
    np.testing.assert_allclose(rows["radius_px"], grown)
    assert (rows["frame"] >= rows["start_frame"]).all()
    assert (rows["start_frame"] > 1).any()
    frames = rows.groupby("particle")["frame"]
    assert (frames.max() - frames.min() + 1 > frames.size()).any()
    assert film.time_s[:2].tolist() == [0.0, 0.5]


def test_the_jump_of_a_video_is_in_its_drift(film):
    drift = film.truth.drift[["drift_x_px", "drift_y_px"]].to_numpy()
    steps = np.diff(drift, axis=0)
    np.testing.assert_allclose(steps[np.abs(steps).sum(axis=1).argmax()], (14, -37), atol=3)


@pytest.mark.parametrize("sample", [{"views": 0}, {"views": 1}, {"voids": 0}])
def test_nothing_to_see_is_a_series_all_the_same(sample):
    series = simulate.tilt_series(seed=0, **{**SMALL, **sample})
    assert len(series.images) == sample.get("views", 5)
    assert series.truth.voids.dtypes.equals(simulate.tilt_series(seed=0, **SMALL).truth.voids.dtypes)
    for image in series.images:
        assert np.isfinite(image).all()


def test_the_demo_is_written_as_files_and_angles(series, tmp_path):
    longer = simulate.tilt_series(seed=2, views=6, shape=(60, 80), voids=5)
    simulate.write_demo(tmp_path, longer)
    assert (tmp_path / "tilt06.tif").exists()
    simulate.write_demo(tmp_path, series)
    names = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("truth-"))
    assert names == ["tilt.rawtlt", *(f"tilt{n:02d}.tif" for n in range(1, 6))]
    np.testing.assert_allclose(np.loadtxt(tmp_path / "tilt.rawtlt"), series.tilt_deg, atol=0.005)
    image = iio.imread(tmp_path / "tilt02.tif")
    assert image.dtype == np.uint8
    np.testing.assert_allclose(image / 255, series.images[1], atol=0.002)
