"""The drift that the voids themselves tell, for datasets without images: what all of them do together is drift."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree

from voidlab import tables
from voidlab.drift.apply import subtract_drift
from voidlab.track.assign import link_by_assignment
from voidlab.track.search_range import USUAL_PX, search_range_of

_SWEEPS, _HUBER = 6, 1.5
_LOOSE = 1e-6  # of the weight of a position: what no track ties lies where its neighbours are


def drift_from_tracks(
    frames: pd.DataFrame,
    voids: pd.DataFrame,
    *,
    search_range_px: float | str,
    memory: int,
    jump_px: float = 120.0,
) -> pd.DataFrame:
    """Drift of every frame from the voids themselves: table ``drift``, zero in the first frame that has voids.

    Voids of successive frames vote for the shift that most of them share; they are then linked less that drift, and
    every position is taken as that of its void plus the drift of its frame plus an error: drifts of least squares,
    positions that lie far off having less weight. What all voids do together is drift here, whatever its cause.

    Parameters
    ----------
    search_range_px, memory
        As for `voidlab.track.assign.link_by_assignment`; "auto": as density and motion allow.
    jump_px
        Furthest the content may jump from a frame to the next.

    References
    ----------
    Huber, Ann. Math. Stat. 35, 73 (1964), doi:10.1214/aoms/1177703732
    """
    numbers = frames["frame"].to_numpy(np.int64)
    near = (USUAL_PX if search_range_px == "auto" else search_range_of(voids, search_range_px).px) / 2
    drift = _votes(numbers, voids, jump_px, near)
    sigma, count = np.full(len(numbers), np.nan), np.zeros(len(numbers), np.int64)
    for _ in range(3 if len(voids) else 0):
        placed = subtract_drift(voids, _table(numbers, drift))
        reach = search_range_of(placed, search_range_px)
        linked = link_by_assignment(placed, search_range_px=reach.px, memory=memory)
        drift, sigma, count = _solve(linked, numbers, drift)
    flag = np.where(count == 0, "interpolated", np.where(count < 3, "few pairs", ""))
    reference = int(np.argmax(count > 0)) if count.any() else 0
    table = _table(numbers, drift - drift[reference] if len(drift) else drift)
    table = table.assign(drift_sigma_px=sigma, pairs_kept=count, flag=flag)
    if count.any():
        table.loc[reference, "drift_sigma_px"] = 0.0
        table.loc[reference, "flag"] = "reference"
    return tables.check(table, "drift")


def _table(numbers: np.ndarray, drift: np.ndarray) -> pd.DataFrame:
    """The ``drift`` (n, 2) of the frames ``numbers`` as a table."""
    return pd.DataFrame({"frame": numbers, "drift_x_px": drift[:, 0], "drift_y_px": drift[:, 1]})


def _votes(numbers: np.ndarray, voids: pd.DataFrame, jump: float, near: float) -> np.ndarray:
    """Rough drift: in each frame the shift on which most pairs of voids of it and of the one before agree."""
    of_frame = {frame: rows[["x_px", "y_px"]].to_numpy() for frame, rows in voids.groupby("frame")}
    drift, before, here = np.zeros((len(numbers), 2)), None, np.zeros(2)
    for row, number in enumerate(numbers.tolist()):
        places = of_frame.get(number)
        if places is not None:
            if before is not None:
                here = here + _shift(before, places, jump, near)
            before = places
        drift[row] = here
    return drift


def _shift(before: np.ndarray, after: np.ndarray, jump: float, near: float) -> np.ndarray:
    steps = (after[None] - before[:, None]).reshape(-1, 2)
    steps = steps[np.hypot(*steps.T) <= jump]
    if len(steps) < 2:
        return np.zeros(2)
    agree = cKDTree(steps).query_ball_point(steps, near, return_length=True)
    # Of as many votes the smallest shift; a single pair of voids is no vote.
    best = np.lexsort((np.hypot(*steps.T), -agree))[0]
    if agree[best] < 2:
        return np.zeros(2)
    result: np.ndarray = np.median(steps[np.hypot(*(steps - steps[best]).T) <= near], axis=0)
    return result


def _solve(
    linked: pd.DataFrame, numbers: np.ndarray, drift: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Drift (n, 2), its standard error per axis, and how many voids it rests on, per frame."""
    several = linked.groupby("particle")["frame"].transform("size") > 1
    rows = linked[several]
    if rows.empty:  # no void is seen twice: the votes stand
        return drift, np.full(len(numbers), np.nan), np.zeros(len(numbers), np.int64)
    frame = pd.Index(numbers).get_indexer(pd.Index(rows["frame"]))
    void = pd.factorize(rows["particle"])[0]
    place = rows[["x_px", "y_px"]].to_numpy(float)
    count, voids = len(numbers), int(void.max(initial=-1)) + 1
    weight = np.ones(len(rows))
    residual = np.zeros_like(place)
    for _ in range(_SWEEPS):
        solution = _weighted(frame, void, place, weight, count, voids)
        drift = solution[:count]
        residual = place - drift[frame] - solution[count:][void]
        size = np.hypot(*residual.T)
        scale = max(float(np.median(size)), 1e-6)
        weight = np.minimum(1, _HUBER * scale / np.maximum(size, 1e-12))
    held = np.bincount(frame, minlength=count)
    spread = np.bincount(frame, (residual**2).mean(axis=1) * weight, minlength=count)
    known = np.bincount(frame, weight, minlength=count)
    overall = spread.sum() / max(known.sum(), 1e-12)
    sigma = np.where(held > 0, np.sqrt(np.maximum(overall, 0) / np.maximum(known, 1e-12)), np.nan)
    return drift, sigma, held


def _weighted(
    frame: np.ndarray, void: np.ndarray, place: np.ndarray, weight: np.ndarray, frames: int, voids: int
) -> np.ndarray:
    """Drifts, then voids' positions, of least squares; frames in a row are tied loosely, the mean drift is zero."""
    size = frames + voids
    both = (np.concatenate([frame, frames + void]), np.concatenate([frames + void, frame]))
    normal = coo_matrix((np.tile(weight, 2), both), shape=(size, size)).tocsr()
    normal = normal + diags(np.asarray(normal.sum(axis=1)).ravel())
    tie = diags([np.full(frames - 1, 1.0), np.full(frames - 1, -1.0)], [1, 0], shape=(frames - 1, frames))
    loose = (tie.T @ tie + diags(np.full(frames, 1e-6))) * _LOOSE
    loose.resize(size, size)
    right = np.zeros((size, 2))
    for axis in (0, 1):
        right[:, axis] = np.bincount(frame, weight * place[:, axis], minlength=size)
        right[:, axis] += np.bincount(frames + void, weight * place[:, axis], minlength=size)
    result: np.ndarray = spsolve((normal + loose).tocsc(), right)
    return result
