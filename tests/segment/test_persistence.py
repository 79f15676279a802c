"""Images of a series confirm each other's voids: what comes, what goes, and what it rests on."""

import numpy as np
import pandas as pd
import pytest
import tifffile

from voidlab import scores, segment, simulate, tables
from voidlab.images import open_series
from voidlab.segment import persistence
from voidlab.segment.discs import Discs
from voidlab.segment.frame import BLANK, FrameResult
from voidlab.segment.persistence import Shown, confidence_over_series, settle

SHAPE = (200, 240)
PLACES = [(30.0 + 45 * column, 30.0 + 45 * row) for row in range(4) for column in range(4)]
STEP = np.array([1.5, -1.0])  # drift from one image to the next, px


def candidates(rows=8, *, confidence=0.9, leave_out=(), also=()):
    """Voids at ``PLACES`` in every image; ``also`` (row, x, y, confidence) are others, without drift."""
    made = [
        (row, x + row * STEP[0], y + row * STEP[1], 6.0, confidence)
        for row in range(rows)
        for place, (x, y) in enumerate(PLACES)
        if (row, place) not in leave_out
    ]
    made += [(row, x + row * STEP[0], y + row * STEP[1], 6.0, sure) for row, x, y, sure in also]
    return pd.DataFrame(made, columns=["row", "x_px", "y_px", "radius_px", "confidence"])


def whole(rows=8):
    return Shown(SHAPE, rows * SHAPE[0] * SHAPE[1])


def heard(voids, rows=8):
    return confidence_over_series(voids, np.arange(rows)[:, None] * STEP, whole(rows))


def unread(row):
    raise AssertionError("images that are shown whole are not read again")


def test_what_is_seen_once_goes_and_what_was_nearly_missed_comes():
    faint = (4, *PLACES[5], 0.25)
    lone = (4, 52.0, 52.0, 0.8)
    after = heard(candidates(leave_out=[(4, 5)], also=[faint, lone]))
    assert after[-2] > 0.5  # beside it in time it was plain
    assert after[-1] < 0.5
    assert (after[:-2] > 0.9).all()


@pytest.mark.parametrize("there", [range(4, 8), range(0, 4)])
def test_a_void_that_comes_or_goes_in_the_middle_stays(there):
    """Absence on one side is what a nucleation looks like."""
    also = [(row, 52.0, 52.0, 0.8) for row in there]
    assert (heard(candidates(also=also))[-len(also) :] > 0.5).all()


def test_where_voids_blink_absence_says_little():
    random = np.random.default_rng(0)
    missed = [(row, place) for row in range(8) for place in range(16) if random.random() < 0.5]
    lone = (4, 52.0, 52.0, 0.7)
    after_plain = heard(candidates(also=[lone]))[-1]
    after_blinking = heard(candidates(leave_out=missed, also=[lone]))[-1]
    assert after_plain < 0.01
    assert after_blinking > 0.1


def test_what_drifts_out_of_the_image_is_not_held_against_a_void():
    late = pd.DataFrame(
        [(0, 1.0, 100.0, 6.0, 0.7)], columns=["row", "x_px", "y_px", "radius_px", "confidence"]
    )
    voids = pd.concat([candidates(), late], ignore_index=True)
    drift = -np.arange(8)[:, None] * np.array([4.0, 0.0])
    assert confidence_over_series(voids, drift, whole())[-1] == pytest.approx(0.7)


def test_nor_is_what_drifts_out_of_what_shows_the_specimen():
    """In a crop, beside a box or in a padded image a void leaves what is seen long before it leaves the image."""
    valid = np.ones((200, 340), bool)
    valid[:, :100] = False
    drift = -np.arange(8)[:, None] * np.array([4.0, 0.0])
    columns = ["row", "x_px", "y_px", "radius_px", "confidence"]
    places = [(101.0, 100.0), *((x + 105, y) for x, y in PLACES)]
    moved = [(row, x - 4.0 * row, y, 6.0, 0.7) for x, y in places for row in range(8)]
    voids = pd.DataFrame(moved, columns=columns).query("x_px >= 100").reset_index(drop=True)
    after = confidence_over_series(voids, drift, Shown((200, 340), 8 * int(valid.sum()), lambda row: valid))
    assert after[0] == pytest.approx(0.7)
    assert (after >= 0.7).all()
    # Were it looked for where nothing can be seen, it would be missed.
    assert confidence_over_series(voids, drift, Shown((200, 340), 8 * valid.size))[0] < 0.5


def test_an_image_that_was_not_looked_at_says_nothing():
    drift = np.arange(3)[:, None] * STEP
    drift[[0, 2]] = np.nan
    voids = candidates(1).assign(row=1)
    np.testing.assert_allclose(confidence_over_series(voids, drift, whole(3)), 0.9)


