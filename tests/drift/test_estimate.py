"""Drift: known answers and properties on non-square, sub-pixel data; bad pairs, blank frames, no frames."""

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from void_masks import SHAPE, masks, pair_shift
from voidlab import drift, simulate, tables
from voidlab.drift.binned_frames import _block_means


def errors(found, truth):
    return np.abs(found.drift_px - (truth - truth[0])).max()


@settings(max_examples=25, deadline=None)
@given(st.floats(-60, 60), st.floats(-40, 40), st.integers(0, 100))
def test_a_shift_is_recovered(dx, dy, seed):
    a, b = masks([(0, 0), (dx, dy)], seed)
    shift = pair_shift(a, b)
    assert shift.dx_px == pytest.approx(dx, abs=0.3)
    assert shift.dy_px == pytest.approx(dy, abs=0.3)


@settings(max_examples=15, deadline=None)
@given(st.floats(-60, 60), st.floats(-40, 40), st.integers(0, 100))
def test_the_other_way_round_is_the_opposite(dx, dy, seed):
    a, b = masks([(0, 0), (dx, dy)], seed)
    one, other = pair_shift(a, b), pair_shift(b, a)
    assert one.dx_px == pytest.approx(-other.dx_px, abs=1e-3)
    assert one.dy_px == pytest.approx(-other.dy_px, abs=1e-3)


def test_axes_of_a_non_square_image_are_not_swapped():
    a, b = masks([(0, 0), (10, 6)], shape=(256, 512))
    shift = pair_shift(a, b)
    assert (shift.dx_px, shift.dy_px) == (pytest.approx(10, abs=0.1), pytest.approx(6, abs=0.1))
    tall = pair_shift(a.T, b.T)
    assert (tall.dx_px, tall.dy_px) == (pytest.approx(6, abs=0.1), pytest.approx(10, abs=0.1))


def test_a_series_is_recovered_to_a_few_hundredths_of_a_pixel():
    truth = np.cumsum(np.random.default_rng(4).normal(0, 12, (8, 2)), axis=0)
    found = drift.estimate_drift(masks(truth))
    assert np.sqrt(((found.drift_px - (truth - truth[0])) ** 2).mean()) < 0.08
    assert found.flags == ["reference"] + [""] * 7


def test_the_reference_is_exactly_zero_wherever_it_is():
    truth = np.array([(0, 0), (8.3, -5.1), (20.7, 3.2), (14.1, 9.9)])
    found = drift.estimate_drift(masks(truth), reference=2)
    assert found.drift_px[2].tolist() == [0, 0]
    assert found.sigma_px[2] == 0
    np.testing.assert_allclose(found.drift_px, truth - truth[2], atol=0.15)


def test_images_drift_like_masks():
    series = simulate.tilt_series(seed=3, views=5, most_tilt_deg=0, shape=(300, 420), voids=60)
    truth = series.truth.drift[["drift_x_px", "drift_y_px"]].to_numpy()
    assert errors(drift.estimate_drift(series.images), truth) < 0.3


def test_a_smooth_background_that_stays_put_is_not_followed():
    random = np.random.default_rng(0)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    background = 1.5 * np.exp(-((x - 150) ** 2 + (y - 60) ** 2) / 2 / 80**2)
    truth = np.array([(0, 0), (25.5, -14.25), (50.25, 10.5)])
    images = [0.35 * m + background + random.normal(0, 0.2, SHAPE) for m in masks(truth)]
    assert errors(drift.estimate_drift(images), truth) < 1


def test_a_still_video_does_not_move():
    found = drift.estimate_drift(masks([(0, 0)] * 6))
    np.testing.assert_allclose(found.drift_px, 0, atol=1e-6)


def test_the_error_is_of_the_size_of_the_error():
    sizes, sigmas = [], []
    for seed in range(6):
        series = simulate.tilt_series(
            seed=seed, views=6, most_tilt_deg=0, shape=(256, 352), voids=60, noise=0.1
        )
        found = drift.estimate_drift(series.images)
        truth = series.truth.drift[["drift_x_px", "drift_y_px"]].to_numpy()
        sizes.append(np.abs(found.drift_px - (truth - truth[0]))[1:])
        sigmas.append(found.sigma_px[1:])
    ratio = np.sqrt((np.array(sizes) ** 2).mean()) / np.mean(sigmas)
    assert 0.3 < ratio < 1.5


def test_no_frames():
    found = drift.estimate_drift([])
    assert found.drift_px.shape == (0, 2)
    assert len(found.table([])) == 0


def test_one_frame_has_no_drift_and_no_pairs():
    found = drift.estimate_drift(masks([(0, 0)]))
    assert found.drift_px.tolist() == [[0, 0]]
    assert found.flags == ["reference"]
    assert len(found.pairs_table([705])) == 0


