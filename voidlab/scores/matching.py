"""Found voids matched one to one with true ones."""

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from voidlab.measure import circle_iou
from voidlab.tables.matching import cheapest_pairs

_LEAST_REACH_PX = 3.0


def match_voids(
    truth: pd.DataFrame, found: pd.DataFrame, *, share: float = 0.5, iou: float | None = None
) -> pd.DataFrame:
    """Match found voids one to one with true ones, frame by frame where both tables have ``frame``.

    A match is a found centre within max(3 px, ``share`` × true radius) of a true centre, or, with ``iou``, circles
    that share at least that part of their union. Of all ways to match, one with the most matches and, among these,
    the least sum of distances is taken.

    Parameters
    ----------
    truth, found : DataFrame
        ``x_px, y_px, radius_px``, and ``frame`` for series.
    iou
        Least intersection over union of the full circles; 0.1, 0.3 and 0.5 are usual. Never compare scores of
        different ones.

    Returns
    -------
    DataFrame
        A row per match: ``truth`` and ``found`` (positions of the rows in their tables), ``distance_px``.
    """
    if "frame" not in truth or "frame" not in found:
        return _match_frame(truth, found, np.arange(len(truth)), np.arange(len(found)), share, iou)
    rows_of = {frame: np.asarray(rows) for frame, rows in found.groupby("frame").indices.items()}
    parts = [
        _match_frame(truth, found, np.asarray(rows), rows_of[frame], share, iou)
        for frame, rows in truth.groupby("frame").indices.items()
        if frame in rows_of
    ]
    return pd.concat([_matches([], [], []), *parts], ignore_index=True)


def _match_frame(
    truth: pd.DataFrame,
    found: pd.DataFrame,
    true_rows: np.ndarray,
    found_rows: np.ndarray,
    share: float,
    iou: float | None,
) -> pd.DataFrame:
    """Matches within a frame, whose rows are given."""
    if not len(true_rows) or not len(found_rows):
        return _matches([], [], [])
    here, there = (t[["x_px", "y_px"]].to_numpy()[r] for t, r in ((truth, true_rows), (found, found_rows)))
    true_radius = truth["radius_px"].to_numpy()[true_rows]
    found_radius = found["radius_px"].to_numpy()[found_rows]
    reach = (
        np.maximum(share * true_radius, _LEAST_REACH_PX) if iou is None else true_radius + found_radius.max()
    )
    near = cKDTree(there).query_ball_point(here, reach)
    a = np.repeat(np.arange(len(here)), [len(n) for n in near])
    b = np.concatenate([np.asarray(n, np.int64) for n in near])
    distance = np.hypot(*(here[a] - there[b]).T)
    if iou is not None:
        enough = circle_iou(distance, true_radius[a], found_radius[b]) >= iou
        a, b, distance = a[enough], b[enough], distance[enough]
    # So dear that no sum of distances is worth leaving a pair out.
    chosen = cheapest_pairs(a, b, distance, unpaired=1e3 * (distance.max(initial=0) + 1))
    return _matches(true_rows[a[chosen]], found_rows[b[chosen]], distance[chosen])


def _matches(truth: object, found: object, distance: object) -> pd.DataFrame:
    columns = {"truth": np.asarray(truth, np.int64), "found": np.asarray(found, np.int64)}
    return pd.DataFrame({**columns, "distance_px": np.asarray(distance, np.float64)})
