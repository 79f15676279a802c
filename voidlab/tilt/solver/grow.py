"""From three views to all: place the next view outwards, link its voids, adjust."""

from dataclasses import dataclass, replace

import numpy as np

from voidlab.tilt.geometry import to_axis
from voidlab.tilt.solver.bundle import Cameras, Links, Prior, Solution, adjust
from voidlab.tilt.solver.link import Depths, Series, estimate_tracks, extend, match
from voidlab.tilt.solver.seed import Seed
from voidlab.tilt.solver.votes import sharp_peak


@dataclass(frozen=True)
class Linked:
    """A series linked and adjusted: the track of each detection (−1: none) and the bundle of the ``links``."""

    track: np.ndarray
    links: Links
    rows: np.ndarray
    solution: Solution

    @property
    def count(self) -> int:
        """Number of tracks."""
        return len(self.solution.points)


def grow(series: Series, seed: Seed, prior: Prior) -> Linked:
    """Place all views, starting from the three of ``seed``, and link their detections."""
    sigma = series.tolerance / 2.5
    now = adjusted(series, seed.track, seed.cameras, prior, sigma)
    track = seed.track
    for start in np.flatnonzero(now.solution.cameras.placed).tolist():
        track = extend(series, now.solution.cameras, track, start, sigma, depths(now))
    since = 0
    order = _outward(series.tilt, now.solution.cameras.placed)
    for n, view in enumerate(order):
        cameras = _placed(series, now.solution.cameras, track, view, sigma, depths(now))
        track = extend(series, cameras, track, view, sigma, depths(now))
        now = replace(now, solution=replace(now.solution, cameras=cameras))
        since += 1
        # Of many views one more changes little: adjust when an eighth is new.
        if since > int(cameras.placed.sum()) // 8 or n == len(order) - 1:
            now, since = adjusted(series, pairs_or_more(track), cameras, prior, sigma, sweeps=5), 0
    return now


def adjusted(
    series: Series, track: np.ndarray, cameras: Cameras, prior: Prior, sigma: float, sweeps: int = 12
) -> Linked:
    links, rows, numbered = series.links(track)
    count = int(numbered.max(initial=-1)) + 1
    solution = adjust(links, cameras, prior, count, sigma_px=sigma, sweeps=sweeps)
    return Linked(numbered, links, rows, solution)


def depths(now: Linked) -> Depths:
    """Depths to expect: the middle of those known and half their spread, so that its ends lie within two sigma."""
    low, high = np.quantile(now.solution.points[:, 2], [0.03, 0.97])
    return Depths(float(low + high) / 2, max(float(high - low) / 2 * 0.55, 10.0))


def _outward(tilt: np.ndarray, placed: np.ndarray) -> list[int]:
    """Views to place, always the one nearest in tilt to those placed already."""
    done: list[int] = np.flatnonzero(placed).tolist()
    order: list[int] = []
    left = set(np.flatnonzero(~placed).tolist())
    while left:
        nearest = min(left, key=lambda k: float(np.abs(np.tan(tilt[k]) - np.tan(tilt[done])).min()))
        order.append(nearest)
        done.append(nearest)
        left.remove(nearest)
    return order


def _placed(
    series: Series, cameras: Cameras, track: np.ndarray, view: int, sigma: float, depths: Depths
) -> Cameras:
    """Cameras with one view more: where the tracks of several views say that it is."""
    estimate = estimate_tracks(series, cameras, track, sigma, depths)
    shift = cameras.shift.copy()
    shift[view] = 0.0
    there = replace(cameras, shift=shift)
    reach = estimate.reach(there, view, sigma)[:, 0]
    known = np.flatnonzero(estimate.seen > 1)
    known = known[np.argsort(reach[known], kind="stable")[:800]]
    blur = max(series.tolerance, float(np.median(reach[known])) if len(known) else 0.0)
    detected = to_axis(series.xy[series.rows(view)], cameras.axis)
    shift[view] = sharp_peak(there.see(estimate.points[known], view), detected, blur).shift
    for _ in range(3):
        placed = replace(cameras, shift=shift)
        chosen, rows = match(
            series, placed, estimate, known, series.rows(view), view, max(sigma, blur / 2), 3.0
        )
        if len(chosen) < 3:
            break
        error = to_axis(series.xy[rows], cameras.axis) - placed.see(estimate.points[chosen], view)
        shift = shift.copy()
        shift[view] += np.median(error, axis=0)
    return replace(cameras, shift=shift)


def pairs_or_more(track: np.ndarray) -> np.ndarray:
    """Tracks without those of a single detection."""
    size = np.bincount(track[track >= 0], minlength=1)
    return np.where((track >= 0) & (size[track] > 1), track, -1)
