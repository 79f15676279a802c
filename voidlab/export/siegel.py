"""Siegel's slope of many series at once: of each value the median slope to all others, of these the median."""

import numpy as np

from voidlab.tables.rows import spread_rows

MOST_FRAMES = (
    500  # of a longer series as many, evenly spread, are taken: all pairs of 4,000 take a quarter of a second
)
_SLOPES_AT_ONCE = 100_000  # what the processor keeps close by: more at once take twice as long


def siegel_slopes(series: np.ndarray) -> np.ndarray:
    """Siegel's slope of each of the ``series``, per step.

    Parameters
    ----------
    series : ndarray of shape (n, length)
        Of more than 500 values in a row 500 are taken, evenly spread from the first to the last.

    References
    ----------
    Siegel, Biometrika 69, 242 (1982), doi:10.1093/biomet/69.1.242
    """
    step = spread_rows(series.shape[1], MOST_FRAMES).astype(np.float64)
    values = series[:, step.astype(np.int64)]
    count = len(step)
    run = _others(step[:, None] - step)
    at_once = max(_SLOPES_AT_ONCE // count**2, 1)
    found = [_slopes(values[first : first + at_once], run) for first in range(0, len(values), at_once)]
    return np.concatenate(found) if found else np.zeros(0)


def _slopes(values: np.ndarray, run: np.ndarray) -> np.ndarray:
    slopes = _others(values[:, :, None] - values[:, None, :])
    slopes /= run
    return _median(_median(slopes))


def _others(square: np.ndarray) -> np.ndarray:
    """What stands off the diagonal of each matrix (…, n, n), row by row: (…, n, n - 1)."""
    count = square.shape[-1]
    flat = square.reshape(*square.shape[:-2], count**2)[..., 1:].reshape(
        *square.shape[:-2], count - 1, count + 1
    )
    return flat[..., :-1].reshape(*square.shape[:-1], count - 1)


def _median(values: np.ndarray) -> np.ndarray:
    """Median along the last axis, which this orders anew."""
    count = values.shape[-1]
    middle = count // 2
    values.partition(middle, axis=-1)
    upper = values[..., middle]
    if count % 2:
        return upper
    return (values[..., :middle].max(axis=-1) + upper) / 2
