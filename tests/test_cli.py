"""The command as a user types it: its words and its exit codes."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

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


def test_threads_of_arithmetic_sleep_while_they_wait_unless_the_user_says_otherwise(monkeypatch, capsys):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    assert cli.main(["parameters"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"


def test_init_says_what_it_found_and_sets_nothing_that_is_the_default(here, capsys):
    (here / "data").mkdir()
    for number in range(50):
        tifffile.imwrite(here / "data" / f"f{number:02}.tif", np.full((60, 80), number, np.uint8))
    assert cli.main(["init", "data", "--name", "x"]) == 0
    text = Path("parameters/x.yaml").read_text(encoding="utf-8")
    assert text.startswith(
        "# 50 images of 80 × 60 px (width × height), frames 0-49, no pixel size in the files"
    )
    set_here = [line.split(":")[0] for line in text.splitlines() if line and not line.startswith("#")]
    assert set_here == ["dataset", "images"]
    # Each line is set by taking its # away.
    every = re.sub(r"^# (?!tilt_angles_deg)(?=\w+: )", "", text, flags=re.MULTILINE).replace(
        "480, 120", "4, 12"
    )
    Path("parameters/x.yaml").write_text(every, encoding="utf-8")
    assert cli.main(["check", "parameters/x.yaml"]) == 0
    assert "14 excluded" in capsys.readouterr().out.rsplit("x: good", 1)[1]


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


@pytest.mark.parametrize("command", ["init", "check", "run", "score", "positions", "watch"])
def test_an_empty_text_is_not_the_folder_it_is_typed_in(here, command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "", "--name", "x"])
    assert ended.value.code == 2
    assert "'' names nothing; expected a file or folder. Is a variable empty?" in capsys.readouterr().err


def test_a_name_that_no_disk_takes_is_wrong_input(here, capsys):
    assert cli.main(["check", "a" * 300]) == 2
    assert capsys.readouterr().err.startswith("the name 'aaaa")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ("Ni_spot1_500C", "Fe_spot2_600C"),
            "The names differ in words, too, such as 'Ni_spot1_500C.tif' and ",
        ),
        (("Ni_1_50kx", "Ni_2_100kx"), "The file names hold several magnifications, 50kx to 100kx: "),
        (("Ni_1", "Ni_2"), ""),
    ],
)
def test_init_of_what_may_be_no_series_names_each(here, capsys, names, said):
    for name in names:
        tifffile.imwrite(here / f"{name}.tif", np.eye(32, dtype=np.uint8))
    assert cli.main(["init", "*.tif", "--name", "x"]) == 0
    out = capsys.readouterr().out
    assert said in out
    assert ("`voidlab init` with --each" in out) == bool(said)


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
    at_root = f"--ServerApp.root_dir={copied.root}"
    assert called["command"][1:] == ["-m", "jupyterlab", str(explorer), at_root]
    assert called["env"]["VOIDLAB_DATASET"] == "small"
    laid_out, packaged = (json.loads(file.read_text()) for file in (explorer, packaged_notebook("explore")))
    assert laid_out["cells"] == packaged["cells"]
    assert own.read_text() == "{}"


def test_lab_where_templates_cannot_be_copied_is_a_sentence(copied, monkeypatch, capsys):
    shutil.rmtree(copied.root / "notebooks")
    (copied.root / "notebooks").write_text("in the way")
    monkeypatch.chdir(copied.root)
    assert cli.main(["lab", "small"]) == 1
    said = capsys.readouterr().err
    assert "notebooks" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["index.html", "INDEX.html", "index (kept).html", "con", "nul.txt"])
def test_names_that_would_be_in_the_way_are_refused(here, finished, capsys, name):
    source = str(finished[0].root / "data" / "small" / "tilt*.tif")
    assert cli.main(["init", source, "--name", name]) == 2
    said = capsys.readouterr().err
    assert "cannot name a dataset" in said
    assert not (here / "parameters").exists()


def test_init_prints_commands_that_can_be_typed(here, finished, capsys):
    source = str(finished[0].root / "data" / "small" / "tilt*.tif")
    assert cli.main(["init", source, "--name", "my gold"]) == 0
    said = capsys.readouterr().out.splitlines()
    quote = '"' if os.name == "nt" else "'"
    assert said[-2:] == [
        f"  voidlab run {quote}{os.path.join('parameters', 'my gold.yaml')}{quote}",
        f"  voidlab lab {quote}my gold{quote}",
    ]


def test_init_of_images_that_are_no_series_leaves_a_file_to_put_right(here, finished, capsys):
    first, second, *_ = sorted((finished[0].root / "data" / "small").glob("tilt*.tif"))
    shutil.copy(first, here / "f1.tif")
    shutil.copy(second, here / "f01.tif")
    assert cli.main(["init", "f*.tif", "--name", "mine"]) == 2
    said = capsys.readouterr().err
    assert "frame_pattern" in said
    assert "wrote parameters" in said
    assert "put it right there, then: voidlab check" in said
    yaml = here / "parameters" / "mine.yaml"
    assert cli.main(["check", str(yaml)]) == 2
    assert "mine.yaml: no number that tells" in capsys.readouterr().err
    (here / "f01.tif").rename(here / "f2.tif")
    assert cli.main(["check", str(yaml)]) == 0


def test_init_takes_a_quoted_tilde_for_the_home(here, finished, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(finished[0].root))
    monkeypatch.setenv("USERPROFILE", str(finished[0].root))
    assert cli.main(["init", "~/data/small/tilt*.tif", "--name", "mine"]) == 0
    assert "~" not in (here / "parameters" / "mine.yaml").read_text(encoding="utf-8")
    assert cli.main(["check", "mine"]) == 0


def test_init_on_a_full_disk_leaves_nothing_in_the_way(here, finished, monkeypatch, capsys):
    source = str(finished[0].root / "data" / "small" / "tilt*.tif")
    with monkeypatch.context() as full:
        full.setattr(Path, "write_text", lambda *a, **k: (_ for _ in ()).throw(OSError(28, "No space left")))
        assert cli.main(["init", source, "--name", "mine"]) == 1
    assert "No space left" in capsys.readouterr().err
    assert list((here / "parameters").iterdir()) == []
    assert cli.main(["init", source, "--name", "mine"]) == 0


def test_check_takes_a_pattern_that_a_shell_of_windows_leaves_as_it_is(copied, monkeypatch, capsys):
    monkeypatch.chdir(copied.root)
    assert cli.main(["check", "parameters/sm*.yaml"]) == 0
    assert "small: good" in capsys.readouterr().out
    assert cli.main(["check", "parameters/none*.yaml"]) == 2
    assert "no such file" in capsys.readouterr().err


def test_check_and_run_take_the_name_of_a_dataset(copied, monkeypatch, capsys):
    monkeypatch.chdir(copied.root / "data")
    assert cli.main(["check", "small"]) == 0
    assert "small: good" in capsys.readouterr().out
    assert cli.main(["run", "smal"]) == 2
    assert "smal.yaml: no such file; did you mean small.yaml?" in capsys.readouterr().err


def test_another_ending_than_yaml_is_told(copied, monkeypatch, capsys):
    monkeypatch.chdir(copied.root)
    copied.parameters.rename(copied.parameters.with_suffix(".yml"))
    assert cli.main(["check", "parameters/small.yml"]) == 2
    assert "small.yml: must end in .yaml to be run: call it small.yaml" in capsys.readouterr().err


def test_what_stands_behind_two_dashes_goes_to_jupyterlab(copied, monkeypatch):
    called = {}
    monkeypatch.setattr("subprocess.call", lambda command, **how: called.update(command=command, **how) or 0)
    monkeypatch.chdir(copied.root)
    assert cli.main(["lab", "--", "--allow-root", "--ip", "127.0.0.1"]) == 0
    assert called["command"][3:] == [
        "--LabApp.default_url=/lab/tree/notebooks",
        f"--ServerApp.root_dir={copied.root}",
        "--allow-root",
        "--ip",
        "127.0.0.1",
    ]


def test_correct_with_a_damaged_table_is_a_sentence(copied, monkeypatch, capsys):
    monkeypatch.chdir(copied.root)
    copied.table("voids").write_bytes(copied.table("voids").read_bytes()[:-50])
    assert cli.main(["correct", "small", str(copied.labels)]) == 2
    assert "run the stage 'segment' again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("segment.threshold=2026-13-40", "segment.threshold: must be a number"),
        ("segment.threshold=2026-01-02", "segment.threshold: must be a number"),
        ("track.memory=" + "9" * 5000, "track.memory: must be a whole number"),
        ("track.memory=1000000000", "track.memory: must be ≤ 10000"),
        ("segment.threshold=&a [*a]", "anchors and aliases"),
        ("segment.threshold=" + "[" * 3000 + "]" * 3000, "nested far deeper"),
    ],
)
def test_values_that_no_parameter_has(copied, monkeypatch, capsys, setting, words):
    monkeypatch.chdir(copied.root)
    assert cli.main(["run", "small", "--set", setting]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said) < 500


def test_score_draws_names_as_they_are(here, capsys):
    image, labels = np.zeros((60, 90), np.uint8), np.zeros((60, 90), np.uint16)
    image[20:30, 40:50] = labels[20:30, 40:50] = 200
    tifffile.imwrite(here / "a$\\frac$.tif", image)
    tifffile.imwrite(here / "a$\\frac$_labels.tif", labels)
    assert cli.main(["score", ".", "--segmenter", "classical", "--out", "scores"]) == 0
    assert "wrote scores" in capsys.readouterr().out
