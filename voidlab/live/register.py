"""The images of the folder by name and by frame: what has arrived, what became of it, what waits."""

import bisect
import math
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from voidlab.images.errors import ImagesError
from voidlab.live.arrivals import Arrival, Arrivals
from voidlab.live.index import EXCLUDED, WAITING, Entry, Index
from voidlab.live.numbers import FrameNumbers


class Register:
    """Which image is which frame.

    Parameters
    ----------
    index
        What an earlier watch has written: it is gone on with.
    numbers
        Gives the frame numbers.
    excluded
        Frames that no stage should use.
    """

    def __init__(self, index: Index, numbers: FrameNumbers, excluded: Collection[int]) -> None:
        self.index, self._numbers, self._excluded = index, numbers, excluded
        self.entries: dict[str, Entry] = {}
        self.refused: dict[str, str] = {}  # why a file is no image of the series
        self.notes: deque[str] = deque(maxlen=50)
        self.waiting: set[str] = set()  # names of the images that are to be segmented, or are being
        self._by_frame: list[tuple[int, str]] = []  # sorted
        self._take_up()

    def take(self, arrival: Arrival, arrivals: Arrivals) -> list[Entry]:
        """Take in a file that is complete; give the images that had another frame number, or content, before."""
        name = arrival.name
        if arrival.renamed_from:
            return self._rename(arrival)
        before = self.entries.get(name)
        if arrival.again:
            self.notes.append(f"{name} was written again: was the camera restarted? Its last content counts.")
        try:
            changed = self._numbers.add(name)
        except ImagesError as error:
            self.refused[name] = f"{error} Was the camera restarted? Then what follows is another dataset."
            arrivals.accept(name)
            return []
        self.refused.pop(name, None)
        number = self._numbers[name]
        status = EXCLUDED if number in self._excluded else WAITING
        self.put(Entry(name, arrival.stamp.size, arrival.stamp.mtime_ns, number, status))
        others = self._renumber({other: n for other, n in changed.items() if other != name})
        if before is None and not others:
            bisect.insort(self._by_frame, (number, name))
        else:
            self._sort()
        return [*others, *([before] if before else [])]

    def put(self, entry: Entry) -> None:
        """What is known of an image by now."""
        self.entries[entry.name] = entry
        (self.waiting.discard if entry.is_done else self.waiting.add)(entry.name)

    def remove(self, name: str, why: str = "") -> None:
        """The file is not in, as it cannot be read yet; or, with a reason, it is no image of the series."""
        if why:
            self.refused[name] = why
        if self._drop(name) is not None:
            self._numbers.drop(name)
            self._sort()

    def in_order(self) -> list[Entry]:
        """All images in the order of their frames."""
        return [self.entries[name] for _, name in self._by_frame]

    def from_the_end(self) -> Iterator[Entry]:
        """All images, the last frame first."""
        return (self.entries[name] for _, name in reversed(self._by_frame))

    def after(self, frame: float) -> Iterator[Entry]:
        """The images behind ``frame``, in order; all of them after -inf."""
        place = 0 if frame == -math.inf else bisect.bisect_left(self._by_frame, (int(frame) + 1, ""))
        return (self.entries[self._by_frame[at][1]] for at in range(place, len(self._by_frame)))

    def frame_of(self, name: str) -> int:
        """The frame of the image in a file."""
        return self.entries[name].frame

    def of_frame(self, frame: int) -> Entry | None:
        """The image of a frame."""
        place = bisect.bisect_left(self._by_frame, (frame, ""))
        found = self._by_frame[place : place + 1]
        return self.entries[found[0][1]] if found and found[0][0] == frame else None

    def look_again(self, which: Callable[[Entry], bool]) -> None:
        """Have the images segmented again for which ``which`` is true."""
        for entry in list(self.entries.values()):
            if entry.status != EXCLUDED and which(entry):
                self.put(replace(entry, status=WAITING))

    def _take_up(self) -> None:
        there = list(self.index.entries.values())
        if not there:
            return
        try:
            told = self._numbers.add_all([entry.name for entry in there])
        except ImagesError:  # other parameters than before: all is looked at anew
            return
        for entry in there:
            same = entry.frame == told[entry.name]
            self.put(entry if same else replace(entry, frame=told[entry.name], status=WAITING))
        self._sort()

    def _rename(self, arrival: Arrival) -> list[Entry]:
        before, name = arrival.renamed_from, arrival.name
        entry = self._drop(before)
        self.notes.append(f"{before} was renamed to {name}.")
        try:
            changed = self._numbers.rename(before, name)
        except ImagesError as error:
            self.refused[name] = str(error)
            self._sort()
            return [entry] if entry else []
        if entry is None:
            return []
        self.put(replace(entry, name=name))
        moved = self._renumber(changed)
        self._sort()
        return moved

    def _renumber(self, changed: dict[str, int]) -> list[Entry]:
        """Files that have another frame number than before; give their entries as these were."""
        moved = []
        for name, number in changed.items():
            if name in self.entries and self.entries[name].frame != number:
                moved.append(self.entries[name])
                self.put(replace(self.entries[name], frame=number))
        return moved

    def _drop(self, name: str) -> Entry | None:
        self.waiting.discard(name)
        return self.entries.pop(name, None)

    def _sort(self) -> None:
        self._by_frame = sorted((entry.frame, name) for name, entry in self.entries.items())
