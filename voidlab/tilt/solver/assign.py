"""One-to-one assignment of many predictions to many detections, of which each has few candidates."""

import numpy as np
from scipy.spatial import cKDTree

from voidlab.tables.matching import cheapest_pairs


def within(predicted: np.ndarray, detected: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows (i, j) of all pairs in which detection j lies within ``reach`` (n, 2) of prediction i, in p and in q."""
    if not len(predicted) or not len(detected):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # In units of the typical reach a long, thin gate is round, and the tree finds few that are in vain.
    unit = np.median(reach, axis=0)
    tree = cKDTree(detected / unit)
    near = tree.query_ball_point(predicted / unit, (reach / unit).max(axis=1), p=np.inf)
    i = np.repeat(np.arange(len(predicted)), [len(n) for n in near])
    j = np.fromiter((row for n in near for row in n), np.int64, len(i))
    inside = (np.abs(detected[j] - predicted[i]) <= reach[i]).all(axis=1)
    return i[inside], j[inside]


def assign(i: np.ndarray, j: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Which candidate pairs to take: of the positive ``gain``, the one-to-one choice of the largest sum.

    Returns
    -------
    ndarray of int
        Positions in ``i`` and ``j``.
    """
    use = np.flatnonzero(gain > 0)
    return use[cheapest_pairs(i[use], j[use], -gain[use], unpaired=0.0)]
