"""Frames as the drift needs them: binned, scaled, with what is not to be looked at, and bounded in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from tempfile import SpooledTemporaryFile
from threading import Lock

import numpy as np

from voidlab.tables.rows import spread_rows

BINNED_SIDE = 256
_KEPT_BYTES = 2**24  # of binned frames, in memory
_AT_HAND = 64  # frames that were looked at last, float32
_VALID_SHARE = 0.5  # of a binned pixel
_COMPARED = 8  # pairs of frames that are searched for a pattern of the camera
_SIGNIFICANT = 8.0  # standard deviations of chance


class _Spool:
    """Images of one shape, float16; the first are kept in memory, all of them in a temporary file when many."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._file = SpooledTemporaryFile(max_size=_KEPT_BYTES)  # noqa: SIM115, closed with the frames
        self._lock = Lock()
        self._at_hand = lru_cache(_AT_HAND)(self._read)

    def put(self, row: int, image: np.ndarray) -> None:
        """Write an image at its place, be there others before it or not."""
        place = row * 2 * self.shape[0] * self.shape[1]
        with self._lock:  # what is read in between moves the place
            if place > _KEPT_BYTES:
                self._file.rollover()  # a gap takes no room on the disk, in memory it would
            self._file.seek(place)
            self._file.write(image.astype(np.float16).tobytes())

    def __getitem__(self, row: int) -> np.ndarray:
        return self._at_hand(row)

    def _read(self, row: int) -> np.ndarray:
        size = 2 * self.shape[0] * self.shape[1]
        with self._lock:
            self._file.seek(row * size)
            content = self._file.read(size)
        image = np.frombuffer(content, np.float16).reshape(self.shape).astype(np.float32)
        image.setflags(write=False)
        return image

    def close(self) -> None:
        self._at_hand.cache_clear()
        self._file.close()


