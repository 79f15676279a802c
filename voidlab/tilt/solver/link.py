"""Links detections to tracks along the strips that geometry allows.

A void seen in some views has a place and a depth with errors; in the next view it must be seen within an ellipse that
is long across the axis as long as the depth is poorly known, and thin along it. A track is the number that its
detections carry; everything else is computed from these.
"""

from dataclasses import dataclass

import numpy as np

from voidlab.tilt.geometry import from_axis, to_axis
from voidlab.tilt.solver.assign import assign, within
from voidlab.tilt.solver.bundle import Cameras, Links

GATE = 4.0
_LONE_GATE = 3.0
_SIZE_SIGMA = 0.05  # least error of a logarithm of a radius
_LEAST_SIZES = 20  # to know that error
_MOST_SIZE = 9.0


@dataclass(frozen=True)
class Series:
    """Detections of a tilt series, views sorted by tilt.

    ``view`` (n,), ``xy`` (n, 2) and ``radius`` (n,) of the detections, px from the point that the axis passes
    through; stated ``tilt`` (views,), radians; ``corners`` (2, 2): least and greatest x, y of the field;
    ``tolerance`` px within which a void is certainly found again where it is expected.
    """

    view: np.ndarray
    xy: np.ndarray
    radius: np.ndarray
    tilt: np.ndarray
    corners: np.ndarray
    tolerance: float

    def rows(self, view: int) -> np.ndarray:
        """Rows of the detections in a view."""
        return np.flatnonzero(self.view == view)

    def links(self, track: np.ndarray) -> tuple[Links, np.ndarray, np.ndarray]:
        """Linked detections with tracks renumbered from 0, their rows, and the new number of every detection."""
        rows = np.flatnonzero(track >= 0)
        point = np.unique(track[rows], return_inverse=True)[1]
        numbered = np.full(len(track), -1)
        numbered[rows] = point
        return Links(self.view[rows], point, self.xy[rows]), rows, numbered


@dataclass(frozen=True)
class TrackEstimate:
    """Where tracks are believed to be: ``points`` (n, 3) as X, Y, Z, their covariance, and by how many views.

    ``size`` (n,): logarithm of the radius; ``size_sigma`` (n,): standard deviation of the next detection's from it.
    """

    points: np.ndarray
    covariance: np.ndarray
    seen: np.ndarray
    size: np.ndarray
    size_sigma: np.ndarray

    def reach(self, cameras: Cameras, view: int, sigma: float) -> np.ndarray:
        """Standard deviation (n, 2) of where the tracks are detected in a view, in p and q."""
        h = np.array([np.cos(cameras.tilt[view]), 0.0, np.sin(cameras.tilt[view])])
        across = np.einsum("a,nab,b->n", h, self.covariance, h)
        return np.sqrt(np.column_stack([across, self.covariance[:, 1, 1]]) + sigma**2)


@dataclass(frozen=True)
class Depths:
    """Depths expected of voids, px: a wide normal distribution."""

    mean: float
    sigma: float


def estimate_tracks(
    series: Series, cameras: Cameras, track: np.ndarray, sigma: float, depths: Depths
) -> TrackEstimate:
    """Place of each track 0, 1, … from its detections in placed views and the depths expected."""
    count = int(track.max(initial=-1)) + 1
    rows = np.flatnonzero((track >= 0) & cameras.placed[series.view])
    view, point = series.view[rows], track[rows]
    pq = to_axis(series.xy[rows], cameras.axis) - cameras.shift[view]
    c, s = np.cos(cameras.tilt[view]), np.sin(cameras.tilt[view])
    rest = sigma**2 / depths.sigma**2
    seen = np.bincount(point, minlength=count)
    blocks = np.zeros((count, 3, 3))
    blocks[:, 0, 0] = np.bincount(point, c * c, count)
    blocks[:, 0, 2] = blocks[:, 2, 0] = np.bincount(point, c * s, count)
    blocks[:, 2, 2] = np.bincount(point, s * s, count) + rest
    blocks[:, 1, 1] = seen
    blocks[:, range(3), range(3)] += 1e-9
    side = np.column_stack([np.bincount(point, v, count) for v in (c * pq[:, 0], pq[:, 1], s * pq[:, 0])])
    side[:, 2] = side[:, 2] + rest * depths.mean
    inverse = np.linalg.inv(blocks)
    error, size = size_error(np.log(series.radius[rows]), point, seen)
    size_sigma = error * np.sqrt(1 + 1 / np.maximum(seen, 1))
    return TrackEstimate(np.einsum("nab,nb->na", inverse, side), sigma**2 * inverse, seen, size, size_sigma)


