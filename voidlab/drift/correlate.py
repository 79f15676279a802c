"""The shift between any two frames: they are correlated at every shift that leaves enough overlap, then refined.

Spectra of the frames are kept as far as a fixed amount of memory allows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from scipy import fft, ndimage

from voidlab.drift.binned_frames import BINNED_SIDE, BinnedFrames, GrowingMasks
from voidlab.drift.refine import band_root, refine, taper, window_of

MIN_OVERLAP = 0.3
_KEPT_BYTES = 2**27  # of spectra
_SLOW_IN_MASKS = 0.004 * 4  # cycles per binned px: slower than a quarter of a frame
_SLOW_IN_IMAGES = 15 / BINNED_SIDE  # illumination and thickness; finer than that are voids
_ROUNDED_PX = 0.01  # a mask's edges lie on whole pixels: shifts are drawn towards these by up to 0.013 px
APART = 6  # binned px from the highest peak to where a second one can be told from it
_CLEAR = 7.0  # standard deviations of a correlation map that chance does not reach


@dataclass(frozen=True)
class Shift:
    """How far the content of one frame lies from where another has it, px, and how sharply that is known.

    ``sigma_px`` is the standard error per axis that the pair itself suggests; ``peak`` how alike the frames are where
    they overlap, 0 to 1; ``peak_ratio`` how much higher the peak is than the second one; ``contested`` whether there
    is a clear peak at rest and one that moves: one of them is a pattern that stays put.
    """

    dx_px: float
    dy_px: float
    sigma_px: float
    peak: float
    peak_ratio: float = np.inf
    contested: bool = False

    def reversed(self) -> Shift:
        """The shift the other way round."""
        return replace(self, dx_px=-self.dx_px, dy_px=-self.dy_px)


class Correlator:
    """Measures the shift between any two of the frames."""

    def __init__(self, frames: BinnedFrames | GrowingMasks) -> None:
        self.frames = frames
        self.whiten = not frames.is_mask
        self.low_cut = _SLOW_IN_MASKS if frames.is_mask else _SLOW_IN_IMAGES
        bytes_each = 8 * self._padded[0] * (self._padded[1] // 2 + 1)
        self.kept_spectra = max(_KEPT_BYTES // bytes_each, 8)
        self._spectrum = lru_cache(self.kept_spectra)(self._transform)
        self._masked_spectra = lru_cache(max(self.kept_spectra // 3, 4))(self._transform_known)

    def shift(self, a: int, b: int, near: tuple[float, float, float] | None = None) -> Shift:
        """Shift of the content from frame ``a`` to ``b``; ``near`` (x, y, radius in px) narrows the search."""
        if a > b:  # so that it is exactly the opposite of the shift from b to a
            back = None if near is None else (-near[0], -near[1], near[2])
            return self.shift(b, a, back).reversed()
        map_ = self._correlation(a, b)
        if near is not None:
            map_ = np.where(self._around(near), map_, -np.inf)
        highest, second, contested = self._peaks(map_, narrowed=near is not None)
        frames = self.frames
        fine = refine(
            frames[a],
            frames[b],
            highest,
            low_cut=self.low_cut,
            whiten=self.whiten,
            pattern=frames.pattern,
            valid=(frames.valid(a), frames.valid(b)),
        )
        x, y = (fine.shift * frames.factor).tolist()
        sigma = float(np.hypot(fine.sigma * frames.factor, _ROUNDED_PX if frames.is_mask else 0.0))
        return Shift(x, y, sigma, fine.peak, second, contested)

    # The map of all shifts

    @cached_property
    def _padded(self) -> tuple[int, int]:
        """Size at which a shift that leaves the least overlap does not wrap around."""
        return tuple(
            fft.next_fast_len(size + int((_overlap(size) >= MIN_OVERLAP).sum()), real=True)
            for size in self.frames.shape
        )

    @cached_property
    def _band(self) -> np.ndarray:
        return band_root(self._padded, self.low_cut)

    @cached_property
    def _lags(self) -> tuple[np.ndarray, np.ndarray]:
        """Shift along y and along x of each row and column of a map."""
        y, x = (fft.fftfreq(n, 1 / n) for n in self._padded)
        return y, x

    @cached_property
    def _weight(self) -> np.ndarray:
        """Weight of each shift by its overlap, none below the least.

        The square root keeps the noise of small overlaps from winning.
        """
        y, x = (
            _overlap(size)[np.abs(lag).astype(int)]
            for size, lag in zip(self.frames.shape, self._lags, strict=True)
        )
        overlap = np.outer(y, x)
        return np.where(overlap >= MIN_OVERLAP, 1 / np.sqrt(np.maximum(overlap, MIN_OVERLAP)), 0)

    @cached_property
    def _still(self) -> np.ndarray:
        """Spectrum of what does not move, for a pattern of variance one."""
        strength = float(np.prod([(taper(size) ** 2).sum() for size in self.frames.shape]))
        return (strength * self._band**2).astype(np.float32)

    def _transform(self, row: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Band-passed spectrum of a frame, of norm 1, and what whitened it, if it is to be whitened."""
        frame = self.frames[row]
        window = window_of(frame.shape)
        frame = (frame - (frame * window).sum() / window.sum()) * window
        spectrum = fft.rfft2(frame, self._padded) * self._band
        root = None
        if self.whiten:
            strength = np.abs(spectrum)
            root = 1 / np.sqrt(np.maximum(strength, 1e-6 * strength.max() + 1e-30))
            spectrum *= root
        scale = 1 / max(float(np.linalg.norm(spectrum)), 1e-12)
        return spectrum * scale, None if root is None else root * scale

    def _correlation(self, a: int, b: int) -> np.ndarray:
        """How alike the frames are at each shift, (H, W) as padded."""
        if self.frames.valid(a) is not None or self.frames.valid(b) is not None:
            return self._masked_correlation(a, b)
        (of_a, root_a), (of_b, root_b) = self._spectrum(a), self._spectrum(b)
        cross = np.conj(of_a)
        cross *= of_b
        if self.frames.pattern and root_a is not None and root_b is not None:
            cross -= self.frames.pattern * self._still * root_a * root_b
        map_ = np.asarray(fft.irfft2(cross, self._padded, overwrite_x=True))
        map_ *= self._weight
        return map_

    def _around(self, near: tuple[float, float, float]) -> np.ndarray:
        """Shifts within a radius of one."""
        x, y, radius = (value / self.frames.factor for value in near)
        apart_y, apart_x = (self._lags[0] - y) ** 2, (self._lags[1] - x) ** 2
        return apart_y[:, None] + apart_x[None, :] <= max(radius, 1.5) ** 2

    def _peaks(self, map_: np.ndarray, *, narrowed: bool) -> tuple[np.ndarray, float, bool]:
        """The highest peak (x, y), its height over the second's, and whether one of two clear ones is at rest.

        Where a peak at rest competes with a clear one that moves, the one that moves counts: content moves, a
        pattern of the camera or dust on it does not.
        """
        first = np.unravel_index(int(np.argmax(map_)), map_.shape)
        height = float(map_[first])
        if narrowed:
            return self._shift_at(first), np.inf, False
        around = self._around_place(first)
        kept = map_[around]
        map_[around] = -np.inf
        second = np.unravel_index(int(np.argmax(map_)), map_.shape)
        low = float(map_[second])
        map_[around] = kept
        ratio = height / low if low > 0 else np.inf
        if not self.whiten:  # in a mask nothing stays put
            return self._shift_at(first), ratio, False
        at_rest = [np.abs(self._shift_at(place)).max() <= 1 for place in (first, second)]
        clear = low > _CLEAR * float(map_[self._weight > 0].std())
        # A scene that resembles itself some way off has a second peak on either side of the first.
        opposite = np.take(
            np.take(map_, _about(first, second, 0, map_.shape), 0), _about(first, second, 1, map_.shape), 1
        )
        contested = any(at_rest) and clear and float(opposite.max()) < 0.5 * low
        return self._shift_at(second if contested and at_rest[0] else first), ratio, contested

    def _shift_at(self, place: tuple[np.intp, ...]) -> np.ndarray:
        return np.array([self._lags[1][place[1]], self._lags[0][place[0]]])

    def _around_place(self, place: tuple[np.intp, ...]) -> tuple[np.ndarray, ...]:
        """Where the surroundings of a peak lie; a map goes on at its other side."""
        reach = np.arange(-APART, APART + 1)
        rows, columns = ((p + reach) % n for p, n in zip(place, self._padded, strict=True))
        return np.ix_(rows, columns)

    # Where parts of a frame may not be looked at

    def _transform_known(self, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Spectra of the known pixels, of a frame without its background, and of its square."""
        frame, valid = self.frames[row], self.frames.valid(row)
        known = np.ones(frame.shape, np.float32) if valid is None else valid.astype(np.float32)
        flat = (
            _known_mean(frame, known, 0.5) - _known_mean(frame, known, 1 / (2 * np.pi * self.low_cut))
        ) * known
        known_, flat_, square = (fft.rfft2(f, self._padded) for f in (known, flat, flat**2))
        return known_, flat_, square

    def _masked_correlation(self, a: int, b: int) -> np.ndarray:
        """Normalised correlation of the known parts only, after Padfield (2012), doi:10.1109/TIP.2011.2181402."""
        known_a, flat_a, square_a = self._masked_spectra(a)
        known_b, flat_b, square_b = self._masked_spectra(b)

        def over_shifts(one: np.ndarray, other: np.ndarray) -> np.ndarray:
            return np.asarray(fft.irfft2(np.conj(one) * other, self._padded))

        common = np.maximum(over_shifts(known_a, known_b), 1)
        sum_a, sum_b = over_shifts(flat_a, known_b), over_shifts(known_a, flat_b)
        together = over_shifts(flat_a, flat_b) - sum_a * sum_b / common
        spread_a = over_shifts(square_a, known_b) - sum_a**2 / common
        spread_b = over_shifts(known_a, square_b) - sum_b**2 / common
        spread = np.sqrt(np.maximum(spread_a, 0) * np.maximum(spread_b, 0))
        alike = together / np.maximum(spread, 1e-3 * spread.max() + 1e-12)
        enough = (common >= MIN_OVERLAP * common.max()) & (self._weight > 0)
        # As without a mask: what rests on fewer pixels is less sure.
        return np.where(enough, alike * np.sqrt(common / common.max()), 0)


@lru_cache(64)
def _overlap(size: int) -> np.ndarray:
    """Share of a tapered side that is left at each shift along it, from 0 to ``size`` px; float32."""
    window = taper(size)
    common = np.correlate(np.append(window, np.float32(0)), window, "full")[size - 1 :]
    return np.asarray(common / common[0])


def _about(
    first: tuple[np.intp, ...], second: tuple[np.intp, ...], side: int, shape: tuple[int, ...]
) -> np.ndarray:
    """Rows (``side`` 0) or columns around the place that lies opposite to the second peak, seen from the first."""
    return np.asarray((2 * first[side] - second[side] + np.arange(-2, 3)) % shape[side])


def _known_mean(frame: np.ndarray, known: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian mean around each pixel over those that are known."""
    weight = ndimage.gaussian_filter(known, sigma, mode="constant")
    return np.asarray(
        ndimage.gaussian_filter(frame * known, sigma, mode="constant") / np.maximum(weight, 1e-3)
    )
