"""Running a dataset: validated first, skipped when nothing changed, honest when a stage fails."""

import json

import pytest

from projects import MADE, STAGES, make_project, run_project
from voidlab import cli, run, tables
from voidlab.project import fingerprints, record
from voidlab.project.parameters.yaml_file import ParameterErrors
from voidlab.project.paths import RunPaths


def test_a_run_leaves_every_file_of_the_design(finished):
    paths, _, lines = finished
    for stage in STAGES:
        assert paths.notebook(stage).exists()
        assert paths.html(stage).exists()
        assert paths.log(stage).exists()
    for name in set(MADE) - {"events"}:  # in a tilt series nothing happens
        assert len(tables.load(paths, name)) > 0
    assert tables.load(paths, "events").empty
    for file in (paths.labels, paths.index, paths.reports / "index.html", paths.record):
        assert file.exists()
    assert len(lines) == len(STAGES)


def test_the_record_says_how_each_table_was_made(finished):
    paths, _, _ = finished
    stages = json.loads(paths.record.read_text())["stages"]
    assert list(stages) == list(STAGES)
    entry = stages["track"]
    assert entry["parameters"]["search_range_px"] == "auto"
    assert set(entry["inputs"]) == {"images", "segment", "drift"}
    assert entry["outputs"]["tables/tracks.parquet"] == fingerprints.digest(paths.table("tracks"))
    assert entry["seconds"] > 0
    assert entry["key_figures"][0]["label"] == "Particles"


def test_nothing_changed_nothing_is_run(copied):
    done, lines = run_project(copied)
    assert done
    # The copy lies elsewhere, but holds the same images, parameters and results.
    assert [line.split()[1:] for line in lines] == [["unchanged,", "skipped"]] * len(STAGES)


def test_decide_again_forgets_what_was_decided_while_watching(copied, monkeypatch, capsys):
    watched = copied.folder / "watched.json"
    watched.write_text("{}")
    monkeypatch.chdir(copied.root)
    assert cli.main(["run", str(copied.parameters), "--decide-again"]) == 0
    assert not watched.exists()
    assert capsys.readouterr().out.count("unchanged, skipped") == len(STAGES)


def test_what_is_to_be_checked_is_said_at_the_end_as_the_overview_says_it(copied):
    """The project's series is tilted: the drift of the images is superseded, and nothing is to be checked in it."""
    stages = json.loads(copied.record.read_text())
    stages["stages"]["segment"]["key_figures"][0]["warning"] = "The contrast is a guess."
    copied.record.write_text(json.dumps(stages))
    lines = []
    assert run.run_dataset(run.check(copied.parameters), log=lines.append, progress=lambda text: None)
    said = [line.split(maxsplit=1)[1] for line in lines if line.strip().startswith("check ")]
    assert said[0] == "segment: The contrast is a guess."
    assert not any(words.startswith("drift:") for words in said)


@pytest.mark.slow
def test_a_changed_parameter_runs_its_stage_and_those_after_it(copied):
    text = copied.parameters.read_text()
    copied.parameters.write_text(text + "track: {memory: 0}\n")
    done, lines = run_project(copied)
    assert done
    assert ["skipped" in line for line in lines] == [True, True, False, False, False]


@pytest.mark.slow
def test_an_interrupted_stage_is_not_taken_for_finished(copied):
    tables.write(tables.empty("tracks"), "tracks", copied.table("tracks"))
    _, lines = run_project(copied)
    assert ["skipped" in line for line in lines] == [True, True, False, True, True]


@pytest.mark.slow
def test_a_failed_stage_keeps_earlier_results_and_says_so(copied):
    before = {f: fingerprints.digest(f) for f in copied.folder.rglob("*.parquet")}
    notebook = copied.source("track")
    works, fails = "track.link_series(", "track.no_such_verb("
    assert works in notebook.read_text()
    notebook.write_text(notebook.read_text().replace(works, fails))
    done, lines = run_project(copied)
    assert not done
    assert "FAILED: " in lines[2]
    assert "(AttributeError: module 'voidlab.track' has no attribute 'no_such_verb')" in lines[2]
    assert {f: fingerprints.digest(f) for f in copied.folder.rglob("*.parquet")} == before
    html = copied.html("track").read_text(encoding="utf-8")
    assert "This stage failed" in html
    assert "no_such_verb" in html
    assert record.read_record(copied)["track"].status == "failed"
    assert "no_such_verb" in copied.log("track").read_text()
    notebook.write_text(notebook.read_text().replace(fails, works))
    done, lines = run_project(copied)
    assert done
    assert ["skipped" in line for line in lines] == [True, True, False, True, True]


