"""How far each void moves against its neighbours, from its first image to its last.

The sum of steps against the neighbours will not do: the median step of eight voids does not add up over the images,
so that voids at rest walk away from where they are. First and last image are compared, and nothing between.
"""

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from scipy.special import fdtrc, ndtr, stdtrit

from voidlab.drift.apply import position_columns

_NEIGHBOURS = 16
_LEAST = 3
_LEAST_OF_A_PLANE = 8
_PASSES = 5
_OUTLYING = 5.0  # standard deviations: a neighbour that moves itself
_AXES = ["local_x_px", "local_y_px"]
_SIGMAS = ["local_x_sigma_px", "local_y_sigma_px"]


def local_displacements(linked: pd.DataFrame, *, localisation_px: np.ndarray | None = None) -> pd.DataFrame:
    """Displacement of every void against the 16 nearest others that are seen in its first and its last image.

    What moves them all (drift that is left, rotation, strain or swelling of the foil) is a plane through the
    displacements of these others, without those that move by themselves; of fewer than 8 it is their mean.

    Parameters
    ----------
    linked : DataFrame
        ``particle, frame`` and the measured positions, px: corrected ones are used when there. Rows without a
        particle do not count.
    localisation_px : array, optional
        Standard deviation of a position of each particle, per axis, in order of particle, where it is known; it
        counts where it is more than the scatter of the neighbours tells.

    Returns
    -------
    DataFrame
        A row per particle: ``particle``; ``local_x_px, local_y_px``, from the first position to the last;
        ``local_x_sigma_px, local_y_sigma_px``, half the length of their 68 % intervals, with the error of the
        neighbours; ``local_displacement_px``, the length, freed of what noise adds to it (0 where noise makes all of
        it); ``p_at_rest``, the probability of as large a displacement of a void that moves only as the others do;
        ``neighbours``, how many others it rests on. NaN where fewer than 3 are seen in both images.

    Notes
    -----
    The errors are from the scatter of the neighbours' displacements, whatever makes it: localisation, pixel locking,
    motion of their own. The probability is that of Hotelling's test of both components.
    """
    place = position_columns(linked)
    seen = linked.dropna(subset=["particle"]).sort_values(["particle", "frame"])
    particle, frame = seen["particle"].to_numpy(np.int64), seen["frame"].to_numpy(np.int64)
    position = seen[[*place]].to_numpy(np.float64)
    every, first = np.unique(particle, return_index=True)
    if not len(every):
        return _table(every, np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0), np.zeros(0, np.int64))
    last = np.append(first[1:], len(seen)) - 1
    other, other_last = _others(position, frame, first, last)
    known = other >= 0
    away = position[other] - position[first][:, None]
    steps = position[other_last] - position[other]
    common, scatter, share, freedom = _field(away, steps, known)
    displacement = position[last] - position[first] - common
    own = np.ones(len(every))
    if localisation_px is not None:
        with np.errstate(invalid="ignore", divide="ignore"):
            own = np.fmax(1, 2 * localisation_px**2 / (np.trace(scatter, axis1=1, axis2=2) / 2))
        own[~np.isfinite(own)] = 1
    covariance = scatter * (own + share)[:, None, None]
    unknown = (known.sum(axis=1) < _LEAST) | (first == last)
    displacement[unknown] = np.nan
    covariance[unknown] = np.nan
    with np.errstate(invalid="ignore"):
        sigma = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)) * stdtrit(freedom, ndtr(1))[:, None]
    p = _p_at_rest(displacement, covariance, freedom)
    return _table(every, displacement, sigma, p, np.where(unknown, 0, known.sum(axis=1)))


def _table(
    particle: np.ndarray, displacement: np.ndarray, sigma: np.ndarray, p: np.ndarray, neighbours: np.ndarray
) -> pd.DataFrame:
    squares = (displacement**2).sum(axis=1) - (sigma**2).sum(axis=1)
    return pd.DataFrame(
        {
            "particle": particle,
            **dict(zip(_AXES, displacement.T, strict=True)),
            **dict(zip(_SIGMAS, sigma.T, strict=True)),
            "local_displacement_px": np.sqrt(np.fmax(squares, 0) + 0 * squares),
            "p_at_rest": p,
            "neighbours": neighbours,
        }
    )