def test_a_blank_frame_is_interpolated_flagged_and_unsure():
    truth = np.array([(0, 0), (5, 2), (10, 4), (15, 6), (20, 8)], float)
    images = masks(truth)
    images[2] = np.zeros(SHAPE, bool)
    found = drift.estimate_drift(images)
    assert found.flags[2] == "interpolated"
    assert found.pairs_kept[2] == 0
    np.testing.assert_allclose(found.drift_px[2], (10, 4), atol=0.2)
    assert found.sigma_px[2] > 5 * found.sigma_px[1]
    assert errors(found, truth) < 0.2


def test_a_blank_reference_is_still_zero_and_the_others_agree():
    truth = np.array([(0, 0), (5, 2), (12, -4)], float)
    images = masks(truth)
    images[0] = np.zeros(SHAPE, bool)
    found = drift.estimate_drift(images)
    assert found.drift_px[0].tolist() == [0, 0]
    np.testing.assert_allclose(found.drift_px[2] - found.drift_px[1], (7, -6), atol=0.2)


def test_only_blank_frames_do_not_drift():
    found = drift.estimate_drift([np.zeros(SHAPE, bool)] * 3)
    assert not found.drift_px.any()
    assert found.flags == ["reference", "interpolated", "interpolated"]


@pytest.mark.parametrize("factor", [4, 255, 256, 300])
def test_a_block_of_a_mask_is_as_full_as_it_is(factor):
    mask = np.ones((factor, 2 * factor), bool)
    mask[0, factor:] = False
    assert _block_means(mask, factor)[0] == pytest.approx([1, 1 - 1 / factor])


def test_frames_of_another_size_are_named():
    with pytest.raises(ValueError, match=r"row 0 is \(200, 300\) \(H, W\), row 1 is \(200, 299\)"):
        drift.estimate_drift([np.zeros((200, 300)), np.zeros((200, 299))])


def test_a_reference_that_is_not_there():
    with pytest.raises(ValueError, match="expected a row from 0 to 1"):
        drift.estimate_drift(masks([(0, 0), (1, 1)]), reference=2)


def test_what_is_not_finite_counts_as_mean():
    a, b = (m.astype(float) for m in masks([(0, 0), (9.5, -4)]))
    a[:20, :30] = np.nan
    shift = pair_shift(a, b)
    assert (shift.dx_px, shift.dy_px) == (pytest.approx(9.5, abs=0.2), pytest.approx(-4, abs=0.2))


def _pairs(truth, rows, random, sigma=0.1, outliers=0.0):
    rows = np.asarray(rows)
    shift = truth[rows[:, 1]] - truth[rows[:, 0]] + random.normal(0, sigma, (len(rows), 2))
    bad = random.random(len(rows)) < outliers
    shift[bad] = random.uniform(-300, 300, (bad.sum(), 2))
    return pd.DataFrame(
        {"frame_a": rows[:, 0], "frame_b": rows[:, 1], "dx_px": shift[:, 0], "dy_px": shift[:, 1], "sigma_px": sigma,
         "peak": 1.0, "peak_ratio": 2.0, "weight": 1.0, "residual_px": 0.0, "remeasured": False}
    ), bad  # fmt: skip


@pytest.mark.parametrize(("outliers", "most"), [(0.0, 0.04), (0.2, 0.04), (0.4, 0.08)])
def test_outliers_are_set_aside(outliers, most):
    random = np.random.default_rng(1)
    truth = np.cumsum(random.normal(0, 20, (41, 2)), axis=0)
    pairs, bad = _pairs(truth, np.column_stack(np.triu_indices(41, 1)), random, outliers=outliers)
    solution = drift.solve_drift(pairs, 41)
    assert np.sqrt(((solution.drift_px - (truth - truth[0])) ** 2).mean()) < most
    assert (solution.pairs["weight"].to_numpy()[bad] == 0).all()


def test_long_series_survive_outliers_on_the_planned_pairs():
    random = np.random.default_rng(2)
    truth = np.cumsum(random.normal(0, 2, (860, 2)), axis=0)
    pairs, _ = _pairs(truth, drift.plan_pairs(860), random, outliers=0.2)
    solution = drift.solve_drift(pairs, 860)
    assert np.sqrt(((solution.drift_px - (truth - truth[0])) ** 2).mean()) < 0.15


def test_frames_that_no_pair_reaches_are_not_made_up():
    random = np.random.default_rng(3)
    truth = random.normal(0, 5, (5, 2))
    pairs, _ = _pairs(truth, [(0, 1), (1, 2), (0, 2), (3, 4)], random)
    solution = drift.solve_drift(pairs, 5)
    assert solution.connected.tolist() == [True, True, True, False, False]
    assert np.isnan(solution.drift_px[3:]).all()


