"""One-to-one assignment of many predictions to many detections, of which each has few candidates."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree


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
    if not use.size:
        return use
    lefts, rights = i[use], j[use]
    offset = int(lefts.max()) + 1
    size = offset + int(rights.max()) + 1
    graph = csr_matrix((np.ones(len(use)), (lefts, offset + rights)), shape=(size, size))
    group = connected_components(graph, directed=False)[1][lefts]
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    chosen = []
    for rows in np.split(order, starts[1:]):
        if len(rows) == 1:
            chosen.append(use[rows])
            continue
        us, a = np.unique(lefts[rows], return_inverse=True)
        vs, b = np.unique(rights[rows], return_inverse=True)
        worth = np.zeros((len(us), len(vs)))
        worth[a, b] = gain[use[rows]]
        number = np.full(worth.shape, -1)
        number[a, b] = use[rows]
        taken = number[linear_sum_assignment(worth, maximize=True)]
        chosen.append(taken[taken >= 0])
    return np.sort(np.concatenate(chosen))
