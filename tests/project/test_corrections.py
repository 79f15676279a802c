"""The file of corrections: append-only, who, when and what; undo and its undo; lines that a crash cut short."""

import json
import os

import pytest

from voidlab.project import corrections
from voidlab.project.apply_edits import list_outcomes
from voidlab.project.corrections import CorrectionsError
from voidlab.project.edits import (
    AcceptFrame,
    AddVoid,
    BadFrame,
    CutTrack,
    DeleteTrack,
    DeleteVoid,
    JoinTracks,
    MergeVoids,
    MoveVoid,
    RedrawVoid,
    SplitVoid,
    Undo,
)
from voidlab.project.spots import Ellipse, Spot

HERE = Spot(frame=3, x_px=10.5, y_px=20.25, radius_px=4)
THERE = Spot(frame=4, x_px=11, y_px=20, radius_px=4)
ALL = [
    DeleteVoid(at=HERE),
    AddVoid(at=HERE),
    AddVoid(at=HERE, runs=((20, 8, 3), (21, 8, 2))),
    RedrawVoid(at=HERE, runs=((20, 8, 3),)),
    SplitVoid(at=HERE, line=(0, 0, 20, 40)),
    MergeVoids(at=(HERE, Spot(frame=3, x_px=15, y_px=20, radius_px=2))),
    MoveVoid(at=HERE, to=HERE),
    MoveVoid(at=HERE, to=HERE, ellipse=Ellipse(semi_major_px=8, semi_minor_px=2, orientation_deg=30)),
    AddVoid(at=HERE, ellipse=Ellipse(semi_major_px=8, semi_minor_px=2, orientation_deg=-30)),
    BadFrame(frame=3),
    DeleteTrack(at=HERE),
    CutTrack(at=HERE),
    JoinTracks(at=HERE, to=THERE),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "parameters" / "x.corrections.jsonl"


def edits(path, stage=""):
    return [line.edit for line in corrections.read_log(path).kept(stage)]


@pytest.mark.parametrize("edit", ALL, ids=lambda e: e.edit)
def test_an_edit_comes_back_as_it_was(path, edit):
    corrections.append_edit(path, [edit])
    assert edits(path) == [edit]
    assert str(edit)


def test_no_file_and_an_empty_file_hold_none(path):
    assert corrections.read_log(path).lines == ()
    path.parent.mkdir()
    path.write_text("")
    assert corrections.read_log(path).lines == ()
    assert corrections.undo_edit(path) == []
    assert corrections.redo_edit(path) == []


def test_a_line_says_who_when_and_what_and_is_json(path):
    corrections.append_edit(path, [BadFrame(frame=7)], who="Ada")
    fields = json.loads(path.read_text())
    assert (fields["who"], fields["edit"], fields["frame"]) == ("Ada", "bad_frame", 7)
    assert fields["when"].endswith("+00:00")


def test_order_is_kept_and_stages_told_apart(path):
    for edit in ALL:
        corrections.append_edit(path, [edit])
    assert edits(path) == ALL
    assert edits(path, "segment") == [edit for edit in ALL if edit.stage == "segment"]
    assert edits(path, "track") == [edit for edit in ALL if edit.stage == "track"]


def one_by_one(path, made):
    for edit in made:
        corrections.append_edit(path, [edit])


def test_what_was_made_in_one_go_is_taken_back_and_brought_back_in_one_go(path):
    corrections.append_edit(path, [ALL[0]])
    together = corrections.append_edit(path, ALL[1:4])
    assert len({line.batch for line in together}) == 1
    assert [line.edit for line in corrections.undo_edit(path)] == ALL[3:0:-1]
    assert edits(path) == [ALL[0]]
    assert [line.edit for line in corrections.redo_edit(path)] == ALL[1:4]
    assert edits(path) == ALL[:4]
    assert corrections.redo_edit(path) == []
    corrections.undo_edit(path)
    corrections.undo_edit(path)
    assert edits(path) == []
    corrections.redo_edit(path)
    assert edits(path) == [ALL[0]]


def test_an_accepted_frame_is_in_no_stage_and_changes_no_result(path):
    corrections.append_edit(path, [AcceptFrame(frame=3)], who="Ada")
    assert edits(path) == [AcceptFrame(frame=3)]
    assert corrections.content_for(path, "segment") == corrections.content_for(path, "track") == []


def test_undo_appends_and_takes_back_the_last(path):
    one_by_one(path, ALL[:3])
    before = path.read_bytes()
    corrections.undo_edit(path)
    assert path.read_bytes().startswith(before)
    assert edits(path) == ALL[:2]
    corrections.undo_edit(path)
    corrections.undo_edit(path)
    assert edits(path) == []
    assert corrections.undo_edit(path) == []


def test_undo_of_undo(path):
    (made,) = corrections.append_edit(path, [ALL[0]])
    (first,) = corrections.append_edit(path, [Undo(undone=made.id)])
    (second,) = corrections.append_edit(path, [Undo(undone=first.id)])
    assert edits(path) == [ALL[0]]
    corrections.append_edit(path, [Undo(undone=second.id)])
    assert edits(path) == []


def test_redo_brings_back_what_undo_took_in_order(path):
    one_by_one(path, ALL[:3])
    corrections.undo_edit(path)
    corrections.undo_edit(path)
    assert edits(path) == ALL[:1]
    corrections.redo_edit(path)
    assert edits(path) == ALL[:2]
    corrections.redo_edit(path)
    assert edits(path) == ALL[:3]
    assert corrections.redo_edit(path) == []
    corrections.undo_edit(path)
    assert edits(path) == ALL[:2]


def test_no_redo_past_a_new_edit(path):
    one_by_one(path, ALL[:2])
    corrections.undo_edit(path)
    corrections.append_edit(path, [ALL[6]])
    assert corrections.redo_edit(path) == []
    assert edits(path) == [ALL[0], ALL[6]]


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_line_cut_short_is_named_and_does_not_swallow_the_next(path, cut):
    corrections.append_edit(path, [ALL[0], ALL[1]])
    path.write_bytes(path.read_bytes()[:-cut])
    whole = [ALL[0]] if cut > 1 else [ALL[0], ALL[1]]  # the newline alone is missing: the line is whole
    assert edits(path) == whole
    corrections.append_edit(path, [ALL[6]])
    assert edits(path) == [*whole, ALL[6]]
    problems = corrections.read_log(path).problems
    assert len(problems) == (cut > 1)
    assert all("x.corrections.jsonl:2: the line is cut short" in p for p in problems)


def test_a_line_that_is_not_utf8_is_named(path):
    corrections.append_edit(path, [ALL[0]])
    path.write_bytes(path.read_bytes() + b'{"id": "\xff\xfe\n')
    assert edits(path) == [ALL[0]]
    assert "corrections.jsonl:2" in corrections.read_log(path).problems[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "a", "who": "b", "when": "c", "edit": "remove"}', "x.corrections.jsonl:1: "),
        ('{"id": "a", "who": "b", "when": "c", "edit": "bad_frame"}', "bad_frame.frame: Field required"),
        ('{"who": "b", "when": "c", "edit": "bad_frame", "frame": 1}', "'id' is missing"),
        ("[1, 2]", "expected {…}, a correction"),
    ],
)
def test_a_whole_line_that_is_no_edit_is_an_error_with_its_line(path, line, said):
    path.parent.mkdir()
    path.write_text(line + "\n")
    with pytest.raises(CorrectionsError) as caught:
        corrections.read_log(path)
    assert said in str(caught.value)
    assert ":1:" in str(caught.value)


