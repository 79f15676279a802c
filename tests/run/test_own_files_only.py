"""Images are safe: a run rewrites its own report, and in it only what voidlab wrote."""

import os
import re
import shutil
import subprocess
import time

import pytest

from projects import REPOSITORY, run_project
from voidlab import run, simulate
from voidlab.images import ImagesError
from voidlab.project import fingerprints, lock
from voidlab.project.parameters.yaml_file import ParameterErrors
from voidlab.project.paths import ProjectError, RunPaths
from voidlab.report import pages
from voidlab.run import positions, stage, start
from voidlab.tables import written


def into_own_report(paths):
    """The dataset's images put below its own report, as an export that was taken as input has them."""
    folder = paths.exports / "ctc" / "01_RES"
    folder.mkdir(parents=True, exist_ok=True)
    for image in (paths.root / "data" / "small").glob("tilt*.tif"):
        shutil.copy(image, folder)
    return folder


@pytest.mark.parametrize("linked", [False, True])
def test_images_in_the_own_report_are_refused(copied, monkeypatch, linked):
    monkeypatch.chdir(copied.root)
    into_own_report(copied)
    place = "../reports/small/exports/ctc/01_RES/tilt*.tif"
    if linked:
        (copied.root / "data" / "link").symlink_to(copied.exports / "ctc" / "01_RES")
        place = "../data/link/tilt*.tif"
    copied.parameters.write_text(copied.parameters.read_text().replace("../data/small/tilt*.tif", place))
    with pytest.raises(ParameterErrors, match=r"small\.yaml:2: images: .*tilt01\.tif lies in the report"):
        run.check(copied.parameters)
    with pytest.raises(ImagesError, match="lies in the report that is to be written"):
        stage.open_stage("segment", "small")
    with pytest.raises(ImagesError, match="lies in the report that is to be written"):
        start.init_dataset("reports/small/labels.tif", "small")


def test_a_file_of_angles_in_the_own_report_is_refused(copied):
    text = copied.parameters.read_text()
    copied.parameters.write_text(
        text.replace("../data/small/tilt.rawtlt", "../reports/small/exports/voids.tlt")
    )
    with pytest.raises(
        ParameterErrors, match=r"small\.yaml:4: tilt_angles_deg: .*voids\.tlt lies in the report"
    ):
        run.check(copied.parameters)


def test_a_file_of_positions_in_the_own_report_is_refused(copied, monkeypatch):
    monkeypatch.chdir(copied.root)
    file = copied.reports / "found" / "frame-data.json"
    file.parent.mkdir()
    shutil.copy(copied.exports / "frame-data.json", file)
    with pytest.raises(ProjectError, match=r"frame-data\.json lies in the report of 'found'"):
        positions.run_positions(file, "found", (210, 150), log=print, progress=print)


def test_another_datasets_exports_are_fine_as_input(copied, monkeypatch):
    monkeypatch.chdir(copied.root)
    paths, _ = start.init_dataset("reports/small/exports/ctc/01_RES/mask*.tif", "masks")
    run.check(paths.parameters)
    masks = {file.resolve() for file in (copied.exports / "ctc" / "01_RES").glob("mask*.tif")}
    assert len(masks) == 4
    assert stage.open_stage("export", "small").images_of_others() == masks
    (copied.root / "parameters" / "broken.yaml").write_text("images: [")
    assert stage.open_stage("export", "small").images_of_others() == masks


@pytest.mark.slow
def test_a_run_keeps_what_others_have_in_its_exports(copied):
    """Raw images there, an edited export, and masks that are the images of another dataset."""
    folder = into_own_report(copied)
    raw = {file: fingerprints.digest(file) for file in folder.glob("tilt*.tif")}
    edited = copied.exports / "voids.csv"
    edited.write_text("sorted by hand")
    (copied.root / "parameters" / "masks.yaml").write_text(
        "images: ../reports/small/exports/ctc/01_RES/mask*.tif\n"
    )
    masks = {file: fingerprints.digest(file) for file in folder.glob("mask*.tif")}
    text = copied.parameters.read_text()
    copied.parameters.write_text(text.replace("{min_frames: 3}", "{min_frames: 3, other_programs: false}"))
    done, lines = run_project(copied)
    assert done, lines
    assert {file: fingerprints.digest(file) for file in raw | masks} == raw | masks
    assert (copied.exports / "voids (kept).csv").read_text() == "sorted by hand"
    assert "void" in edited.read_text()
    assert not (copied.exports / "trackmate.xml").exists()  # not asked for any more
    (copied.root / "parameters" / "masks.yaml").unlink()
    done, lines = run_project(copied, start="export")
    assert done, lines
    assert not list(folder.glob("mask*.tif"))
    assert {file: fingerprints.digest(file) for file in raw} == raw
    assert "voids (kept).csv was not" not in copied.html("export").read_text("utf-8")


