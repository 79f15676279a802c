"""A watch over a folder: what arrives is segmented and kept, then followed; the newest is shown first.

Drift and tracks follow in the order of the frames. Nothing here sleeps: `step` does what is due, whoever calls it.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from itertools import islice
from pathlib import Path

from voidlab.errors import VoidlabError
from voidlab.live import decide
from voidlab.live.alarms import LATELY
from voidlab.live.arrivals import Arrival, Arrivals, in_order
from voidlab.live.at_work import Here
from voidlab.live.backlog import Backlog
from voidlab.live.followed import Followed
from voidlab.live.follower import Follower
from voidlab.live.following import Following
from voidlab.live.index import EXCLUDED, WAITING, Entry, Index
from voidlab.live.look import Looked, Looker, NotYet, TryAgain
from voidlab.live.numbers import FrameNumbers
from voidlab.live.problems import Problems
from voidlab.live.register import Register
from voidlab.live.results import Results
from voidlab.project import corrections
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.paths import RunPaths
from voidlab.segment.frame import FrameResult
from voidlab.segment.segmenter import Segmenter


class Watch:
    """Watches the images of a dataset; what viewers ask of it stands in `voidlab.live.commands`.

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
        self.looker: Looker | None = None  # looks at images as was decided
        self.decides = False  # what holds for all images is being decided, or taken up
        self.when_decided: Callable[[], object] = lambda: None  # what was asked for before that
        self.problems = Problems(paths.folder)
        self.index = Index(paths.folder / "live" / "images.jsonl")
        numbers = FrameNumbers(dataset.frame_pattern, dataset.frame_step)
        self.register = Register(self.index, numbers, dataset.excluded_frames)
        known = {name: entry.stamp for name, entry in self.register.entries.items()}
        self.arrivals = Arrivals(folder, wanted, known=known, clock=clock)
        self.results = Results(self.index, self.problems)
        self.follower = Follower(
            self.register, self.index, dataset.track, self.results.of, self.problems.write
        )
        self.backlog = Backlog(self.register, folder, work, wake)
        self.shown: tuple[Entry, FrameResult] | None = None
        self.picture = b""
        self.changed: set[str] = set(self.register.entries)  # names of which there is something new to tell
        self.started = clock()
        self.work = work
        self.segmenter = segmenter
        self._late: set[str] = set()  # names of files that came when those behind them were followed already
        self._only_shown = False  # in the last step
        self.read_marks()

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
        for name, future in self.backlog.done():
            self._take(name, future)
        if not self.paused and self.looker is not None:
            self.backlog.submit(self.looker, self._shown_name)
        self._only_shown = self.shown is not shown and not self._only_shown
        if not self._only_shown:
            self._follow()
        return self.follower.has_more

    def close(self) -> None:
        """End; what is under way is given up."""
        self.backlog.give_up()
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
        arrived = self.backlog.arrived
        return self.clock() - (arrived[-1][0] if arrived else self.started)

    @property
    def unread_lately(self) -> int:
        """How many files cannot be read that stand among the last images, or behind them, by their names."""
        last = [*islice(self.register.from_the_end(), LATELY)]
        after = in_order(last[-1].name) if last else []
        return sum(in_order(name) > after for name in self.arrivals.unreadable)

    @property
    def counted_images(self) -> list[Entry]:
        """The images that are there, in order, without those left out by the parameters."""
        return [entry for entry in self.register.in_order() if entry.status != EXCLUDED]

    def files_of(self, entries: Iterable[Entry]) -> list[Path]:
        """Where the files of images lie."""
        return [self.folder / entry.name for entry in entries]

    def read_marks(self) -> None:
        """Read which frames are marked as bad."""
        self.follower.bad = corrections.bad_frames(corrections.read_log(self.paths.corrections))

    def look_with(self, looker: Looker) -> None:
        """Look at images with ``looker`` from now on."""
        self.looker = looker
        self.results.keep_in(looker.cache)

    def look_at_all_with(self, looker: Looker) -> None:
        """Look at all images with ``looker``, also again at those that were looked at with another one."""
        self.backlog.give_up()
        self.look_with(looker)
        as_now = ("", looker.decided.key)
        self.register.look_again(lambda entry: entry.key not in as_now)
        self._begin_to_follow(looker)

    # Arriving

    def _take_in(self, arrival: Arrival) -> None:
        """Take in a file that is complete."""
        if self.register.refused.pop(arrival.renamed_from, ""):  # its name may have been why
            arrival = replace(arrival, renamed_from="")
        name, before = arrival.name, arrival.renamed_from
        moved = self.register.take(arrival, self.arrivals)
        if not arrival.retried:
            self.backlog.arrive(name, self.clock())
        self.changed |= {name, before, *(entry.name for entry in moved)}
        self._move(moved)
        entry = self.register.entries.get(name)
        if before:
            self.results.rename(before, entry)
        elif entry and self.follower.has_passed(entry.frame):
            self._late.add(name)

    def _move(self, moved: list[Entry]) -> None:
        """Images that have another frame number, or content, by now."""
        for before in moved:
            now = self.register.entries.get(before.name)
            if now and now.was_seen and not self.results.move(before, now):
                self.register.put(replace(now, status=WAITING))
        if self.looker and any(self.follower.has_passed(entry.frame) for entry in moved):
            self._begin_to_follow(self.looker)

    def _put_back(self, name: str, reason: str) -> None:
        self._late.discard(name)
        self.arrivals.put_back(name, reason)
        self.register.remove(name)
        self.changed.add(name)

    # Deciding

    def _can_decide(self) -> bool:
        """Whether there are enough images, or they are known from an earlier watch."""
        there = len(self.counted_images)
        if self.index.entries:  # images may lie before those that are known
            return bool(there) and self.arrivals.are_in
        return decide.is_enough(there, self.quiet_s)

    def _decide(self) -> None:
        """Decide what holds for all images, or take up what was decided before."""
        there = self.counted_images
        try:
            looker = decide.decide(self.paths, self.dataset, self.files_of(there), self.segmenter)
        except NotYet as error:
            self.decides = False
            self._put_back(there[0].name, str(error))
            return
        except (VoidlabError, OSError) as error:
            self.problems["decide"] = str(error)
            return
        self.decides = False
        self.problems.pop("decide", None)
        self.look_at_all_with(looker)
        done = [entry for entry in self.counted_images if entry.is_done]
        if done and self.shown is None:  # after a restart: for its picture, as all else is kept
            self.register.put(replace(done[-1], status=WAITING))
        self.when_decided()

    # What was segmented

    def _take(self, name: str, future: Future[Looked]) -> None:
        """Take in what came of an image."""
        try:
            made = future.result()
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
        self.results.take(made)
        if made.picture and self.backlog.is_newer(name, self._shown_name):
            self.shown, self.picture = (made.entry, made.result), made.picture

    @property
    def _shown_name(self) -> str:
        return self.shown[0].name if self.shown else ""

    def _begin_to_follow(self, looker: Looker) -> None:
        self.follower.begin(looker.first.shape)
        self.changed |= set(self.register.entries)

    def _follow(self) -> None:
        """Follow the next images that are done, in the order of the frames, for a moment."""
        told = self.follower.step()
        if self.quiet_s > decide.OR_AFTER_S and self.backlog.is_at_rest and not self.follower.has_more:
            told += self.follower.link_now()
        for entry in told:
            self.results.let_go(entry)
            self.changed.add(entry.name)
