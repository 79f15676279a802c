"""A camera that writes images into a folder, with the faults of real ones, by a clock that a test moves."""

import heapq
import itertools

import numpy as np
import tifffile


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Camera:
    """Writes ``images`` (H, W, 0 to 1) at a rate into ``folder``; each fault is of the image of a number."""

    def __init__(self, folder, images, clock, *, rate=1.0, name="img_{:04d}.tif"):
        self.folder, self.images, self.clock, self.rate, self.name = folder, images, clock, rate, name
        self._events, self._order = [], itertools.count()
        self.extratags = ()  # of its TIFF files

    def file(self, number):
        return self.folder / self.name.format(number)

    def content(self, number, shape=None):
        image = self.images[number % len(self.images)]
        if shape is not None:
            image = image[: shape[0], : shape[1]]
        place = self.folder.parent / "camera.tif"
        tifffile.imwrite(place, (60_000 * np.asarray(image)).astype(np.uint16), extratags=self.extratags)
        return place.read_bytes()

    def plan(
        self, count, *, torn=(), slow=(), renamed=(), late=(), other_size=(), never=(), pause=None, first=0
    ):
        """Plan the images from number ``first`` on.

        ``torn``: half of it stays so for two seconds; ``slow``: comes in five pieces; ``renamed``: is copied under
        another name; ``late``: comes three images later; ``never``: stays half; ``pause``: (number, seconds).
        """
        start = self.clock()
        for place, number in enumerate(range(first, first + count)):
            at = start + place / self.rate
            if pause is not None and number >= pause[0]:
                at += pause[1]
            content = self.content(number, (40, 50) if number in other_size else None)
            file, half = self.file(number), content[: len(content) // 2]
            if number in late:
                self._at(at + 3.5 / self.rate, file, content)
            elif number in torn:
                self._at(at, file, half)
                self._at(at + 2.0, file, content)
            elif number in slow:
                for piece in range(1, 6):
                    self._at(at + 0.2 * piece, file, content[: len(content) * piece // 5])
            elif number in renamed:
                self._at(at, file.with_name(f"{file.name}.part"), half)
                self._at(at + 1.0, file.with_name(f"{file.name}.part"), content, file)
            else:
                self._at(at, file, half if number in never else content)
        return self

    def _at(self, at, file, content, then=None):
        heapq.heappush(self._events, (at, next(self._order), file, content, then))

    def work(self):
        """Write what is due."""
        while self._events and self._events[0][0] <= self.clock():
            _, _, file, content, then = heapq.heappop(self._events)
            file.write_bytes(content)
            if then is not None:
                file.rename(then)

    @property
    def is_done(self):
        return not self._events
