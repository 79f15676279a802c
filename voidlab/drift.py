"""Frames → shifts between pairs of frames → one drift per frame, with its uncertainty.

A pair is measured by FFT cross-correlation of the band-passed frames on a binned copy: what finer pixels would add is
above the band that carries the shift. The peak is then refined on the spectrum itself, far below a pixel. All pairs
together give the drifts by least squares that sets disagreeing pairs aside and measures them again near where the
others say they should be.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from tempfile import SpooledTemporaryFile
from threading import Lock

import numpy as np
import pandas as pd
from scipy import fft, ndimage, sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import SuperLU, splu

from voidlab import tables

ALL_PAIRS_UP_TO = 64
MIN_OVERLAP = 0.3
_BINNED_SIDE = 256
_KEPT_SPECTRA = 96
_KEPT_BYTES = 2**24  # of binned frames, in memory
_PAIRS_AT_ONCE = 256
_TUKEY = 4.685
_LEAST_SIGMA = 0.004  # binned px: what pixels and borders leave on perfect masks
_FEW_PAIRS = 3

Progress = Callable[[Iterable[int], int], Iterable[int]]


@dataclass(frozen=True)
class Shift:
    """How far the content of one frame lies from where another has it, px, and how sharply that is known.

    ``sigma_px`` is the standard error per axis that the peak itself suggests; ``peak`` its height, 0 to 1.
    """

    dx_px: float
    dy_px: float
    sigma_px: float
    peak: float


@dataclass(frozen=True)
class Drift:
    """Drift of every frame, in the order of the frames.

    Attributes
    ----------
    drift_px : ndarray of shape (n, 2)
        x (right) and y (down), px; exactly 0 at the reference.
    sigma_px : ndarray of shape (n,)
        Standard error per axis, px; 0 at the reference.
    pairs : DataFrame
        Table ``pairs``; ``frame_a`` and ``frame_b`` are rows, not frame numbers.
    pairs_kept : ndarray of shape (n,)
        Pairs of each frame that agree with the solution.
    flags : list of str
        "" for a good frame, "reference", "few pairs" or "interpolated".
    """

    drift_px: np.ndarray
    sigma_px: np.ndarray
    pairs: pd.DataFrame
    pairs_kept: np.ndarray
    flags: list[str] = field(default_factory=list)

    def table(self, frames: Sequence[int] | pd.Series) -> pd.DataFrame:
        """Table ``drift`` for frames with these numbers."""
        rows = pd.DataFrame(
            {
                "frame": np.asarray(frames),
                "drift_x_px": self.drift_px[:, 0],
                "drift_y_px": self.drift_px[:, 1],
                "drift_sigma_px": self.sigma_px,
                "pairs_kept": self.pairs_kept,
                "flag": pd.Series(self.flags, dtype="str"),
            }
        )
        return tables.check(rows, "drift")

    def pairs_table(self, frames: Sequence[int] | pd.Series) -> pd.DataFrame:
        """Table ``pairs`` with the numbers of the frames in place of their rows."""
        number = np.asarray(frames, np.int64)
        named = {side: number[self.pairs[side].to_numpy(np.int64)] for side in ("frame_a", "frame_b")}
        return tables.check(self.pairs.assign(**named), "pairs")


def estimate_drift(
    images: Sequence[np.ndarray],
    *,
    reference: int = 0,
    pairs: str | np.ndarray = "auto",
    progress: Progress | None = None,
) -> Drift:
    """Measure the drift of every frame against the reference frame.

    Parameters
    ----------
    images
        Frames (H, W) of one size: void masks (bool) or images. What is not finite counts as mean.
    reference
        Row of the frame whose drift is zero.
    pairs
        "auto" (all up to 64 frames, a planned subset above), "all", or an array (m, 2) of rows.
    progress
        Called with the pairs and their number, gives the pairs back, as a progress bar does.

    Raises
    ------
    ValueError
        If frames differ in size, or there is no such reference.

    References
    ----------
    Guizar-Sicairos, Thurman, Fienup, Opt. Lett. 33, 156 (2008), doi:10.1364/OL.33.000156, for the refined peak;
    Savitzky et al., Ultramicroscopy 191, 56 (2018), doi:10.1016/j.ultramic.2018.04.008, for all pairs together.
    """
    count = len(images)
    if count == 0:
        return Drift(np.zeros((0, 2)), np.zeros(0), tables.empty("pairs"), np.zeros(0, np.int64))
    if not 0 <= reference < count:
        raise ValueError(f"reference = {reference}: expected a row from 0 to {count - 1}.")
    planned = _plan(count, pairs)
    with closing(_Correlator.of(images)) as correlator:
        anchor = _anchor(correlator.blank, reference)
        useful = planned[~correlator.blank[planned].any(axis=1)]
        measured = _measure(correlator, useful, progress)
        solution = solve_drift(measured, count, anchor)
        for _ in range(2):
            again = np.flatnonzero(solution.pairs["weight"].to_numpy() == 0)
            again = again[solution.connected[useful[again]].all(axis=1)]
            if again.size == 0:
                break
            measured = _measure_again(correlator, measured, again, solution)
            solution = solve_drift(measured, count, anchor)
    return _with_gaps_filled(solution, reference)


def _anchor(blank: np.ndarray, reference: int) -> int:
    """The reference, or the frame nearest to it in which there is something to see."""
    seen = np.flatnonzero(~blank)
    return int(seen[np.argmin(np.abs(seen - reference))]) if seen.size else reference


def pair_shift(a: np.ndarray, b: np.ndarray) -> Shift:
    """Shift of the content from frame ``a`` to frame ``b`` (H, W): drift of b minus drift of a."""
    with closing(_Correlator.of([a, b])) as correlator:
        return correlator.shift(0, 1)


def plan_pairs(count: int) -> np.ndarray:
    """Pairs (m, 2) of rows to measure: all of few frames; of many, lags 1 to 4 and the powers of two."""
    if count <= ALL_PAIRS_UP_TO:
        return np.column_stack(np.triu_indices(count, 1)).reshape(-1, 2)
    lags = sorted({1, 2, 3, 4, 6, *(2**k for k in range(int(np.log2(count - 1)) + 1))})
    chosen = [np.column_stack([np.arange(count - lag), np.arange(lag, count)]) for lag in lags]
    # The first and last frames have fewer neighbours at long lags; short ones in their place.
    ends = [(a, b) for a in range(12) for b in range(a + 1, 12)]
    mirrored = [(count - 1 - b, count - 1 - a) for a, b in ends]
    return np.unique(np.concatenate([*chosen, np.array(ends), np.array(mirrored)]), axis=0)


def reference_row(frames: pd.DataFrame, frame: int | None = None) -> int:
    """Row of the reference: that of ``frame``, else the lowest tilt, else the first that can be used.

    Raises
    ------
    ValueError
        If ``frame`` is not among the frames, or cannot be used.
    """
    usable = (frames["status"] == "ok").to_numpy()
    if frame is not None:
        rows = np.flatnonzero(frames["frame"].to_numpy() == frame)
        if rows.size == 0 or not usable[rows[0]]:
            raise ValueError(f"reference_frame = {frame}: there is no usable frame of this number.")
        return int(rows[0])
    if not usable.any():
        return 0
    tilt = frames["tilt_deg"].abs().to_numpy()
    rows = np.flatnonzero(usable & np.isfinite(tilt))
    return int(rows[np.argmin(tilt[rows])]) if rows.size else int(np.flatnonzero(usable)[0])


def subtract_drift(voids: pd.DataFrame, drift: pd.DataFrame) -> pd.DataFrame:
    """``voids`` with ``x_corrected_px`` and ``y_corrected_px``: position less the drift of its frame.

    Raises
    ------
    ValueError
        If the drift of a frame is not in the table ``drift``.
    """
    of_frame = drift.set_index("frame")[["drift_x_px", "drift_y_px"]]
    unknown = sorted(set(voids["frame"]) - set(of_frame.index))
    if unknown:
        raise ValueError(f"the drift of {len(unknown)} frame(s) is not known, the first: frame {unknown[0]}.")
    shift = of_frame.reindex(voids["frame"]).to_numpy()
    return voids.assign(
        x_corrected_px=voids["x_px"] - shift[:, 0], y_corrected_px=voids["y_px"] - shift[:, 1]
    )


def align(image: np.ndarray, drift_px: np.ndarray) -> np.ndarray:
    """``image`` (H, W) resampled so that it lies on the reference; NaN where it shows nothing. For display only."""
    return ndimage.shift(
        np.asarray(image, np.float32), (-drift_px[1], -drift_px[0]), order=1, mode="constant", cval=np.nan
    )


def mean_image(images: Sequence[np.ndarray], drift_px: np.ndarray, *, most: int = 32) -> np.ndarray:
    """Mean (H, W) of at most ``most`` aligned frames, spread over the series; 0 where none shows anything."""
    rows = np.unique(np.linspace(0, len(images) - 1, min(len(images), most)).round().astype(int))
    total, seen = np.zeros(1), np.zeros(1, np.int32)
    for row in rows:
        aligned = align(images[row], drift_px[row])
        known = np.isfinite(aligned)
        total, seen = total + np.where(known, aligned, 0), seen + known.astype(np.int32)
    return np.asarray(total / np.maximum(seen, 1), np.float32)


# Pairs


class _Spool:
    """Images of one shape, float16; the first are kept in memory, all of them in a temporary file when many."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._file = SpooledTemporaryFile(max_size=_KEPT_BYTES)  # noqa: SIM115, closed with the correlator
        self._lock = Lock()

    def append(self, image: np.ndarray) -> None:
        self._file.write(image.astype(np.float16).tobytes())

    def __getitem__(self, row: int) -> np.ndarray:
        size = 2 * self.shape[0] * self.shape[1]
        with self._lock:
            self._file.seek(row * size)
            content = self._file.read(size)
        return np.frombuffer(content, np.float16).reshape(self.shape)

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True)
class _Correlator:
    """Spectra of the binned frames, and the shift between any two of them."""

    binned: _Spool
    factor: int
    blank: np.ndarray
    whiten: bool

    @classmethod
    def of(cls, images: Sequence[np.ndarray]) -> _Correlator:
        first = np.asarray(images[0])
        factor = max(1, round(max(first.shape) / _BINNED_SIDE))
        binned, blank = _Spool((first.shape[0] // factor, first.shape[1] // factor)), []
        for row in range(len(images)):
            image = np.asarray(images[row])
            if image.shape != first.shape or image.ndim != 2:
                binned.close()
                raise ValueError(
                    f"frames differ in size: row 0 is {first.shape} (H, W), row {row} is {image.shape}; "
                    "expected one size."
                )
            small = _binned(image, factor)
            blank.append(float(np.ptp(small)) == 0)
            binned.append(small)
        return cls(binned, factor, np.array(blank, bool), first.dtype != bool)

    def close(self) -> None:
        self.binned.close()

    @cached_property
    def _shape(self) -> tuple[int, int]:
        """Size of the padded frames: a shift that leaves the least overlap must not wrap around."""
        height, width = self.binned.shape
        stretch = 2 - MIN_OVERLAP
        return tuple(fft.next_fast_len(int(np.ceil(stretch * n)), real=True) for n in (height, width))

    @cached_property
    def _band(self) -> np.ndarray:
        """Square root of the band-pass: what is slower than a tenth of the frame is background."""
        y, x = fft.fftfreq(self._shape[0])[:, None], fft.rfftfreq(self._shape[1])[None, :]
        squared = y**2 + x**2
        slow = 0.004 * self.factor
        band = np.exp(-squared / (2 * 0.18**2)) - np.exp(-squared / (2 * slow**2))
        return np.sqrt(np.clip(band, 0, None)).astype(np.float32)

    @cached_property
    def _shared(self) -> list[np.ndarray]:
        """Share of the window along each side that two frames have in common, by lag from 0 up."""
        shares = []
        for size in self.binned.shape:
            window = _fall_off(size)
            common = np.correlate(window, window, "full")[size - 1 :]
            shares.append(common / common[0])
        return shares

    def _overlap(self, lag: np.ndarray, side: int) -> np.ndarray:
        """Share of the window that two frames have in common along a side, at any lag."""
        common = self._shared[side]
        return np.interp(np.abs(lag), np.arange(len(common)), common, right=0)

    @cached_property
    def _allowed(self) -> np.ndarray:
        """Weight of each shift by its overlap, none below the least.

        The square root keeps the noise of small overlaps from winning; the refined peak is freed of the rest.
        """
        share = [self._overlap(fft.fftfreq(n, 1 / n), side) for side, n in enumerate(self._shape)]
        overlap = share[0][:, None] * share[1][None, :]
        weight = np.where(overlap >= MIN_OVERLAP, 1 / np.sqrt(np.maximum(overlap, MIN_OVERLAP)), 0)
        return weight.astype(np.float32)

    @cached_property
    def spectrum(self) -> Callable[[int], np.ndarray]:
        """Band-passed spectrum of a frame, of norm one; the latest are kept."""
        return lru_cache(_KEPT_SPECTRA)(self._spectrum)

    def _spectrum(self, row: int) -> np.ndarray:
        frame = self.binned[row].astype(np.float32)
        window = np.outer(*(_fall_off(size) for size in frame.shape)).astype(np.float32)
        frame = (frame - (frame * window).sum() / window.sum()) * window
        spectrum = fft.rfft2(frame, self._shape) * self._band
        if self.whiten:
            # Half-way to phase correlation: a background that stays put is strong in few frequencies only.
            spectrum /= np.sqrt(np.maximum(np.abs(spectrum), 1e-6 * np.abs(spectrum).max()))
        return spectrum / max(np.sqrt(self._power(spectrum)), 1e-12)

    def _power(self, spectrum: np.ndarray) -> float:
        """Sum of squares over the full spectrum, of which the half is stored."""
        square = np.abs(spectrum) ** 2
        return float(2 * square.sum() - square[:, 0].sum() - square[:, -1].sum() * (self._shape[1] % 2 == 0))

    def shift(self, a: int, b: int, near: np.ndarray | None = None) -> Shift:
        """Shift from frame ``a`` to ``b``; ``near`` (x, y, radius in px) narrows the search."""
        cross = np.conj(self.spectrum(a)) * self.spectrum(b)
        correlation = fft.irfft2(cross, self._shape) * self._allowed
        if near is not None:
            correlation = np.where(self._around(near), correlation, -np.inf)
        y, x = np.unravel_index(int(np.argmax(correlation)), self._shape)
        lag = np.array([y, x], np.float64)
        for step in (0.5, 0.1):
            lag += step * _vertex(self._zoom(cross, lag, step))
        zoomed = self._zoom(cross, lag, 0.5)
        lag = self._signed(lag)
        peak = float(np.clip(zoomed[1, 1], 1e-6, 1))
        overlap = float(self._overlap(lag[0], 0) * self._overlap(lag[1], 1))
        sigma = self._sigma(zoomed, peak, overlap) * self.factor
        return Shift(float(lag[1] * self.factor), float(lag[0] * self.factor), sigma, peak)

    def _around(self, near: np.ndarray) -> np.ndarray:
        """Shifts within a radius of one."""
        x, y, radius = near / self.factor
        apart = []
        for padded, centre in zip(self._shape, (y, x), strict=True):
            lag = fft.fftfreq(padded, 1 / padded)
            apart.append((lag - centre) ** 2)
        return apart[0][:, None] + apart[1][None, :] <= max(radius, 1.5) ** 2

    def _zoom(self, cross: np.ndarray, lag: np.ndarray, step: float) -> np.ndarray:
        """Correlation at 3 × 3 points around ``lag``, ``step`` apart, straight from the spectrum."""
        offsets = step * np.arange(-1, 2)
        ky, kx = fft.fftfreq(self._shape[0]), fft.rfftfreq(self._shape[1])
        twice = np.full(len(kx), 2.0)
        twice[0] = 1
        if self._shape[1] % 2 == 0:
            twice[-1] = 1
        # A falling overlap pulls the peak towards zero: without it, the peak lies where the frames match.
        common = np.outer(*(self._overlap(self._signed(lag)[side] + offsets, side) for side in (0, 1)))
        rows = np.exp(2j * np.pi * np.outer(lag[0] + offsets, ky)).astype(np.complex64)
        columns = (np.exp(2j * np.pi * np.outer(kx, lag[1] + offsets)) * twice[:, None]).astype(np.complex64)
        return np.real(rows @ cross @ columns).astype(np.float64) / np.maximum(common, 0.01)

    def _signed(self, lag: np.ndarray) -> np.ndarray:
        """Lag (y, x) counted from zero both ways."""
        return np.where(lag > np.array(self._shape) / 2, lag - self._shape, lag)

    def _sigma(self, zoomed: np.ndarray, match: float, overlap: float) -> float:
        """Standard error per axis, binned px, that curvature and height of a peak suggest."""
        curvature = -(zoomed[0, 1] + zoomed[2, 1] + zoomed[1, 0] + zoomed[1, 2] - 4 * zoomed[1, 1]) / (
            2 * 0.25
        )
        curvature = max(curvature / zoomed[1, 1], 1e-3) if zoomed[1, 1] > 0 else 1e-3
        match = float(np.clip(match, 1e-3, 0.9999))
        # Independent values in the overlap: the band holds this share of all frequencies.
        cells = overlap * self.binned[0].size * float((self._band**2).mean())
        noise = (1 - match**2) / (match**2 * cells * curvature)
        return float(np.hypot(np.sqrt(noise), _LEAST_SIGMA))


def _binned(image: np.ndarray, factor: int) -> np.ndarray:
    """Means of ``factor`` × ``factor`` pixels, float16 to keep many frames; what is not finite becomes the mean."""
    values = image.astype(np.float32)
    good = np.isfinite(values)
    if not good.all():
        values = np.where(good, values, values[good].mean() if good.any() else 0)
    height, width = values.shape[0] // factor * factor, values.shape[1] // factor * factor
    small = (
        values[:height, :width].reshape(height // factor, factor, width // factor, factor).mean(axis=(1, 3))
    )
    low, high = float(small.min()), float(small.max())
    return ((small - low) / (high - low) if high > low else small * 0).astype(np.float16)


def _fall_off(size: int) -> np.ndarray:
    """Window along a side that falls to zero over the outer tenths, so that the border makes no pattern."""
    fall = max(size // 10, 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fall) + 0.5) / fall)
    side = np.ones(size)
    side[:fall], side[-fall:] = ramp, ramp[::-1]
    return side


def _vertex(around: np.ndarray) -> np.ndarray:
    """Offset (y, x) of the maximum of the parabolas through 3 × 3 values, in their spacing, at most one."""
    found = []
    for low, middle, high in (
        (around[0, 1], around[1, 1], around[2, 1]),
        (around[1, 0], around[1, 1], around[1, 2]),
    ):
        bend = low - 2 * middle + high
        found.append(np.clip(0.5 * (low - high) / bend, -1, 1) if bend < 0 else 0.0)
    return np.array(found)


def _plan(count: int, pairs: str | np.ndarray) -> np.ndarray:
    if isinstance(pairs, str):
        if pairs not in ("auto", "all"):
            raise ValueError(f"pairs = '{pairs}': expected 'auto', 'all' or an array (m, 2) of rows.")
        every = np.column_stack(np.triu_indices(count, 1)).reshape(-1, 2)
        return plan_pairs(count) if pairs == "auto" else every
    chosen = np.asarray(pairs, np.int64).reshape(-1, 2)
    if chosen.size and (chosen.min() < 0 or chosen.max() >= count or (chosen[:, 0] == chosen[:, 1]).any()):
        raise ValueError(f"pairs must name two different rows from 0 to {count - 1} each.")
    return chosen


def _measure(correlator: _Correlator, rows: np.ndarray, progress: Progress | None) -> pd.DataFrame:
    """Table ``pairs`` of these pairs of rows, not solved yet; both cores measure."""
    found: list[Shift] = []
    steps = iter(progress(range(len(rows)), len(rows)) if progress else range(len(rows)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(rows), _PAIRS_AT_ONCE):
            block = rows[start : start + _PAIRS_AT_ONCE].tolist()
            shifts = pool.map(lambda pair: correlator.shift(pair[0], pair[1]), block)
            found += [shift for shift, _ in zip(shifts, steps, strict=False)]
    next(steps, None)  # so that the bar knows that it is done
    measured = pd.DataFrame(
        {
            "frame_a": rows[:, 0],
            "frame_b": rows[:, 1],
            "dx_px": [s.dx_px for s in found],
            "dy_px": [s.dy_px for s in found],
            "sigma_px": [s.sigma_px for s in found],
            "peak": [s.peak for s in found],
            "weight": 1.0,
            "residual_px": 0.0,
        }
    )
    return tables.check(measured, "pairs")


def _measure_again(
    correlator: _Correlator, measured: pd.DataFrame, again: np.ndarray, solution: Solution
) -> pd.DataFrame:
    """``measured`` with the pairs in rows ``again`` measured near where the solution has them."""
    measured = measured.copy()
    for row in again:
        a, b = int(measured["frame_a"].iloc[row]), int(measured["frame_b"].iloc[row])
        x, y = solution.drift_px[b] - solution.drift_px[a]
        radius = max(3.0, 4 * float(np.hypot(solution.sigma_px[a], solution.sigma_px[b])))
        shift = correlator.shift(a, b, np.array([x, y, radius]))
        # A maximum on the rim of the search is not a peak.
        if np.hypot(shift.dx_px - x, shift.dy_px - y) < radius:
            columns = ["dx_px", "dy_px", "sigma_px", "peak"]
            measured.loc[measured.index[row], columns] = [
                shift.dx_px,
                shift.dy_px,
                shift.sigma_px,
                shift.peak,
            ]
    return measured


# From pairs to frames


@dataclass(frozen=True)
class Solution:
    """Drift of the frames that pairs connect with the reference; the others are NaN."""

    drift_px: np.ndarray
    sigma_px: np.ndarray
    pairs: pd.DataFrame
    pairs_kept: np.ndarray
    connected: np.ndarray


def solve_drift(pairs: pd.DataFrame, count: int, reference: int = 0) -> Solution:
    """Solve the drifts of ``count`` frames from measured pairs, disagreeing pairs set aside.

    Iteratively reweighted least squares: first with weights 1/residual, which outliers cannot lead astray, then with
    Tukey's, which sets them aside. Where fewer than two thirds of the pairs agree it stays with the first.

    Parameters
    ----------
    pairs : DataFrame
        Table ``pairs``; frame_a and frame_b are rows from 0 to ``count`` - 1.

    Returns
    -------
    Solution
        Its ``pairs`` have weight, residual and sigma filled in.
    """
    a, b = pairs["frame_a"].to_numpy(np.int64), pairs["frame_b"].to_numpy(np.int64)
    shift = pairs[["dx_px", "dy_px"]].to_numpy()
    connected = _connected(a, b, count, reference)
    use = connected[a] & connected[b]
    weight = use.astype(np.float64)
    free = np.flatnonzero(connected & (np.arange(count) != reference))
    drift = _least_squares(a, b, shift, weight, free, count)
    for _ in range(12):
        weight = use / np.maximum(_residual(drift, a, b, shift), 0.05)
        drift = _least_squares(a, b, shift, weight, free, count)
    robust = drift
    residual = _residual(drift, a, b, shift)
    scale = _scale(residual[use])
    for _ in range(15):
        weight = use * np.clip(1 - (residual / (_TUKEY * scale)) ** 2, 0, None) ** 2
        drift = _least_squares(a, b, shift, weight, free, count)
        residual = _residual(drift, a, b, shift)
        scale = _scale(residual[weight > 0]) if (weight > 0).any() else scale
    if use.any() and (weight[use] > 0).mean() < 2 / 3:
        drift, residual = robust, _residual(robust, a, b, shift)
        weight = use * np.clip(1 - (residual / (_TUKEY * _scale(residual[use]))) ** 2, 0, None) ** 2
    still = _connected(a[weight > 0], b[weight > 0], count, reference)
    free = np.flatnonzero(still & (np.arange(count) != reference))
    shown = _shown_error(residual, weight, len(free))
    spread = _spread(a, b, weight, free, count)
    drift = np.where(still[:, None], drift, np.nan)
    sigma = np.where(still, np.hypot(_frame_error(pairs, weight, count), shown * np.sqrt(spread)), np.nan)
    kept = np.bincount(np.concatenate([a[weight > 0], b[weight > 0]]), minlength=count)
    pairs = pairs.assign(weight=weight, residual_px=residual, sigma_px=np.hypot(pairs["sigma_px"], shown))
    return Solution(drift, sigma, pairs, kept, still)


def _least_squares(
    a: np.ndarray, b: np.ndarray, shift: np.ndarray, weight: np.ndarray, free: np.ndarray, count: int
) -> np.ndarray:
    """Drifts (count, 2), zero where not ``free``."""
    drift = np.zeros((count, 2))
    if free.size:
        incidence, normal = _equations(a, b, weight, free, count)
        drift[free] = splu(normal).solve(incidence.T @ (weight[:, None] * shift))
    return drift


def _spread(a: np.ndarray, b: np.ndarray, weight: np.ndarray, free: np.ndarray, count: int) -> np.ndarray:
    """Variance of each drift for pairs of variance one, (count,)."""
    spread = np.zeros(count)
    if free.size:
        spread[free] = _diagonal_of_inverse(splu(_equations(a, b, weight, free, count)[1]), free.size)
    return spread


def _equations(
    a: np.ndarray, b: np.ndarray, weight: np.ndarray, free: np.ndarray, count: int
) -> tuple[sparse.csr_matrix, sparse.csc_matrix]:
    """Which drifts each pair compares, (pairs, free), and the weighted normal equations."""
    ones, rows = np.ones(len(a)), np.tile(np.arange(len(a)), 2)
    both = (np.concatenate([-ones, ones]), (rows, np.concatenate([a, b])))
    incidence = sparse.csr_matrix(both, shape=(len(a), count))[:, free]
    normal = incidence.T @ sparse.diags(weight) @ incidence
    return incidence, (normal + 1e-9 * sparse.identity(free.size)).tocsc()


def _diagonal_of_inverse(factors: SuperLU, size: int, block: int = 256) -> np.ndarray:
    """Diagonal of the inverse of a factored matrix, a block of columns at a time."""
    diagonal = np.empty(size)
    for first in range(0, size, block):
        columns = np.arange(first, min(first + block, size))
        unit = np.zeros((size, len(columns)))
        unit[columns, np.arange(len(columns))] = 1
        diagonal[columns] = factors.solve(unit)[columns, np.arange(len(columns))]
    return diagonal


def _residual(drift: np.ndarray, a: np.ndarray, b: np.ndarray, shift: np.ndarray) -> np.ndarray:
    return np.hypot(*(shift - (drift[b] - drift[a])).T)


def _scale(residual: np.ndarray) -> float:
    """Standard deviation per axis that the median of the distances suggests, at least a thousandth of a pixel."""
    return max(float(np.median(residual)) / 1.1774, 1e-3) if residual.size else 1e-3


def _shown_error(residual: np.ndarray, weight: np.ndarray, unknowns: int) -> float:
    """Standard error of a pair per axis that the residuals of the kept pairs show."""
    kept = weight > 0
    spare = max(int(kept.sum()) - unknowns, 1)
    return float(np.sqrt((weight[kept] * residual[kept] ** 2).sum() / (2 * spare)))


def _frame_error(pairs: pd.DataFrame, weight: np.ndarray, count: int) -> np.ndarray:
    """Standard error per axis that residuals cannot show: what is wrong with a frame is wrong in all its pairs.

    The median of what the peaks of a frame's kept pairs suggest, which hold the noise of two frames, as does the
    drift of a frame against the reference.
    """
    kept = pairs[weight > 0]
    both = pd.concat([kept.set_index(side)["sigma_px"] for side in ("frame_a", "frame_b")])
    return both.groupby(level=0).median().reindex(range(count)).fillna(0.0).to_numpy()


def _connected(a: np.ndarray, b: np.ndarray, count: int, reference: int) -> np.ndarray:
    """Frames that a chain of pairs links to the reference."""
    links = sparse.csr_matrix((np.ones(len(a)), (a, b)), shape=(count, count))
    piece = connected_components(links, directed=False)[1]
    return np.asarray(piece == piece[reference])


def _with_gaps_filled(solution: Solution, reference: int) -> Drift:
    """Drift with the frames that no pair reaches on a straight line between their neighbours, and flagged.

    Their error is that of the neighbours and the whole drift between them: nothing better is known.
    """
    rows = np.arange(len(solution.drift_px))
    known = solution.connected
    drift, sigma = solution.drift_px.copy(), solution.sigma_px.copy()
    for axis in (0, 1):
        drift[~known, axis] = np.interp(rows[~known], rows[known], drift[known, axis])
    for row in rows[~known]:
        around = rows[known][np.clip(np.searchsorted(rows[known], row) - [1, 0], 0, known.sum() - 1)]
        apart = np.hypot(*(drift[around[1]] - drift[around[0]]))
        sigma[row] = max(np.hypot(apart, sigma[around].max()), 1.0)
    flags = ["" if kept >= min(_FEW_PAIRS, len(rows) - 1) else "few pairs" for kept in solution.pairs_kept]
    flags = [flag if there else "interpolated" for flag, there in zip(flags, known, strict=True)]
    flags[reference] = "reference"
    drift, sigma[reference] = drift - drift[reference], 0.0
    return Drift(drift, sigma, solution.pairs, solution.pairs_kept, flags)
