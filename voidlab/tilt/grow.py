"""From three views to all: place the next view outwards, link its voids, adjust; then link all again until settled."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from voidlab.tilt.bundle import Cameras, Links, Prior, Solution, adjust
from voidlab.tilt.geometry import to_axis
from voidlab.tilt.linker import GATE, Belief, Depths, Series, believe, extend, match
from voidlab.tilt.seed import Seed
from voidlab.tilt.votes import sharp_peak

_ROUNDS = 6
_SETTLED = 0.002
_MERGE_GATE = 3.5


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
    now = _adjusted(series, seed.track, seed.cameras, prior, sigma)
    track = seed.track
    for view in np.flatnonzero(now.solution.cameras.placed):
        track = extend(series, now.solution.cameras, track, int(view), sigma, _depths(now))
    since = 0
    order = _outward(series.tilt, now.solution.cameras.placed)
    for n, view in enumerate(order):
        cameras = _placed(series, now.solution.cameras, track, view, sigma, _depths(now))
        track = extend(series, cameras, track, view, sigma, _depths(now))
        now = replace(now, solution=replace(now.solution, cameras=cameras))
        since += 1
        # Of many views one more changes little: adjust when an eighth is new.
        if since > int(cameras.placed.sum()) // 8 or n == len(order) - 1:
            now, since = _adjusted(series, _pairs_or_more(track), cameras, prior, sigma, sweeps=5), 0
    return now


def settle(series: Series, linked: Linked, prior: Prior) -> Linked:
    """Predict every point in every view, link all again, merge what is one; until hardly a link changes."""
    now = linked
    for _ in range(_ROUNDS):
        track = _linked_again(series, now)
        track = _merged(series, now, track)
        after = _adjusted(series, _pairs_or_more(track), now.solution.cameras, prior, now.solution.sigma_px)
        changed = _changed(now.track, after.track)
        now = after
        if changed < _SETTLED * max(len(series.view), 1):
            break
    return now


def _adjusted(
    series: Series, track: np.ndarray, cameras: Cameras, prior: Prior, sigma: float, sweeps: int = 12
) -> Linked:
    links, rows, count = series.links(track)
    solution = adjust(links, cameras, prior, count, sigma_px=sigma, sweeps=sweeps)
    numbered = np.full(len(track), -1)
    numbered[rows] = links.point
    return Linked(numbered, links, rows, solution)


def _depths(now: Linked) -> Depths:
    """Depths to expect: the middle of those known and half their spread, so that its ends lie within two sigma."""
    low, high = np.quantile(now.solution.points[:, 2], [0.03, 0.97])
    return Depths(float(low + high) / 2, max(float(high - low) / 2 * 0.55, 10.0))


def _outward(tilt: np.ndarray, placed: np.ndarray) -> list[int]:
    """Views to place, always the one nearest in tilt to those placed already."""
    done, order = list(np.flatnonzero(placed)), []
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
    count = int(track.max(initial=-1)) + 1
    belief = believe(series, cameras, track, count, sigma, depths)
    shift = cameras.shift.copy()
    shift[view] = 0.0
    there = replace(cameras, shift=shift)
    reach = belief.reach(there, view, sigma)[:, 0]
    known = np.flatnonzero(belief.seen > 1)
    known = known[np.argsort(reach[known], kind="stable")[:800]]
    blur = max(series.tolerance, float(np.median(reach[known])) if len(known) else 0.0)
    detected = to_axis(series.xy[series.rows(view)], cameras.axis)
    shift[view] = sharp_peak(there.see(belief.points[known], view), detected, blur).shift
    for _ in range(3):
        placed = replace(cameras, shift=shift)
        chosen, rows = match(
            series, placed, belief, known, series.rows(view), view, max(sigma, blur / 2), 3.0
        )
        if len(chosen) < 3:
            break
        error = to_axis(series.xy[rows], cameras.axis) - placed.see(belief.points[chosen], view)
        shift = shift.copy()
        shift[view] += np.median(error, axis=0)
    return replace(cameras, shift=shift)


def _linked_again(series: Series, now: Linked) -> np.ndarray:
    """Links of every detection to the point that is expected there, and new tracks from what is left."""
    cameras, sigma = now.solution.cameras, now.solution.sigma_px
    depths = _depths(now)
    belief = believe(series, cameras, now.track, now.count, sigma, depths)
    track = np.full(len(series.view), -1)
    everyone = np.arange(now.count)
    for view in np.flatnonzero(cameras.placed):
        chosen, rows = match(series, cameras, belief, everyone, series.rows(view), view, sigma, GATE)
        track[rows] = chosen
    lost = np.bincount(track[track >= 0], minlength=now.count) < 2
    track[(track >= 0) & lost[track]] = -1
    for view in np.argsort(np.abs(series.tilt - np.median(series.tilt)), kind="stable"):
        if cameras.placed[view]:
            track = extend(series, cameras, track, int(view), sigma, depths)
    return track


def _merged(series: Series, now: Linked, track: np.ndarray) -> np.ndarray:
    """Tracks that lie at one place and share no view, as one."""
    track = _pairs_or_more(track)
    links, rows, count = series.links(track)
    numbered = np.full(len(track), -1)
    numbered[rows] = links.point
    belief = believe(series, now.solution.cameras, numbered, count, now.solution.sigma_px, _depths(now))
    a, b = _same_place(belief)
    views = np.zeros((count, len(series.tilt)), bool)
    views[links.point, links.view] = True
    apart = ~(views[a] & views[b]).any(axis=1)
    into = np.arange(count)
    taken = np.zeros(count, bool)
    for one, other in zip(a[apart], b[apart], strict=True):
        if not taken[one] and not taken[other]:
            into[other] = one
            taken[[one, other]] = True
    numbered[rows] = into[links.point]
    return numbered


def _same_place(belief: Belief) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of tracks whose places differ by no more than their errors allow, the nearest first."""
    sigma = np.sqrt(np.diagonal(belief.covariance, axis1=1, axis2=2))
    if len(sigma) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    tree = cKDTree(belief.points[:, :2])
    pairs = tree.query_pairs(2 * _MERGE_GATE * float(np.quantile(sigma[:, :2], 0.98)), output_type="ndarray")
    a, b = pairs[:, 0], pairs[:, 1]
    apart = belief.points[a] - belief.points[b]
    both = belief.covariance[a] + belief.covariance[b]
    distance = np.einsum("na,na->n", apart, np.linalg.solve(both, apart[:, :, None])[:, :, 0])
    near = np.flatnonzero(distance < _MERGE_GATE**2)
    near = near[np.argsort(distance[near], kind="stable")]
    return a[near], b[near]


def _pairs_or_more(track: np.ndarray) -> np.ndarray:
    """Tracks without those of a single detection."""
    size = np.bincount(track[track >= 0], minlength=int(track.max(initial=-1)) + 1)
    return np.where((track >= 0) & (size[track] > 1), track, -1)


def _changed(before: np.ndarray, after: np.ndarray) -> int:
    """Detections whose next of kin has changed: the detection before them in their track."""
    return int((_previous(before) != _previous(after)).sum())


def _previous(track: np.ndarray) -> np.ndarray:
    order = np.argsort(track, kind="stable")
    previous = np.full(len(track), -1)
    same = (track[order][1:] == track[order][:-1]) & (track[order][1:] >= 0)
    previous[order[1:][same]] = order[:-1][same]
    return previous