@pytest.mark.parametrize("count", [2, 10, 64])
def test_few_frames_are_paired_all_with_all(count):
    assert len(drift.plan_pairs(count)) == count * (count - 1) // 2


@pytest.mark.parametrize("count", [65, 860, 4000])
def test_many_frames_are_paired_sparsely_but_well(count):
    pairs = drift.plan_pairs(count)
    assert len(np.unique(pairs, axis=0)) == len(pairs) <= 16 * count
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert np.bincount(pairs.ravel(), minlength=count).min() >= 8


def test_the_tables_hold_frame_numbers():
    found = drift.estimate_drift(masks([(0, 0), (4, 1), (9, 3)]))
    assert found.table([3, 7, 20])["frame"].tolist() == [3, 7, 20]
    pairs = found.pairs_table([3, 7, 20])
    assert pairs[["frame_a", "frame_b"]].to_numpy().tolist() == [[3, 7], [3, 20], [7, 20]]
    assert pairs["dx_px"].tolist() == pytest.approx([4, 9, 5], abs=0.1)


def test_subtracting_the_drift_joins_by_frame():
    found = pd.DataFrame({"frame": [5, 6], "drift_x_px": [0.0, 2.0], "drift_y_px": [0.0, -1.0]})
    voids = pd.DataFrame({"frame": [6, 5], "x_px": [10.0, 10.0], "y_px": [20.0, 20.0]}, index=[7, 3])
    corrected = drift.subtract_drift(voids, found)
    assert corrected["x_corrected_px"].tolist() == [8, 10]
    assert corrected["y_corrected_px"].tolist() == [21, 20]
    assert corrected.index.tolist() == [7, 3]
    with pytest.raises(ValueError, match="the first: frame 6"):
        drift.subtract_drift(voids, found.iloc[:1])


def test_aligning_an_image_undoes_its_drift():
    still, moved = (ndimage.gaussian_filter(m.astype(float), 2) for m in masks([(0, 0), (7.5, -3.25)]))
    aligned = drift.align(moved, np.array([7.5, -3.25]))
    known = np.isfinite(aligned)
    assert known.mean() > 0.9
    inner = known[20:-20, 20:-20]
    assert inner.all()
    assert np.abs(aligned - still)[20:-20, 20:-20].mean() < 0.02


def test_the_mean_image_is_sharp_when_aligned():
    truth = np.array([(0, 0), (7.5, -3), (14, 5)])
    images = [m.astype(np.float32) for m in masks(truth)]
    mean = drift.mean_image(images, truth)
    assert np.std(mean[20:-20, 20:-20]) > 0.9 * np.std(images[0])


@pytest.mark.parametrize(
    ("status", "tilt", "frame", "row"),
    [
        (["ok"] * 3, [np.nan] * 3, None, 0),
        (["blank", "ok", "ok"], [np.nan] * 3, None, 1),
        (["ok"] * 3, [-10, 2, 5], None, 1),
        (["ok", "excluded", "ok"], [-10, 2, 5], None, 2),
        (["ok"] * 3, [-10, 2, 5], 30, 2),
        (["ok"] * 3, [12.31, 12.30, 12.33], None, 0),  # the stage is at rest
        (["blank"] * 3, [np.nan] * 3, None, 0),
    ],
)
def test_the_reference_is_the_lowest_tilt_that_can_be_used(status, tilt, frame, row):
    frames = pd.DataFrame({"frame": [10, 20, 30], "status": status, "tilt_deg": tilt})
    assert drift.reference_row(frames, frame) == row


def test_a_reference_frame_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="reference_frame = 7"):
        drift.reference_row(pd.DataFrame({"frame": [1], "status": ["ok"], "tilt_deg": [0.0]}), 7)


def test_a_run_finds_the_drift_of_its_truth(finished):
    paths, truth, _ = finished
    found = tables.load(paths, "drift").set_index("frame")
    known = truth.truth.drift.set_index("frame")
    columns = ["drift_x_px", "drift_y_px"]
    assert (
        found[columns] - known[columns]
    ).abs().to_numpy().max() < 12  # parallax is not drift, but it is there


def test_the_jump_of_a_real_video(shared):
    frames = [
        iio.imread(shared / "gold_video" / "frames" / f"frame_{i:03d}.png")[..., 0] for i in (2, 3, 4, 29, 30)
    ]
    found = drift.estimate_drift([frame.astype(np.float32) for frame in frames])
    step = np.diff(found.drift_px, axis=0)
    # Content moves right and up: registering frame 4 on frame 3 takes (14, -37) px along (rows, columns).
    np.testing.assert_allclose(step[1], (37, -14), atol=2)
    np.testing.assert_allclose(step[3], (2, 7), atol=2)
