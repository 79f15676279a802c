"""A dataset with loops and dots: no number of its voids changes, they are told apart in all that is written."""

import pandas as pd
import pytest

from beside_voids import DOTS, LOOPS, frames_with_others, with_others
from projects import MADE, run_project
from voidlab import export, run, tables
from voidlab.project import record
from voidlab.project.parameters.yaml_file import ParameterErrors
from voidlab.run import stage
from voidlab.tables.catalogue import TABLES

OF_VOIDS = [name for name in MADE if TABLES[name].stage not in ("segment", "reconstruct")]


@pytest.mark.slow
def test_no_number_of_the_voids_changes_for_the_loops_beside_them(copied, monkeypatch):
    monkeypatch.chdir(copied.root)
    before = {name: tables.load(copied, name) for name in MADE}
    texts = {name: (copied.exports / name).read_text() for name in (export.COORDINATES, "track-data.json")}
    opened = stage.open_stage("segment", copied.dataset)
    shape = opened.series.shape
    parts = [with_others(rows, int(frame), shape) for frame, rows in before["voids"].groupby("frame")]
    made = {"frames": frames_with_others(before["frames"]), "voids": pd.concat(parts, ignore_index=True)}
    decided = record.read_record(copied)["segment"].decided
    opened.save(made, files=[copied.labels], decided=decided)
    done, lines = run_project(copied, start="drift")
    assert done, lines

    for name in OF_VOIDS:
        pd.testing.assert_frame_equal(tables.load(copied, name), before[name])
    after = tables.load(copied, "voids")
    assert after["kind"].value_counts().to_dict() == {
        "void": len(before["voids"]), "loop": LOOPS * len(before["frames"]), "dot": DOTS * len(before["frames"]),
    }  # fmt: skip
    pd.testing.assert_frame_equal(tables.only_voids(after).reset_index(drop=True), before["voids"])
    for name, text in texts.items():
        assert (copied.exports / name).read_text() == text

    written = pd.read_csv(copied.exports / "voids.csv")
    assert written["kind"].tolist() == after["kind"].tolist()
    lists = export.read_lines(copied.exports / "frame-data.json")
    for image, (_, here) in zip(lists.to_dict("records"), after.groupby("frame"), strict=True):
        assert image["type"] == here["kind"].tolist()
        assert image["void_count"] == image["type"].count("void")
        sized = tables.only_voids(here)
        sized = sized[sized["size_basis"] != "not a size"]
        assert image["radii_average"] == pytest.approx(sized["radius_px"].mean())
    found = export.read_positions(copied.exports / "frame-data.json", shape)
    assert len(found.voids) == len(before["voids"])
    assert f"{(LOOPS + DOTS) * len(before['frames'])} loops and dots were left out" in "".join(found.notes)


@pytest.mark.parametrize(
    ("asked", "shown", "others"),
    [("[void, loop]", "[void, loop]", "loops"), ("[dot, loop, loop]", "[loop, dot]", "loops or dots")],
)
def test_loops_of_a_segmenter_that_cannot_tell_them_are_refused_before_a_run(copied, asked, shown, others):
    given = copied.parameters.read_text().replace(
        "{segmenter: classical}", "{segmenter: classical, kinds: %s}"
    )
    copied.parameters.write_text(given % asked + "drift: {source: images}\n")
    with pytest.raises(ParameterErrors) as caught:
        run.check(copied.parameters)
    (problem,) = caught.value.problems
    line = given[: given.index("segment:")].count("\n") + 1
    start = f"small.yaml:{line}: segment.kinds = {shown}: the segmenter 'classical' cannot tell {others}: "
    assert str(problem).startswith(start)
    assert "Ask for voids only (kinds: [void]), or take the segmenter 'voids'" in str(problem)
