"""Positions without images: what a file holds is read in its order, and the drift is told by the voids."""

import json
import os
import re

import pandas as pd
import pytest

from voidlab import cli, drift, tables, terminal
from voidlab.export.positions_file import read_positions
from voidlab.images.series import Calibration
from voidlab.project import fingerprints, lock, outdated, record
from voidlab.project.paths import ProjectError, RunPaths
from voidlab.report import key_figures, pages
from voidlab.report.campaign_members import read_member
from voidlab.run import positions as tabular
from voidlab.track.drift_from_voids import drift_from_tracks
from voidlab.track.link import link_voids
from voidlab.track.outcomes import compare_linking
from voidlab.track.summary import summarize_tracks
from wandering import SHAPE, moving, write_positions

NOT_CALIBRATED = Calibration(None, "unknown")


def test_less_the_drift_tracks_are_whole():
    frames, voids, _ = moving()
    found = drift_from_tracks(frames, voids, search_range_px=10, memory=5)
    placed = drift.subtract_drift(voids, found)
    linked = link_voids(placed, search_range_px=10, memory=5)
    assert linked["particle"].nunique() == 14
    without = link_voids(voids, search_range_px=10, memory=5)
    table = compare_linking({"without": without, "with": linked}, long=20)
    assert table.loc["with", "tracks"] == 14
    assert table.loc["without", "tracks"] > 5 * 14
    assert table.loc["with", "tracks of 20 frames or more"] == 14


def test_a_drift_told_by_the_voids_is_judged():
    frames, voids, _ = moving()
    found = drift_from_tracks(frames, voids, search_range_px="auto", memory=5)
    verdict = drift.assess_drift_of_voids(found, voids)  # every fifth frame holds no void: nothing to correct
    assert verdict.grade == "good"
    assert any("rests on 12" in reason or "rests on 13" in reason for reason in verdict.reasons)
    figures = key_figures.of_drift_of_voids(found, voids, verdict, NOT_CALIBRATED)
    assert [f["label"] for f in figures] == [
        "Largest drift",
        "Drift error",
        "Drift verdict",
        "Doubtful frames",
    ]
    assert figures[-1]["value"] == "0 of 32"


def test_a_drift_that_rests_on_a_void_or_two_is_doubtful():
    frames, voids, _ = moving(voids=2)
    found = drift_from_tracks(frames, voids, search_range_px=10, memory=5)
    verdict = drift.assess_drift_of_voids(found, voids)
    assert verdict.grade == "do not use"
    assert any(
        "rests on 2 voids (median): a void or two that move take" in reason for reason in verdict.reasons
    )


def test_the_drift_of_no_voids_or_one_frame_is_none():
    frames, voids, _ = moving(frames=5)
    for some in (voids.iloc[:0], voids[voids["frame"] == 0]):
        found = drift_from_tracks(frames, some, search_range_px=10, memory=2)
        assert drift.assess_drift_of_voids(found, some).reasons == [
            "There are no two frames with voids that could drift."
        ]


def test_real_positions_make_fewer_and_longer_tracks(shared):
    """1,477 images of a heated nickel foil, whose stage wandered by more than a field of view."""
    file = shared / "void_video_positions" / "video34-Ni-600C-then-650C_defects.json"
    loaded = read_positions(file, (1024, 1024))
    assert len(loaded.voids) == 16797
    assert any("diameters" in note for note in loaded.notes)
    first = loaded.frames["frame"] < 600
    frames, voids = loaded.frames[first], loaded.voids[loaded.voids["frame"] < 600]
    found = drift_from_tracks(frames, voids, search_range_px=20, memory=10)
    placed = drift.subtract_drift(voids, found)
    linked = {
        "with": link_voids(voids, search_range_px=20, memory=10),
        "less": link_voids(placed, search_range_px=20, memory=10),
    }
    table = compare_linking(linked, long=100)
    assert table.loc["less", "tracks"] < table.loc["with", "tracks"]
    assert table.loc["less", "longest, frames"] > table.loc["with", "longest, frames"]


def test_a_dataset_with_images_is_not_written_over(tmp_path, monkeypatch):
    (tmp_path / "parameters").mkdir()
    (tmp_path / "parameters" / "gold.yaml").write_text("images: a.tif\n")
    monkeypatch.chdir(tmp_path)
    file = write_positions(tmp_path / "a.json", [{"positions": [[100, 90]], "radii": [5]}])
    with pytest.raises(ProjectError, match="'gold' is a dataset with images"):
        tabular.run_positions(file, "gold", SHAPE[::-1], log=print, progress=print)
    assert not (tmp_path / "reports").exists()


