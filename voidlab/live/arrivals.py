"""Which images of a folder are complete: by looking again and again, as no event tells what another computer writes.

A file is complete when its size and its time of writing have not changed for a quarter of a second. Both are only
ever compared with themselves, by a clock that nobody sets: no clock of a server matters, nor one that jumps.
Whether it can be read is found out by who reads it; what cannot is put back, and tried again.
"""

import math
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

AT_REST_S = 0.25
_NEVER_FINISHED_S = 30.0
_RETRY_S = (1.0, 2.0, 5.0, 10.0)
_STILL_YOUNG_S = 30.0  # since a file was taken: it is looked at each time
_DIGITS = re.compile(r"([0-9]+)")
_MOST_YOUNG = 200  # ... or by turns, where thousands came at once
_LOOKED_AT_AGAIN = 50  # of the older ones, each time


@dataclass(frozen=True)
class Stamp:
    """Size of a file and when it was written, ns: they change when it is written to."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str | Path) -> Self | None:
        """The stamp of a file; None where there is none, or it cannot be asked for."""
        try:
            found = os.stat(path)
        except OSError:
            return None
        return cls(found.st_size, found.st_mtime_ns)


@dataclass(frozen=True)
class Arrival:
    """A file that is complete; ``again``: it was before, and is another one now.

    ``renamed_from`` is the name that the same file had before; ``retried`` says that it could not be read before.
    """

    name: str
    stamp: Stamp
    again: bool = False
    renamed_from: str = ""
    retried: bool = False


@dataclass
class _Waiting:
    """A file that is not complete yet: since when it has been there and at rest, and what was wrong with it."""

    since: float
    rests_since: float
    stamp: Stamp | None
    again: bool = False
    retry_at: float = 0.0
    tries: int = 0
    reason: str = ""


class Arrivals:
    """The images of a folder as they become complete.

    Parameters
    ----------
    folder
        Where they are written to; it need not be there yet.
    wanted
        Whether a file of this name is an image of the series.
    known
        Files that were taken in before, as after a restart: they are no arrivals unless they have changed.
    clock
        Seconds, from anywhere; never set back.
    """

    def __init__(
        self,
        folder: Path,
        wanted: Callable[[str], bool],
        *,
        known: Mapping[str, Stamp] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.why_gone = ""
        # Each name is asked about once: of thousands, that takes longer than to list them.
        self._wanted, self._clock = cache(wanted), clock
        self._taken: dict[str, Stamp] = dict(known or {})
        self._first_look = math.inf
        self._waiting: dict[str, _Waiting] = {}
        self._unread: dict[str, _Waiting] = {}  # given as complete, not read yet
        self._young: deque[tuple[float, str]] = deque()
        self._round: deque[str] = deque(self._taken)
        self._there: set[str] = set(self._taken)

    def poll(self) -> list[Arrival]:
        """Look once; give what has become complete since, in the order of the names."""
        now = self._clock()
        try:
            with os.scandir(self.folder) as entries:
                names = {entry.name for entry in entries if self._wanted(entry.name)}
        except OSError as error:
            self.why_gone = f"{self.folder} cannot be looked into: {error.strerror or error}"
            return []
        if self._taken and not names:  # a disk that is not there leaves an empty folder
            self.why_gone = f"all images are gone from {self.folder}"
            return []
        self.why_gone = ""
        self._first_look = min(self._first_look, now)
        self._there = names
        for name in names - self._taken.keys() - self._waiting.keys():
            self._waiting[name] = _Waiting(now, now, None)
        for name in self._waiting.keys() - names:
            del self._waiting[name]
        self._look_again(now)
        return [
            arrival for name in sorted(self._waiting, key=in_order) if (arrival := self._ready(name, now))
        ]

    @property
    def are_in(self) -> bool:
        """Whether the files that were there at the first look, and complete, have been given."""
        return self._clock() - self._first_look >= 2 * AT_REST_S

    def due_in(self, most_s: float) -> float:
        """Seconds until it pays to look again: until a file has rested long enough, ``most_s`` at the longest."""
        now = self._clock()
        due = (max(entry.rests_since + AT_REST_S, entry.retry_at) - now for entry in self._waiting.values())
        return min((seconds for seconds in due if 0 < seconds < most_s), default=most_s)

    def put_back(self, name: str, reason: str) -> None:
        """What was given as complete cannot be read: look at it again when it changes, or after a while."""
        now = self._clock()
        stamp = self._taken.pop(name, None)
        entry = self._waiting.setdefault(name, _Waiting(now, now, stamp))
        before = self._unread.pop(name, None)
        if before is not None:
            entry.since, entry.tries, entry.again = before.since, before.tries, before.again
        entry.retry_at = now + _RETRY_S[min(entry.tries, len(_RETRY_S) - 1)]
        entry.tries += 1
        entry.reason = reason

    def accept(self, name: str) -> None:
        """What was given as complete was read: it is in."""
        self._unread.pop(name, None)

    def forget_gone(self, names: Iterable[str]) -> list[str]:
        """Of these ``names`` of files that were taken in, those that are there no more: they are missed no longer."""
        gone = [] if self.why_gone else [name for name in names if name not in self._there]
        for name in gone:
            self._taken.pop(name, None)
        return gone

    @property
    def waiting(self) -> list[str]:
        """Files that are there and not complete."""
        return sorted(self._waiting, key=in_order)

    @property
    def unreadable(self) -> list[str]:
        """Files that rest and were tried more than once, and cannot be read."""
        return sorted((name for name, entry in self._waiting.items() if entry.tries > 1), key=in_order)

    @property
    def missing(self) -> list[str]:
        """Files that were taken in and are there no more."""
        return sorted(self._taken.keys() - self._there, key=in_order)

    def never_finished(self) -> dict[str, str]:
        """Names of the files that have not become complete for half a minute, and why."""
        now = self._clock()
        return {
            name: entry.reason or "it is still being written to"
            for name, entry in sorted(self._waiting.items())
            if now - entry.since >= _NEVER_FINISHED_S
        }

    def _ready(self, name: str, now: float) -> Arrival | None:
        entry = self._waiting[name]
        stamp = self._stamp(name)
        if stamp is None:
            return None
        if stamp != entry.stamp:
            entry.stamp, entry.rests_since, entry.retry_at = stamp, now, 0.0
            before = self._name_before(stamp) if entry.tries == 0 and not entry.again else ""
            if before:
                del self._waiting[name], self._taken[before]
                self._take(name, stamp, now)
                return Arrival(name, stamp, renamed_from=before)
            return None
        if stamp.size == 0 or now - entry.rests_since < AT_REST_S or now < entry.retry_at:
            return None
        self._unread[name] = self._waiting.pop(name)
        self._take(name, stamp, now)
        return Arrival(name, stamp, again=entry.again, retried=entry.tries > 0)

    def _stamp(self, name: str) -> Stamp | None:
        return Stamp.of(os.path.join(self.folder, name))  # a path made of it would take longer than to ask

    def _take(self, name: str, stamp: Stamp, now: float) -> None:
        self._taken[name] = stamp
        self._young.append((now, name))

    def _name_before(self, stamp: Stamp) -> str:
        """The name of a file that is gone and had this stamp: it was renamed."""
        return next((name for name in self._taken.keys() - self._there if self._taken[name] == stamp), "")

    def _look_again(self, now: float) -> None:
        """Whether files that were taken in are other ones by now: the young ones, and the older ones by turns."""
        while self._young and (now - self._young[0][0] > _STILL_YOUNG_S or len(self._young) > _MOST_YOUNG):
            self._round.append(self._young.popleft()[1])
        older = [self._round.popleft() for _ in range(min(_LOOKED_AT_AGAIN, len(self._round)))]
        self._round.extend(name for name in older if name in self._taken)
        for name in {*older, *(name for _, name in self._young)}:
            if name not in self._taken or name not in self._there:
                continue
            stamp = self._stamp(name)
            if stamp is not None and stamp != self._taken[name]:
                del self._taken[name]
                self._waiting[name] = _Waiting(now, now, stamp, again=True)


def in_order(name: str) -> list[str | int]:
    """What names are sorted by: their letters, and their numbers as numbers."""
    return [int(part) if place % 2 else part for place, part in enumerate(_DIGITS.split(name))]
