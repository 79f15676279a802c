"""The images that wait to be segmented, and those that are being segmented: which is next.

By turns the newest and the one that has waited longest, so that what is shown is new and the backlog is worked off.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from voidlab.live.at_work import Here
from voidlab.live.index import Entry
from voidlab.live.look import Looked, Looker
from voidlab.live.register import Register


@dataclass
class _Task:
    entry: Entry
    future: Future[Looked]


class Backlog:
    """What waits in ``register``; the files lie in ``folder``, ``work`` segments them.

    ``wake`` is called, from any thread, when an image has been segmented.
    """

    def __init__(self, register: Register, folder: Path, work: Here, wake: Callable[[], None]) -> None:
        self.arrived: deque[tuple[float, str]] = deque(maxlen=1000)  # when, and the name
        self._register, self._folder, self._work, self._wake = register, folder, work, wake
        self._under_way: dict[str, _Task] = {}
        self._arrivals: dict[str, int] = {}  # as which image each arrived
        self._count, self._turn = count(), 0

    @property
    def is_at_rest(self) -> bool:
        """Whether no image is being segmented."""
        return not self._under_way

    def arrive(self, name: str, at_s: float) -> None:
        """An image has arrived."""
        self.arrived.append((at_s, name))
        self._arrivals[name] = next(self._count)

    def is_newer(self, name: str, than: str) -> bool:
        """Whether an image arrived after another, or is the same; any did after ""."""
        return self._arrivals.get(name, -1) >= self._arrivals.get(than, -1)

    def submit(self, looker: Looker, shown: str) -> None:
        """Have as many segmented as it pays; a picture is made of those that are newer than the one ``shown``."""
        while len(self._under_way) < self._work.at_once and (name := self._next()):
            self._turn += 1
            entry, newer = self._register.entries[name], self.is_newer(name, shown)
            future = self._work.submit(looker, self._folder / name, entry, with_picture=newer)
            self._under_way[name] = _Task(entry, future)
            future.add_done_callback(lambda _: self._wake())

    def done(self) -> Iterator[tuple[str, Future[Looked]]]:
        """Name, and what came of it, of the images that are segmented by now and still are what they were."""
        for name, task in list(self._under_way.items()):
            if not task.future.done():
                continue
            del self._under_way[name]
            now, then = self._register.entries.get(name), task.entry
            # Else renamed, renumbered or written anew meanwhile: it is looked at again.
            if now is not None and (now.stamp, now.frame) == (then.stamp, then.frame):
                yield name, task.future

    def give_up(self) -> None:
        """Wait no more for those that are being segmented: they wait anew."""
        for task in self._under_way.values():
            task.future.cancel()
        self._under_way.clear()

    def _next(self) -> str:
        """The image to segment next; "" where none waits."""
        waiting = self._register.waiting - self._under_way.keys()
        if not waiting:
            return ""
        first = min(waiting, key=self._register.frame_of)
        if self._turn % 2:
            return first
        newest = (name for _, name in reversed(self.arrived) if name in waiting)
        return next(newest, None) or max(waiting, key=self._register.frame_of)
