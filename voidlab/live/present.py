"""What a watch has to tell, put on its board: rows that changed, alarms, the last image with its tracks, the path."""

import math
import time
from collections import deque
from concurrent.futures import Executor, Future
from itertools import islice
from typing import Any

import numpy as np

from voidlab.drift.one_by_one import DriftSoFar
from voidlab.live import alarms
from voidlab.live.board import Board
from voidlab.live.index import OK
from voidlab.live.told import path_of, plain, row_of, trails_of, voids_of
from voidlab.live.watch import Watch
from voidlab.tables.listing import number_of

_SOLVE_TIMES = 10.0  # times as long as it takes to solve the drift, until it is solved anew
_ALARMS_EVERY_S = 0.5
_SAID_EVERY_S = 0.5  # where no image has come
_LAST = 30  # images that alarms are told by
_FILES = 50  # told by name: thousands would be sent to each viewer again and again


class Presenter:
    """Puts on ``board`` what there is to tell of ``watch``, each time it is asked to; ``pool`` solves the drift."""

    def __init__(self, watch: Watch, board: Board, pool: Executor) -> None:
        self._watch, self._board, self._pool = watch, board, pool
        self._solved_for, self._solve_at = -1, -math.inf
        self._solved: Future[tuple[np.ndarray, float]] | None = None
        self._backlogs: deque[tuple[float, int]] = deque(maxlen=600)
        self._alarms: list[str] = []
        self._alarms_at = self._said_at = -math.inf
        self._last: tuple[Any, ...] = ()

    def present(self) -> None:
        """Bring the board up to date."""
        watch = self._watch
        changed, watch.changed = watch.changed, set()
        for name in changed:
            self._board.set_row(name, self._row(name))
        backlog = len(watch.register.waiting)
        self._backlogs.append((watch.clock(), backlog))
        if watch.clock() - self._alarms_at >= _ALARMS_EVERY_S:
            self._alarms, self._alarms_at = self._all_alarms(backlog), watch.clock()
        self._solve(backlog)
        self._show()
        is_other = self._state != self._board.status.get("state")
        if changed or is_other or watch.clock() - self._said_at >= _SAID_EVERY_S:
            self._said_at = watch.clock()
            self._board.say(self._status(backlog))

    @property
    def _unit(self) -> float:
        """nm per px, or 1 where that is not known."""
        size = None if self._watch.looker is None else self._watch.looker.first.calibration.pixel_size_nm
        return size or 1.0

    @property
    def _state(self) -> str:
        watch = self._watch
        if watch.paused:
            return "paused"
        if watch.looker is not None:
            return "watching"
        return "deciding by the images that are there" if watch.decides else "waiting for images"

    def _row(self, name: str) -> list[Any] | None:
        watch = self._watch
        entry = watch.register.entries.get(name)
        if entry is None:
            return None
        followed = watch.followed.get(entry.frame)
        return row_of(entry, followed, bad=entry.frame in watch.bad, unit=self._unit)

    def _show(self) -> None:
        """The last image, where it, or what is known of it, is another one than before."""
        watch = self._watch
        if watch.shown is None:
            return
        entry, result = watch.shown
        followed = watch.followed.get(entry.frame)
        particles = None if followed is None else followed.particles
        state = (entry.digest, entry.frame, entry.key, particles is None)
        if state == self._last:
            return
        shown: dict[str, Any] = {
            "frame": entry.frame,
            "name": entry.name,
            "size": [*watch.looker.first.shape[::-1]] if watch.looker else [1, 1],
            "voids": voids_of(result.voids, particles),
            "trails": [],
        }
        if followed is not None and particles is not None and watch.following is not None:
            shown["trails"] = trails_of(watch.following.tracks.trails(particles[particles >= 0]), followed)
        # With other intensities the same image is another picture.
        self._board.show(shown, watch.picture if watch.picture != self._board.picture else None)
        self._last = state

    def _solve(self, backlog: int) -> None:
        """The drift from all pairs together, when there is time for it: of thousands it takes some, so not here."""
        watch = self._watch
        if self._solved is not None and self._solved.done():
            path, took_s = self._solved.result()
            self._board.set_path(path_of(path, self._unit))
            self._solved, self._solve_at = None, time.monotonic() + _SOLVE_TIMES * took_s
        if (
            watch.following is None
            or self._solved is not None
            or backlog
            or time.monotonic() < self._solve_at
        ):
            return
        if len(watch.followed) != self._solved_for:
            self._solved_for = len(watch.followed)
            self._solved = self._pool.submit(_solved, watch.following.so_far())

    def _all_alarms(self, backlog: int) -> list[str]:
        watch = self._watch
        done = (
            entry for entry in watch.register.from_the_end() if entry.is_done and entry.frame not in watch.bad
        )
        entries = [*islice(done, _LAST)][::-1]
        frames = watch.following.frames[-_LAST:] if watch.following else []
        followed = [watch.followed[frame] for frame in frames if frame in watch.followed]
        said = [*watch.problems.values(), *watch.work.problems]
        if watch.arrivals.why_gone:
            said.append(f"{watch.arrivals.why_gone}. It is looked for; what was taken in is kept.")
        usual = alarms.usual_count(islice(watch.register.from_the_end(), alarms.LATELY, None))
        said += alarms.of_images(entries, usual, watch.unread_lately)
        if watch.looker is not None:
            seen = {entry.frame for entry in entries if entry.status == OK}
            said += alarms.of_drift(followed, min(watch.looker.first.shape), seen, usual)
        said += alarms.of_time(watch.quiet_s, self._interval_s(), backlog)
        said += alarms.of_backlog(self._backlogs)
        said += alarms.of_disk(watch.paths.folder)
        unfinished, refused = watch.arrivals.never_finished(), dict(watch.register.refused)
        self._board.left_out = (
            *((name, "never finished", why) for name, why in unfinished.items()),
            *((name, "refused", why) for name, why in refused.items()),
        )
        if watch.following is not None and watch.following.tracks.too_dense:
            said.append("voids lie too dense for the search range: tracks began anew with half of it.")
        if watch.arrivals.missing and not watch.arrivals.why_gone:
            names = watch.arrivals.missing
            said.append(f"{number_of(len(names), 'image')} removed from the folder, the first: {names[0]}.")
        # Last, as they may be many: what is wrong with the images that count must not hide behind them.
        files = [*(f"{name} is never finished: {why}" for name, why in unfinished.items()), *refused.values()]
        said += files[:_FILES]
        if len(files) > _FILES:
            said.append(f"{len(files) - _FILES} more files were left out: they stand in numbers as CSV.")
        return said

    def _interval_s(self) -> float:
        times = np.array([at for at, _ in self._watch.backlog.arrived][-30:])
        return float(np.median(np.diff(times))) if len(times) > 2 else math.nan

    def _status(self, backlog: int) -> dict[str, Any]:
        watch = self._watch
        looker = watch.looker
        size = watch.dataset.pixel_size_nm if looker is None else looker.first.calibration.pixel_size_nm
        decided = None if looker is None else looker.decided
        return {
            "dataset": watch.paths.dataset,
            "folder": str(watch.folder),
            "state": self._state,
            "images": len(watch.register.entries),
            "backlog": backlog,
            "unfinished": len(watch.arrivals.waiting),
            "age_s": plain(round(watch.quiet_s, 1)) if watch.backlog.arrived else None,
            "unit": "px" if size is None else "nm",
            "pixel_size_nm": plain(size),
            "contrast": decided and decided.contrast,
            "intensities": decided and [plain(value) for value in decided.intensity_range],
            "threshold": looker and looker.segmenter.threshold,
            "search_range_px": plain(watch.following.tracks.search_range_px) if watch.following else None,
            "alarms": self._alarms,
            "notes": [*watch.register.notes][-8:][::-1],
        }


def _solved(drift: DriftSoFar) -> tuple[np.ndarray, float]:
    """The drift from all pairs together, (n, 2) px, and how many seconds that took."""
    started = time.monotonic()
    return drift.solve(), time.monotonic() - started
