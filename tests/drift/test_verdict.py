"""Whether a drift can be trusted: what stays put, what is not looked at, pieces, error bars, the verdict."""

import re
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from void_masks import SHAPE, masks, pair_shift
from voidlab import drift
from voidlab.images.valid_area import outside_boxes

rng = np.random.default_rng


def raw(shifts, seed=0, *, noise=0.2, gain=0.0, background=0.0):
    """Frames as a camera gives them: soft voids on a background, behind a gain of its own, in noise."""
    random = rng(seed)
    pattern = 1 + gain * random.standard_normal(SHAPE)
    return [
        ((0.4 * ndimage.gaussian_filter(m.astype(float), 1) + 1 + background) * pattern
         + random.normal(0, noise, SHAPE)).astype(np.float32)
        for m in masks(shifts, seed)
    ]  # fmt: skip


def walk(frames, step, seed=0):
    steps = np.cumsum(rng(seed).normal(0, step, (frames, 2)), axis=0)
    return steps - steps[0]


def test_a_still_video_of_images_does_not_move():
    found = drift.estimate_drift(raw([(0, 0)] * 5, noise=0.02))
    np.testing.assert_allclose(found.drift_px, 0, atol=0.05)
    assert found.flags == ["reference"] + [""] * 4


def test_a_still_scene_that_repeats_itself_does_not_jump_to_its_neighbour():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    lattice = (np.sin(x / 4) * np.sin(y / 4)).astype(np.float32)
    found = drift.estimate_drift(
        [lattice + rng(s).normal(0, 0.1, SHAPE).astype(np.float32) for s in range(4)]
    )
    np.testing.assert_allclose(found.drift_px, 0, atol=1)


def test_content_is_followed_behind_a_fixed_pattern():
    truth = np.array([(0, 0), (22, -13), (41, 5), (60, -20), (38, -36), (12, -20)], float)
    found = drift.estimate_drift(raw(truth, noise=0.1, gain=0.1))
    np.testing.assert_allclose(found.drift_px, truth, atol=0.5)
    assert set(found.flags) == {"reference", ""}


def test_a_fixed_pattern_is_said_when_the_drift_is_too_small_to_tell():
    truth = walk(6, 1.5)
    found = drift.estimate_drift(raw(truth, noise=0.2, gain=0.15))
    assert set(found.flags[1:]) == {"fixed pattern"}
    assert (found.sigma_px[1:] > 5).all()
    pairs = found.pairs_table(range(6))
    verdict = drift.assess_drift(found.table(range(6)), pairs)
    assert verdict.grade == "do not use"
    assert "stays put" in verdict.reasons[0]


def test_a_fixed_pattern_is_no_reason_for_doubt_once_content_lies_clear_of_it():
    truth = np.array([(0, 0), (4, -3), (9, -1), (13, 4), (11, 9), (6, 12)], float)
    found = drift.estimate_drift(raw(truth, noise=0.2, gain=0.15))
    assert "fixed pattern" not in found.flags
    assert (np.abs(found.drift_px - truth)[1:] < 4 * found.sigma_px[1:, None]).all()


def test_dust_on_the_camera_does_not_hide_what_moves():
    truth = np.array([(0, 0), (30, 8), (52, -10)], float)
    dust = 0.5 * ndimage.gaussian_filter(masks([(0, 0)], seed=9, voids=25)[0].astype(float), 1)
    images = [(image + dust).astype(np.float32) for image in raw(truth, noise=0.05)]
    found = drift.estimate_drift(images)
    np.testing.assert_allclose(found.drift_px, truth, atol=0.5)


def burn_in(images):
    """A scale bar and a caption, brighter than anything, at one place in all frames."""
    marked = [np.asarray(image, float) for image in images]
    for image in marked:
        image[170:190, 20:140] = 5
        image[10:30, 200:290:7] = 5
    return marked


def test_a_scale_bar_is_not_looked_at():
    truth = np.array([(0, 0), (24.5, -12.25), (40, 7)])
    images = burn_in(masks(truth))
    valid = outside_boxes(SHAPE, [[15, 165, 130, 30], [195, 5, 100, 30]])
    found = drift.estimate_drift(images, valid=valid)
    np.testing.assert_allclose(found.drift_px, truth, atol=0.3)


