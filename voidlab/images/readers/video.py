"""MP4, AVI, WMV and other videos through PyAV, which comes with the extra ``video``."""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from voidlab.errors import install_extra
from voidlab.images.errors import ImagesError
from voidlab.images.readers.base import ImageFile, gray

_KEPT = 4  # frames kept, for those who ask for neighbours out of order
_READ_ON = 100  # frames that are rather decoded than jumped over
_PALETTE = "pal8"
_MATROSKA, _JPEG = "matroska", "mjpeg"
# Decoders that give a frame whatever its data are, and tell only the log that these are damaged; but for what is no
# part of a picture.
_TELL_THE_LOG = {"ffv1", _JPEG, "png", "utvideo"}
_NO_PICTURE = "APP fields"
_LISTENING = Lock()  # the log is one for all videos


def open_movie(path: Path) -> ImageFile:
    """Count the frames of a video by its packets; none is decoded yet."""
    movie = _Movie(path)
    notes: tuple[str, ...] = ()
    if movie.count < movie.stated:
        notes = (
            f"{path.name} is cut short: it says {movie.stated} frames, {movie.count} are there. Copy it again.",
        )
    elif movie.ends_early:
        notes = (f"{path.name} is cut short: {movie.ends_early}. Copy it again.",)
    return ImageFile(path, movie.shape, movie.count, movie.read, notes=notes, times_s=movie.times_s)