def saved(root, name="video"):
    """Tables of positions saved as the notebook does it, in a project at ``root``."""
    (root / "parameters").mkdir(exist_ok=True)
    _, voids, _ = moving(frames=10, voids=4)
    file = write_positions(
        root / "a.json",
        [
            {"frame": int(frame), "positions": rows[["x_px", "y_px"]].to_numpy().tolist(), "radii": [5.0] * len(rows)}
            for frame, rows in voids.groupby("frame")
        ],
    )  # fmt: skip
    loaded = read_positions(file, SHAPE)
    drifts = drift_from_tracks(loaded.frames, loaded.voids, search_range_px=10, memory=2)
    linked = link_voids(drift.subtract_drift(loaded.voids, drifts), search_range_px=10, memory=2)
    made = {
        "frames": loaded.frames,
        "voids": loaded.voids,
        "drift": drifts,
        "links": tables.select(linked, "links"),
        "tracks": summarize_tracks(linked),
        "fates": tables.empty("fates"),
        "events": tables.empty("events"),
    }
    figure = {"label": "Particles", "value": "4", "meaning": "voids"}
    tabular.save_positions(name, file, made, parameters={"memory": 2}, min_frames=2, key_figures=[figure])
    return RunPaths.find(name)


def test_the_page_is_reached_from_the_list_of_datasets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parameters").mkdir()
    paths = saved(tmp_path)
    paths.html("positions").write_text("a page", encoding="utf-8")
    listed = pages.write_root_index(paths.root).read_text("utf-8")
    assert 'href="video/index.html"' in listed
    assert "<td>positions</td>" in listed
    assert '<td class="number">4 tracks</td>' in listed
    assert "1 finished" in listed
    page = pages.write_dataset_index(paths).read_text("utf-8")
    assert 'href="positions.html"' in page
    assert "segment" not in page
    assert "not written by the stage export" not in page
    assert outdated.out_of_date(paths) == []
    assert "of positions without images, which are not compared" in read_member(paths).why_not
    outputs = record.read_record(paths)["positions"].outputs
    assert {"tables/links.parquet", "exports/track-data.json", "exports/contents.csv"} <= set(outputs)
    saved(tmp_path)  # once more: the same name is no other's


def test_by_hand_a_dataset_with_images_is_not_written_over_either(finished, tmp_path, monkeypatch):
    paths, _, _ = finished
    monkeypatch.chdir(paths.root)
    before = fingerprints.digest(paths.table("links"))
    with pytest.raises(ProjectError, match="is a dataset with images; choose another name"):
        tabular.save_positions(paths.dataset, tmp_path / "a.json", {}, parameters={}, min_frames=2)
    assert fingerprints.digest(paths.table("links")) == before


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """Types ``voidlab positions`` in a project whose folder, and whose input's, has braces in its name."""
    root = tmp_path / "a{b}"
    (root / "parameters").mkdir(parents=True)
    (root / "c{}").mkdir()
    _, voids, _ = moving(frames=12, voids=6)
    lines = [
        {"frame": int(frame), "positions": rows[["x_px", "y_px"]].to_numpy().tolist(), "radii": [5.0] * len(rows)}
        for frame, rows in voids.groupby("frame")
    ]  # fmt: skip
    file = write_positions(root / "c{}" / "found.json", lines)
    monkeypatch.chdir(root)
    return lambda: cli.main(["positions", str(file), "--name", "video", "--size", "420", "300"])


