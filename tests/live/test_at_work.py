"""A watch whose images are segmented by workers: the same numbers, whatever becomes of these."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import psutil
import pytest

from voidlab import cli
from voidlab.live import at_work, commands, look
from voidlab.live.session import Session
from voidlab.run import cluster
from voidlab.run.cluster import ClusterError
from voidlab.run.frames_apart import FramesLost, WorkersKilled

IMAGES = 6
SECONDS = 13


class Workers:
    """Workers that do at once what they are sent; ``fails`` is what goes wrong with the tasks of these numbers."""

    def __init__(self, fails=None, at_once=2):
        self.fails, self.at_once, self.sent = fails or {}, at_once, []

    def submit(self, function, *what):
        self.sent.append(what[3])
        return Task(self.fails.get(len(self.sent)), function, what)


class Task:
    def __init__(self, error, function, what):
        self.error, self.function, self.what = error, function, what

    def result(self):
        if self.error is not None:
            raise self.error
        return self.function(*self.what)


@pytest.fixture
def alone(start, camera, project):
    """What is shown by a watch without workers."""
    at_work._opened.cache_clear()
    shown = start(camera.plan(IMAGES)).go(SECONDS).rows
    shutil.rmtree(project / "reports")
    for number in range(IMAGES):
        camera.file(number).unlink()
    camera.plan(IMAGES)
    return shown


def test_workers_segment_all_images_and_the_page_shows_the_same(start, camera, alone, monkeypatch):
    monkeypatch.setattr(look, "segment_frame", None)  # none of them here
    workers = Workers()
    watching = start(camera, workers).go(SECONDS)
    assert sorted(workers.sent) == list(range(IMAGES))
    assert watching.rows == alone
    assert watching.alarms == ""
    commands.set_threshold(watching.watch, 0.9, for_all=True)
    watching.go(3)
    assert sorted(workers.sent[IMAGES:]) == list(range(IMAGES))
    assert watching.board.status["backlog"] == 0


def test_workers_know_what_the_files_say_of_the_microscope(start, camera, monkeypatch):
    monkeypatch.setattr(look, "segment_frame", None)  # none of them here
    at_work._opened.cache_clear()
    camera.extratags = [(34682, 2, 0, "[Beam]\r\nHV=200000\r\n[Detectors]\r\nName=HAADF\r\n", True)]
    workers = Workers()
    watching = start(camera.plan(IMAGES), workers).go(SECONDS)
    assert watching.watch.looker.segmenter.dark_field
    assert sorted(workers.sent) == list(range(IMAGES))
    assert "by this computer alone" not in watching.alarms


def test_an_image_whose_worker_was_killed_is_done_again_and_named_where_that_does_not_help(
    start, camera, alone
):
    workers = Workers({IMAGES: WorkersKilled(), IMAGES + 1: WorkersKilled()})
    watching = start(camera, workers).go(SECONDS)
    assert watching.rows == alone
    assert workers.sent[-3:] == [IMAGES - 1] * 3
    camera.plan(1, first=IMAGES)
    workers.fails = dict.fromkeys(range(100), WorkersKilled())
    watching.go(35)
    assert "img_0006.tif is never finished: a worker died each time that it segmented it" in watching.alarms
    assert watching.board.status["images"] == IMAGES


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ClusterError("the workers are gone."),
            "the workers are gone. Start the watch again to have workers",
        ),
        (FramesLost("the computer b has other software."), "the computer b has other software."),
        (ModuleNotFoundError("No module named 'voidlab'"), "No module named 'voidlab' Start"),
    ],
)
def test_where_workers_cannot_the_watch_goes_on_by_itself_and_says_so(start, camera, alone, error, said):
    workers = Workers({3: error})
    watching = start(camera, workers).go(SECONDS)
    assert watching.rows == alone
    assert len(workers.sent) == 3
    assert f"images are segmented by this computer alone: {said}" in watching.alarms


def test_no_worker_yet(start, camera):
    assert "no worker has come yet" in start(camera.plan(1), Workers(at_once=0)).go(1).alarms


def test_an_image_that_a_worker_does_not_see_as_it_is_here_is_asked_for_again(
    start, camera, alone, monkeypatch
):
    digests = iter(["old"])
    digest = at_work.fingerprints.digest

    def on_a_network_disk(path):
        return next(digests, None) or digest(path)

    monkeypatch.setattr(
        at_work, "fingerprints", type("Fingerprints", (), {"digest": staticmethod(on_a_network_disk)})
    )
    workers = Workers()
    assert start(camera, workers).go(SECONDS).rows == alone
    assert sorted(workers.sent) == list(range(IMAGES))


def test_what_is_typed_wrong_and_a_missing_extra_are_sentences(project, monkeypatch, capsys):
    assert cli.main(["watch", "images", "--name", "x", "--on", "slrum"]) == 2
    assert "--on slrum: expected local, slurm" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert cli.main(["watch", "images", "--name", "x", "--on", "local"]) == 2
    assert "to run on 'local' Dask is needed" in capsys.readouterr().err


# --- real ones ---------------------------------------------------------------------------------------------------


def until(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def rows_in_the_end(session):
    def is_done():
        rows = session.board.rows
        return len(rows) == IMAGES and all(row[13] is not None for row in rows)

    until(is_done)
    return sorted(session.board.rows)


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "default"
)  # what Dask leaves behind when its processes are killed is not for this
def test_a_worker_that_is_killed_costs_no_image(project, camera):
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    for number in range(IMAGES):
        camera.file(number).write_bytes(camera.content(number))
    with Session("images", "x") as session:
        alone = rows_in_the_end(session)
    shutil.rmtree(project / "reports")
    with cluster.opened("local", 1), Session("images", "x") as session:
        until(lambda: any(row[2] == "ok" for row in session.board.rows))
        (victim,) = cluster.joined()._client.run(os.getpid).values()
        os.kill(victim, signal.SIGKILL)
        assert rows_in_the_end(session) == alone
        assert session.watch.work.problems == []
    assert not psutil.pid_exists(victim)


@pytest.fixture
def scheduler(tmp_path):
    """The address of a scheduler without workers."""
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    file = tmp_path / "scheduler.json"
    start = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*start, "--no-dashboard", "--scheduler-file", str(file)], **quiet) as process:
        until(file.exists)
        yield json.loads(file.read_text())["address"]
        process.kill()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_ctrl_c_ends_a_watch_whose_workers_never_came(project, camera, scheduler):
    for number in range(IMAGES):
        camera.file(number).write_bytes(camera.content(number))
    command = [sys.executable, "-m", "voidlab", "watch", "images", "--name", "x", "--on", scheduler]
    restored = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=restored) as process:
        until((project / "reports" / "x" / "watched.json").exists)  # the images are sent
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "what was segmented is kept" in said