def test_what_is_not_valid_may_be_anything():
    images = [m.astype(np.float32) for m in masks([(0, 0), (13.5, 6)])]
    valid = outside_boxes(SHAPE, [[0, 150, 300, 50]])
    one = pair_shift(*images, valid=valid)
    for image in images:
        image[150:] = np.nan
    assert pair_shift(*images) == one
    assert (one.dx_px, one.dy_px) == (pytest.approx(13.5, abs=0.3), pytest.approx(6, abs=0.3))


def test_a_mask_of_another_shape_is_named():
    with pytest.raises(ValueError, match=r"valid is bool of shape \(3, 4\)"):
        drift.estimate_drift(masks([(0, 0), (1, 1)]), valid=np.ones((3, 4), bool))


def test_nothing_valid_is_nothing_to_see():
    found = drift.estimate_drift(masks([(0, 0), (4, 4)]), valid=np.zeros(SHAPE, bool))
    assert not found.drift_px.any()
    assert found.flags == ["reference", "interpolated"]


def test_pairs_are_exactly_opposite_the_other_way_round():
    images = masks(walk(4, 20))
    forth = drift.estimate_drift(images, pairs=np.array([(0, 1), (1, 2), (0, 2), (2, 3)])).pairs
    back = drift.estimate_drift(images, pairs=np.array([(1, 0), (2, 1), (2, 0), (3, 2)])).pairs
    assert (back["dx_px"] == -forth["dx_px"]).all()
    assert (back["dy_px"] == -forth["dy_px"]).all()
    assert (back["frame_a"] == forth["frame_b"]).all()


def test_a_pair_twice_is_refused():
    with pytest.raises(ValueError, match="each pair of rows once"):
        drift.estimate_drift(masks([(0, 0), (1, 1)]), pairs=np.array([(0, 1), (1, 0)]))


def test_pieces_that_no_pair_joins_are_said_to_be_so():
    truth = walk(6, 8)
    rows = np.array([(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5)])
    found = drift.estimate_drift(masks(truth), pairs=rows)
    assert found.flags[3:] == ["not connected"] * 3
    assert (found.sigma_px[3:] >= SHAPE[1] / 2).all()
    verdict = drift.assess_drift(found.table(range(6)), found.pairs_table(range(6)))
    assert verdict.grade == "do not use"
    assert "3 not connected" in " ".join(verdict.reasons)


def test_frames_too_far_apart_to_overlap_are_not_paired():
    truth = np.column_stack([np.arange(70) * 12.0, np.zeros(70)])
    random = rng(0)
    found = drift.estimate_drift(_long_strip(truth, random))
    apart = np.abs(found.pairs["frame_b"] - found.pairs["frame_a"])
    assert apart.max() <= SHAPE[1] * 0.75 / 12
    np.testing.assert_allclose(found.drift_px, truth, atol=0.6)


def _long_strip(truth, random):
    """Frames of a wide specimen that passes by."""
    wide = ndimage.gaussian_filter(random.standard_normal((SHAPE[0], 1300)), 3)
    return [wide[:, 1300 - SHAPE[1] - round(x) : 1300 - round(x)].astype(np.float32) for x, _ in truth]


@pytest.mark.parametrize("kind", ["masks", "images"])
def test_two_thirds_of_the_errors_lie_within_one_sigma(kind):
    standardised = []
    for seed in range(12):
        truth = walk(6, 8, seed)
        images = masks(truth, seed) if kind == "masks" else raw(truth, seed)
        found = drift.estimate_drift(images)
        standardised.append((found.drift_px - truth)[1:] / found.sigma_px[1:, None])
    inside = np.mean(np.abs(standardised) < 1)
    # 120 values that go together by frame and by series: twice their spread around 68 %.
    assert 0.55 < inside < 0.82