@dataclass(frozen=True)
class BinnedFrames:
    """Frames binned to about 256 pixels a side, of mean 0 and standard deviation 1.

    Finer pixels add little: what lies above this band is noise, or edges that the whole void shows as well.

    Attributes
    ----------
    shape, full_shape : tuple of int
        (H, W) of the binned frames and of the frames as given, px.
    factor : int
        Pixels of a frame along a side of a binned one.
    is_mask : bool
        Whether the frames are void masks: nothing in them stays put.
    blank : ndarray of bool, shape (n,)
        Frames in which there is nothing to see.
    pattern : float
        Variance of the camera's own fixed pattern in a binned pixel, 0 when none was found.
    """

    full_shape: tuple[int, int]
    factor: int
    is_mask: bool
    blank: np.ndarray
    pattern: float
    _binned: _Spool
    _invalid: dict[int, np.ndarray] = field(default_factory=dict)  # packed, of the frames that have any

    @classmethod
    def of(cls, images: Sequence[np.ndarray], valid: np.ndarray | None = None) -> BinnedFrames:
        """Bin ``images`` (n, H, W); pixels that are not finite, or not ``valid`` (H, W), are not looked at.

        Raises
        ------
        ValueError
            If frames differ in size, or ``valid`` is not of their size.
        """
        first = np.asarray(images[0])
        factor = max(1, round(max(first.shape) / BINNED_SIDE))
        spool = _Spool((first.shape[0] // factor, first.shape[1] // factor))
        blank, invalid, scales = [], {}, []
        try:
            _check_valid(valid, first.shape)
            for row in range(len(images)):
                image = np.asarray(images[row])
                _check_size(image, first.shape, row)
                small, known = _binned(image, factor, valid)
                seen = small if known.all() else small[known]
                scale = float(seen.std()) if seen.size else 0.0
                blank.append(not scale > 0)
                scales.append(scale)
                middle = seen.mean() if seen.size else 0.0
                spool.put(row, np.where(known, (small - middle) / (scale or 1.0), 0))
                if not known.all():
                    invalid[row] = np.packbits(~known)
        except BaseException:
            spool.close()
            raise
        is_mask = first.dtype == bool
        pattern = 0.0 if is_mask else _pattern_variance(images, np.flatnonzero(~np.array(blank)), valid)
        # The variance is that of full pixels; those of a binned one average it out, as they do noise.
        pattern = pattern / factor**2 / np.median(scales) ** 2 if pattern else 0.0
        return cls(first.shape, factor, is_mask, np.array(blank, bool), pattern, spool, invalid)

    def __len__(self) -> int:
        return len(self.blank)

    @property
    def shape(self) -> tuple[int, int]:
        return self._binned.shape

    def __getitem__(self, row: int) -> np.ndarray:
        """Frame ``row``, (H, W) float32; 0, its mean, where it is not looked at."""
        return self._binned[row]

    def valid(self, row: int) -> np.ndarray | None:
        """Pixels of frame ``row`` that are looked at, (H, W); None for all."""
        if row not in self._invalid:
            return None
        bits = np.unpackbits(self._invalid[row], count=self.shape[0] * self.shape[1])
        return bits.reshape(self.shape) == 0

    def close(self) -> None:
        self._binned.close()


class GrowingMasks:
    """Void masks of one shape, binned as `BinnedFrames` are, one more at any time, for a `Correlator`."""

    is_mask, pattern = True, 0.0

    def __init__(self, shape: tuple[int, int]) -> None:
        self.full_shape = shape
        self.factor = max(1, round(max(shape) / BINNED_SIDE))
        self._blank: list[bool] = []
        self._unseen: set[int] = set()
        self._binned = _Spool((shape[0] // self.factor, shape[1] // self.factor))

    @property
    def shape(self) -> tuple[int, int]:
        return self._binned.shape

    @property
    def blank(self) -> np.ndarray:
        """Masks in which there is nothing to see, (n,) of bool."""
        return np.array(self._blank, bool)

    def is_blank(self, row: int) -> bool:
        """Whether there is nothing to see in a mask."""
        return self._blank[row]

    def __len__(self) -> int:
        return len(self._blank)

    def __getitem__(self, row: int) -> np.ndarray:
        return self._binned[row]

    def append(self, mask: np.ndarray) -> int:
        """Add a mask (H, W) of bool; give its row."""
        _check_size(mask, self.full_shape, len(self))
        row = self.append_unseen(is_blank=False)
        self.put(row, mask)
        return row

    def append_unseen(self, *, is_blank: bool) -> int:
        """Add a mask that is only `put` there when it is needed; give its row."""
        self._blank.append(is_blank)
        self._unseen.add(len(self) - 1)
        return len(self) - 1

    def is_unseen(self, row: int) -> bool:
        """Whether a mask was added and not put there yet."""
        return row in self._unseen

    def put(self, row: int, mask: np.ndarray) -> None:
        """Give the mask (H, W) of bool of a row that is unseen."""
        _check_size(mask, self.full_shape, row)
        small, _ = _binned(mask, self.factor, None)
        scale = float(small.std())
        self._binned.put(row, (small - small.mean()) / (scale or 1.0))
        self._blank[row] = not scale > 0
        self._unseen.discard(row)

    def valid(self, row: int) -> None:
        """All pixels of a mask are looked at."""

    def close(self) -> None:
        """Remove the temporary file."""
        self._binned.close()


def _check_size(image: np.ndarray, shape: tuple[int, ...], row: int) -> None:
    if image.shape != shape or image.ndim != 2:
        raise ValueError(
            f"frames differ in size: row 0 is {shape} (H, W), row {row} is {image.shape}; expected one size."
        )


def _check_valid(valid: np.ndarray | None, shape: tuple[int, ...]) -> None:
    if valid is not None and (valid.shape != shape or valid.dtype != bool):
        raise ValueError(
            f"valid is {valid.dtype} of shape {valid.shape}; expected bool of the frames' shape {shape} (H, W)."
        )


def _binned(image: np.ndarray, factor: int, valid: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Means of ``factor`` × ``factor`` pixels over those that are known, and where half of them or more are."""
    good = np.asarray(np.isfinite(image) if image.dtype.kind == "f" else True)
    if valid is not None:
        good = good & valid
    if good.all():
        small = _block_means(image, factor)
        return small, np.ones(small.shape, bool)
    values = image.astype(np.float32)
    share = _block_means(good.astype(np.float32), factor)
    small = _block_means(np.where(good, values, 0), factor) / np.maximum(share, 1e-6)
    return small, share >= _VALID_SHARE


def _block_means(values: np.ndarray, factor: int) -> np.ndarray:
    height, width = values.shape[0] // factor, values.shape[1] // factor
    rows = values[: height * factor, : width * factor].reshape(height, factor, width * factor)
    # Along whole rows first, and the pixels of masks as bytes: each is four times faster than the other way.
    if values.dtype == bool and factor < 256:  # a sum of more would not fit into a byte
        sums = rows.view(np.uint8).sum(axis=1, dtype=np.uint8).astype(np.float32)
    else:
        sums = rows.sum(axis=1, dtype=np.float32)
    columns = sum(sums[:, start::factor] for start in range(factor))
    return np.asarray(columns / np.float32(factor**2), np.float32)


def _pattern_variance(images: Sequence[np.ndarray], rows: np.ndarray, valid: np.ndarray | None) -> float:
    """Variance per pixel of what is the same in all frames and unrelated between neighbouring pixels.

    A camera's gain differs from pixel to pixel; nothing that an objective images is as sharp. Each pixel less the
    mean of its four neighbours, times the same of another frame, is on average 5/4 of the pattern's variance;
    times the neighbour's it is -1/2 of it, while for any scene, however still, both are alike.
    """
    if len(rows) < 2:
        return 0.0
    same, beside, chance = [], [], []
    for step in spread_rows(len(rows) - 1, _COMPARED, down=True):
        a, b = (_sharpest(images[rows[i]], valid) for i in (step, (step + len(rows) // 2) % len(rows)))
        if step == (step + len(rows) // 2) % len(rows):
            continue
        same.append(float((a * b).mean()))
        beside.append(float((a[:, 1:] * b[:, :-1]).mean() + (a[1:] * b[:-1]).mean()) / 2)
        chance.append(float(a.std() * b.std()) / np.sqrt(a.size))
    found, by_chance = np.mean(same), np.mean(chance) / np.sqrt(len(same))
    white = np.mean(beside) < -0.2 * found  # -0.4 for a pattern, about 0 or above for a scene
    return float(found / 1.25) if found > _SIGNIFICANT * by_chance and white else 0.0


def _sharpest(image: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """Each pixel less the mean of its four neighbours, borders left out; 0 where one of them is not known."""
    values = np.asarray(image, np.float32)
    if valid is not None:
        values = np.where(valid, values, np.nan)
    around = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]
    sharp = values[1:-1, 1:-1] - around / 4
    return np.where(np.isfinite(sharp), sharp, 0)
