"""Rows of one table matched one to one with rows of another, each of which has few candidates."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components


def cheapest_pairs(left: np.ndarray, right: np.ndarray, cost: np.ndarray, *, unpaired: float) -> np.ndarray:
    """Which candidate pairs to take for the least sum of costs, each row of either side once at most.

    Parameters
    ----------
    left, right, cost : ndarray of shape (n,)
        Rows of the two sides that may be paired, and what that costs.
    unpaired
        What it costs to leave a pair out; dearer than the pairs themselves, as many as can be are taken.

    Returns
    -------
    ndarray of int
        Positions in ``left`` and ``right``, ascending.
    """
    if not len(left):
        return np.zeros(0, np.int64)
    offset = int(left.max()) + 1
    size = offset + int(right.max()) + 1
    graph = csr_matrix((np.ones(len(left)), (left, offset + right)), shape=(size, size))
    group = connected_components(graph, directed=False)[1][left]
    order = np.argsort(group, kind="stable")
    chosen = []
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(rows) == 1:
            chosen.append(rows)
            continue
        us, a = np.unique(left[rows], return_inverse=True)
        vs, b = np.unique(right[rows], return_inverse=True)
        dense = np.full((len(us), len(vs)), unpaired)
        dense[a, b] = cost[rows]
        number = np.full(dense.shape, -1)
        number[a, b] = rows
        taken = number[linear_sum_assignment(dense)]
        chosen.append(taken[taken >= 0])
    return np.sort(np.concatenate(chosen))
