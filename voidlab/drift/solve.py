"""From the shifts between pairs of frames to one drift per frame, wrong pairs set aside, with its uncertainty."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg, sparse
from scipy.linalg import lapack
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, SuperLU, cg, splu

_TUKEY = 4.685
_DEFLATED = 0.821  # share of a normal variance that is left under Tukey's weights
_MOST_SWEEPS = 60
_SETTLED_PX = 1e-3
_L1_FLOOR_PX = 0.05
_DENSE_UP_TO = 64  # frames: below that, the bookkeeping of sparse matrices is most of the work
_WHOLE_INVERSE_UP_TO = 5000  # frames: 200 MB
_BLOCK = 256
_AGREEING = 2 / 3  # share of the pairs below which setting aside cannot be trusted ...
_MANY_PAIRS = 12  # ... unless every frame keeps this many


@dataclass(frozen=True)
class Solved:
    """Drift of every frame, in the order of the frames.

    Attributes
    ----------
    drift_px : ndarray of shape (n, 2)
        x (right) and y (down), px; exactly 0 at the reference.
    sigma_px : ndarray of shape (n,)
        Standard error per axis, px; 0 at the reference.
    pairs : DataFrame
        Table ``pairs`` with weight, residual and sigma filled in; ``frame_a`` and ``frame_b`` are rows, not frame
        numbers.
    pairs_kept : ndarray of shape (n,)
        Pairs of each frame that agree with the solution.
    """

    drift_px: np.ndarray
    sigma_px: np.ndarray
    pairs: pd.DataFrame
    pairs_kept: np.ndarray


@dataclass(frozen=True)
class Solution(Solved):
    """Drift of the frames that pairs connect with the reference (``connected``, bool, (n,)); the others are NaN."""

    connected: np.ndarray


@dataclass(frozen=True)
class _Graph:
    """Measured pairs as a weighted least-squares problem; ``spread`` is each pair's error over the typical one."""

    a: np.ndarray
    b: np.ndarray
    shift: np.ndarray
    spread: np.ndarray
    count: int

    def residual(self, drift: np.ndarray) -> np.ndarray:
        """Distance of each pair from the drifts, px, in units of its spread."""
        return np.asarray(np.hypot(*(self.shift - (drift[self.b] - drift[self.a])).T) / self.spread)

    def connected(self, use: np.ndarray, reference: int) -> np.ndarray:
        """Frames that a chain of pairs in use links to the reference."""
        links = sparse.csr_matrix(
            (np.ones(int(use.sum())), (self.a[use], self.b[use])), shape=(self.count,) * 2
        )
        piece = connected_components(links, directed=False)[1]
        return np.asarray(piece == piece[reference])

    def degree(self, use: np.ndarray) -> np.ndarray:
        """How many pairs in use each frame has."""
        return np.bincount(np.concatenate([self.a[use], self.b[use]]), minlength=self.count)


