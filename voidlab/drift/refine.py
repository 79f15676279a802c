"""The shift between two frames to a small fraction of a pixel, from what both of them show.

Both frames are cut to their common part, given the same taper, and compared frequency by frequency: the shift is
where the sum of their cross-spectrum is largest. How much the parts of the image disagree on it is its error.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft, ndimage, special

HIGH_CUT = 0.18  # cycles per binned px: above it, noise and the staircase of binned edges
_LEAST_SIGMA = 0.0005  # binned px: rounding
_UNKNOWN_SIGMA = 30.0  # binned px, of a pair that has no peak
_LEAST_SIDE = 4  # binned px, of the common part
_TAPERED = 0.1  # of a side, along each border
_PARTS = 8  # of a mask along a side, whose votes are compared
_SLOPE = (0.73, -0.12)  # of differences over 2 px and 4 px in a slope: right to 3 % up to 0.22 cycles per px
_FREQUENCIES = 16  # along a side of a block of them, whose votes are compared
_STEPS = 8
_FINE = 3e-4  # Newton's next step would be smaller than its square


@dataclass(frozen=True)
class Refined:
    """Shift (x, y) in binned px, its standard error per axis, and how alike the common parts are, 0 to 1."""

    shift: np.ndarray
    sigma: float
    peak: float


def refine(
    a: np.ndarray,
    b: np.ndarray,
    guess: np.ndarray,
    *,
    low_cut: float,
    whiten: bool,
    pattern: float = 0.0,
    valid: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
) -> Refined:
    """Refine the shift of the content from ``a`` to ``b``, both (H, W), from a ``guess`` (x, y) good to a pixel.

    Parameters
    ----------
    low_cut
        Frequency below which things are background, cycles per px.
    whiten
        Count frequencies by the root of their strength: a background that stays put is strong in few of them only.
    pattern
        Variance of what is the same in all frames, pixel by pixel, and does not move.
    valid
        Pixels of a and b that may be looked at, None for all.
    """
    whole = np.rint(guess).astype(int)
    for _ in range(3):
        found = _in_common_part(a, b, whole, low_cut, whiten, pattern, valid)
        nearer = np.rint(found.shift).astype(int)
        if (np.abs(found.shift - whole) < 0.75).all() or (np.abs(nearer - guess) > 3).any():
            break
        whole = nearer
    return found


def _in_common_part(
    a: np.ndarray,
    b: np.ndarray,
    whole: np.ndarray,
    low_cut: float,
    whiten: bool,
    pattern: float,
    valid: tuple[np.ndarray | None, np.ndarray | None],
) -> Refined:
    in_a, in_b = _common(a.shape, whole)
    shape = (in_a[0].stop - in_a[0].start, in_a[1].stop - in_a[1].start)
    if min(shape) < _LEAST_SIDE:
        return Refined(whole.astype(float), _UNKNOWN_SIGMA, 0.0)
    window = window_of(shape)
    if valid[0] is not None or valid[1] is not None:
        window = window * _soft(valid[0], in_a, shape) * _soft(valid[1], in_b, shape)
        if not window.any():
            return Refined(whole.astype(float), _UNKNOWN_SIGMA, 0.0)
    spectra = [_spectrum(part, window) for part in (a[in_a], b[in_b])]
    passed = band_root(shape, low_cut)
    if whiten:
        strength_both = np.abs(spectra[0]) * np.abs(spectra[1])
        passed = passed / np.sqrt(np.sqrt(np.maximum(strength_both, 1e-12 * strength_both.max() + 1e-30)))
    of_a, of_b = spectra
    of_a *= passed
    of_b *= passed
    cross = np.conj(of_a)
    cross *= of_b
    if pattern:
        # It has not moved, so that in the common part it lies off by the whole shift the other way.
        x, y = _waves(shape, -whole.astype(float))
        cross -= (pattern * float((window**2).sum())) * np.outer(y, x) * passed**2
    cross *= _twice(shape)
    power = [_power(of, shape) for of in (of_a, of_b)]
    rest, inverse, height = _climb(cross, shape)
    alike = float(np.clip(height / np.sqrt(max(power[0] * power[1], 1e-30)), 0, 1))
    if inverse is None:
        return Refined(whole + rest, _UNKNOWN_SIGMA, 0.0)
    votes = _votes_of_frequencies(cross, rest, shape) if whiten else _votes_of_parts(of_a, of_b, rest, shape)
    sigma = np.linalg.norm(inverse @ votes) / np.sqrt(2) * (1 if whiten else _of_few(votes))
    return Refined(whole + rest, float(min(np.hypot(sigma, _LEAST_SIGMA), _UNKNOWN_SIGMA)), alike)


def _climb(cross: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray | None, float]:
    """Shift (x, y) at which the sum of ``cross`` is largest, by Newton's method; the inverse of its bend; the sum.

    There is no bend where there is no peak.
    """
    powers_x, powers_y = _powers(shape)
    rows = cross[:, None, :]
    shift = np.zeros(2)
    for _ in range(_STEPS):
        x, y = _waves(shape, shift)
        # One row at a time: the threads of a matrix product would get in the way of those that measure pairs.
        along_x = np.vecdot(powers_x * x, rows)  # with the conjugates of the waves, as it should be
        moments = (powers_y * y.conj()) @ along_x
        xx, xy, yy = moments[0, 2].real, moments[1, 1].real, moments[2, 0].real
        volume = xx * yy - xy**2
        if not (xx > 0 and volume > 0):
            return shift, None, 0.0
        inverse = np.array([[yy, -xy], [-xy, xx]]) / volume
        step = (inverse @ -moments[[0, 1], [1, 0]].imag).clip(-0.5, 0.5)
        shift = shift + step
        if np.abs(step).max() < _FINE:
            break
    return shift, inverse, float(moments[0, 0].real)


# Parts of what was compared vote on the shift by themselves. How much their votes differ says how well it is known,
# whatever the cause: noise, voids that were missed, edges that were drawn a little off. At the peak they cancel.


def _of_few(votes: np.ndarray) -> float:
    """By how much the error is larger than the votes of parts tell, since few of them hold voids.

    The shift was fitted to them, and few know their own scatter badly: Student's factor makes ± one cover 68 %.
    """
    squares = (votes**2).sum(axis=0)
    free = max(float(squares.sum() ** 2 / max((squares**2).sum(), 1e-30)) - 2, 1.0)
    return float(np.sqrt((free + 2) / free) * special.stdtrit(free, 0.8413))


def _votes_of_parts(
    of_a: np.ndarray, of_b: np.ndarray, shift: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Votes (2, n) on x and y of the parts of a mask, in which mistakes are local.

    A pixel pulls by b's value times a's slope less a's value times b's slope. So voids that the border of two parts
    cuts, and those that one of the frames lacks, do not pull one part this way and the next one that way.
    """
    x, y = _waves(shape, -shift)
    a, b = (fft.irfft2(of, shape).ravel() for of in (of_a, of_b * np.outer(y, x)))
    starts = [np.arange(_PARTS) * size // _PARTS for size in shape]

    def votes(step: int) -> np.ndarray:
        slope_a, slope_b = _slope(a, step), _slope(b, step)
        slope_a *= b[:-step]
        slope_b *= a[:-step]
        slope_a -= slope_b
        pulls = np.zeros_like(a)
        pulls[:-step] = slope_a
        return _summed(pulls.reshape(shape), starts)

    # Along x, what runs over the end of a row is next to nothing: there the window is zero.
    return a.size * np.stack([votes(1), votes(shape[1])])


def _slope(values: np.ndarray, step: int) -> np.ndarray:
    """What lies ``step`` and twice as far ahead of each of the ``values``, weighted as a slope wants it."""
    ahead = _SLOPE[0] * values[step:]
    ahead[:-step] += _SLOPE[1] * values[2 * step :]
    return ahead


def _votes_of_frequencies(cross: np.ndarray, shift: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Votes (2, n) on x and y of blocks of frequencies: of noise, each frequency has its own."""
    x, y = _waves(shape, -shift)
    quadrature = (cross * y[:, None] * x).imag
    kx, ky = (powers[1] for powers in _powers(shape))
    starts = [np.arange(0, size, _FREQUENCIES) for size in quadrature.shape]
    return np.stack([_summed(quadrature * k, starts) for k in (kx, ky[:, None])])


def _summed(values: np.ndarray, starts: list[np.ndarray]) -> np.ndarray:
    """Sums over blocks that start at these rows and columns, one after the other."""
    for axis, first in enumerate(starts):
        values = np.add.reduceat(values, first, axis=axis)
    return values.ravel()


def _common(shape: tuple[int, int], whole: np.ndarray) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """What a and b both show when b's content lies off by ``whole`` (x, y): the part of a, and that of b."""
    in_a, in_b = [], []
    for size, off in zip(shape, whole[::-1], strict=True):
        length = _fast_length(max(size - abs(int(off)), 1))
        start = max(int(off), 0)
        in_b.append(slice(start, start + length))
        in_a.append(slice(start - int(off), start - int(off) + length))
    return (in_a[0], in_a[1]), (in_b[0], in_b[1])


def _spectrum(part: np.ndarray, window: np.ndarray) -> np.ndarray:
    tapered = part * window
    tapered -= (tapered.sum() / max(float(window.sum()), 1e-6)) * window
    return np.asarray(fft.rfft2(tapered, overwrite_x=True))


def _power(spectrum: np.ndarray, shape: tuple[int, int]) -> float:
    """Sum of the squares of a spectrum that is stored in half."""
    once = [0, *([-1] if shape[1] % 2 == 0 else [])]
    alone = sum(np.vdot(spectrum[:, column], spectrum[:, column]).real for column in once)
    return float(2 * np.vdot(spectrum, spectrum).real - alone)


def _soft(valid: np.ndarray | None, part: tuple[slice, slice], shape: tuple[int, int]) -> np.ndarray:
    """Weight that falls to zero towards what may not be looked at."""
    if valid is None:
        return np.ones(shape, np.float32)
    inside = ndimage.distance_transform_edt(np.pad(valid, 1, constant_values=True))[1:-1, 1:-1][part]
    return np.asarray(np.clip((inside - 1) / 4, 0, 1), np.float32)


@lru_cache(64)
def _fast_length(length: int) -> int:
    while fft.next_fast_len(length, real=True) != length:
        length -= 1
    return length


@lru_cache(64)
def window_of(shape: tuple[int, int]) -> np.ndarray:
    """Window (H, W) that falls to zero over the outer tenths, so that the border makes no pattern."""
    return np.outer(*(taper(size) for size in shape))


@lru_cache(64)
def _frequencies(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Along x (the half that is stored) and along y, cycles per px."""
    return fft.rfftfreq(shape[1]), fft.fftfreq(shape[0])


@lru_cache(64)
def _powers(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Powers 0, 1 and 2 of the frequencies along x and along y, (3, n) each, radians per px."""
    x, y = (np.float32(2 * np.pi * f) for f in _frequencies(shape))
    return np.stack([x**0, x, x**2]), np.stack([y**0, y, y**2])


@lru_cache(64)
def _twice(shape: tuple[int, int]) -> np.ndarray:
    """Two where a frequency stored along x stands for its opposite too, else one."""
    twice = np.full(shape[1] // 2 + 1, 2, np.float32)
    twice[0] = 1
    if shape[1] % 2 == 0:
        twice[-1] = 1
    return twice


def _waves(shape: tuple[int, int], shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a shift (x, y) does to each frequency along x and along y."""
    x, y = _frequencies(shape)
    return (
        np.exp(-2j * np.pi * x * shift[0]).astype(np.complex64),
        np.exp(-2j * np.pi * y * shift[1]).astype(np.complex64),
    )


@lru_cache(64)
def band_root(shape: tuple[int, int], low_cut: float) -> np.ndarray:
    """Root of the band-pass on the spectrum of an image of ``shape`` (H, W): each of two frames has its half.

    It takes out what is slower than ``low_cut`` and what is too fine for binned pixels.
    """
    x, y = _frequencies(shape)
    high, low = (
        np.outer(*(np.exp(-np.float32(f**2) / (2 * cut**2)) for f in (y, x))) for cut in (HIGH_CUT, low_cut)
    )
    return np.sqrt(np.clip(high - low, 0, None))


@lru_cache(64)
def taper(size: int) -> np.ndarray:
    """Window along a side, float32."""
    fall = min(max(round(size * _TAPERED), 2), size // 2)
    side = np.ones(size, np.float32)
    if fall:
        ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fall) + 0.5) / fall)
        side[:fall], side[-fall:] = ramp, ramp[::-1]
    return side