@pytest.mark.slow
def test_the_command_in_a_folder_with_braces(typed, capsys, monkeypatch):
    told = []
    monkeypatch.setattr(terminal.Line, "progress", lambda self, text: told.append(text))
    assert typed() == 0
    said = capsys.readouterr().out
    assert "report: reports/video/positions.html" in said
    assert told[0] == "Parameters (1 of 12 cells)"
    assert "Density and sizes over the series (11 of 12 cells)" in told
    assert re.search(r"positions   done in \d+\.\d s: particles \d, long tracks \d", said)
    assert re.search(r"verdict     (good|check|do not use): ", said)
    paths = RunPaths.find("video")
    page = paths.html("positions").read_text("utf-8")
    assert "found.json" in page
    assert "This stage failed" not in page
    entry = record.read_record(paths)["positions"]
    assert (entry.status, entry.seconds > 0) == ("finished", True)
    figures = {figure["label"]: figure["value"] for figure in entry.key_figures}
    assert figures["Drift verdict"] == "good"
    assert "Pairs kept" not in figures
    # Of itself the range is what the density allows: found here, as nobody set one.
    assert (entry.parameters["search_range_px"], figures["Search range"].endswith(" px")) == ("auto", True)
    assert "Traffic light of the drift: good" in page
    assert re.search(r"circles of their radii, frame 0: \d voids and frame 1\d: \d voids", page)
    overview = paths.index.read_text("utf-8")
    assert 'alt="Voids of video as circles, in its first and its last frame"' in overview
    assert "(file found.json; images: " in overview  # the methods paragraph
    assert f"within {float(figures['Search range'].removesuffix(' px')):.3g} px" in overview
    assert 'alt="Voids of video as circles"' in (paths.reports / "index.html").read_text("utf-8")
    assert "drift-corrected tracks of 10 frames or more" in overview.lower()
    drawn = pd.read_csv(paths.exports / "figures" / "tracks.csv")
    assert drawn["particle"].nunique() == int(figures["Long tracks"])
    assert drawn.groupby("particle")["frame"].agg(lambda f: f.max() - f.min() + 1).min() >= 10
    named = {file.name for file in (paths.exports / "figures").iterdir()}
    assert {"tracks.svg", "tracks.pdf", "density-over-series.svg", "growth-over-size.csv"} <= named
    assert {f"exports/figures/{name}" for name in named} <= set(entry.outputs)
    assert paths.log("positions").exists()
    assert 'href="video/index.html"' in (paths.reports / "index.html").read_text("utf-8")


def test_a_notebook_that_fails_leaves_a_page_a_log_and_an_entry(typed, capsys):
    paths = RunPaths.find("video")
    content = json.loads(paths.source("positions").read_text("utf-8"))
    loads = next(c for c in content["cells"] if "".join(c["source"]).startswith("from pathlib"))
    loads["source"] = ["print('as far as this')\n", "raise RuntimeError('of some kind')"]
    own = paths.root / "notebooks" / "positions.ipynb"
    own.parent.mkdir()
    own.write_text(json.dumps(content), encoding="utf-8")
    assert typed() == 1
    said = capsys.readouterr().out
    assert "positions   FAILED: RuntimeError: of some kind" in said
    assert "reports/video/positions.html and reports/video/logs/positions.log" in said
    assert "This stage failed" in paths.html("positions").read_text("utf-8")
    log = paths.log("positions").read_text("utf-8")
    assert "as far as this" in log
    assert "RuntimeError" in log
    entry = record.read_record(paths)["positions"]
    assert (entry.status, entry.error) == ("failed", "RuntimeError: of some kind")
    assert "failed" in (paths.reports / "index.html").read_text("utf-8")


def test_init_of_positions_names_the_command_for_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "found").mkdir()
    write_positions(tmp_path / "found" / "a b.json", [{"positions": [[100, 90]], "radii": [5]}])
    command = "voidlab positions 'found/a b.json' --name video --size WIDTH HEIGHT"
    for source in ("found", "found/a b.json"):
        assert cli.main(["init", source, "--name", "video"]) == 2
        said = capsys.readouterr().err
        assert command in said
        assert "TIFF" not in said
    (tmp_path / "found" / "a b.json").rename(tmp_path / "other.jsonl")
    (tmp_path / "found" / "voids.csv").write_text("x,y\n1,2\n")
    assert cli.main(["init", "found", "--name", "video"]) == 2
    said = capsys.readouterr().err
    assert "found holds no images but 1 .csv" in said
    assert "voidlab positions FILE --name video" in said
    assert not (tmp_path / "parameters").exists()
    (tmp_path / "found" / "notes.txt").write_text("")  # a folder of other things is one without images
    assert cli.main(["init", "found", "--name", "video"]) == 2
    assert "no images in folder found" in capsys.readouterr().err


def test_two_at_once_are_refused(typed, capsys):
    with lock.held(RunPaths.find("video")):
        assert typed() == 1
    assert f"not run: video is being run by process {os.getpid()} on" in capsys.readouterr().out
    assert not RunPaths.find("video").notebook("positions").exists()


def test_a_file_that_is_not_there_is_wrong_input(tmp_path, monkeypatch, capsys):
    (tmp_path / "parameters").mkdir()
    monkeypatch.chdir(tmp_path)
    assert cli.main(["positions", "nosuch.json", "--name", "v", "--size", "9", "9"]) == 2
    assert capsys.readouterr().err.startswith(
        "there is no file nosuch.json; expected a file with a line of JSON"
    )
