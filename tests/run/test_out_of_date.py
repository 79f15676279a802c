"""What a report shows is what was run: other parameters or images since are refused, or told."""

import json
import os
import shutil

import pytest

from projects import STAGES, run_project
from voidlab import explore, run
from voidlab.project import fingerprints, outdated, parameters, record
from voidlab.report import pages
from voidlab.run import movie, snapshot, stage
from voidlab.run.stage import StageError


def rewritten(paths, before, after):
    text = paths.parameters.read_text()
    assert before in text
    paths.parameters.write_text(text.replace(before, after))


def replace_an_image(paths):
    shutil.copyfile(image(paths, 1), image(paths, 2))


def add_an_image(paths):
    shutil.copyfile(image(paths, 1), image(paths, 5))
    angles = paths.root / "data" / "small" / "tilt.rawtlt"
    angles.write_text(angles.read_text() + "70\n")


def remove_an_image(paths):
    image(paths, 4).unlink()
    angles = paths.root / "data" / "small" / "tilt.rawtlt"
    angles.write_text("".join(angles.read_text().splitlines(keepends=True)[:-1]))


def image(paths, number):
    return paths.root / "data" / "small" / f"tilt{number:02d}.tif"


def test_from_a_later_stage_is_refused_when_the_pixel_size_changed(copied):
    kept = [f for f in copied.folder.rglob("*") if f.is_file() and f != copied.index]
    before = {f: fingerprints.digest(f) for f in kept}
    rewritten(copied, "pixel_size_nm: 0.5", "pixel_size_nm: 5")
    done, (said,) = run_project(copied, start="export")
    assert not done
    assert "stage 'segment' was run with other parameters (pixel_size_nm 0.5, now 5.0)" in said
    assert "--from segment" in said
    assert {f: fingerprints.digest(f) for f in before} == before
    assert "The stage export is out of date" in copied.index.read_text("utf-8")


def test_from_a_later_stage_is_refused_when_an_earlier_parameter_changed(copied):
    rewritten(copied, "{segmenter: classical}", "{segmenter: classical, edge_buffer_px: 20}")
    done, (said,) = run_project(copied, start="export")
    assert not done
    assert "(segment.edge_buffer_px 8, now 20)" in said


def test_a_setting_for_a_stage_that_would_not_run_is_refused(copied):
    overrides = run.read_overrides(["segment.segmenter=classical"])
    done, (said,) = run_project(copied, overrides=overrides, start="export")
    assert not done
    assert "--set segment.segmenter is for a stage that would not run" in said


def test_earlier_results_of_another_notebook_are_told(copied):
    plan = run.check(copied.parameters)
    assert not outdated.is_of_another_version(copied, "segment", plan.parameters)
    notebook = copied.source("segment")
    notebook.write_text(notebook.read_text().replace("run.series.describe()", "run.series.describe() "))
    assert outdated.is_of_another_version(copied, "segment", plan.parameters)


@pytest.mark.parametrize("change", [replace_an_image, add_an_image, remove_an_image])
def test_images_that_changed_since_are_noticed_by_all(copied, monkeypatch, change):
    monkeypatch.chdir(copied.root)
    change(copied)
    done, (said,) = run_project(copied, start="export")
    assert not done
    assert "the images are no longer those that stage 'segment' was run on" in said
    with pytest.raises(StageError, match="the images are no longer those"):
        movie.make_movie("small")
    with pytest.raises(StageError, match="the images are no longer those"):
        stage.open_stage("track", "small").load("voids")
    model = explore.open_explorer("small").explorer.model
    assert model.results is None
    assert "out of date: the images are no longer those" in model.why_no_results


def test_images_that_change_while_the_explorer_is_open_are_noticed(copied, monkeypatch):
    monkeypatch.chdir(copied.root)
    model = explore.open_explorer("small").explorer.model
    assert model.results is not None
    replace_an_image(copied)
    assert model.results is None
    assert "images were replaced or removed since the explorer was opened" in model.why_no_results


def test_images_that_change_while_a_stage_runs_fail_it(copied, monkeypatch):
    monkeypatch.chdir(copied.root)
    opened = stage.open_stage("drift", "small")
    os.utime(image(copied, 2))  # touched, with the same content
    opened.save()
    replace_an_image(copied)
    with pytest.raises(StageError, match="images were replaced or removed while stage 'drift' ran"):
        opened.save()


def test_a_notebook_run_by_hand_refuses_tables_made_with_other_parameters(copied, monkeypatch):
    monkeypatch.chdir(copied.root)
    rewritten(copied, "pixel_size_nm: 0.5", "pixel_size_nm: 5")
    with pytest.raises(StageError, match=r"pixel_size_nm 0\.5, now 5\.0\)\. Run stage 'segment'"):
        stage.open_stage("export", "small").load("voids")


