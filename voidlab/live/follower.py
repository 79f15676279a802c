"""Follows what a watch has segmented, in the order of the frames; after a restart from where it was."""

import math
import time
from collections.abc import Callable
from itertools import takewhile

from voidlab.live.followed import Followed
from voidlab.live.following import Following
from voidlab.live.index import EXCLUDED, Entry, Index
from voidlab.live.register import Register
from voidlab.project.parameters.models import TrackParameters
from voidlab.segment.frame import FrameResult

_FOLLOW_S = 0.2  # at most at a time, so that arrivals are seen
_WITH_PARTICLES = 50  # of the last images which void is which is known, for the picture


class Follower:
    """Follows the images of ``register`` that are done.

    Parameters
    ----------
    register, index
        The images, and where what comes of following them is kept.
    asked
        Parameters of the stage track.
    result_of
        Gives what came of an image, None where it is not kept.
    write
        Does what writes to the disk, and says so where that takes no more.
    """

    def __init__(
        self,
        register: Register,
        index: Index,
        asked: TrackParameters,
        result_of: Callable[[Entry], FrameResult | None],
        write: Callable[[str, Callable[[], object]], None],
    ) -> None:
        self.bad: set[int] = set()
        self.following: Following | None = None
        self.followed: dict[int, Followed] = {}
        self._register, self._index, self._asked = register, index, asked
        self._result_of, self._write = result_of, write

    def begin(self, shape: tuple[int, int]) -> None:
        """Follow images of (H, W) px from the first, or behind those that were followed and are as they were."""
        self.close()
        asked = self._asked.model_dump_json()
        before = self._index.followed(asked)
        past = [*takewhile(self._still_holds, before)]
        self.following = Following(shape, self._asked, self._result_of_frame, self._index.shifts())
        self.followed = {}
        if not past or len(past) < len(before):
            self._write("index", lambda: self._index.begin_to_follow(asked, len(past)))
        self.following.go_on_with(past)
        self._keep(past)

    def step(self) -> list[Entry]:
        """Follow the next images that are done, for a moment; give those of which there is something new to tell."""
        told: list[Entry] = []
        if self.following is None:
            return told
        end = time.monotonic() + _FOLLOW_S
        for entry in self._register.after(self._last):
            if entry.frame in self.bad or entry.status == EXCLUDED:
                continue
            if not entry.is_done or time.monotonic() > end:
                break
            told += self._follow(self.following, entry)
        return told

    def link_now(self) -> list[Entry]:
        """Link images that wait for others, as none comes; give them."""
        if self.following is None or not self.following.tracks.is_waiting:
            return []
        linked = self.following.tracks.link_now()
        self._write("index", lambda: self._index.add_followed("", {}, linked))
        return self._keep(linked)

    def has_passed(self, frame: int) -> bool:
        """Whether images behind ``frame``, or it itself, were followed already."""
        return frame <= self._last

    @property
    def has_more(self) -> bool:
        """Whether the next image can be followed at once."""
        if self.following is None:
            return False
        following = (
            entry
            for entry in self._register.after(self._last)
            if entry.frame not in self.bad and entry.status != EXCLUDED
        )
        return next((entry.is_done for entry in following), False)

    def close(self) -> None:
        """Remove temporary files."""
        if self.following is not None:
            self.following.close()

    @property
    def _last(self) -> float:
        return self.following.frames[-1] if self.following and self.following.frames else -math.inf

    def _follow(self, following: Following, entry: Entry) -> list[Entry]:
        result = self._result_of(entry)
        if result is None:
            following.leave_out(entry.frame)  # the disk was full: a run makes it anew
            return []
        followed, linked, shifts = following.add(entry.frame, entry.mask, result)
        self._write("index", lambda: self._index.add_followed(entry.mask, shifts, linked))
        return self._keep([followed, *linked])

    def _keep(self, followed: list[Followed]) -> list[Entry]:
        self.followed |= {each.frame: each for each in followed}
        frames = self.following.frames if self.following else []
        for frame in frames[-_WITH_PARTICLES - len(followed) : -_WITH_PARTICLES]:
            if frame in self.followed:
                self.followed[frame].particles = None
        entries = (self._register.of_frame(each.frame) for each in followed)
        return [entry for entry in entries if entry is not None]

    def _still_holds(self, past: Followed) -> bool:
        entry = self._register.of_frame(past.frame)
        return bool(entry and entry.is_done and entry.status != EXCLUDED and entry.mask == past.mask)

    def _result_of_frame(self, frame: int) -> FrameResult | None:
        entry = self._register.of_frame(frame)
        return None if entry is None else self._result_of(entry)
