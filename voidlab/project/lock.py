"""One run of a dataset at a time: a lock that goes with the process that holds it, however that ends."""

import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from voidlab.errors import VoidlabError
from voidlab.project.paths import RunPaths

_PART = re.compile(r"\..+\.(\d+)\.part\+*")  # as `tables.written.replacing` names what it has not finished


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
        named = _PART.fullmatch(part.name)
        if named and not psutil.pid_exists(int(named[1])):
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)


def _read(holder: Path) -> str:
    try:
        return holder.read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"