class _Movie:
    """Frames of a video as luminance, 0 to 255 (65535 where more than 8 bits are stored), decoded when asked for.

    Frames are known by the times at which they are shown, and jumped to; where these are not stored for all of them
    (AVI, raw streams), they are counted from the first. Where a jump does not lead to them, or colours are a palette
    that comes once at the start, all before are decoded too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()
        if not self._container.streams.video:
            raise ImagesError(f"{path} holds no video.")
        if self._stream.codec_context is None:
            raise ValueError("what its video is coded with is not known")
        self.shape = (self._stream.codec_context.height, self._stream.codec_context.width)
        self.stated = self._stream.frames
        shown, coded, keys = self._index()
        self.count = len(coded)
        known = [time for time in shown if time is not None]
        # Frames that are decoded in another order than shown, though their times go up: AVI has only the former.
        made_up = self._stream.codec_context.has_b_frames and known == sorted(known)
        self._counted = len(set(known)) < len(shown) or bool(made_up)
        self._jumps = not self._counted and self._stream.pix_fmt != _PALETTE
        times = sorted(time for time in (coded if self._counted else shown) if time is not None)
        self._times = times if len(set(times)) == self.count else []
        self._keys = sorted(keys)
        self._lock = Lock()
        self._decoder: Any = None
        self._next = 0
        self._hurt, self._damaged = False, set[int]()
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        if not self.count:
            raise ValueError("not one whole frame is in it")

    def _open(self) -> None:
        self._container = _av().open(str(self._path))
        if self._container.format.name.endswith("_pipe") or self._container.format.name == "image2":
            raise ValueError("it holds a picture, no video")
        if self._container.streams.video:
            self._stream: Any = self._container.streams.video[0]
            # Frames decoded side by side are given before it is known whether they are damaged.
            self._stream.thread_type = "SLICE"
            context = self._stream.codec_context
            if context is not None and context.name == _JPEG:  # else it makes up what it cannot decode
                context.options = {"err_detect": "explode"}

    def _index(self) -> tuple[list[int | None], list[int | None], set[int]]:
        """Times, in units of the stream, at which frames are shown, are decoded, and (which need no other) shown."""
        shown, coded, keys = [], [], set()
        for packet in self._container.demux(self._stream):
            if not packet.size or packet.is_discard:
                continue
            shown.append(packet.pts)
            coded.append(packet.dts if packet.dts is not None else packet.pts)
            if packet.is_keyframe and packet.pts is not None:
                keys.add(packet.pts)
        return shown, coded, keys

    @property
    def times_s(self) -> tuple[float, ...]:
        """Times since the first frame, s; empty where they are not known."""
        base = self._stream.time_base
        return tuple(float((time - self._times[0]) * base) for time in self._times)

    @property
    def ends_early(self) -> str:
        """What the file says of its length and does not hold; empty where it is whole, or says nothing."""
        said, rate = self._container.duration, self._stream.average_rate
        alone = len(self._container.streams) == 1  # sound may go on longer
        if not (
            alone and said and rate and self._times and self._container.format.name.startswith(_MATROSKA)
        ):
            return ""
        length, end = said / 1e6, float(self._times[-1] * self._stream.time_base + 1 / rate)
        return f"it says {length:.4g} s, its frames end at {end:.4g} s" if length - end > 0.9 / rate else ""

    def read(self, index: int) -> np.ndarray:
        """Frame ``index``, (H, W).

        Raises
        ------
        ValueError
            If it cannot be decoded, or is made up in part as its data are damaged.
        """
        with self._lock:
            if index not in self._kept and not self._decode_up_to(index):
                jumped, self._jumps = self._jumps, False
                if not (jumped and self._decode_up_to(index)):
                    raise ValueError(f"frame {index} cannot be decoded")
            if index in self._damaged:
                raise ValueError(f"the data of frame {index}, or of one that it rests on, are damaged")
            return self._kept[index]

    def _decode_up_to(self, index: int) -> bool:
        """Decode frames up to ``index``; whether it was found."""
        decoder, self._decoder = self._decoder, None
        reach = self._next + _READ_ON if self._jumps else index
        if decoder is None or not self._next <= index <= reach:
            decoder = self._start_before(index)
        for frame, is_hurt in decoder:
            row = self._row_of(frame)
            if row is None or row < self._next:
                self._hurt |= frame is None
                continue  # what is shown before the frame that was jumped to lacks others to be made of
            self._next = row + 1
            # Others are made of it, up to the next that needs none.
            self._hurt = is_hurt or (self._hurt and not frame.key_frame)
            if self._hurt or (frame.height, frame.width) != self.shape:
                self._damaged.add(row)
            if frame is not None and row > index - _KEPT:
                self._kept[row] = luminance(frame)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            if row >= index:
                self._decoder = decoder
                return row == index
        return False

    def _frames(self) -> Iterator[tuple[Any, bool]]:
        """The frames from here on, and whether their data are damaged; None in place of one that is not given."""
        listens = self._stream.codec_context.name in _TELL_THE_LOG
        for packet in self._container.demux(self._stream):
            frames: list[Any] = []
            said, failed = "", False
            try:
                if listens:
                    frames, said = _overheard(packet)
                else:
                    frames = packet.decode()
            except _av().FFmpegError:
                failed = bool(packet.size)
            for frame in frames:
                yield frame, bool(frame.is_corrupt or packet.is_corrupt or said)
            if failed:
                yield None, True

    def _row_of(self, frame: Any) -> int | None:
        if self._counted:
            return self._next
        if frame is None:
            return None
        row = bisect_left(self._times, -1 if frame.pts is None else frame.pts)
        return row if row < self.count and self._times[row] == frame.pts else None

    def _start_before(self, index: int) -> Any:
        """Frames from the last one on that is before ``index`` and needs no other, else from the first one on."""
        self._kept.clear()
        self._container.close()
        self._open()  # again, as a palette comes with the first bytes that are read
        self._next, self._hurt = 0, False
        if self._jumps:
            key = max((key for key in self._keys if key <= self._times[index]), default=self._times[0])
            self._container.seek(key, stream=self._stream, backward=True)
            self._next = bisect_left(self._times, key)
        return self._frames()


def _overheard(packet: Any) -> tuple[list[Any], str]:
    """The frames of a packet, and what its decoder tells the log of damaged data."""
    log = _av().logging
    with _LISTENING:
        before = log.get_level()
        log.set_level(log.ERROR)
        try:
            with log.Capture(local=False) as said:
                frames = packet.decode()
        finally:
            log.set_level(before)
    return frames, "; ".join(text for _, _, text in said if _NO_PICTURE not in text)


def luminance(frame: Any) -> np.ndarray:
    """Grey values (H, W) of a frame, of all bits that it has.

    Raises
    ------
    ImagesError
        If FFmpeg knows no way from its pixels to grey ones.
    """
    deep = max((c.bits for c in frame.format.components), default=8) > 8
    ways = ["gray16le", "rgb48le"] if deep else ["gray", "rgb24"]
    # A palette is taken by way of its colours: the straight way rounds them twice.
    for way in reversed(ways) if frame.format.name == _PALETTE else ways:
        try:
            return gray(frame.to_ndarray(format=way))
        except (OSError, ValueError):
            continue
    raise ImagesError(
        f"its pixels are {frame.format.name}, which cannot be made gray here. Convert it: "
        "ffmpeg -i VIDEO -c:v ffv1 -pix_fmt gray OUT.mkv."
    )


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise ImagesError(
            f"videos are read with PyAV, which is not installed ({error}): {install_extra('video')}"
        ) from None
    return av
