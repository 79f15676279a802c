"""Corrections through a run: the right stage runs again, deleted voids count no more, the report says it."""

import numpy as np
import pytest

from projects import run_project
from voidlab import run, tables
from voidlab.images.label_stack import open_labels
from voidlab.project import corrections, outdated
from voidlab.project.apply_edits import spot_of
from voidlab.project.edits import AddVoid, BadFrame, CutTrack, DeleteVoid
from voidlab.project.parameters.yaml_file import ParameterErrors
from voidlab.project.spots import Spot

GONE = Spot(frame=1, x_px=3, y_px=3, radius_px=50)


@pytest.mark.slow
def test_an_edit_of_voids_runs_all_stages_again_and_one_of_tracks_only_track(copied):
    before = tables.load(copied, "voids")
    whole = before[~before["touches_edge"] & (before["frame"] == 2)]
    victim = spot_of(whole.iloc[0])
    free = np.argwhere(open_labels(copied.labels)[1] == 0)[4000]
    new = Spot(frame=2, x_px=float(free[1]), y_px=float(free[0]), radius_px=3)
    corrections.append_edit(
        copied.corrections, [DeleteVoid(at=victim), AddVoid(at=new), DeleteVoid(at=GONE), BadFrame(frame=4)]
    )
    assert outdated.out_of_date(copied) == ["segment"]
    done, lines = run_project(copied)
    assert done, lines
    assert not any("skipped" in line for line in lines)

    after = tables.load(copied, "voids")
    raw = after[after["corrected"].isin(["", "deleted"])]
    assert len(raw) == len(before)  # what the segmenter found is all there
    assert np.array_equal(raw["x_px"], before["x_px"])
    flagged = after[(after["corrected"] == "deleted") & (after["frame"] != 4)]
    assert [spot_of(row) for _, row in flagged.iterrows()] == [victim]
    assert (after["corrected"] == "added").sum() == 1
    frames = tables.load(copied, "frames").set_index("frame")
    assert frames.loc[4, "status"] == "excluded"
    assert not open_labels(copied.labels)[3].any()
    assert frames.loc[2, "void_count"] == len(tables.kept(after[after["frame"] == 2]))

    links = tables.load(copied, "links")
    assert not (links["frame"] == 4).any()
    joined = links.merge(flagged[["frame", "label"]], on=["frame", "label"])
    assert joined.empty
    exported = (copied.exports / "voids.csv").read_text().count("\n") - 1
    assert exported == len(tables.kept(after))

    html = copied.html("segment").read_text(encoding="utf-8")
    assert "3 of 4 corrections by hand" in html
    assert "4 of 4 frames were taken from what is kept of an earlier run" in html
    assert "NOT applied: there is no void of about 50.0 px radius" in html
    assert "Corrections by hand" in copied.index.read_text(encoding="utf-8")

    linked = after.merge(links, on=["frame", "label"], suffixes=("", "_of_link"))
    long = linked[linked["particle"] == linked["particle"].mode()[0]].sort_values("frame")
    corrections.append_edit(copied.corrections, [CutTrack(at=spot_of(long.iloc[-1]))])
    done, lines = run_project(copied)
    assert done, lines
    assert ["skipped" in line for line in lines] == [True, True, False, False, False]
    assert "1 corrections by hand" not in copied.html("track").read_text(encoding="utf-8")
    assert "1 correction by hand" in copied.html("track").read_text(encoding="utf-8")
    assert (tables.load(copied, "links")["corrected"] == "cut").any()

    corrections.undo_edit(copied.corrections)
    assert outdated.out_of_date(copied) == ["track"]


def test_a_line_that_is_no_edit_stops_the_run_before_it_starts(copied):
    copied.corrections.write_text('{"id": "a", "who": "b", "when": "c", "edit": "remove"}\n')
    with pytest.raises(ParameterErrors, match=r"small.corrections.jsonl:1"):
        run.check(copied.parameters)
    outdated.out_of_date(copied)  # an index page can be written all the same


def test_a_line_cut_short_is_said_when_the_run_starts(copied):
    copied.corrections.write_text('{"id": "a", "wh')
    assert "small.corrections.jsonl:1: the line is cut short" in run.check(copied.parameters).notes[-1]