def test_a_page_of_somebody_else_is_kept(copied):
    copied.index.write_text("<p>my own page")
    with pytest.warns(UserWarning, match=r"index\.html was not written by voidlab"):
        pages.write_dataset_index(copied)
    pages.write_dataset_index(copied)
    assert (copied.folder / "index (kept).html").read_text() == "<p>my own page"
    assert len(list(copied.folder.glob("index*"))) == 2


def test_only_unfinished_files_of_ours_are_cleared_up(copied):
    gone = 2**22 - 1  # no process has this number
    ours = [copied.folder / f".labels.tif.{gone}.part", copied.folder / f".labels.tif.{gone}.part+"]
    theirs = [copied.folder / f".scan.{gone}.partial.tif", copied.folder / f".scan.{gone}.part.tif"]
    for file in ours + theirs:
        file.touch()
    folder = copied.folder / f".exports.{gone}.part"
    (folder / "ctc").mkdir(parents=True)
    with lock.held(copied):
        assert not any(file.exists() for file in [*ours, folder])
        assert all(file.exists() for file in theirs)


def test_what_another_computer_is_writing_is_left_until_it_is_old(copied):
    gone = 2**22 - 1  # of a process of another computer nothing is known here
    writing = copied.folder / f".labels.tif.node-7.{gone}.0a1b2c3d.part"
    abandoned = copied.folder / f".voids.parquet.node-7.{gone}.0a1b2c3d.part"
    ours = copied.folder / f".frames.parquet.{written.this_host()}.{gone}.0a1b2c3d.part"
    for file in (writing, abandoned, ours):
        file.touch()
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(abandoned, (long_ago, long_ago))
    with lock.held(copied):
        assert writing.exists()
        assert not abandoned.exists()
        assert not ours.exists()


def test_two_computers_with_the_same_process_numbers_write_different_files(tmp_path, monkeypatch):
    names = set()
    for host in ("node-1", "node-1", "node-2.cluster.edu"):
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        unfinished = written.unfinished(tmp_path / "labels.tif")
        assert written.writer_of(unfinished) == (host.replace(".", "-"), os.getpid())
        names.add(unfinished.name)
    assert len(names) == 3


def test_the_demo_does_not_touch_images_of_others(tmp_path):
    series = simulate.tilt_series(seed=1, views=3, shape=(60, 80), voids=5)
    simulate.write_demo(tmp_path / "demo", series)
    simulate.write_demo(tmp_path / "demo", series)
    own = tmp_path / "demo" / "tilt07.tif"
    own.write_text("raw")
    with pytest.raises(simulate.DemoError, match=re.escape(f"{own} is not of the demo")):
        simulate.write_demo(tmp_path / "demo", series)
    assert own.read_text() == "raw"
    own.rename(tmp_path / "demo" / "notes.txt")
    simulate.write_demo(tmp_path / "demo", simulate.tilt_series(seed=1, views=2, shape=(60, 80), voids=5))
    assert {file.name for file in (tmp_path / "demo").glob("[tn]*")} >= {
        "tilt01.tif",
        "tilt02.tif",
        "notes.txt",
    }
    assert not (tmp_path / "demo" / "tilt03.tif").exists()


def test_make_clean_leaves_reports_and_images(tmp_path):
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    files = [tmp_path / name for name in ("reports/x/raw.tif", "data/demo/tilt99.tif", "data/x/a.tif")]
    environment = tmp_path / ".venv" / "pyvenv.cfg"
    for file in (*files, environment):
        file.parent.mkdir(parents=True)
        file.touch()
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert all(file.exists() for file in files)
    assert not environment.exists()


def test_a_name_elsewhere_in_the_project_is_not_the_own_report(tmp_path):
    paths = RunPaths(tmp_path, "a")
    assert not run.images.lies_in_report(paths, tmp_path / "reports" / "ab" / "x.tif")
    assert run.images.lies_in_report(paths, tmp_path / "reports" / "a" / "x.tif")