class _Equations:
    """Weighted normal equations for the drifts of the ``free`` frames; all others are zero."""

    def __init__(self, graph: _Graph, free: np.ndarray) -> None:
        self.graph, self.free = graph, free
        count, pairs = graph.count, len(graph.a)
        ones, rows = np.ones(pairs), np.tile(np.arange(pairs), 2)
        both = (np.concatenate([-ones, ones]), (rows, np.concatenate([graph.a, graph.b])))
        self._incidence = sparse.csr_array(both, shape=(pairs, count))[:, free]
        if free.size <= _DENSE_UP_TO:
            self._incidence = self._incidence.toarray()

    def solve(self, weight: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Drifts (count, 2); near ``start`` they are found sooner."""
        drift = np.zeros((self.graph.count, 2))
        if self.free.size == 0:
            return drift
        normal = self._normal(weight)
        wanted = self._incidence.T @ ((weight / self.graph.spread**2)[:, None] * self.graph.shift)
        if isinstance(normal, np.ndarray):
            drift[self.free] = linalg.solve(normal, wanted, assume_a="pos")
            return drift
        diagonal = normal.diagonal()
        scaled = LinearOperator(normal.shape, lambda vector: vector / diagonal)
        for axis in (0, 1):
            found, unfinished = cg(
                normal, wanted[:, axis], start[self.free, axis], rtol=1e-10, atol=1e-9, maxiter=400, M=scaled
            )
            drift[self.free, axis] = _factored(normal).solve(wanted[:, axis]) if unfinished else found
        return drift

    def variance(self, use: np.ndarray) -> np.ndarray:
        """Variance of each drift for typical pairs of variance one, (count,)."""
        variance = np.zeros(self.graph.count)
        if self.free.size:
            variance[self.free] = _diagonal_of_inverse(self._normal(use.astype(np.float64)))
        return variance

    def _normal(self, weight: np.ndarray) -> np.ndarray | sparse.csc_array:
        by_weight = weight / self.graph.spread**2
        if isinstance(self._incidence, np.ndarray):
            dense = (self._incidence.T * by_weight) @ self._incidence
            return np.asarray(dense + 1e-9 * np.identity(self.free.size))
        normal = self._incidence.T @ sparse.diags_array(by_weight) @ self._incidence
        return sparse.csc_array(normal + 1e-9 * sparse.eye_array(self.free.size))


def solve_drift(pairs: pd.DataFrame, count: int, reference: int = 0, *, errors: bool = True) -> Solution:
    """Solve the drifts of ``count`` frames from measured pairs, disagreeing pairs set aside.

    Iteratively reweighted least squares: first with weights 1/residual, which outliers cannot lead astray, then with
    Tukey's, which sets them aside. Where fewer than two thirds of the pairs agree it stays with the first.

    Parameters
    ----------
    pairs : DataFrame
        Table ``pairs``; frame_a and frame_b are rows from 0 to ``count`` - 1.
    errors
        False gives rough errors, from the number of pairs of each frame, at once.

    Returns
    -------
    Solution
        The drift of ``reference`` is exactly zero.
    """
    graph = _graph(pairs, count)
    there = graph.connected(np.ones(len(pairs), bool), reference)
    use = there[graph.a] & there[graph.b]
    free = np.flatnonzero(there & (np.arange(count) != reference))
    drift, weight = _robust(graph, use, free)
    kept = weight > 0
    still = graph.connected(kept, reference)
    free = np.flatnonzero(still & (np.arange(count) != reference))
    residual = graph.residual(drift)
    shown = _shown_error(residual, weight, len(free))
    variance = _frame_variance(graph, pairs["sigma_px"].to_numpy(), weight, shown * graph.spread)
    degree = graph.degree(kept)
    share = (
        _Equations(graph, free).variance(kept)
        if errors
        else 1 / np.maximum(degree, 1) + 1 / max(degree[reference], 1)
    )
    total = shown**2 * share + variance + variance[reference]
    sigma = np.where(np.arange(count) == reference, 0.0, np.sqrt(total))
    solved = pairs.assign(
        weight=weight,
        residual_px=residual * graph.spread,
        sigma_px=np.maximum(pairs["sigma_px"], shown * graph.spread),
    )
    drift, sigma = np.where(still[:, None], drift, np.nan), np.where(still, sigma, np.nan)
    return Solution(drift, sigma, solved, degree, still)


def _graph(pairs: pd.DataFrame, count: int) -> _Graph:
    """The problem; pairs that claim to be sharper than half of the typical error are not believed to be."""
    sigma = pairs["sigma_px"].to_numpy()
    typical = max(float(np.median(sigma)), 1e-6) if len(sigma) else 1.0
    spread = np.hypot(sigma, typical / 2) / np.hypot(1, 0.5) / typical
    return _Graph(
        pairs["frame_a"].to_numpy(np.int64),
        pairs["frame_b"].to_numpy(np.int64),
        pairs[["dx_px", "dy_px"]].to_numpy(),
        spread,
        count,
    )


def _robust(graph: _Graph, use: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drifts (count, 2) and the weights of the pairs, 0 (set aside) to 1."""
    equations = _Equations(graph, free)
    drift = equations.solve(use.astype(np.float64), np.zeros((graph.count, 2)))

    def settle(drift: np.ndarray, weigh: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        for _ in range(_MOST_SWEEPS):
            before, drift = drift, equations.solve(weigh(graph.residual(drift)), drift)
            if np.abs(drift - before).max() < _SETTLED_PX:
                break
        return drift

    def in_use(residual: np.ndarray) -> np.ndarray:
        scale = _scale(residual[use])
        for _ in range(3):  # outliers pull the median up
            inside = use & (residual < _TUKEY * scale)
            scale = _scale(residual[inside]) if inside.any() else scale
        return np.asarray(use * np.clip(1 - (residual / (_TUKEY * scale)) ** 2, 0, None) ** 2)

    start = settle(drift, lambda residual: use / np.maximum(residual, _L1_FLOOR_PX))
    drift = settle(start, in_use)
    weight = in_use(graph.residual(drift))
    kept = weight > 0
    degree = graph.degree(kept)
    if use.any() and kept[use].mean() < _AGREEING and degree[free].min(initial=_MANY_PAIRS) < _MANY_PAIRS:
        return start, in_use(graph.residual(start))
    return drift, weight


def _scale(residual: np.ndarray) -> float:
    """Standard deviation per axis that the median of the distances suggests, at least a thousandth of a pixel."""
    return max(float(np.median(residual)) / 1.1774, 1e-3) if residual.size else 1e-3


def _shown_error(residual: np.ndarray, weight: np.ndarray, unknowns: int) -> float:
    """Standard error of a typical pair per axis that the residuals of the kept pairs show."""
    kept = weight > 0
    spare = max(1 - unknowns / max(int(kept.sum()), 1), 1e-3)
    seen = (weight * residual**2).sum() / max(float(weight.sum()), 1e-9) / 2
    return float(np.sqrt(seen / spare / _DEFLATED))


def _frame_variance(graph: _Graph, sigma_px: np.ndarray, weight: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Variance of each frame per axis that residuals cannot show: what is wrong with it is wrong in all its pairs.

    A pair's own error holds that of either frame and the rest, which the residuals do show.
    """
    excess = np.clip(sigma_px**2 - shown**2, 0, None) / 2
    kept = weight > 0
    of_frame = pd.Series(np.tile(excess[kept], 2)).groupby(np.concatenate([graph.a[kept], graph.b[kept]]))
    return of_frame.median().reindex(range(graph.count), fill_value=0.0).to_numpy(np.float64)


def _factored(normal: sparse.csc_array) -> SuperLU:
    """Factors of a symmetric matrix, in an order that keeps them sparse."""
    return splu(normal, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})


def _diagonal_of_inverse(normal: np.ndarray | sparse.csc_array) -> np.ndarray:
    """Diagonal of the inverse of a symmetric matrix: whole while that is small, else a block of columns at a time."""
    if isinstance(normal, np.ndarray):
        return np.asarray(np.diagonal(np.linalg.inv(normal)))
    size = normal.shape[0]
    if size <= _WHOLE_INVERSE_UP_TO:
        inverse = lapack.dpotri(lapack.dpotrf(normal.toarray(), overwrite_a=True)[0], overwrite_c=True)[0]
        return np.asarray(np.diagonal(inverse))
    factors = _factored(normal)

    def part(first: int) -> np.ndarray:
        columns = np.arange(first, min(first + _BLOCK, size))
        unit = np.zeros((size, len(columns)))
        unit[columns, np.arange(len(columns))] = 1
        return np.asarray(factors.solve(unit)[columns, np.arange(len(columns))])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.concatenate(list(pool.map(part, range(0, size, _BLOCK))))