def test_a_noisy_film_has_more_of_its_voids_and_its_labels_fit(tmp_path):
    film = simulate.video(1, frames=6, shape=(224, 256), voids=20, noise=0.1, jump_px=(3.0, -4.0))
    tifffile.imwrite(tmp_path / "film.tif", np.stack(list(film.images)))
    images = open_series(tmp_path / "film.tif")
    found = {}
    for use in (False, True):
        labels = []
        method = segment.load_segmenter(contrast="bright", use_series=use)
        frames, voids = segment.segment_series(images, method, keep_labels=labels.append)
        found[use] = voids
        for row, each in enumerate(labels):
            pixels = each if isinstance(each, np.ndarray) else each.unpacked()
            mine = voids[voids["frame"] == row]
            assert sorted(set(np.unique(pixels)) - {0}) == sorted(mine["label"])
            assert frames["void_count"].iloc[row] == len(mine)
    said = voids.attrs["segmentation"]["series"]
    assert len(found[True]) - len(found[False]) == said["added"] - said["removed"]
    assert said["added"] > 0
    truth = film.truth.voids.assign(ignored=lambda voids: voids["radius_px"] < 2.5)
    f1 = {use: scores.score_voids(truth, each)["f1"] for use, each in found.items()}
    assert f1[True] > f1[False]
    assert (found[True]["confidence"] >= 0.5).all()
    of_all_kinds = segment.load_segmenter(contrast="bright", use_series=True, kinds=["void", "loop", "dot"])
    _, voids = segment.segment_series(images, of_all_kinds)
    pd.testing.assert_frame_equal(
        tables.only_voids(voids).drop(columns="label").reset_index(drop=True),
        found[True].drop(columns="label"),
    )


def test_a_loop_goes_where_the_series_confirms_a_void_and_stays_where_it_does_not():
    def table(kind, x, confidence):
        names = {"kind": kind, "x_px": x, "y_px": 50.0, "radius_px": 6.0, "edge_radius_px": 6.0}
        return pd.DataFrame([names | {"confidence": confidence}])

    loops = pd.concat([table("loop", x, 0.8) for x in (51.0, 90.0)], ignore_index=True)
    apart = persistence._apart(loops, table("void", 50.0, 0.7))
    assert apart.tolist() == [False, True]
    assert persistence._apart(loops, loops[:0]).tolist() == [True, True]


def test_two_images_or_an_unknown_drift_leave_each_image_by_itself():
    def result(seed, count):
        random = np.random.default_rng(seed)
        labels = np.zeros((64, 64), np.int32)
        rows = []
        for label in range(1, count + 1):
            x, y = random.integers(6, 58, 2)
            labels[y - 2 : y + 3, x - 2 : x + 3] = label
            rows.append((0, label, x, y, 3.0, 25.0, 0.3 if label == 1 else 0.9, False, "void"))
        columns = [
            "frame",
            "label",
            "x_px",
            "y_px",
            "radius_px",
            "area_px",
            "confidence",
            "touches_edge",
            "kind",
        ]
        voids = tables.check(pd.DataFrame(rows, columns=columns), "voids")
        return FrameResult("ok", voids, labels, int((labels > 0).sum()), labels.size)

    few = settle([result(0, 3), FrameResult(BLANK), result(1, 3)], 0.5, read=unread)
    assert "2 images" in few.reason
    assert [len(each.voids) for each in few.results] == [2, 0, 2]
    assert few.results[0].voids["label"].tolist() == [1, 2]
    unlike = settle([result(seed, 3) for seed in range(12)], 0.5, read=unread)
    assert "drift" in unlike.reason
    assert all((each.voids["confidence"] >= 0.5).all() for each in unlike.results)


def test_candidates_have_no_say_in_the_focus_and_voids_without_a_confidence_do():
    method = segment.load_segmenter(use_series=True)
    columns = ["frame", "label", "x_px", "y_px", "radius_px", "area_px", "confidence", "touches_edge", "kind"]
    rows = [(0, n + 1, 9.0 * n, 5.0, 3.0, 25.0, c, False, "void") for n, c in enumerate((0.9, 0.2, np.nan))]
    voids = tables.check(pd.DataFrame(rows, columns=columns), "voids")
    found = segment.Segmentation(np.zeros((9, 30), np.float32), np.zeros((9, 30), np.int32), voids)
    assert method._sure(found.discs).x.tolist() == [0.0, 18.0]


def test_the_focus_is_read_off_the_surest_voids_where_there_are_enough():
    method = segment.load_segmenter()

    def read_off(*confidence):
        ones = np.ones(len(confidence))
        discs = Discs(np.arange(len(confidence)), ones, ones, np.array(confidence), ones.astype(str))
        return method._sure(discs).x.tolist()

    assert read_off(0.9, 0.6, 0.9, 0.4) == [0, 1, 2]
    assert read_off(0.9, 0.9, 0.6, 0.9, 0.9, np.nan, 0.4) == [
        0,
        1,
        3,
        4,
        5,
    ]  # one set by hand has no confidence