def _others(
    position: np.ndarray, frame: np.ndarray, first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of each particle's nearest others, (n, 16), in its first frame and in its last; -1 where there is none."""
    of_row = np.repeat(np.arange(len(first)), last - first + 1)
    span = int(np.ptp(frame)) + 1
    key = of_row * span + frame - frame.min()
    found = np.full((2, len(first), _NEIGHBOURS), -1)
    for rows in pd.Series(np.arange(len(frame))).groupby(frame).indices.values():
        todo = np.flatnonzero(frame[first] == frame[rows[0]])
        tree = cKDTree(position[rows])
        most = min(2 * _NEIGHBOURS + 1, len(rows))
        while todo.size:
            near = rows[tree.query(position[first[todo]], k=range(1, most + 1))[1]]
            wanted = of_row[near] * span + (frame[last[todo]] - frame.min())[:, None]
            there = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
            both = (key[there] == wanted) & (of_row[near] != todo[:, None])
            order = np.argsort(~both, axis=1, kind="stable")[:, :_NEIGHBOURS]
            ok = np.take_along_axis(both, order, axis=1)
            for table, at in zip(found, (near, there), strict=True):
                table[todo, : order.shape[1]] = np.where(ok, np.take_along_axis(at, order, axis=1), -1)
            if most == len(rows):
                break
            todo = todo[both.sum(axis=1) < _NEIGHBOURS]
            most = min(4 * most, len(rows))
    return found[0], found[1]


def _field(
    away: np.ndarray, steps: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Displacement of the others at each void's place, (n, 2); the covariance of their scatter, (n, 2, 2).

    Third, the variance of that displacement over the scatter's, and last the degrees of freedom of the scatter.
    """
    reach = np.sqrt(np.where(known, (away**2).sum(axis=2), 0).mean(axis=1)) + 1e-12
    basis = np.concatenate([np.ones((*known.shape, 1)), away / reach[:, None, None]], axis=2)
    used = known.copy()
    residual = steps - np.stack([_median(steps[..., axis], known) for axis in (0, 1)], axis=1)[:, None]
    terms = np.where(known.sum(axis=1) < _LEAST_OF_A_PLANE, 1, 3)
    for _ in range(_PASSES):
        squares = (residual**2).sum(axis=2)
        count = known.sum(axis=1)
        variance = _median(squares, known) / (2 * np.log(2)) * count / np.maximum(count - terms, 1)
        used = known & (squares <= _OUTLYING**2 * variance[:, None] + 1e-12)
        flat = used.sum(axis=1) < _LEAST_OF_A_PLANE
        inverse = _inverse(basis, used, flat)
        flat |= inverse[:, 0, 0] > 1  # all on one side, or on a line: a plane would run away
        inverse = _inverse(basis, used, flat)
        terms = np.where(flat, 1, 3)
        field = inverse @ np.einsum("nkp,nkd->npd", basis * used[..., None], steps)
        residual = steps - basis @ field
    freedom = np.maximum(used.sum(axis=1) - terms, 2)
    kept = residual * used[..., None]
    scatter = np.einsum("nkd,nke->nde", kept, kept) / freedom[:, None, None]
    return field[:, 0], scatter, inverse[:, 0, 0], freedom


def _median(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Median along the rows of what is known; 0 where nothing is."""
    rising = np.sort(np.where(known, values, np.inf), axis=1)
    count = np.maximum(known.sum(axis=1), 1)
    both = np.take_along_axis(rising, np.stack([(count - 1) // 2, count // 2], axis=1), axis=1)
    return np.where(known.any(axis=1), both.mean(axis=1), 0)


def _inverse(basis: np.ndarray, used: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """Inverse of the normal matrices; of those that are ``flat`` only the constant counts."""
    normal = np.einsum("nkp,nkq->npq", basis * used[..., None], basis)
    only = np.zeros_like(normal)
    only[:, 0, 0] = 1 / np.maximum(normal[:, 0, 0], 1)
    inverse: np.ndarray = np.where(flat[:, None, None], only, np.linalg.pinv(normal, hermitian=True))
    return inverse


def _p_at_rest(displacement: np.ndarray, covariance: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    tiny = 1e-24 * np.eye(2)  # without noise, what moves at all moves for sure
    solved = np.linalg.solve(np.nan_to_num(covariance) + tiny, np.nan_to_num(displacement)[..., None])
    squared = (np.nan_to_num(displacement) * solved[..., 0]).sum(axis=1)
    p = fdtrc(2, freedom - 1, squared * (freedom - 1) / (2 * freedom))
    return np.where(np.isnan(displacement[:, 0]), np.nan, p)
