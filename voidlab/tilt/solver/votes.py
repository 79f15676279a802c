"""Shifts between two sets of points from the histogram of all their differences.

Every pair of points votes for the shift between them; true partners agree and chance does not. Where depths are not
known yet, partners agree along the axis only, and across it their votes lie on a ridge as long as the parallax.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

_MOST_PAIRS = 3_000_000
_FURTHEST = 0.67  # of the field: what overlaps by less than a third says little


@dataclass(frozen=True)
class Peak:
    """A shift (p, q), px, the points that vote for it and as many as chance would give."""

    shift: np.ndarray
    votes: float
    chance: float
    score: float


def sharp_peak(predicted: np.ndarray, detected: np.ndarray, tolerance: float) -> Peak:
    """Shift that brings most predictions (n, 2) within about ``tolerance`` (px) of a detection (m, 2)."""
    return _peak(predicted, detected, (tolerance, tolerance), (3,), _FURTHEST)


def ridge(
    first: np.ndarray,
    second: np.ndarray,
    tolerance: float,
    longest: float,
    *,
    step: float | None = None,
    furthest: float = _FURTHEST,
) -> Peak:
    """Shift from points (n, 2) to points (m, 2), as (p, q), that differ along p by up to ± ``longest`` px as well.

    Of ridges of several lengths the one is taken that is least likely to be chance.

    Parameters
    ----------
    step
        Width in p of a cell of the histogram, px.
    furthest
        Greatest shift over the size of the field.
    """
    step = max(step or tolerance, longest / 60)
    lengths = sorted({3, *(round(longest * part / step) | 1 for part in (0.2, 0.45, 1.0))})
    return _peak(first, second, (step, tolerance), tuple(max(n, 3) for n in lengths), furthest)


def _peak(
    first: np.ndarray,
    second: np.ndarray,
    step: tuple[float, float],
    lengths: tuple[int, ...],
    furthest: float,
) -> Peak:
    if not len(first) or not len(second):
        return Peak(np.zeros(2), 0.0, 0.0, 0.0)
    # Every so many of the first are enough where there are many: their partners are all among the second.
    first = first[:: 1 + len(first) * len(second) // _MOST_PAIRS]
    difference = (second.T[:, None, :] - first.T[:, :, None]).reshape(2, -1)
    most = furthest * np.minimum(np.ptp(first, axis=0), np.ptp(second, axis=0)) + 4 * np.array(step)
    middle = second.mean(axis=0) - first.mean(axis=0)
    p, q = np.abs(difference - middle[:, None])
    difference = difference[:, (p < most[0]) & (q < most[1])]
    shape = (np.floor(2 * most / step) + 1).astype(np.int64)
    cell = ((difference - (middle - most)[:, None]) / np.array(step)[:, None]).astype(np.int64)
    counts = np.bincount(cell[0] * shape[1] + cell[1], minlength=int(shape.prod()))
    counts = counts.reshape(shape).astype(np.float32)
    along = ndimage.uniform_filter1d(counts, 3, axis=1, mode="constant") * 3
    # Chance is what lies around: a smooth surface that the peak itself hardly lifts.
    wide = [max(3, int(0.25 * n)) for n in shape]
    chance = ndimage.uniform_filter(counts, wide, mode="nearest")
    best = Peak(np.zeros(2), 0.0, 0.0, -1.0)
    for length in lengths:
        box = ndimage.uniform_filter1d(along, length, axis=0, mode="constant") * length
        expected = np.maximum(chance * 3 * length, 0.05)
        score = _surprise(box, expected)
        at = np.unravel_index(int(np.argmax(score)), score.shape)
        if score[at] > best.score:
            centre = (np.array(at) + 0.5) * step - most + middle
            half = np.array([0.5 * length * step[0], 1.5 * step[1]])
            p, q = np.abs(difference - centre[:, None])
            close = difference[:, (p <= half[0]) & (q <= half[1])]
            # The middle of the ridge across the axis, the crest along it.
            shift = np.median(close, axis=1) if close.size else centre
            best = Peak(shift, float(box[at]), float(expected[at]), float(score[at]))
    return best


def _surprise(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How unlikely it is to find so many more than expected: the logarithm of a likelihood ratio (Poisson)."""
    ratio = np.maximum(found / expected, 1)
    return expected * (ratio * np.log(ratio) - ratio + 1)
