"""A real watch is killed (kill -9) in each of its states, and goes on to what it shows without."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from voidlab.live.session import Session
from voidlab.project import corrections, parameters

STAND = Path(__file__).parents[1] / "standing_still.py"
DEADLINE_S = 120


class Killable:
    """Watches of one project, each a process; the page of each is at the same address."""

    def __init__(self, project):
        self.project, self._runs = project, itertools.count()
        self._process = None

    def start(self, place="nowhere", nth=1):
        """Start a watch that stands still at a place."""
        self.mark = self.project / f"mark{next(self._runs)}"
        with (self.project / "log").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(STAND), place, str(nth), str(self.mark), *WATCH],
                cwd=self.project, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        return self

    def kill(self):
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def kill_there(self):
        """Kill it when it has come to its place."""
        until(self.mark.exists, self._said)
        self.kill()

    def kill_when(self, condition):
        until(lambda: condition(self.told().get("status", {})), self._said)
        self.kill()

    def do(self, **what):
        return asked(self._address("command"), what)

    def do_and_hang(self, **what):
        """Ask for what it will not get done."""
        with pytest.raises(TimeoutError):
            asked(self._address("command"), what, timeout=2)

    def told(self):
        """All that a viewer is told at first; nothing before there is a page."""
        try:
            with urllib.request.urlopen(self._address("events"), timeout=10) as stream:
                return json.loads(stream.readline()[6:])
        except (OSError, ValueError):
            return {}

    def all_done(self, images):
        until(lambda: is_done(self.told(), images), self._said)
        return self

    def _address(self, what):
        page = json.loads((self.project / "reports" / "x" / "live" / "page.json").read_text())
        return f"http://127.0.0.1:{page['port']}/{what}?token={page['token']}"

    def _said(self):
        return (self.project / "log").read_text()


WATCH = ["watch", "images", "--name", "x"]


def until(condition, said):
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"it took too long: {said()}")


def asked(address, what, timeout=10):
    with urllib.request.urlopen(address, json.dumps(what).encode(), timeout=timeout) as answer:
        return json.loads(answer.read())["said"]


def is_done(event, images):
    rows = event.get("rows", [])
    linked = (row[13] is not None or row[-1] for row in rows)  # what is marked as bad is not linked
    return len(rows) == images and all(row[2] == "ok" for row in rows) and all(linked)


@pytest.fixture
def watch(project):
    made = Killable(project)
    yield made
    made.kill()


@pytest.mark.slow
def test_killed_in_each_of_its_states_it_goes_on_to_what_it_shows_without(
    watch, project, camera, monkeypatch
):
    def take(first, end):
        for number in range(first, end):
            camera.file(number).write_bytes(camera.content(number))

    camera.images = camera.images[:6] + [
        0.6 * image for image in camera.images[6:]
    ]  # it is decided otherwise
    shutil.copytree(project, project / "whole")
    watch.start().kill_when(lambda status: status.get("state") == "waiting for images")
    take(0, 6)
    watch.start("deciding").kill_there()
    watch.start("segmenting", 2).kill_there()
    watch.start("keeping a frame", 4).kill_there()
    watch.start("writing what came", 2).kill_there()
    watch.start().all_done(6)
    watch.do(do="pause", on=True)
    take(6, 8)
    watch.kill_when(lambda status: status.get("backlog") == 2)
    watch.start("taking up").kill_there()
    watch.start("saving a correction").all_done(8)
    watch.do_and_hang(do="bad", frame=3, on=True)
    watch.kill_there()
    watch.start("setting the threshold").all_done(8)
    assert watch.do(do="bad", frame=3, on=True) == "frame 3 is marked as bad"
    watch.do_and_hang(do="threshold", value=0.9, all=True)
    watch.kill_there()
    watch.start("segmenting", 3).all_done(8)
    watch.do(do="threshold", value=0.9, all=True)
    watch.kill_there()
    watch.start("deciding", 2).all_done(8)  # the first time it takes up what is known
    watch.do_and_hang(do="decide")
    watch.kill_there()
    watch.start("segmenting", 3).all_done(8)
    assert watch.do(do="decide").startswith("decided again: intensities")
    watch.kill_there()
    watch.start().all_done(8)
    found = sorted(watch.told()["rows"])
    watch.kill()
    file = project / "parameters" / "x.corrections.jsonl"
    assert corrections.bad_frames(corrections.read_log(file)) == {3}
    assert parameters.load_parameters(project / "parameters" / "x.yaml").segment.threshold == 0.9
    monkeypatch.chdir(project / "whole")
    assert found == never_killed(project / "images")
    assert kept(project) == kept(project / "whole")


def kept(project):
    """All that is kept of the images, by its place."""
    folder = project / "reports" / "x" / ".frames"
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("[0-9]*.bin")}


def never_killed(images):
    """What is shown by a watch in the working folder that is asked for the same, and lives."""
    files = sorted(images.iterdir())
    for file in files[:6]:
        shutil.copy(file, "images")
    with Session("images", "x") as session:

        def all_done(count):
            until(lambda: is_done({"rows": session.board.rows}, count), lambda: session.board.status)

        all_done(6)
        for file in files[6:]:
            shutil.copy(file, "images")
        all_done(8)
        session.carry_out({"do": "bad", "frame": 3, "on": True})
        session.carry_out({"do": "threshold", "value": 0.9, "all": True})
        all_done(8)
        session.carry_out({"do": "decide"})
        all_done(8)
        return sorted(session.board.rows)
