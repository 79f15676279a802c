"""One run of a dataset at a time: a lock that goes with the process that holds it, however that ends."""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from voidlab.errors import VoidlabError
from voidlab.project.paths import RunPaths
from voidlab.tables.written import this_host, writer_of

_ABANDONED_S = 24 * 3600  # what another computer has not written to for so long


class DatasetBusy(VoidlabError):
    """A dataset that another run is working on."""


@contextmanager
def held(paths: RunPaths) -> Iterator[None]:
    """Hold the dataset's run; a lock left by a process that is gone does not count, whatever its file says.

    Raises
    ------
    DatasetBusy
        If another process holds it; the message says which.
    """
    folder = paths.folder / ".running"
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / "holder.txt"
    busy = "{} is being run by {}; wait until that is done, or stop it."
    with locked(folder / "lock", lambda: DatasetBusy(busy.format(paths.dataset, _read(holder)))):
        try:
            now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
            _clear_up(paths)
            me = f"process {os.getpid()} on {socket.gethostname()} since {now}"
            holder.write_text(me, encoding="utf-8")
            yield
        finally:
            holder.unlink(missing_ok=True)


@contextmanager
def locked(file: Path, busy: Callable[[], VoidlabError]) -> Iterator[None]:
    """Hold the lock ``file``; the error ``busy`` is raised where another process holds it."""
    try:
        lock = FileLock(file, timeout=0).acquire()
    except Timeout:
        raise busy() from None
    with lock:
        yield


def _clear_up(paths: RunPaths) -> None:
    """Remove what processes that are gone had not finished writing."""
    for part in list(paths.folder.rglob(".*.part*")):
        writer = writer_of(part)
        if writer and _is_gone(part, *writer):
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


def _read(holder: Path) -> str:
    try:
        return holder.read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"
