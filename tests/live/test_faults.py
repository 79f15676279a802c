"""What goes wrong around a watch: it is killed in the midst of any write, disks fill up or go, clocks jump."""

import errno
import os
import shutil
import time
from collections import namedtuple
from pathlib import Path

import pytest

from voidlab.errors import VoidlabError
from voidlab.live import alarms, session
from voidlab.live.index import Index
from voidlab.tables import written

IMAGES = 7
SECONDS = 13  # until the last is linked


class Killed(BaseException):
    """Stands for kill -9: nothing is tidied up behind it."""


class Writes:
    """Counts what is written below a folder; kills at one of the writes, half of it done."""

    def __init__(self, monkeypatch, folder, kill_at=None):
        self.count, self.kill_at, self.folder = 0, kill_at, folder
        replace, append = os.replace, Index._append

        def replaced(source, target, **options):
            if Path(target).is_relative_to(self.folder):
                self.next(lambda: None)  # the file that was to be replaced is as it was
            replace(source, target, **options)

        def appended(index, lines):
            lines = list(lines)
            self.next(lambda: self.half(index, append, lines))
            append(index, lines)

        monkeypatch.setattr(os, "replace", replaced)
        monkeypatch.setattr(Index, "_append", appended)

    def next(self, before_death):
        self.count += 1
        if self.count == self.kill_at:
            before_death()
            raise Killed

    @staticmethod
    def half(index, append, lines):
        append(index, lines)
        content = index.file.read_bytes()
        last = len(content) - content.rstrip(b"\n").rfind(b"\n") - 1
        index.file.write_bytes(content[: len(content) - last // 2])


@pytest.mark.slow
def test_killed_at_any_write_and_started_again_it_shows_what_it_shows_without(
    start, camera, clock, stand_in, project, monkeypatch
):
    reports = project / "reports"

    def taken(kill_at=None):
        """What is shown at the end, having been killed at a write, and how many writes there were."""
        shutil.rmtree(reports, ignore_errors=True)
        for number in range(IMAGES):
            camera.file(number).unlink(missing_ok=True)
        with monkeypatch.context() as patch:
            writes = Writes(patch, reports, kill_at)
            camera.plan(IMAGES)
            try:
                watching = start(camera).go(SECONDS)
            except Killed:
                watching = start(camera).go(SECONDS)
        assert watching.board.status["backlog"] == 0
        assert watching.alarms == ""
        lines = Index(watching.watch.index.file).entries
        assert sorted(lines) == [f"img_{number:04d}.tif" for number in range(IMAGES)]
        return watching.rows, writes.count

    wanted, count = taken()
    assert [row[0] for row in wanted] == list(range(IMAGES))
    assert all(row[13] is not None for row in wanted)  # tracks
    assert count > 2 * IMAGES
    for kill_at in range(1, count + 1, 2):
        found, _ = taken(kill_at)
        assert found == wanted, f"killed at write {kill_at} of {count}"


def test_a_clock_of_this_computer_that_jumps_does_not_matter(start, camera, stand_in, monkeypatch):
    camera.plan(IMAGES)
    watching = start(camera).go(4)
    monkeypatch.setattr(time, "time", lambda: 1e9)  # years back
    watching.go(2)
    monkeypatch.setattr(time, "time", lambda: 3e9)
    watching.go(SECONDS - 6)
    assert list(watching.frames.values()) == ["ok"] * IMAGES
    assert watching.alarms == ""
    assert 0 <= watching.board.status["age_s"] < SECONDS


def test_a_disk_that_is_nearly_full_is_told_and_one_that_is_not_there_is_not(
    start, camera, stand_in, monkeypatch
):
    disk = namedtuple("Disk", "total used free")

    def free(total, left):
        monkeypatch.setattr(alarms.shutil, "disk_usage", lambda folder: disk(total, total - left, left))

    watching = start(camera.plan(3)).go(1)
    assert watching.alarms == ""
    free(500e9, 1.94e9)  # of a large one
    watching.go(1)
    assert f"the disk of {watching.watch.paths.folder} is nearly full: 1.9 GB are left." in watching.alarms
    free(500e9, 2.1e9)
    watching.go(1)
    assert watching.alarms == ""
    free(32e9, 0.63e9)  # of a small one
    watching.go(1)
    assert "nearly full: 0.6 GB are left" in watching.alarms
    free(32e9, 0.65e9)
    watching.go(1)
    assert watching.alarms == ""

    def gone(folder):
        raise FileNotFoundError(folder)

    monkeypatch.setattr(alarms.shutil, "disk_usage", gone)
    assert alarms.of_disk(watching.watch.paths.folder) == []


def test_a_watch_that_starts_while_the_folder_is_away_goes_on_when_it_is_back(start, camera, project):
    first = start(camera.plan(IMAGES)).go(SECONDS)
    wanted = first.rows
    (project / "images").rename(project / "away")
    again = start().go(2)
    assert "images cannot be looked into" in again.alarms
    assert again.board.status["images"] == IMAGES
    (project / "away").rename(project / "images")
    again.go(2)
    assert again.alarms == ""
    assert again.rows == wanted
    assert again.board.shown["frame"] == IMAGES - 1


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_on_a_full_disk_a_watch_that_is_started_again_goes_on(start, camera, stand_in, monkeypatch):
    first = start(camera.plan(IMAGES)).go(SECONDS)
    monkeypatch.setattr(written, "unfinished", full)  # whatever is to be replaced
    monkeypatch.setattr(Index, "_append", full)
    camera.plan(2, first=IMAGES)
    again = start(camera).go(5)
    assert again.board.status["state"] == "watching"
    assert list(again.frames.values()) == ["ok"] * (IMAGES + 2)
    assert again.rows[: IMAGES - 1] == first.rows[: IMAGES - 1]
    assert "cannot be kept: [Errno 28] No space left on device. A run makes it anew" in again.alarms


def test_on_a_full_disk_a_first_watch_says_what_to_do_and_begins_when_there_is_room(
    start, camera, stand_in, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(written, "unfinished", full)
        watching = start(camera.plan(IMAGES)).go(SECONDS)
        folder = watching.watch.paths.folder
        assert (
            f"what holds for all images cannot be kept in {folder}: No space left on device. Free some space on that "
            "disk, or make it writable; the watch then goes on by itself." in watching.alarms
        )
    watching.go(3)
    assert list(watching.frames.values()) == ["ok"] * IMAGES
    assert watching.alarms == ""


def test_a_watch_that_cannot_hold_its_lock_says_in_a_sentence_that_the_disk_is_full(project, monkeypatch):
    monkeypatch.setattr(session, "held", full)
    with pytest.raises(VoidlabError, match="the disk of the project is full.*Free some space, then start it"):
        session.Session("images", "x")