def test_a_killed_kernel_is_a_failure_that_says_so(copied):
    notebook = copied.source("export")
    killed = "import os, signal\\nos.kill(os.getpid(), signal.SIGKILL)\\nfrom voidlab import"
    notebook.write_text(notebook.read_text().replace("from voidlab import", killed))
    done, lines = run_project(copied)
    assert not done
    assert "the Python process stopped" in lines[4]
    assert "the Python process stopped" in copied.html("export").read_text(encoding="utf-8")


@pytest.mark.slow
def test_overrides_are_used_for_this_run_and_recorded(copied):
    overrides = run.read_overrides(["track.memory=1"])
    done, lines = run_project(copied, overrides=overrides, start="track")
    assert done
    assert [line.split()[0] for line in lines] == ["track", "reconstruct", "export"]
    entry = record.read_record(copied)["track"]
    assert entry.parameters["memory"] == 1
    assert entry.given == ["memory"]


@pytest.mark.slow
def test_a_stage_that_does_not_apply_leaves_nothing_behind(copied):
    """Linked by trackpy, a tilt series has no points in 3D: pages and record of these go."""
    assert '"reconstruct"' in copied.record.read_text()
    copied.parameters.write_text(copied.parameters.read_text() + "track: {linker: trackpy}\n")
    done, lines = run_project(copied)
    assert done
    assert [line.split()[0] for line in lines] == ["segment", "drift", "track", "export"]
    assert not copied.html("reconstruct").exists()
    assert not copied.notebook("reconstruct").exists()
    assert "reconstruct" not in record.read_record(copied)
    assert tables.load(copied, "points").empty
    assert not (copied.exports / "points.csv").exists()
    assert not (copied.exports / "voids.fid").exists()
    for page in (copied.html("track"), copied.html("export"), copied.index):
        assert "reconstruct.html" not in page.read_text(encoding="utf-8")
    _, lines = run_project(copied)
    assert all("skipped" in line for line in lines)


@pytest.mark.parametrize("setting", ["memory=1", "track.memory", "tracks.memory=1", "pixel_size_nm=2"])
def test_a_setting_of_another_form_is_explained(setting):
    with pytest.raises(ParameterErrors, match="STAGE.KEY=VALUE"):
        run.read_overrides([setting])


def test_images_that_are_not_there_are_found_before_a_kernel_starts(tmp_path):
    (tmp_path / "parameters").mkdir()
    yaml = tmp_path / "parameters" / "x.yaml"
    yaml.write_text("# nothing\nimages: ../data/x/*.tif\n")
    with pytest.raises(ParameterErrors, match=r"x.yaml:2: "):
        run.check(yaml)


def test_a_parameter_file_elsewhere_is_refused(tmp_path):
    yaml = tmp_path / "x.yaml"
    yaml.write_text("images: a\n")
    with pytest.raises(ParameterErrors, match="no folder 'parameters'"):
        run.check(yaml)


@pytest.mark.slow
def test_a_run_says_the_same_twice(finished, tmp_path):
    paths, _, _ = finished
    again, _ = make_project(tmp_path)
    done, _ = run_project(again)
    assert done
    for name in MADE:
        assert fingerprints.digest(again.table(name)) == fingerprints.digest(paths.table(name))
    assert fingerprints.digest(again.labels) == fingerprints.digest(paths.labels)


def test_names_that_cannot_be_folders_are_refused(tmp_path):
    for name in ("../evil", "a/b", "", ".hidden", "x" * 200, "a\nb"):
        with pytest.raises(ValueError, match="cannot name a dataset"):
            RunPaths(tmp_path, name)


def edited(paths, stage, change):
    """Change the cells of the project's own notebook of ``stage``."""
    notebook = json.loads(paths.source(stage).read_text(encoding="utf-8"))
    change(notebook["cells"])
    paths.source(stage).write_text(json.dumps(notebook), encoding="utf-8")


@pytest.mark.slow
def test_a_notebook_that_does_not_save_has_not_finished(copied):
    edited(copied, "track", lambda cells: cells.pop())
    done, lines = run_project(copied)
    assert not done
    assert "track.ipynb ended without saving: its last cell must call run.save" in lines[2]
    assert record.read_record(copied)["track"].status == "failed"
    assert len(lines) == 4  # nothing was exported


def test_a_notebook_that_would_run_on_another_dataset(copied):
    edited(copied, "drift", lambda cells: [cell["metadata"].pop("tags", None) for cell in cells])
    with pytest.raises(ParameterErrors, match="drift.ipynb: has no cell with the tag 'parameters'"):
        run.check(copied.parameters)


@pytest.mark.parametrize("content", ["", "{broken", "[]", "3", "{}"])
def test_a_file_that_is_no_notebook(copied, content):
    copied.source("export").write_text(content)
    with pytest.raises(ParameterErrors, match="export.ipynb: is no notebook"):
        run.check(copied.parameters)
