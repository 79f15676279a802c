"""One run or watch of a dataset at a time, on all computers that share its folder.

On one computer a lock goes with the process that holds it, however that ends. To another it may mean nothing:
there a note beside it says which process holds it, and only a person can know that that one is gone.
"""

import errno
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import psutil
from filelock import FileLock, Timeout

from voidlab.errors import VoidlabError
from voidlab.project.paths import RunPaths
from voidlab.tables.written import this_host, writer_of

_ABANDONED_S = 24 * 3600  # what another computer has not written to for so long
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)  # of disks that know none
_NOTE = re.compile(r"(\w+) by process (\d+) on (\S+) since (.+)")
RUN, WATCHED = "run", "watched"


class DatasetBusy(VoidlabError):
    """A dataset that another run or watch is working on."""


@dataclass(frozen=True)
class Holder:
    """Which process of which computer holds a lock, since when and what for; 0 and "" where nothing is known."""

    process: int = 0
    host: str = ""
    since: str = ""
    doing: str = "used"

    @classmethod
    def this(cls, doing: str) -> Self:
        return cls(os.getpid(), this_host(), datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"), doing)

    @classmethod
    def noted(cls, note: Path) -> Self | None:
        """Who holds a lock by its ``note``; None where there is none."""
        try:
            named = _NOTE.fullmatch(note.read_text(encoding="utf-8", errors="replace").strip())
        except FileNotFoundError:
            return None
        except OSError:
            return cls()
        return cls(int(named[2]), named[3], named[4], named[1]) if named else cls()

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is a process of another computer."""
        return self.host not in ("", this_host())

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} since {self.since}" if self.host else "another process"


@dataclass(frozen=True)
class Hold:
    """A lock that is held, until somebody on another computer takes it over."""

    note: Path
    holder: Holder

    @property
    def taken_over_by(self) -> Holder | None:
        """Who has taken it over; None while nobody has, or the disk does not answer."""
        now = Holder.noted(self.note)
        return None if now in (self.holder, Holder()) else now or Holder()


@contextmanager
def held(paths: RunPaths, *, doing: str = RUN, take_over: bool = False) -> Iterator[Hold]:
    """Hold the dataset; a lock left by a process of this computer that is gone does not count.

    Parameters
    ----------
    doing
        What it is held for, as others are told: it is being ``run``, or ``watched``.
    take_over
        Take it from another computer, where it is known that nothing runs any more.

    Raises
    ------
    DatasetBusy
        If another process holds it, or another computer; the message says which.
    """
    folder = paths.folder / ".running"
    folder.mkdir(parents=True, exist_ok=True)

    def busy(holder: Holder) -> DatasetBusy:
        said = f"{paths.dataset} is being {holder.doing} by {holder}"
        # A watch is never done by itself.
        wait = "stop that watch first" if holder.doing == WATCHED else "wait until that is done, or stop it"
        if not holder.is_elsewhere:
            return DatasetBusy(f"{said}; {wait}.")
        return DatasetBusy(
            f"{said}, another computer; {wait} there. If you know that it is gone, take "
            f"over: voidlab run {os.path.relpath(paths.parameters)} --take-over"
        )

    lock = folder / "lock"
    before = Holder.noted(_note_of(lock))
    with locked(lock, busy, doing=doing, take_over=take_over) as hold:
        _clear_up(paths, gone=before.host if before else "")
        yield hold


@contextmanager
def locked(
    file: Path, busy: Callable[[Holder], VoidlabError], *, doing: str = RUN, take_over: bool = False
) -> Iterator[Hold]:
    """Hold the lock ``file``; the error that ``busy`` makes is raised where another process holds it.

    ``doing`` is what for, a participle. ``take_over``: also if a process of another computer has noted that it does.
    """
    note, me = _note_of(file), Holder.this(doing)
    lock: AbstractContextManager[object]
    try:
        lock = FileLock(file, timeout=0).acquire()
    except Timeout:
        raise busy(Holder.noted(note) or Holder()) from None
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        lock = nullcontext()
        holder = Holder.noted(note)
        if holder and not holder.is_elsewhere and psutil.pid_exists(holder.process):
            raise busy(holder) from None
    with lock:
        holder = Holder.noted(note)
        if holder and holder.is_elsewhere and not take_over:
            raise busy(holder)
        note.unlink(missing_ok=True)
        try:
            with note.open("x", encoding="utf-8") as stream:  # of two computers at once one fails
                stream.write(f"{doing} by {me}")
        except FileExistsError:
            raise busy(Holder.noted(note) or Holder()) from None
        try:
            yield Hold(note, me)
        finally:
            if Holder.noted(note) == me:
                note.unlink(missing_ok=True)


def _note_of(lock: Path) -> Path:
    return lock.with_name(f"{lock.name}.holder")


def _clear_up(paths: RunPaths, gone: str) -> None:
    """Remove what processes that are gone had not finished writing; all of the computer ``gone`` are."""
    for part in list(paths.folder.rglob(".*.part*")):
        writer = writer_of(part)
        if writer and (writer[0] == gone != this_host() or _is_gone(part, *writer)):
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)


def _is_gone(part: Path, host: str, process: int) -> bool:
    """Whether who was writing ``part`` is gone; of another computer only time tells."""
    if host == this_host():
        return not psutil.pid_exists(process)
    try:
        return time.time() - part.stat().st_mtime > _ABANDONED_S
    except OSError:
        return False