def test_a_void_of_no_size_or_at_infinity_is_refused():
    for wrong in ({"radius_px": 0}, {"x_px": float("inf")}):
        with pytest.raises(ValueError, match="radius_px|x_px"):
            Spot(**{"frame": 1, "x_px": 1, "y_px": 1, "radius_px": 1} | wrong)


def test_the_account_says_what_was_not_applied():
    assert list_outcomes([], []).empty
    (row,) = list_outcomes([], [], ["x:2: damaged"]).to_dict("records")
    assert row["outcome"] == "NOT applied: x:2: damaged"


LINE = '{"id": "a1", "who": "%s", "when": "t", "edit": "bad_frame", "frame": %s}\n'


def test_a_line_nested_10000_deep_is_a_damaged_one(path):
    path.parent.mkdir()
    path.write_text("[" * 100_000 + "\n" + LINE % ("m", 1))
    log = corrections.read_log(path)
    assert log.problems == (f"{path.name}:1: the line is cut short or damaged and does not count",)
    assert [line.edit for line in log.lines] == [BadFrame(frame=1)]


def test_the_mark_that_windows_puts_in_front_costs_no_correction(path):
    path.parent.mkdir()
    path.write_bytes(b"\xef\xbb\xbf" + (LINE % ("m", 1)).encode())
    assert corrections.read_log(path).problems == ()
    assert edits(path) == [BadFrame(frame=1)]


def test_half_a_character_in_a_name_can_be_written_again(path):
    path.parent.mkdir()
    path.write_text(LINE % ("\\ud800", 1))
    assert corrections.read_log(path).lines[0].who == "?"


