"""Which pairs of frames are measured: enough that errors do not add up along the series, and not more.

On lags of one alone, errors add up as in a random walk; lags that double join both ends of the series by a few steps.
"""

import numpy as np

from voidlab.tables.rows import spread_rows

ALL_PAIRS_UP_TO = 64
ENOUGH_PAIRS = 8  # of a frame, for pairs that are wrong to be found out
_SHORT = (1, 2, 3, 4, 6)
_SPARSE_FROM = 128  # a lag from which every second pair does
_WITH_REFERENCE = 64
_AT_THE_ENDS = 12  # frames that have few neighbours at long lags


def every_pair(count: int) -> np.ndarray:
    """All pairs (m, 2) of rows, the earlier one first."""
    return np.column_stack(np.triu_indices(count, 1)).reshape(-1, 2)


def plan_pairs(count: int, reference: int = 0) -> np.ndarray:
    """Pairs (m, 2) of rows to measure: all of few frames; of many, short lags and lags that double.

    An error of the reference is one of all drifts: it is paired with frames all along the series.
    """
    if count <= ALL_PAIRS_UP_TO:
        return every_pair(count)
    doubling = [8 * 2**k for k in range(int(np.log2(count // 16)) + 1)]
    chosen = [_at_lag(count, lag, 1 if lag < _SPARSE_FROM else 2) for lag in (*_SHORT, *doubling)]
    ends = every_pair(_AT_THE_ENDS)
    others = spread_rows(count, _WITH_REFERENCE, down=True)
    others = others[others != reference]
    star = np.column_stack([np.minimum(others, reference), np.maximum(others, reference)])
    return np.unique(np.concatenate([*chosen, ends, count - 1 - ends[:, ::-1], star]), axis=0)


def partners_before(row: int) -> list[int]:
    """Rows that ``row`` is paired with while a series grows: at short lags, at lags that double, and the first."""
    doubling = [8 * 2**k for k in range(max(row // 8, 1).bit_length())]
    lags = dict.fromkeys(lag for lag in (*_SHORT, *doubling, row) if 0 < lag <= row)
    return [row - lag for lag in lags]


def choose_pairs(count: int, pairs: str | np.ndarray, reference: int = 0) -> np.ndarray:
    """Pairs (m, 2) that "auto", "all" or an array of rows mean.

    Raises
    ------
    ValueError
        If it is neither, or names rows that are not there.
    """
    if isinstance(pairs, str):
        if pairs not in ("auto", "all"):
            raise ValueError(f"pairs = '{pairs}': expected 'auto', 'all' or an array (m, 2) of rows.")
        return plan_pairs(count, reference) if pairs == "auto" else every_pair(count)
    chosen = np.asarray(pairs, np.int64).reshape(-1, 2)
    if chosen.size and (chosen.min() < 0 or chosen.max() >= count or (chosen[:, 0] == chosen[:, 1]).any()):
        raise ValueError(f"pairs must name two different rows from 0 to {count - 1} each.")
    if len(np.unique(np.sort(chosen, axis=1), axis=0)) < len(chosen):
        raise ValueError("pairs must name each pair of rows once.")
    return chosen


def without_blank(pairs: np.ndarray, blank: np.ndarray) -> np.ndarray:
    """``pairs`` of frames in which there is something to see."""
    return pairs[~blank[pairs].any(axis=1)]


def is_short(pairs: np.ndarray) -> np.ndarray:
    """Which of the ``pairs`` are near enough in the series to overlap whatever the drift: they are measured first."""
    return np.asarray(np.abs(pairs[:, 1] - pairs[:, 0]) <= _SHORT[-1])


def overlapping(pairs: np.ndarray, drift_px: np.ndarray, shape: tuple[int, int], least: float) -> np.ndarray:
    """Which of the ``pairs`` have at least this share of a frame (H, W) in common; unknown drifts (NaN) are tried."""
    apart = np.abs(drift_px[pairs[:, 1]] - drift_px[pairs[:, 0]])
    share = np.clip(1 - apart / np.array(shape[::-1]), 0, None).prod(axis=1)
    return np.asarray(~(share < least))


def fill_up(pairs: np.ndarray, count: int) -> np.ndarray:
    """More pairs (m, 2) for frames that are left with too few, each with the nearest frames it has no pair with."""
    degree = np.bincount(pairs.ravel(), minlength=count)
    known = set(map(tuple, pairs.tolist()))
    more: list[tuple[int, int]] = []
    for row in np.flatnonzero(degree < min(ENOUGH_PAIRS, count - 1)):
        for lag in range(1, 2 * ENOUGH_PAIRS):
            for pair in ((int(row) - lag, int(row)), (int(row), int(row) + lag)):
                if degree[row] < ENOUGH_PAIRS and pair[0] >= 0 and pair[1] < count and pair not in known:
                    known.add(pair)
                    more.append(pair)
                    degree[list(pair)] += 1
    return np.array(more, np.int64).reshape(-1, 2)


def in_good_order(pairs: np.ndarray, kept: int) -> np.ndarray:
    """Order in which to measure ``pairs`` when the spectra of the latest ``kept`` frames are at hand.

    Short lags go along the series together; a long one in chains, so that each frame is that of the pair before.
    """
    first, lag = pairs.min(axis=1), np.abs(pairs[:, 1] - pairs[:, 0])
    long = lag > kept // 3
    return np.lexsort((first, np.where(long, first % np.maximum(lag, 1), 0), np.where(long, lag, 0)))


def _at_lag(count: int, lag: int, step: int) -> np.ndarray:
    first = np.arange(0, count - lag, step)
    return np.column_stack([first, first + lag])
