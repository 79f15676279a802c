"""What edits by hand do to voids, labels and tracks; those that no longer fit are said."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voidlab import tables
from voidlab.measure import measure_voids
from voidlab.project.apply_edits import spot_of
from voidlab.project.edits import AddVoid, BadFrame, DeleteVoid, MergeVoids, MoveVoid, RedrawVoid, SplitVoid
from voidlab.project.spots import Ellipse, Spot
from voidlab.segment import corrections

SHAPE = (60, 90)  # non-square


def disc(x, y, r):
    ys, xs = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(xs - x, ys - y) <= r


@pytest.fixture
def frame():
    """Three voids: two that touch, one alone."""
    labels = np.zeros(SHAPE, np.int32)
    labels[disc(20, 30, 6)] = 1
    labels[disc(33, 30, 6)] = 2
    labels[disc(70, 20, 4)] = 3
    return measure_voids(labels, frame=5), labels


def at(x, y, r, frame=5):
    return Spot(frame=frame, x_px=x, y_px=y, radius_px=r)


def kept(voids):
    return tables.kept(voids)["label"].tolist()


def test_a_deleted_void_stays_flagged_and_leaves_the_labels(frame):
    voids, labels = frame
    mended, after, reasons = corrections.correct_frame(voids, labels, [DeleteVoid(at=at(20.5, 30, 6))])
    assert reasons == [""]
    assert mended["label"].tolist() == [1, 2, 3]
    assert mended["corrected"].tolist() == ["deleted", "", ""]
    assert kept(mended) == [2, 3]
    assert set(np.unique(after)) == {0, 2, 3}
    # what the segmenter found is still there to read
    raw = [c for c in voids.columns if c != "corrected"]
    pd.testing.assert_frame_equal(mended[raw], voids[raw])
    assert labels.max() == 3
    assert (labels == 1).any()  # the array given is not changed


def test_an_added_circle_takes_free_pixels_only(frame):
    voids, labels = frame
    mended, after, _ = corrections.correct_frame(voids, labels, [AddVoid(at=at(76, 20, 4))])
    new = mended.iloc[-1]
    assert (new["label"], new["corrected"]) == (4, "added")
    assert (new["x_px"], new["y_px"], new["radius_px"]) == (76, 20, 4)
    assert np.array_equal(after == 3, labels == 3)
    assert new["area_px"] == (after == 4).sum() < disc(76, 20, 4).sum()


def test_split_and_merge_undo_each_other_in_pixels(frame):
    voids, labels = frame
    split, after, _ = corrections.correct_frame(
        voids, labels, [SplitVoid(at=at(20, 30, 6), line=(20.5, 0, 20.5, 60))]
    )
    assert split["corrected"].tolist() == ["deleted", "", "", "split", "split"]
    assert split["area_px"].iloc[3:].sum() == (labels == 1).sum()
    a, b = (spot_of(row) for _, row in split.iloc[3:].iterrows())
    assert a.x_px > 20.5 > b.x_px or b.x_px > 20.5 > a.x_px
    merged, again, reasons = corrections.correct_frame(split, after, [MergeVoids(at=(a, b))])
    assert reasons == [""]
    assert np.array_equal(again > 0, labels > 0)
    last = merged.iloc[-1]
    assert last["corrected"] == "merged"
    assert last[["x_px", "y_px", "radius_px"]].tolist() == pytest.approx(
        voids.iloc[0][["x_px", "y_px", "radius_px"]].tolist()
    )


def test_voids_are_merged_that_touch_are_a_little_apart_or_were_drawn_side_by_side(frame):
    voids, labels = frame
    _, after, reasons = corrections.correct_frame(
        voids, labels, [MergeVoids(at=(at(20, 30, 6), at(33, 30, 6)))]
    )
    assert reasons == [""]  # 1 px apart
    assert (after == 4).sum() == (labels == 1).sum() + (labels == 2).sum()
    bars = np.zeros(SHAPE, np.int32)
    bars[50:53, 5:45], bars[50:53, 45:85] = 1, 2  # circles of their areas are 28 px apart
    drawn = measure_voids(bars, frame=5)
    both = MergeVoids(at=tuple(spot_of(row) for _, row in drawn.iterrows()))
    merged, _, reasons = corrections.correct_frame(drawn, bars, [both])
    assert reasons == [""]
    assert merged["area_px"].iloc[-1] == 240


def test_a_redrawn_void_has_those_pixels(frame):
    voids, labels = frame
    wanted = disc(21, 31, 7)
    mended, after, _ = corrections.correct_frame(
        voids, labels, [RedrawVoid(at=at(20, 30, 6), runs=corrections.runs_of(wanted))]
    )
    assert np.array_equal(after == 4, wanted)
    assert mended.iloc[-1]["x_px"] == pytest.approx(21)
    # a neighbour that lost pixels says so
    assert mended.loc[mended["label"] == 2, "area_px"].item() == (after == 2).sum()


def test_a_moved_void_is_a_circle_where_it_was_put_with_the_radius_of_an_edge(frame):
    voids, labels = frame
    to = at(23, 31, 4.5)
    move = MoveVoid(at=at(20, 30, 6), to=to)
    mended, after, reasons = corrections.correct_frame(voids, labels, [move])
    assert reasons == [""]
    assert mended["corrected"].tolist() == ["deleted", "", "", "moved"]
    new = mended.iloc[-1]
    assert (new["x_px"], new["y_px"], new["radius_px"]) == (23, 31, 4.5)
    assert (new["edge_radius_px"], new["size_basis"]) == (4.5, "edge")
    assert np.isnan(new["radius_sigma_px"])
    assert new["area_px"] == (after == 4).sum()
    assert not (after == 1).any()  # what it was before is free
    assert set(np.unique(after[disc(23, 31, 4.5)])) <= {2, 4}


def test_a_void_cannot_be_moved_onto_others_or_out_of_the_image(frame):
    voids, labels = frame
    for to, why in ((at(70, 20, 2), "lies wholly on other voids"), (at(900, 900, 2), "covers no pixel")):
        mended, after, (reason,) = corrections.correct_frame(
            voids, labels, [MoveVoid(at=at(20, 30, 6), to=to)]
        )
        assert why in reason
        pd.testing.assert_frame_equal(mended, voids)
        assert np.array_equal(after, labels)


def test_edits_act_in_order(frame):
    voids, labels = frame
    new = at(50, 45, 5)
    mended, after, reasons = corrections.correct_frame(voids, labels, [AddVoid(at=new), DeleteVoid(at=new)])
    assert reasons == ["", ""]
    assert mended["corrected"].tolist() == ["", "", "", "deleted"]
    assert np.array_equal(after, labels)
    _, _, reasons = corrections.correct_frame(voids, labels, [DeleteVoid(at=new), AddVoid(at=new)])
    assert reasons[0].startswith("there is no void of about 5.0 px radius at (50.0, 45.0) in frame 5")
    assert reasons[1] == ""


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (DeleteVoid(at=at(45, 50, 6)), "there is no void"),
        (DeleteVoid(at=at(20, 30, 20)), "there is no void of about 20.0 px"),
        (DeleteVoid(at=at(20, 30, 6, frame=6)), "in frame 6"),
        (AddVoid(at=at(20, 30, 2)), "wholly on other voids"),
        (AddVoid(at=at(-50, 30, 2)), "covers no pixel"),
        (SplitVoid(at=at(20, 30, 6), line=(0, 0, 90, 0)), "does not cross"),
        (MergeVoids(at=(at(20, 30, 6), at(20.5, 30, 6))), "are one already"),
        (
            MergeVoids(at=(at(20, 30, 6), at(33, 30, 6), at(70, 20, 4))),
            "the voids at (33.0, 30.0) and (70.0, 20.0) are 28.4 px apart; expected pieces of one void, at most 3.0",
        ),
        (
            MergeVoids(at=(at(20, 30, 6), at(33, 30, 6, frame=6))),
            "the voids to merge lie in frames 5 and 6; expected voids of one image",
        ),
        (AddVoid(at=at(88, 30, 2), runs=((30, 88, 9),)), "outside the image"),
        (MoveVoid(at=at(20, 30, 6), to=at(50, 45, 5, frame=6)), "in frame 5 cannot be moved to frame 6"),
    ],
)
def test_an_edit_that_does_not_fit_changes_nothing_and_says_why(frame, edit, said):
    voids, labels = frame
    mended, after, (reason,) = corrections.correct_frame(voids, labels, [edit])
    assert said in reason
    pd.testing.assert_frame_equal(mended, tables.check(voids, "voids"))
    assert np.array_equal(after, labels)


def test_a_void_that_is_deleted_twice_is_said(frame):
    voids, labels = frame
    twice = [DeleteVoid(at=at(20, 30, 6))] * 2
    assert corrections.correct_frame(voids, labels, twice)[2][1].startswith("there is no void")


def test_an_empty_frame_can_be_added_to():
    voids, labels, reasons = corrections.correct_frame(
        tables.empty("voids"), np.zeros(SHAPE, np.int32), [AddVoid(at=at(3, 30, 6))]
    )
    assert reasons == [""]
    assert voids["touches_edge"].tolist() == [True]
    assert labels.max() == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
def test_pixels_as_runs_and_back(seed, height, width):
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    runs = corrections.runs_of(mask)
    assert np.array_equal(corrections._of_runs(runs, mask.shape), mask)


def _series(frame):
    voids, labels = frame
    frames = pd.DataFrame(
        {
            "frame": [5, 7, 8], "path": ["a", "b", "c"], "tilt_deg": np.nan, "time_s": np.nan,
            "status": ["ok", "ok", "unreadable"], "void_count": pd.array([3, 3, None], dtype="Int64"),
            "void_fraction": [0.1, 0.1, np.nan],
            "valid_px": pd.array([labels.size, labels.size, None], dtype="Int64"),
        }
    )  # fmt: skip
    both = pd.concat([voids, voids.assign(frame=7)], ignore_index=True)
    return tables.check(frames, "frames"), both, [labels, labels.copy(), np.zeros(SHAPE, np.int32)]


def test_a_series_is_mended_frame_by_frame_and_counted_anew(frame):
    frames, voids, labels = _series(frame)
    kept = []
    edits = [
        DeleteVoid(at=at(20, 30, 6, frame=7)),
        BadFrame(frame=5),
        AddVoid(at=at(40, 50, 3, frame=8)),
        DeleteVoid(at=at(20, 30, 6, frame=99)),
        DeleteVoid(at=at(70, 20, 4, frame=5)),
    ]
    frames, voids, reasons = corrections.correct_series(
        frames, voids, labels, edits, edge_buffer_px=8, keep_labels=kept.append
    )
    assert reasons[:2] == ["", ""]
    assert reasons[2:] == [
        "frame 8 was left out: unreadable", "there is no frame 99", "frame 5 is marked as bad",
    ]  # fmt: skip
    assert frames["status"].tolist() == ["excluded", "ok", "unreadable"]
    assert frames["void_count"].tolist() == [pd.NA, 2, pd.NA]
    assert frames["void_fraction"].iloc[1] == np.count_nonzero(kept[1]) / kept[1].size
    assert len(kept) == 3
    assert not kept[0].any()
    assert len(voids) == 6
    assert len(tables.kept(voids)) == 2


# --- beside loops and dots ---------------------------------------------------------------------------------------


def loop_at(x, y, r, label, frame=5):
    row = {"frame": frame, "label": label, "x_px": x, "y_px": y, "radius_px": r, "area_px": np.pi * r**2}
    row |= {"kind": "loop", "confidence": 0.9, "touches_edge": False}
    return tables.check(pd.DataFrame([row]), "voids")


def test_an_edit_is_of_voids_and_leaves_loops_as_they_are(frame):
    voids, labels = frame
    loops = pd.concat([loop_at(20, 30, 6, 4), loop_at(50, 45, 5, 5)])  # one upon a void
    edits = [DeleteVoid(at=at(20, 30, 6)), AddVoid(at=at(50, 45, 5)), DeleteVoid(at=at(50, 44, 6))]
    alone, labels_alone, said_alone = corrections.correct_frame(voids, labels, edits)
    both, after, said = corrections.correct_frame(pd.concat([voids, loops]), labels, edits)
    assert said == said_alone == [""] * 3
    assert (after > 0).tolist() == (labels_alone > 0).tolist()
    of_voids = tables.only_voids(both).reset_index(drop=True)
    pd.testing.assert_frame_equal(of_voids.drop(columns="label"), alone.drop(columns="label"))
    assert both["label"].is_unique
    untouched = both[both["kind"] == "loop"].reset_index(drop=True)
    pd.testing.assert_frame_equal(untouched, loops.reset_index(drop=True))


def test_counts_after_edits_are_those_of_the_voids_and_a_bad_frame_has_none(frame):
    voids, labels = frame
    both = pd.concat([voids, loop_at(50, 45, 5, 4)])
    both = pd.concat([both, both.assign(frame=6)], ignore_index=True)
    frames = pd.DataFrame(
        {"frame": [5, 6], "path": "a", "tilt_deg": 0.0, "time_s": 0.0, "status": "ok", "void_count": 3,
         "void_fraction": 0.1, "valid_px": labels.size, "loop_count": 1, "dot_count": None}
    )  # fmt: skip
    frames, both, reasons = corrections.correct_series(
        tables.check(frames, "frames"),
        both,
        [labels, labels],
        [DeleteVoid(at=at(70, 20, 4)), BadFrame(frame=6)],
        edge_buffer_px=8,
        keep_labels=lambda page: None,
    )
    assert reasons == ["", ""]
    assert frames["void_count"].fillna(-1).tolist() == [2, -1]
    assert frames["loop_count"].fillna(-1).tolist() == [1, -1]
    assert frames["status"].tolist() == ["ok", "excluded"]
    assert set(tables.kept(both)["frame"]) == {5}


def test_a_circle_larger_than_the_image_is_no_void(frame):
    voids, labels = frame
    edit = AddVoid(at=Spot(frame=5, x_px=20, y_px=30, radius_px=91))
    after, same, reasons = corrections.correct_frame(voids, labels, [edit])
    assert reasons == ["a circle of 91 px radius at (20.0, 30.0) in frame 5 is larger than the image"]
    assert len(after) == len(voids)
    assert np.array_equal(same, labels)


@pytest.mark.parametrize("turned", [0.0, 30.0, 90.0, -120.0])
def test_an_ellipse_is_in_the_table_and_in_the_labels(frame, turned):
    voids, labels = frame
    ellipse = Ellipse(semi_major_px=8, semi_minor_px=4, orientation_deg=turned)
    to = at(45, 45, ellipse.radius_px)
    for edit in (MoveVoid(at=at(70, 20, 4), to=to, ellipse=ellipse), AddVoid(at=to, ellipse=ellipse)):
        mended, after, reasons = corrections.correct_frame(voids, labels, [edit])
        assert reasons == [""]
        new = mended.iloc[-1]
        assert new[["semi_major_px", "semi_minor_px"]].tolist() == [8, 4]
        assert new["orientation_deg"] == (60 if turned == -120 else turned)
        assert (new["radius_px"], new["edge_radius_px"]) == pytest.approx((32**0.5, 32**0.5))
        y, x = np.nonzero(after == new["label"])
        assert len(x) == new["area_px"] == pytest.approx(np.pi * 8 * 4, rel=0.04)
        # The pixels lie along the axis: x right, y down.
        spread = np.linalg.eigh(np.cov(x, y))
        along = spread.eigenvectors[:, 1]
        assert abs(along @ [np.cos(np.deg2rad(turned)), np.sin(np.deg2rad(turned))]) == pytest.approx(
            1, abs=0.01
        )
        assert np.sqrt(spread.eigenvalues) == pytest.approx([2, 4], rel=0.05)
        assert mended.iloc[:-1][["semi_major_px", "semi_minor_px", "orientation_deg"]].isna().all(axis=None)
    wide = Ellipse(semi_major_px=500, semi_minor_px=500, orientation_deg=0)
    (reason,) = corrections.correct_frame(voids, labels, [AddVoid(at=at(45, 45, 500), ellipse=wide)])[2]
    assert reason == "an ellipse of 500 px radius at (45.0, 45.0) in frame 5 is larger than the image"
