"""Is a reconstruction right? What can be seen without a truth, since a small residual proves nothing.

A wrong reconstruction fits what it has linked; it betrays itself in what it has not: voids that are not found where
the other views say they are, tracks that end between two views, detections left over, two points in one place.
"""

from dataclasses import dataclass

import numpy as np

from voidlab.tilt.geometry import to_axis
from voidlab.tilt.solver.assign import within
from voidlab.tilt.solver.grow import Linked, depths
from voidlab.tilt.solver.link import Series, estimate_tracks, in_field
from voidlab.tilt.solver.settle import same_place

_GATE = 3.5
_LEAST_FOUND = 20  # to know how far off they are


@dataclass(frozen=True)
class Checks:
    """Figures that tell a right reconstruction from a wrong one.

    Attributes
    ----------
    used : float
        Share of the detections that are linked.
    coverage : float
        Of the views that show the place of a void, the share in which it is linked; median over voids.
    duplicates : float
        Share of the points that lie in the same place as another that is never seen together with it.
    gap_links : ndarray of shape (views − 1,)
        Of the voids in the field on both sides of a gap between views, the share linked across it, over the share
        that would be if voids were missed by chance only.
    left_out : ndarray of shape (views,)
        Share of the voids found in a view where all other views say that they are; chance is taken off.
    left_out_error : ndarray of shape (views,)
        Median distance of these from there, over what the errors allow; about 1. NaN where they are few.
    """

    used: float
    coverage: float
    duplicates: float
    gap_links: np.ndarray
    left_out: np.ndarray
    left_out_error: np.ndarray


def check(series: Series, now: Linked) -> Checks:
    """Check a settled reconstruction against the detections that it did not use."""
    cameras, sigma = now.solution.cameras, now.solution.sigma_px
    estimate = estimate_tracks(series, cameras, now.track, sigma, depths(now))
    visible = in_field(series, cameras, estimate, sigma)
    seen = np.zeros_like(visible)
    linked = now.track >= 0
    seen[now.track[linked], series.view[linked]] = True
    visible |= seen
    share = seen.sum(axis=1) / np.maximum(visible.sum(axis=1), 1)
    a, b = same_place(estimate)
    twice = np.unique(np.concatenate([a, b])[np.tile(~(seen[a] & seen[b]).any(axis=1), 2)])
    found, error = _left_out(series, now)
    wide = visible.sum(axis=1) >= min(4, len(series.tilt))
    return Checks(
        used=float(linked.mean()) if len(linked) else 0.0,
        coverage=float(np.median(share[wide])) if wide.any() else 0.0,
        duplicates=len(twice) / max(now.count, 1),
        gap_links=_across(seen, visible),
        left_out=found,
        left_out_error=error,
    )


def _across(seen: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Share of the voids, well in the field on both sides of each gap, that are linked on both sides, over chance."""
    recall = seen.sum() / max(visible.sum(), 1)
    share = np.full(max(seen.shape[1] - 1, 0), np.nan)
    for gap in range(len(share)):
        left, right = slice(0, gap + 1), slice(gap + 1, None)
        both = np.ones(len(seen), bool)
        for side in (left, right):
            both &= visible[:, side].sum(axis=1) >= min(2, visible[:, side].shape[1])
        if both.sum() >= 5:
            linked = seen[both, left].any(axis=1) & seen[both, right].any(axis=1)
            chances = [1 - (1 - recall) ** visible[both, side].sum(axis=1) for side in (left, right)]
            share[gap] = linked.mean() / max((chances[0] * chances[1]).mean(), 1e-9)
    return share


def _left_out(series: Series, now: Linked) -> tuple[np.ndarray, np.ndarray]:
    """What each view shows where the other views say that voids are."""
    cameras, sigma = now.solution.cameras, now.solution.sigma_px
    views = len(series.tilt)
    found, error = np.full(views, np.nan), np.full(views, np.nan)
    area = float(np.prod(series.corners[1] - series.corners[0]))
    for view in range(views):
        rows = series.rows(view)
        others = np.where(series.view == view, -1, now.track)
        estimate = estimate_tracks(series, cameras, others, sigma, depths(now))
        known = np.flatnonzero((estimate.seen >= 3) & in_field(series, cameras, estimate, sigma)[:, view])
        if len(known) < 5:
            continue
        predicted = cameras.see(estimate.points[known], view)
        reach = estimate.reach(cameras, view, sigma)[known]
        detected = to_axis(series.xy[rows], cameras.axis)
        i, j = within(predicted, detected, _GATE * reach)
        distance = np.full(len(known), np.inf)
        np.minimum.at(distance, i, np.hypot(*((detected[j] - predicted[i]) / reach[i]).T))
        hit = np.isfinite(distance)
        chance = min(float(np.median(4 * _GATE**2 * reach.prod(axis=1))) * len(rows) / area, 0.9)
        found[view] = (hit.mean() - chance) / (1 - chance)
        if hit.sum() >= _LEAST_FOUND:
            error[view] = float(np.median(distance[hit])) / 1.1774
    return found, error