def test_triangles_close_when_pairs_agree():
    pairs = drift.estimate_drift(masks(walk(5, 10))).pairs
    closures = drift.triangle_closures(pairs)
    kept = set(pairs.loc[pairs["weight"] > 0, ["frame_a", "frame_b"]].itertuples(index=False, name=None))
    triangles = [t for t in combinations(range(5), 3) if set(combinations(t, 2)) <= kept]
    assert len(closures) == len(triangles) > 3
    assert np.median(closures) < 0.2
    pairs.loc[0, "dx_px"] += 50
    assert drift.triangle_closures(pairs).max() == pytest.approx(50, abs=1)
    assert not len(drift.triangle_closures(pairs.iloc[:0]))


def test_a_good_drift_is_said_to_be_good_and_why():
    found = drift.estimate_drift(masks(walk(6, 8)))
    verdict = drift.assess_drift(found.table(range(6)), found.pairs_table(range(6)))
    assert verdict.grade == "good"
    assert "15 of 15 pairs of frames agree" in " ".join(verdict.reasons)
    assert drift.assess_drift(found.table(range(6)).iloc[:1], found.pairs.iloc[:0]).grade == "good"


def test_lengths_are_told_in_nm_where_a_pixel_is_known():
    found = drift.estimate_drift(masks(walk(6, 8)))
    tables = found.table(range(6)), found.pairs_table(range(6))
    in_px, in_nm = (
        drift.assess_drift(*tables, calibration=SimpleNamespace(pixel_size_nm=size)).reasons
        for size in (None, 50.0)
    )
    lengths = [[float(value) for value in re.findall(r"([\d.]+) px", reason)] for reason in in_px]
    assert sum(map(len, lengths)) == 3
    assert not any("px" in reason for reason in in_nm)
    for before, reason in zip(lengths, in_nm, strict=True):
        after = [float(value) for value in re.findall(r"([\d.]+) nm", reason)]
        assert after == pytest.approx([50 * value for value in before], abs=0.26)


def test_of_two_images_it_is_said_that_nothing_checks_the_shift():
    found = drift.estimate_drift(masks([(0, 0), (5, -3)]))
    verdict = drift.assess_drift(found.table(range(2)), found.pairs_table(range(2)))
    assert verdict.grade == "check"
    assert verdict.reasons[0].startswith("There are only two images: nothing checks the shift between them.")
    assert not any("frame" in reason or "pairs" in reason for reason in verdict.reasons)


def test_frames_with_nothing_in_common_are_not_called_good():
    found = drift.estimate_drift([masks([(0, 0)], seed=s)[0] for s in range(5)])
    verdict = drift.assess_drift(found.table(range(5)), found.pairs_table(range(5)))
    assert verdict.grade != "good"


def test_the_worst_comes_first():
    images = masks(walk(6, 8))
    images[3] = np.zeros(SHAPE, bool)
    found = drift.estimate_drift(images)
    verdict = drift.assess_drift(found.table(range(10, 16)), found.pairs_table(range(10, 16)))
    assert verdict.grade == "check"
    assert verdict.reasons[0] == "1 of 6 frames cannot be relied on (1 interpolated): frame 13."


@pytest.mark.parametrize(
    ("shift", "shape", "origin"), [((7.5, -3.0), (203, 308), (8, 0)), ((-4, 2), (202, 304), (0, 2))]
)
def test_an_expanded_canvas_holds_all_of_every_frame(shift, shape, origin):
    canvas = drift.Canvas.of_all(SHAPE, np.array([(0.0, 0.0), shift]))
    assert (canvas.shape, canvas.origin) == (shape, origin)
    image = rng(0).random(SHAPE).astype(np.float32)
    still = drift.align(image, np.zeros(2), canvas=canvas)
    x, y = origin
    np.testing.assert_array_equal(still[y : y + SHAPE[0], x : x + SHAPE[1]], image)
    moved = drift.align(image, np.array(shift), canvas=canvas)
    lost = (shift[0] % 1 > 0) * SHAPE[0]
    assert np.isfinite(moved).sum() == image.size - lost


def test_aligning_by_whole_pixels_changes_no_value():
    image = rng(0).random((20, 31)).astype(np.float32)
    aligned = drift.align(image, np.array([3, -2]))
    np.testing.assert_array_equal(aligned[2:, :-3], image[:-2, 3:])
    assert np.isnan(aligned[:2]).all()
    assert np.isnan(drift.align(image, np.array([40.0, 0]))).all()