def test_the_overview_says_out_of_date(copied):
    assert outdated.out_of_date(copied) == []
    rewritten(copied, "pixel_size_nm: 0.5", "pixel_size_nm: 5")
    assert outdated.out_of_date(copied) == list(STAGES)
    assert "The stage export is out of date" in pages.write_dataset_index(copied).read_text("utf-8")
    rewritten(copied, "pixel_size_nm: 5", "pixel_size_nm: 0.5\ntrack: {memory: 0}")
    assert outdated.out_of_date(copied) == ["track"]


def test_stages_of_other_images_than_the_first_are_out_of_date(copied):
    content = json.loads(copied.record.read_text())
    content["stages"]["segment"]["inputs"]["images"] = "of new images"
    copied.record.write_text(json.dumps(content))
    assert outdated.out_of_date(copied) == list(STAGES[1:])


def test_what_was_set_for_a_run_only_holds_for_the_stages_after_it(copied, monkeypatch):
    """The export keeps voids off the border by what the stage segment was given, not by what the YAML says."""
    monkeypatch.chdir(copied.root)
    content = json.loads(copied.record.read_text())
    content["stages"]["segment"]["parameters"]["edge_buffer_px"] = 20
    content["stages"]["segment"]["given"] = ["edge_buffer_px"]
    copied.record.write_text(json.dumps(content))
    opened = stage.open_stage("export", "small")
    assert opened.dataset.segment.edge_buffer_px == 20
    opened.load("voids")
    assert stage.open_stage("segment", "small").parameters.edge_buffer_px == 8


def test_a_run_reads_the_parameters_as_they_were_when_it_began(copied, monkeypatch):
    plan = run.check(copied.parameters)
    taken = snapshot.take_snapshot(copied, plan.parameters, {})
    rewritten(copied, "pixel_size_nm: 0.5", "pixel_size_nm: 5")
    monkeypatch.chdir(copied.root)
    assert stage.open_stage("export", "small").calibration.pixel_size_nm == 5
    for key, value in snapshot.environment(taken).items():
        monkeypatch.setenv(key, value)
    assert stage.open_stage("export", "small").calibration.pixel_size_nm == 0.5
    assert snapshot.changed_since(copied, taken)
    with pytest.raises(snapshot.ChangedMeanwhile, match=r"small\.yaml was changed since it was checked"):
        snapshot.take_snapshot(copied, plan.parameters, {})


def test_a_movie_of_older_results_is_said_to_be_out_of_date(copied, monkeypatch):
    monkeypatch.chdir(copied.root)
    old = "out of date, it shows older results: voidlab movie small"
    movie.make_movie("small", gif=True)
    assert old not in copied.index.read_text("utf-8")
    content = json.loads(copied.record.read_text())
    content["stages"]["track"]["fingerprint"] = "of a later run"
    copied.record.write_text(json.dumps(content))
    assert old in pages.write_dataset_index(copied).read_text("utf-8")
    movie.make_movie("small", gif=True)
    record.write_entry(copied, "export", record.read_record(copied)["export"])  # keeps what is said of movies
    pages.write_dataset_index(copied)
    assert old not in copied.index.read_text("utf-8")


@pytest.mark.slow
def test_a_parameter_file_edited_while_it_runs(copied):
    """All stages use the values from before; the pages show these, and the overview says that they are old."""
    notebook = copied.source("segment")
    edit = (
        "from pathlib import Path\\np = Path('parameters/small.yaml')\\n"
        "p.write_text(p.read_text().replace('classical', 'classical, threshold: 0.93').replace('0.5', '5'))\\n"
        "from voidlab import images"
    )
    notebook.write_text(notebook.read_text().replace("from voidlab import images", edit, 1))
    assert "threshold: 0.93" in notebook.read_text()
    lines = []
    assert run.run_dataset(run.check(copied.parameters), log=lines.append, progress=lambda text: None)
    assert "small.yaml was changed while it ran" in lines[-1]
    shown = parameters.load_parameters(copied.parameters)
    assert (shown.pixel_size_nm, shown.segment.threshold) == (5, 0.93)
    assert record.read_record(copied)["segment"].parameters["threshold"] == 0.5
    page = copied.html("segment").read_text("utf-8")
    assert '<code>threshold</code></th><td class="value">0.5<' in page
    for name in ("segment", "export"):
        assert "0.5 nm per px" in copied.html(name).read_text("utf-8")
    assert "The stage segment is out of date" in copied.index.read_text("utf-8")
