"""The first three views: where linking starts, without knowing a single depth.

In two views any shift across the axis can be had by moving the foil up or down, so the partners of two views are
known but for chance: pairs in a strip. Each pair has a depth and says where the void is seen in a third view; there
the true pairs agree on one sharp shift, whatever the depths are.
"""

from dataclasses import dataclass

import numpy as np

from voidlab.tilt.geometry import to_axis
from voidlab.tilt.solver.assign import within
from voidlab.tilt.solver.bundle import Cameras
from voidlab.tilt.solver.link import Series
from voidlab.tilt.solver.votes import ridge, sharp_peak

LEAST_STEP = np.deg2rad(2.5)
_SAME = np.deg2rad(0.25)


@dataclass(frozen=True)
class Seed:
    """Three placed views, the tracks in them (a number for each detection, −1 for none) and how well they agree.

    ``support``: tracks over the detections in the poorest of the three.
    """

    cameras: Cameras
    track: np.ndarray
    support: float


def triples(tilt: np.ndarray) -> list[tuple[int, int, int]]:
    """Views to start from, the best first: a view of low tilt and one some degrees off on either side."""
    found = []
    for middle in np.argsort(np.abs(tilt), kind="stable")[:7]:
        below = np.flatnonzero(tilt <= tilt[middle] - LEAST_STEP)
        above = np.flatnonzero(tilt >= tilt[middle] + LEAST_STEP)
        if len(below) and len(above):
            found.append((int(middle), int(above[0]), int(below[-1])))
    if not found and len(tilt) >= 3:
        low = int(np.argmin(np.abs(tilt)))
        apart = np.abs(tilt - tilt[low])
        second = int(np.argmin(np.where(apart > _SAME, apart, np.inf)))
        from_both = np.minimum(apart, np.abs(tilt - tilt[second]))
        found.append((low, second, int(np.argmin(np.where(from_both > _SAME, apart, np.inf)))))
    return found


def place_three_views(series: Series, axis: float, views: tuple[int, int, int], reach: float) -> Seed:
    """Place three views and link their voids; ``reach`` is the greatest depth either way, px."""
    first, second, third = views
    rows = [series.rows(k) for k in views]
    pq = [to_axis(series.xy[r], axis) for r in rows]
    cos = np.cos(series.tilt)
    flat = [points / [cos[k], 1] for points, k in zip(pq, views, strict=True)]
    gap = np.tan(series.tilt[second]) - np.tan(series.tilt[first])
    between = ridge(flat[0], flat[1], series.tolerance, reach * abs(gap))
    span = max(1.5 * reach * abs(gap), 2 * series.tolerance)
    strip = np.tile([span, series.tolerance], (len(flat[0]), 1))
    i, j = within(flat[0] + between.shift, flat[1], strip)
    apart = flat[1][j] - flat[0][i] - between.shift
    depth = apart[:, 0] / gap
    shift = np.full((len(series.tilt), 2), np.nan)
    shift[first] = 0.0
    shift[second] = between.shift * [cos[second], 1]
    points = np.column_stack(
        [flat[0][i, 0] - depth * np.tan(series.tilt[first]), flat[0][i, 1] + apart[:, 1] / 2, depth]
    )
    shift[third] = 0.0
    cameras = Cameras(axis, series.tilt.copy(), shift)
    # How much of the error of a pair arrives in the third view.
    stretch = (np.tan(series.tilt[third]) - np.tan(series.tilt[first])) / gap
    blur = series.tolerance * max(1.0, 0.5 * np.hypot(1 + abs(stretch), stretch))
    peak = sharp_peak(cameras.see(points, third), pq[2], blur)
    shift[third] = peak.shift
    return _unique(series, cameras, (rows[0][i], rows[1][j], rows[2]), points, views, blur)


def _unique(
    series: Series,
    cameras: Cameras,
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
    points: np.ndarray,
    views: tuple[int, int, int],
    blur: float,
) -> Seed:
    """Seed of the triples that fit best, no detection in two of them."""
    seen = cameras.see(points, views[2])
    detected = to_axis(series.xy[rows[2]], cameras.axis)
    reach = np.tile([2 * blur, 1.5 * series.tolerance], (len(seen), 1))
    pair, third = within(seen, detected, reach)
    error = np.hypot(*((detected[third] - seen[pair]) / reach[pair]).T)
    track = np.full(len(series.view), -1)
    count = 0
    for row in np.argsort(error, kind="stable"):
        members = [rows[0][pair[row]], rows[1][pair[row]], rows[2][third[row]]]
        if (track[members] < 0).all():
            track[members] = count
            count += 1
    fewest = min(len(series.rows(k)) for k in views)
    return Seed(cameras, track, count / max(fewest, 1))
