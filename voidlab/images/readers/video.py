"""MP4, AVI and other videos through PyAV, which comes with the extra ``video``."""

from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from voidlab.errors import install_extra
from voidlab.images.errors import ImagesError
from voidlab.images.readers.base import ImageFile

_KEPT = 4  # frames kept, for those who ask for neighbours out of order
_READ_ON = 100  # frames that are rather decoded than jumped over


def open_movie(path: Path) -> ImageFile:
    """Count the frames of a video by its packets; none is decoded yet."""
    movie = _Movie(path)
    notes: tuple[str, ...] = ()
    if 0 < len(movie.times) < movie.stated:
        notes = (
            f"{path.name} is cut short: it says {movie.stated} frames, {len(movie.times)} are there. Copy it again.",
        )
    return ImageFile(path, movie.shape, len(movie.times), movie.read, notes=notes, times_s=movie.times_s)


class _Movie:
    """Frames of a video as luminance, 0 to 255 (65535 where more than 8 bits are stored), decoded when asked for."""

    def __init__(self, path: Path) -> None:
        self._container = _av().open(str(path))
        if not self._container.streams.video:
            raise ImagesError(f"{path} holds no video.")
        self._stream: Any = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self.shape = (self._stream.codec_context.height, self._stream.codec_context.width)
        self.stated = self._stream.frames
        self.times, self._keys = self._index()
        self._rows = {time: row for row, time in enumerate(self.times)}
        self._lock = Lock()
        self._decoder: Any = None
        self._next = 0
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        if not self.times:
            raise ValueError("not one whole frame is in it")

    def _index(self) -> tuple[list[int], list[int]]:
        """Times of all frames and of those that need no other, in units of the stream, ascending."""
        times, keys = set(), set()
        for packet in self._container.demux(self._stream):
            time = packet.pts if packet.pts is not None else packet.dts
            if time is None or not packet.size or packet.is_discard:
                continue
            times.add(time)
            if packet.is_keyframe:
                keys.add(time)
        return sorted(times), sorted(keys)

    @property
    def times_s(self) -> tuple[float, ...]:
        """Times since the first frame, s."""
        base = self._stream.time_base
        return tuple(float((time - self.times[0]) * base) for time in self.times)

    def read(self, index: int) -> np.ndarray:
        """Frame ``index``, (H, W)."""
        with self._lock:
            if index not in self._kept:
                self._decode_up_to(index)
            return self._kept[index]

    def _decode_up_to(self, index: int) -> None:
        if self._decoder is None or not self._next <= index <= self._next + _READ_ON:
            self._jump(index)
        wanted = self.times[index]
        for frame in self._decoder:
            time = frame.pts if frame.pts is not None else frame.dts
            if time is None or time not in self._rows:
                continue
            row = self._rows[time]
            self._next = row + 1
            self._keep(row, frame)
            if time == wanted:
                return
            if time > wanted:
                break
        self._decoder = None
        raise ValueError(f"frame {index} cannot be decoded")

    def _jump(self, index: int) -> None:
        key = max((k for k in self._keys if k <= self.times[index]), default=self.times[0])
        self._container.seek(key, stream=self._stream, backward=True)
        self._decoder = self._container.decode(self._stream)

    def _keep(self, row: int, frame: Any) -> None:
        deep = max((c.bits for c in frame.format.components), default=8) > 8
        self._kept[row] = frame.to_ndarray(format="gray16le" if deep else "gray")
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise ImagesError(
            f"videos are read with PyAV, which is not installed ({error}): {install_extra('video')}"
        ) from None
    return av
