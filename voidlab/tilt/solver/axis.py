"""First estimate of the tilt axis: the direction about which stretching the views to zero tilt makes them agree."""

import numpy as np

from voidlab.tables.rows import spread_rows
from voidlab.tilt.geometry import to_axis
from voidlab.tilt.solver.link import Series
from voidlab.tilt.solver.votes import ridge

_STEP_DEG = 6.0
_FINE_DEG = (-3.0, 3.0)
_PAIRS = 6
_VOIDS = 150  # of a view, the largest: those are found again in the next
_FURTHEST = 0.4  # shift over the field, between views that are compared
_STEEP = 0.25  # |difference of tan| up to which ridges stay short


def scan(series: Series, reach: float) -> np.ndarray:
    """Axes in radians, the likeliest first: the local maxima of the agreement of pairs of views.

    Parameters
    ----------
    reach
        Greatest depth of a void either way, px.
    """
    pairs = _pairs(series.tilt)
    views = [_largest(series, k) for k in range(len(series.tilt))]
    angles = np.arange(-90 + _STEP_DEG, 90 + 1e-9, _STEP_DEG)
    scores = np.array([_agreement(views, series, np.deg2rad(a), pairs, reach) for a in angles])
    peaks = np.flatnonzero((scores >= np.roll(scores, 1)) & (scores >= np.roll(scores, -1)))
    found = []
    for peak in peaks[np.argsort(-scores[peaks], kind="stable")][:3]:
        near = {float(angles[peak]): float(scores[peak])}
        for offset in _FINE_DEG:
            angle = float(angles[peak]) + offset
            near[angle] = _agreement(views, series, np.deg2rad(angle), pairs, reach)
        found.append((max(near.values()), max(near, key=lambda a: near[a])))
    found.sort(reverse=True)
    return np.deg2rad([angle for _, angle in found])


def _pairs(tilt: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of views to compare: as far apart as ridges stay short, and spread over the tilts."""
    pairs = []
    for a in range(len(tilt) - 1):
        apart = np.tan(tilt[a + 1 :]) - np.tan(tilt[a])
        close = np.flatnonzero(apart <= _STEEP)
        pairs.append((a, a + 1 + (int(close[-1]) if len(close) else 0)))
    return [pairs[k] for k in spread_rows(len(pairs), _PAIRS)]


def _largest(series: Series, view: int) -> np.ndarray:
    rows = series.rows(view)
    return series.xy[rows[np.argsort(-series.radius[rows], kind="stable")[:_VOIDS]]]


def _agreement(
    views: list[np.ndarray], series: Series, axis: float, pairs: list[tuple[int, int]], reach: float
) -> float:
    total = 0.0
    for a, b in pairs:
        flat = [to_axis(views[k], axis) / [np.cos(series.tilt[k]), 1] for k in (a, b)]
        gap = abs(np.tan(series.tilt[b]) - np.tan(series.tilt[a]))
        # Coarse steps of the axis blur the views: twice the tolerance.
        wide = 2 * series.tolerance
        total += ridge(flat[0], flat[1], wide, 0.5 * reach * gap, step=2 * wide, furthest=_FURTHEST).score
    return total
