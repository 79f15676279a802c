"""The command as a user types it: its words and its exit codes."""

import shutil

import pytest

from voidlab import cli
from voidlab.project.paths import packaged_notebook


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_init_writes_a_file_that_check_likes(here, finished, capsys):
    paths, _, _ = finished
    assert cli.main(["init", str(paths.root / "data" / "small" / "tilt*.tif"), "--name", "mine"]) == 0
    assert "voidlab run" in capsys.readouterr().out
    assert cli.main(["check", "parameters/mine.yaml"]) == 0
    assert "mine: good; 4 images" in capsys.readouterr().out
    assert (here / "notebooks" / "segment.ipynb").exists()


def test_init_never_overwrites(here, finished, capsys):
    paths, _, _ = finished
    source = str(paths.root / "data" / "small" / "tilt*.tif")
    assert cli.main(["init", source, "--name", "mine"]) == 0
    assert cli.main(["init", source, "--name", "mine"]) == 2
    assert "is there already" in capsys.readouterr().err


def test_init_without_images_says_what_it_looked_for(here, capsys):
    assert cli.main(["init", "nothing/*.tif", "--name", "mine"]) == 2
    said = capsys.readouterr().err
    assert "nothing" in said
    assert "Traceback" not in said


def test_run_reports_all_mistakes_of_all_files_and_runs_nothing(here, capsys):
    (here / "parameters").mkdir()
    (here / "parameters" / "a.yaml").write_text("images: nowhere\n")
    (here / "parameters" / "b.yaml").write_text("images: nowhere\ntrack: {memory: -1}\nsegmnt: {}\n")
    assert cli.main(["run", "parameters/a.yaml", "parameters/b.yaml", "parameters/c.yaml"]) == 2
    said = capsys.readouterr().err
    assert "a.yaml:1:" in said
    assert "b.yaml:2: track.memory = -1" in said
    assert "did you mean 'segment'?" in said
    assert "c.yaml: no such file" in said
    assert not (here / "reports").exists()


def test_run_again_skips(copied, monkeypatch, capsys):
    monkeypatch.chdir(copied.root)
    assert cli.main(["run", "parameters/small.yaml"]) == 0
    said = capsys.readouterr().out
    assert said.count("unchanged, skipped") == 5
    assert "index.html" in said


def test_lab_of_an_unknown_dataset_names_those_there_are(copied, monkeypatch, capsys):
    monkeypatch.chdir(copied.root)
    assert cli.main(["lab", "smal"]) == 2
    assert "there are small" in capsys.readouterr().err


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    said = capsys.readouterr().out
    for command in ("demo", "init", "check", "run", "lab"):
        assert command in said


def test_lab_opens_the_explorer_on_the_dataset_from_templates_of_the_users_own(copied, monkeypatch):
    for notebook in (copied.root / "notebooks").glob("*.ipynb"):
        notebook.unlink()
    own = copied.root / "notebooks" / "track.ipynb"
    own.write_text("{}")  # what a user has changed stays
    called = {}
    monkeypatch.setattr("subprocess.call", lambda command, **how: called.update(command=command, **how) or 0)
    monkeypatch.chdir(copied.root)
    assert cli.main(["lab", "small"]) == 0
    explorer = copied.root / "notebooks" / "explore.ipynb"
    assert called["command"][1:] == ["-m", "jupyterlab", str(explorer)]
    assert called["env"]["VOIDLAB_DATASET"] == "small"
    assert explorer.read_bytes() == packaged_notebook("explore").read_bytes()
    assert own.read_text() == "{}"


def test_lab_where_templates_cannot_be_copied_is_a_sentence(copied, monkeypatch, capsys):
    shutil.rmtree(copied.root / "notebooks")
    (copied.root / "notebooks").write_text("in the way")
    monkeypatch.chdir(copied.root)
    assert cli.main(["lab", "small"]) == 1
    said = capsys.readouterr().err
    assert "notebooks" in said
    assert "Traceback" not in said