@pytest.mark.parametrize("far", ["1e308", "-1e308", "1e7"])
@pytest.mark.parametrize("key", ["x_px", "y_px", "radius_px"])
def test_places_and_sizes_that_no_image_has_are_refused(path, key, far):
    at = {"frame": 1, "x_px": 5, "y_px": 5, "radius_px": 3} | {key: float(far)}
    path.parent.mkdir()
    path.write_text(json.dumps({"id": "a", "who": "m", "when": "t", "edit": "add_void", "at": at}) + "\n")
    with pytest.raises(
        CorrectionsError, match=rf"corrections\.jsonl:1: .*{key}: Input should be .*Mend the line"
    ):
        corrections.read_log(path)


def test_a_frame_number_that_no_table_holds_is_refused(path):
    path.parent.mkdir()
    path.write_text(LINE % ("m", 2**63))
    with pytest.raises(CorrectionsError, match="frame: Input should be less than"):
        corrections.read_log(path)


def test_a_pipe_in_place_of_the_file_is_not_waited_on(path):
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(OSError, match="is a pipe or a device"):
        corrections.read_log(path)


MARKED = {"id": "a", "who": "x", "when": "2026-03-01T10:00:00+00:00", "edit": "bad_frame", "frame": 1}
ADDED = {**MARKED, "edit": "add_void", "at": HERE.model_dump()}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({**MARKED, "frame": True}, "frame: Value error, expected a number, not True"),
        ({**MARKED, "frame": "1"}, "frame: Value error, expected a number, not '1'"),
        (
            {**ADDED, "at": {**HERE.model_dump(), "x_px": True}},
            "x_px: Value error, expected a number, not True",
        ),
    ],
)
def test_what_is_no_number_does_not_count_as_one(path, line, said):
    line = {key: value for key, value in line.items() if key != "frame" or line["edit"] == "bad_frame"}
    path.parent.mkdir()
    path.write_text(json.dumps(line))
    with pytest.raises(CorrectionsError, match=said):
        corrections.read_log(path)


def test_a_key_or_an_id_that_stands_twice_is_named_and_a_line_that_does_counts_once(path):
    path.parent.mkdir()
    path.write_text(json.dumps(MARKED)[:-1] + ', "frame": 2}')
    with pytest.raises(CorrectionsError, match=r"jsonl:1: 'frame' stands twice\. Mend the line"):
        corrections.read_log(path)
    path.write_text("\n".join(json.dumps({**MARKED, "frame": frame}) for frame in (1, 2)))
    with pytest.raises(CorrectionsError, match="jsonl:2: the id 'a' is that of a line before"):
        corrections.read_log(path)
    path.write_text(2 * (json.dumps(MARKED) + "\n"))
    log = corrections.read_log(path)
    assert log.kept() == list(log.lines[:1])
    assert log.problems == ("x.corrections.jsonl:2: the line stands twice and counts once",)


@pytest.mark.parametrize(
    ("ellipse", "more", "said"),
    [
        ({"semi_major_px": 2, "semi_minor_px": 8}, "", "semi_minor_px = 8 is more than semi_major_px = 2"),
        (
            {"semi_major_px": 8, "semi_minor_px": 3},
            "",
            "the area of a circle of 4.90 px radius, but radius_px is 4",
        ),
        ({"semi_major_px": 8, "semi_minor_px": 0}, "", "greater than 0"),
        (
            {"semi_major_px": 8, "semi_minor_px": 2},
            ', "runs": [[20, 8, 3]]',
            "runs and ellipse are both given",
        ),
    ],
)
def test_an_ellipse_that_cannot_be_is_told_with_its_line(path, ellipse, more, said):
    path.parent.mkdir()
    at = HERE.model_dump_json()
    drawn = json.dumps(ellipse | {"orientation_deg": 0})
    path.write_text(
        f'{{"id": "1", "who": "a", "when": "b", "edit": "add_void", "at": {at}, "ellipse": {drawn}{more}}}\n'
    )
    with pytest.raises(CorrectionsError, match=f"{path.name}:1: .*{said}"):
        corrections.read_log(path)


def test_a_line_without_an_ellipse_says_nothing_of_one(path):
    corrections.append_edit(path, [AddVoid(at=HERE)])
    assert "ellipse" not in path.read_text()


def test_a_void_that_was_moved_is_told_from_one_that_was_resized():
    ellipse = Ellipse(semi_major_px=8, semi_minor_px=2, orientation_deg=30)
    resized, drawn = MoveVoid(at=HERE, to=HERE), MoveVoid(at=HERE, to=HERE, ellipse=ellipse)
    assert str(resized) == "resized the void at (10.5, 20.2) in frame 3 to a radius of 4.0 px"
    assert str(drawn).endswith("to an ellipse of semi-axes 8.0 and 2.0 px, the long one at 30°")
    moved = MoveVoid(at=HERE, to=Spot(frame=3, x_px=12, y_px=21, radius_px=4))
    assert str(moved) == "moved the void at (10.5, 20.2) in frame 3 to (12.0, 21.0), with a radius of 4.0 px"
