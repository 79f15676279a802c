"""What is shown: written by the watch, read by any number of viewers, none of which computes anything."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any


@dataclass
class Board:
    """The rows of the images, a status, and the last picture; all of it plain, as JSON has it.

    A row is given anew to who has seen an older one: each has the number of the change that made it.
    """

    status: dict[str, Any] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict)
    path: list[list[Any]] = field(default_factory=list)
    picture: bytes = b""
    left_out: tuple[tuple[str, str, str], ...] = ()  # files: name, status, why
    _rows: dict[str, tuple[int, list[Any]]] = field(default_factory=dict)
    _changes: int = 0
    _path_at: int = 0
    _picture_at: int = 0
    _told: list[Callable[[], None]] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def set_row(self, name: str, row: list[Any] | None) -> None:
        """The row of the image in the file ``name``; None: it is no image any more."""
        with self._lock:
            if row is None and name not in self._rows:
                return
            if row is not None and self._rows.get(name, (0, None))[1] == row:
                return
            self._changes += 1
            self._rows.pop(name, None)  # so that the last that changed stands last
            self._rows[name] = self._changes, row or [None, name]

    def show(self, shown: Mapping[str, Any], picture: bytes | None = None) -> None:
        """The last image: outlines and tracks, and its ``picture`` if it is another one."""
        with self._lock:
            self._changes += 1
            if picture is not None:
                self.picture, self._picture_at = picture, self._changes
            self.shown = {**shown, "change": self._changes, "picture": self._picture_at}

    def picture_of(self, change: int) -> bytes:
        """The picture of the ``change`` of this number, 0: the last; empty if another is shown by now."""
        with self._lock:
            return self.picture if change in (0, self._picture_at) else b""

    def set_path(self, path: list[list[Any]]) -> None:
        """The drift of the images."""
        with self._lock:
            if path != self.path:
                self._changes += 1
                self.path, self._path_at = path, self._changes

    def say(self, status: Mapping[str, Any]) -> None:
        """The status, and tell all viewers."""
        with self._lock:
            self.status = dict(status)
            told = list(self._told)
        for tell in told:
            tell()

    def since(self, change: int) -> dict[str, Any]:
        """All that is other than at the number ``change``; 0: all."""
        with self._lock:
            made: dict[str, Any] = {"change": self._changes, "status": self.status}
            later = takewhile(lambda row: row[0] > change, reversed(self._rows.values()))
            rows = [row for _, row in later][::-1]
            if rows:
                made["rows"] = rows
            if self._path_at > change:
                made["path"] = self.path
            if self.shown.get("change", 0) > change:
                made["shown"] = self.shown
            return made

    @property
    def rows(self) -> list[list[Any]]:
        """The rows of all images, in no order; with None first: of what is no image any more."""
        with self._lock:
            return [row for _, row in self._rows.values()]

    def on_change(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Call ``tell``, from any thread, at each change; what is given ends that."""
        with self._lock:
            self._told.append(tell)

        def end() -> None:
            with self._lock:
                self._told.remove(tell)

        return end