def size_error(size: np.ndarray, point: np.ndarray, seen: np.ndarray) -> tuple[float, np.ndarray]:
    """Error of the logarithm of a radius as the tracks show it (infinite: too few); mean of each track."""
    mean = np.bincount(point, size, len(seen)) / np.maximum(seen, 1)
    several = seen[point] > 2
    apart = (size - mean[point])[several] / np.sqrt(1 - 1 / seen[point][several])
    error = 1.4826 * float(np.median(np.abs(apart))) if len(apart) >= _LEAST_SIZES else np.inf
    return max(error, _SIZE_SIGMA), mean


def in_field(series: Series, cameras: Cameras, estimate: TrackEstimate, sigma: float) -> np.ndarray:
    """Which views (n, views) certainly show the place of each track."""
    inside = np.zeros((len(estimate.points), len(series.tilt)), bool)
    for view in np.flatnonzero(cameras.placed).tolist():
        xy = from_axis(cameras.see(estimate.points, view), cameras.axis)
        margin = 2 * estimate.reach(cameras, view, sigma).max(axis=1, keepdims=True)
        low, high = series.corners[0] + margin, series.corners[1] - margin
        inside[:, view] = ((xy >= low) & (xy <= high)).all(axis=1)
    return inside


def extend(
    series: Series, cameras: Cameras, track: np.ndarray, view: int, sigma: float, depths: Depths
) -> np.ndarray:
    """Tracks with the free detections of a placed view linked: first to tracks of several views, then to lone ones.

    What is left over starts tracks of its own.
    """
    track = track.copy()
    estimate = estimate_tracks(series, cameras, track, sigma, depths)
    here = np.zeros(len(estimate.seen), bool)
    here[track[series.rows(view)][track[series.rows(view)] >= 0]] = True
    for lone in (False, True):
        free = series.rows(view)[track[series.rows(view)] < 0]
        tracks = np.flatnonzero(~here & ((estimate.seen == 1) if lone else (estimate.seen > 1)))
        chosen = match(series, cameras, estimate, tracks, free, view, sigma, _LONE_GATE if lone else GATE)
        track[chosen[1]] = chosen[0]
        here[chosen[0]] = True
    free = series.rows(view)[track[series.rows(view)] < 0]
    track[free] = len(here) + np.arange(len(free))
    return track


def match(
    series: Series,
    cameras: Cameras,
    estimate: TrackEstimate,
    tracks: np.ndarray,
    rows: np.ndarray,
    view: int,
    sigma: float,
    gate: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Which of the ``tracks`` is which of the detections in ``rows`` of a view: pairs (tracks, rows)."""
    predicted = cameras.see(estimate.points[tracks], view)
    reach = estimate.reach(cameras, view, sigma)[tracks]
    detected = to_axis(series.xy[rows], cameras.axis)
    i, j = within(predicted, detected, gate * reach)
    squared = (((detected[j] - predicted[i]) / reach[i]) ** 2).sum(axis=1)
    off = (np.log(series.radius[rows[j]]) - estimate.size[tracks[i]]) / estimate.size_sigma[tracks[i]]
    # A radius can be far off where voids overlap: beyond some errors it says no more.
    squared += np.minimum(off**2, _MOST_SIZE)
    # Of two tracks that fit equally well the one that is known better was the less likely to fit by chance.
    size = 2 * np.log(reach.prod(axis=1))
    gain = gate**2 - squared - (size[i] - size.min() if len(i) else 0)
    gain = np.where(squared < gate**2, np.maximum(gain, 1e-3), 0)
    chosen = assign(i, j, gain)
    return tracks[i[chosen]], rows[j[chosen]]
