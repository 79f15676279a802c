"""What came of the images looked at last: contrast, focus and trust are read off the same few images of a series."""

import hashlib
from collections import deque
from collections.abc import Callable
from threading import Lock

import numpy as np

from voidlab.segment.discs import Discs
from voidlab.segment.network import Maps

_MOST = 24  # a few thousand discs each: contrast asks for five images, each as bright and as dark
_MOST_BYTES = 2**26  # of maps: three of images of 1024²


class Seen:
    """Discs of the images looked at last, by what the images hold and how they were looked at."""

    def __init__(self) -> None:
        self._kept: deque[tuple[bytes, tuple[object, ...], Discs]] = deque(maxlen=_MOST)

    def of(self, image: np.ndarray, how: tuple[object, ...], make: Callable[[], Discs]) -> Discs:
        """What ``make`` made of this ``image`` the last time it was looked at like this, else what it makes now."""
        digest = _digest(image)
        for known, as_then, discs in tuple(self._kept):
            if known == digest and as_then == how:
                return discs
        discs = make()
        self._kept.append((digest, how, discs))
        return discs


class KeptMaps:
    """Maps of images that will be looked at once more, the last ones only: each is given back once."""

    def __init__(self) -> None:
        self._kept: list[tuple[bytes, tuple[object, ...], tuple[Maps, ...]]] = []
        self._lock = Lock()

    def keep(self, image: np.ndarray, how: tuple[object, ...], maps: tuple[Maps, ...]) -> tuple[Maps, ...]:
        """Keep the ``maps`` of an ``image`` that was looked at like this; the oldest of too many are dropped."""
        with self._lock:
            self._kept.append((_digest(image), how, maps))
            while sum(each.nbytes for _, _, kept in self._kept for each in kept) > _MOST_BYTES:
                self._kept.pop(0)
        return maps

    def drop(self, how: tuple[object, ...]) -> None:
        """Keep none of those that were looked at like this: nobody will look like this again."""
        with self._lock:
            self._kept = [kept for kept in self._kept if kept[1] != how]

    def take(self, image: np.ndarray, how: tuple[object, ...]) -> tuple[Maps, ...] | None:
        """Those of this ``image``, which are no longer kept then."""
        with self._lock:
            digest = _digest(image) if self._kept else b""
            for place, kept in enumerate(self._kept):
                if kept[:2] == (digest, how):
                    return self._kept.pop(place)[2]
        return None


def _digest(image: np.ndarray) -> bytes:
    digest = hashlib.blake2b(f"{image.shape} {image.dtype}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()
