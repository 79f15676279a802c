"""A watch at work: its thread, the threads that segment, the page, and the lock of the dataset."""

import errno
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from voidlab.errors import VoidlabError
from voidlab.live import commands
from voidlab.live.at_work import MOST_AT_ONCE, ByWorkers, Here
from voidlab.live.board import Board
from voidlab.live.dataset import open_watched
from voidlab.live.decide import segmenter_of
from voidlab.live.present import Presenter
from voidlab.live.server import LOCAL, Server
from voidlab.live.watch import Watch
from voidlab.project.lock import WATCHED, held
from voidlab.run.cluster import joined

_STEP_S = 0.1


class Session:
    """Watches ``source``, a folder or a glob, as dataset ``name``, until it is closed.

    Raises
    ------
    VoidlabError
        If it cannot be watched: the message says why, and what to do.
    """

    def __init__(
        self, source: str, name: str, *, host: str = LOCAL, port: int = 0, take_over: bool = False
    ) -> None:
        with _full_disk_in_words():
            watched = open_watched(source, name)
        self.paths = watched.paths
        self._lock = threading.RLock()
        self._stop, self._ended, self._failed = threading.Event(), threading.Event(), ""
        self._wake = threading.Event()
        with ExitStack() as stack:
            with _full_disk_in_words():
                self._hold = stack.enter_context(held(watched.paths, doing=WATCHED, take_over=take_over))
            method = segmenter_of(watched.dataset, watched.paths.parameters.parent)
            at_once, workers = min(os.cpu_count() or 1, method.at_once), joined()
            pool = ThreadPoolExecutor(MOST_AT_ONCE if workers else at_once, "segment")
            stack.callback(pool.shutdown, cancel_futures=True)
            work = ByWorkers(pool, at_once, workers, self.paths) if workers else Here(pool, at_once)
            stack.callback(work.close)
            self.watch = Watch(
                watched.paths,
                watched.dataset,
                watched.folder,
                watched.wanted,
                method,
                work=work,
                wake=self._wake.set,
            )
            stack.callback(self.watch.close)
            self.board = Board()
            solves = ThreadPoolExecutor(1, "drift")
            stack.callback(solves.shutdown, cancel_futures=True)
            self._presenter = Presenter(self.watch, self.board, solves)
            self._presenter.present()
            kept = watched.paths.folder / "live" / "page.json"
            self._server = Server(self.board, self.carry_out, kept, host, port)
            stack.callback(self._server.close)
            self._close = stack.pop_all()
        # It ends with the main thread and is waited for: one that is cut off amid C++ aborts the process.
        threading.Thread(target=self._work, name="watch", daemon=False).start()

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return self._server.address

    def wait(self) -> None:
        """Wait until the watch ends by itself.

        Raises
        ------
        VoidlabError
            If it failed.
        """
        # Not by joining the thread: where Ctrl-C interrupts that, Python takes the thread for ended.
        while not self._ended.wait(0.5):
            pass
        if self._failed:
            raise VoidlabError(self._failed)

    def close(self) -> None:
        """End; what has been segmented is kept."""
        self._stop.set()
        self._wake.set()
        self._ended.wait(30)
        self._close.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def carry_out(self, asked: dict[str, Any]) -> str:
        """Do what a viewer ``asked`` for; give a sentence.

        Raises
        ------
        VoidlabError
            If it cannot be done.
        """
        with self._lock:
            try:
                said = commands.carry_out(self.watch, asked)
            except OSError as error:
                what = f"nothing was changed, as {self.paths.parameters.parent} cannot be written to"
                raise VoidlabError(f"{what}: {error.strerror or error}.") from None
            self._presenter.present()
            return said

    def _work(self) -> None:
        try:
            self._go_on()
        finally:
            self._ended.set()

    def _go_on(self) -> None:
        while not self._stop.is_set() and threading.main_thread().is_alive():
            started = time.monotonic()
            try:
                with self._lock:
                    more = self.watch.step()
                    self._presenter.present()
            except Exception as error:  # the page must say so, whatever it was
                if not threading.main_thread().is_alive():  # then nothing can be submitted any more
                    return
                self._failed = f"the watch has ended: {type(error).__name__}: {error}"
                self.board.say({**self.board.status, "state": "ended", "alarms": [self._failed]})
                raise
            taken_by = self._hold.taken_over_by
            if taken_by is not None:
                self._failed = (
                    f"{self.paths.dataset} was taken over by {taken_by}; this watch of it has ended."
                )
                self.board.say({**self.board.status, "state": "ended", "alarms": [self._failed]})
                return
            if not more:
                due_s = self.watch.arrivals.due_in(max(0.0, _STEP_S - (time.monotonic() - started)))
                self._wake.wait(max(0.01, due_s))
                self._wake.clear()


@contextmanager
def _full_disk_in_words() -> Iterator[None]:
    """Say what to do where a watch cannot begin, as the disk takes not even its lock."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise VoidlabError(
            f"the watch cannot start, as the disk of the project is full: {error.strerror}. Free some space, then "
            "start it again; what was segmented before is kept."
        ) from None
