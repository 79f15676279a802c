"""A watch over a folder: what arrives is segmented and kept, then followed; the newest is shown first.

Images that arrive faster than they are segmented wait: every second one taken is the newest, the others those that
have waited longest, so that what is shown is new and the backlog is worked off. Drift and tracks follow in the order
of the frames. Nothing here sleeps: `step` does what is due, whoever calls it.
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, islice
from pathlib import Path

from voidlab.errors import VoidlabError
from voidlab.live import decide
from voidlab.live.alarms import LATELY
from voidlab.live.arrivals import Arrival, Arrivals, in_order
from voidlab.live.at_work import Here
from voidlab.live.followed import Followed
from voidlab.live.follower import Follower
from voidlab.live.following import Following
from voidlab.live.index import EXCLUDED, WAITING, Entry, Index
from voidlab.live.look import Looked, Looker, NotYet, TryAgain
from voidlab.live.numbers import FrameNumbers
from voidlab.live.register import Register
from voidlab.project import corrections, parameters
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.paths import RunPaths
from voidlab.run.frame_cache import FrameCache
from voidlab.segment.frame import FrameResult
from voidlab.segment.segmenters import Segmenter

DECIDED_FROM = 5  # images
_OR_AFTER_S = 3.0  # without another image
_AT_HAND = 50  # results of images that are not followed yet, in memory


@dataclass
class _Task:
    entry: Entry
    future: Future[Looked]


class Watch:
    """Watches the images of a dataset.

    Parameters
    ----------
    paths, dataset
        Of the dataset.
    folder, wanted
        Where images arrive, and which names they have.
    segmenter
        As the parameters ask for it.
    work
        Who segments.
    clock
        Seconds, from anywhere.
    wake
        Called, from any thread, when an image has been segmented: it pays to `step`.
    """

    def __init__(
        self,
        paths: RunPaths,
        dataset: DatasetParameters,
        folder: Path,
        wanted: Callable[[str], bool],
        segmenter: Segmenter,
        *,
        work: Here,
        clock: Callable[[], float] = time.monotonic,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self.paths, self.dataset, self.folder, self.clock = paths, dataset, folder, clock
        self.paused = False
        self.decides = False  # what holds for all images is being decided, or taken up
        self.problems: dict[str, str] = {}  # what cannot be done at present, by its kind
        self.index = Index(paths.folder / "live" / "images.jsonl")
        numbers = FrameNumbers(dataset.frame_pattern, dataset.frame_step)
        self.register = Register(self.index, numbers, dataset.excluded_frames)
        known = {name: entry.stamp for name, entry in self.register.entries.items()}
        self.arrivals = Arrivals(folder, wanted, known=known, clock=clock)
        self.arrived: deque[tuple[float, str]] = deque(maxlen=1000)
        self.looker: Looker | None = None
        self.follower = Follower(self.register, self.index, dataset.track, self._result_of, self._try)
        self.shown: tuple[Entry, FrameResult] | None = None
        self.picture = b""
        self.changed: set[str] = set(self.register.entries)  # names of which there is something new to tell
        self.started = clock()
        self.work = work
        self._segmenter, self._wake = segmenter, wake
        self._caches: dict[str, FrameCache] = {}
        self._tasks: dict[str, _Task] = {}
        self._at_hand: dict[str, FrameResult] = {}  # by what was segmented
        self._late: set[str] = set()  # names of files that came when those behind them were followed already
        self._only_shown = False  # in the last step
        self._asked_for: tuple[float, bool] | None = None  # a threshold, and whether for all images
        self._turn = 0
        self._turns: dict[str, int] = {}  # in which images arrived
        self._count = count()
        self._mark()

    def step(self) -> bool:
        """Do what is due; give whether there is more to do at once.

        What is to be shown is shown before it is followed: the outlines first, the tracks in the next step.
        """
        for arrival in self.arrivals.poll():
            self._take_in(arrival)
        for name in self.arrivals.forget_gone(list(self.register.refused)):
            del self.register.refused[name]  # moved to where it belongs
        if self.looker is None and self._can_decide():
            if not self.decides:  # which may take a while: what is there is shown before
                self.decides = True
                return True
            self._decide()
        shown = self.shown
        for name, task in list(self._tasks.items()):
            if task.future.done():
                self._take(name, task)
        if not self.paused:
            self._submit()
        self._only_shown = self.shown is not shown and not self._only_shown
        if not self._only_shown:
            self._follow()
        return self.follower.has_more

    def close(self) -> None:
        """End; what is under way is given up."""
        for task in self._tasks.values():
            task.future.cancel()
        self.follower.close()

    @property
    def followed(self) -> dict[int, Followed]:
        """What following the images gave, by their frames."""
        return self.follower.followed

    @property
    def following(self) -> Following | None:
        return self.follower.following

    @property
    def bad(self) -> set[int]:
        """Frames that are marked as bad."""
        return self.follower.bad

    @property
    def quiet_s(self) -> float:
        """Time since the last image arrived, or since the start."""
        return self.clock() - (self.arrived[-1][0] if self.arrived else self.started)

    @property
    def unread_lately(self) -> int:
        """How many files cannot be read that stand among the last images, or behind them, by their names."""
        last = [*islice(self.register.from_the_end(), LATELY)]
        after = in_order(last[-1].name) if last else []
        return sum(in_order(name) > after for name in self.arrivals.unreadable)

    # What viewers may ask for

    def mark_bad(self, frame: int, *, is_bad: bool = True) -> None:
        """Mark a frame as bad, a correction by hand as in the explorer, or take that back."""
        entry = self.register.of_frame(frame)
        if entry is None or is_bad == (frame in self.bad):
            return
        file = self.paths.corrections
        if is_bad:
            corrections.append_edit(file, [corrections.BadFrame(frame=frame)])
        else:
            of_it = [
                line.id
                for line in corrections.read_log(file).kept("segment")
                if isinstance(line.edit, corrections.BadFrame) and line.edit.frame == frame
            ]
            corrections.append_edit(file, [corrections.Undo(undone=each) for each in of_it])
        self._mark()
        self.changed.add(entry.name)

    def set_threshold(self, threshold: float, *, for_all: bool) -> None:
        """Segment later images with another threshold, or all of them; a run will use it for all.

        Raises
        ------
        ParameterErrors
            If it is none.
        """
        if self.looker is None:
            parameters.write_values(self.paths.parameters, "segment", {"threshold": threshold})
            self._asked_for = threshold, for_all
            self.register.notes.append(
                f"threshold {threshold:g}: as soon as the first images were looked at."
            )
            return
        self.looker = decide.with_threshold(self.paths, self.looker, threshold)
        whose = "all images are segmented again" if for_all else "for later images; a run uses it for all"
        self.register.notes.append(f"threshold {threshold:g}: {whose}.")
        if for_all:
            key = self.looker.decided.key
            self.register.look_again(lambda entry: entry.key != key)
            self._begin_to_follow(self.looker)

    # Arrivals

    def _mark(self) -> None:
        self.follower.bad = corrections.bad_frames(corrections.read_log(self.paths.corrections))

    def _take_in(self, arrival: Arrival) -> None:
        """Take in a file that is complete."""
        name, before = arrival.name, arrival.renamed_from
        moved = self.register.take(arrival, self.arrivals)
        if not arrival.retried:
            self.arrived.append((self.clock(), name))
            self._turns[name] = next(self._count)
        self.changed |= {name, before, *(entry.name for entry in moved)}
        self._move(moved)
        entry = self.register.entries.get(name)
        if before:
            self._try("index", partial(self.index.forget, [before]))
            if entry is not None:
                self._try("index", partial(self.index.add, entry))
        if entry and self.follower.has_passed(entry.frame) and not before:
            self._late.add(name)

    def _move(self, moved: list[Entry]) -> None:
        """Images that have another frame number, or content, by now: what was kept of them is kept under that."""
        for before in moved:
            now = self.register.entries.get(before.name)
            found = self._kept(before) if now and now.is_done else None
            if now is None or found is None:
                continue
            self._try("keep", partial(self._cache(now.key).put, now.frame, now.image, found))
            self._try("index", partial(self.index.add, now))
        if self.looker and any(self.follower.has_passed(entry.frame) for entry in moved):
            self._begin_to_follow(self.looker)

    # Segmenting

    def _can_decide(self) -> bool:
        """Whether there are enough images, or they are known from an earlier watch."""
        there = self._counted_images()
        if self.index.entries:  # images may lie before those that are known
            return bool(there) and self.arrivals.are_in
        return len(there) >= DECIDED_FROM or bool(there and self.quiet_s >= _OR_AFTER_S)

    def _counted_images(self) -> list[Entry]:
        """The images that are there, in order, without those left out by the parameters."""
        return [entry for entry in self.register.in_order() if entry.status != EXCLUDED]

    def _decide(self) -> None:
        """Decide what holds for all images, or take up what was decided before."""
        there = self._counted_images()
        files = [self.folder / entry.name for entry in there]
        try:
            looker = decide.decide(self.paths, self.dataset, files, self._segmenter)
        except NotYet as error:
            self.decides = False
            self._put_back(there[0].name, str(error))
            return
        except (VoidlabError, OSError) as error:
            self.problems["decide"] = str(error)
            return
        self.decides = False
        self.problems.pop("decide", None)
        self.looker = looker
        as_now = ("", looker.decided.key)
        self.register.look_again(lambda entry: entry.key not in as_now)
        self._begin_to_follow(looker)
        done = [entry for entry in self.register.in_order() if entry.is_done and entry.status != EXCLUDED]
        if done and self.shown is None:  # after a restart: for its picture, as all else is kept
            self.register.put(replace(done[-1], status=WAITING))
        if self._asked_for is not None:
            threshold, for_all = self._asked_for
            self._asked_for = None
            self.set_threshold(threshold, for_all=for_all)

    def _submit(self) -> None:
        while self.looker and len(self._tasks) < self.work.at_once and (name := self._next()):
            self._turn += 1
            entry = self.register.entries[name]
            future = self.work.submit(
                self.looker, self.folder / name, entry, with_picture=self._is_newer(name)
            )
            self._tasks[name] = _Task(entry, future)
            future.add_done_callback(lambda _: self._wake())

    def _next(self) -> str:
        """The image to segment next: by turns the newest and the one of the first frame; "" where none waits."""
        waiting = self.register.waiting - self._tasks.keys()
        if not waiting:
            return ""
        first = min(waiting, key=self.register.frame_of)
        if self._turn % 2:
            return first
        newest = (name for _, name in reversed(self.arrived) if name in waiting)
        return next(newest, None) or max(waiting, key=self.register.frame_of)

    def _take(self, name: str, task: _Task) -> None:
        """Take in what came of an image."""
        del self._tasks[name]
        now = self.register.entries.get(name)
        if now is None or (now.stamp, now.frame) != (task.entry.stamp, task.entry.frame):
            return  # renamed, renumbered or written anew meanwhile: it is looked at again
        try:
            made = task.future.result()
        except TryAgain:
            return
        except (NotYet, OSError) as error:
            self._put_back(name, str(error))
            return
        except VoidlabError as error:
            self.arrivals.accept(name)
            self._late.discard(name)
            self.register.remove(name, str(error))
            self.changed.add(name)
            return
        self.arrivals.accept(name)
        self.register.put(made.entry)
        self.changed.add(name)
        if name in self._late:  # told when it is in, as one that is never finished is tried again and again
            self._late.discard(name)
            self.register.notes.append(
                f"{name} came late: it is not in the tracks shown here; a run puts it in its place."
            )
        if made.unkept:
            self.problems["keep"] = (
                f"what comes of images cannot be kept: {made.unkept}. A run makes it anew."
            )
        else:
            self.problems.pop("keep", None)
            if made.entry != self.index.entries.get(name):
                self._try("index", lambda: self.index.add(made.entry))
        self._at_hand[made.entry.mask] = made.result
        while len(self._at_hand) > _AT_HAND:
            del self._at_hand[next(iter(self._at_hand))]
        if made.picture and self._is_newer(name):
            self.shown, self.picture = (made.entry, made.result), made.picture

    def _is_newer(self, name: str) -> bool:
        """Whether an image arrived after the one that is shown."""
        shown = -1 if self.shown is None else self._turns.get(self.shown[0].name, -1)
        return self._turns.get(name, -1) >= shown

    def _put_back(self, name: str, reason: str) -> None:
        self._late.discard(name)
        self.arrivals.put_back(name, reason)
        self.register.remove(name)
        self.changed.add(name)

    def _kept(self, entry: Entry) -> FrameResult | None:
        return self._cache(entry.key).get(entry.frame, entry.image)

    def _cache(self, key: str) -> FrameCache:
        """Where images lie that were segmented with another threshold, too."""
        assert self.looker is not None
        self._caches[self.looker.decided.key] = self.looker.cache
        return self._caches.get(key, self.looker.cache)

    def _try(self, kind: str, write: Callable[[], object]) -> None:
        """Do ``write``; where the disk takes no more, say so and go on."""
        try:
            write()
            self.problems.pop(kind, None)
        except OSError as error:
            self.problems[kind] = f"cannot write below {self.paths.folder}: {error.strerror or error}."

    # Following

    def _begin_to_follow(self, looker: Looker) -> None:
        self.follower.begin(looker.first.shape)
        self.changed |= set(self.register.entries)

    def _follow(self) -> None:
        """Follow the next images that are done, in the order of the frames, for a moment."""
        told = self.follower.step()
        if self.quiet_s > _OR_AFTER_S and not self._tasks and not self.follower.has_more:
            told += self.follower.link_now()
        for entry in told:
            self._at_hand.pop(entry.mask, None)
            self.changed.add(entry.name)

    def _result_of(self, entry: Entry) -> FrameResult | None:
        """What came of an image."""
        return self._at_hand.get(entry.mask) or self._kept(entry)
