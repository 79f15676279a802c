"""Bundle adjustment: axis, tilts, shifts and all points together, so that every void is seen where it was seen.

View k sees point i at p = X cos t + Z sin t + shift_p across the axis and q = Y + shift_q along it. Points are
eliminated one by one (Schur complement), so that only one small dense system of the views is solved; Tukey's weights
set wrong links aside.

Gauges: the origin of X, Y, Z and a common offset of all tilts can not be known from where points are seen. Here no
step moves them (the mean tilt stays as stated), and the errors are those within that gauge.
"""

from dataclasses import dataclass, replace

import numpy as np

from voidlab.tilt.geometry import to_axis

TUKEY = 4.685
_PINNED = 1e8
_LEAST_SIGMA_PX = 0.02


@dataclass(frozen=True)
class Cameras:
    """How the views look at the foil: axis and tilts in radians, shifts (p, q) in px; NaN where not placed yet."""

    axis: float
    tilt: np.ndarray
    shift: np.ndarray

    @property
    def placed(self) -> np.ndarray:
        """Views that are placed."""
        return np.isfinite(self.shift[:, 0])

    def see(self, points: np.ndarray, view: np.ndarray | int) -> np.ndarray:
        """Where points (n, 3), as X, Y, Z, are seen in a view (or one view each), as (p, q)."""
        p = points[:, 0] * np.cos(self.tilt[view]) + points[:, 2] * np.sin(self.tilt[view])
        return np.column_stack([p, points[:, 1]]) + self.shift[view]


@dataclass(frozen=True)
class Prior:
    """What is known before: axis and stated tilts, with standard deviations, radians."""

    axis: float
    axis_sigma: float
    tilt: np.ndarray
    tilt_sigma: float


@dataclass(frozen=True)
class Links:
    """Detections in tracks: the view, the point (0 … n − 1) and the position (x, y) of each."""

    view: np.ndarray
    point: np.ndarray
    xy: np.ndarray


@dataclass(frozen=True)
class Solution:
    """A solved bundle.

    ``points`` (n, 3) are X, Y, Z; ``residual`` (links, 2) in p and q, px; ``weight`` 0 to 1 of each link;
    ``sigma_px`` the error of a detection per axis, that of each view in ``view_sigma_px``.
    """

    cameras: Cameras
    points: np.ndarray
    residual: np.ndarray
    weight: np.ndarray
    sigma_px: float
    view_sigma_px: np.ndarray


@dataclass(frozen=True)
class _Normal:
    """Normal equations: of the views (C, C), of each point (n, 3, 3), and between them (n, 3, C)."""

    views: np.ndarray
    points: np.ndarray
    between: np.ndarray
    views_side: np.ndarray
    points_side: np.ndarray

    def reduced(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Schur complement, its right side, and inverse point blocks times ``between``."""
        lifted = np.linalg.solve(self.points, self.between)
        columns = self.views.shape[0]
        flat, lifted_flat = self.between.reshape(-1, columns), lifted.reshape(-1, columns)
        matrix = self.views - flat.T @ lifted_flat
        side = self.views_side - lifted_flat.T @ self.points_side.reshape(-1)
        return matrix, side, lifted


def adjust(
    links: Links,
    cameras: Cameras,
    prior: Prior,
    count: int,
    *,
    sigma_px: float = 0.6,
    sweeps: int = 12,
) -> Solution:
    """Adjust the placed ``cameras`` and find ``count`` points by robust Gauss–Newton steps until nothing moves.

    Parameters
    ----------
    links
        All in placed views; every point has at least two views.
    sigma_px
        Error of a detection per axis to start with.
    sweeps
        Steps at most.

    References
    ----------
    Triggs, McLauchlan, Hartley, Fitzgibbon, Lect. Notes Comput. Sci. 1883, 298 (2000), doi:10.1007/3-540-44480-7_21
    """
    views = len(cameras.tilt)
    sigma, of_view = sigma_px, np.full(views, sigma_px)
    weight = np.ones(len(links.view))
    points = triangulate(links, cameras, weight, count)
    for _ in range(sweeps):
        before = cameras
        normal = _normal_equations(links, cameras, points, weight / of_view[links.view] ** 2, prior)
        matrix, side, lifted = normal.reduced()
        step = np.linalg.solve(matrix, side)
        points = points + np.linalg.solve(normal.points, normal.points_side[:, :, None])[:, :, 0]
        points = points - (lifted @ step)
        cameras = _moved(cameras, step)
        residual = to_axis(links.xy, cameras.axis) - cameras.see(points[links.point], links.view)
        sigma, of_view = _spread(residual, links, cameras, weight, of_view, count)
        ratio = np.hypot(*residual.T) / of_view[links.view]
        weight = np.clip(1 - (ratio / TUKEY) ** 2, 0, None) ** 2
        moved = np.nanmax(np.abs(cameras.shift - before.shift))
        if moved < 0.003 and abs(cameras.axis - before.axis) < 2e-5:
            break
    return Solution(cameras, points, residual, weight, sigma, of_view)


def triangulate(links: Links, cameras: Cameras, weight: np.ndarray, count: int) -> np.ndarray:
    """Points (count, 3) that fit the links best in known views."""
    seen = to_axis(links.xy, cameras.axis) - cameras.shift[links.view]
    blocks = point_blocks(links, cameras, weight, count)
    c, s = np.cos(cameras.tilt[links.view]), np.sin(cameras.tilt[links.view])
    columns = (c * seen[:, 0], seen[:, 1], s * seen[:, 0])
    side = np.column_stack([np.bincount(links.point, weight * v, count) for v in columns])
    return np.linalg.solve(blocks, side[:, :, None])[:, :, 0]


def covariance(links: Links, solution: Solution, prior: Prior) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors within the gauge of the bundle, in X, Y, Z: what `voidlab.tilt.gauge` makes those of a result of.

    Returns
    -------
    tuple of ndarray
        Covariance (n, 3, 3) of each point from its own noise, its derivative (n, 3, C) by the views, and their
        covariance (C, C): axis, shifts p, shifts q, tilts.
    """
    # A link that is set aside tells nothing; the others tell all, as the noise was measured on them.
    weight = (solution.weight > 0) / solution.view_sigma_px[links.view] ** 2
    normal = _normal_equations(links, solution.cameras, solution.points, weight, prior)
    matrix, _, lifted = normal.reduced()
    return np.linalg.inv(normal.points), -lifted, np.linalg.inv(matrix)


def _normal_equations(
    links: Links, cameras: Cameras, points: np.ndarray, weight: np.ndarray, prior: Prior
) -> _Normal:
    """Normal equations with the prior, every view's derivative against every point's."""
    count, views = len(points), len(cameras.tilt)
    size = 1 + 3 * views
    k, i = links.view, links.point
    seen = to_axis(links.xy, cameras.axis)
    residual = seen - cameras.see(points[i], k)
    c, s = np.cos(cameras.tilt[k]), np.sin(cameras.tilt[k])
    x, z = points[i, 0], points[i, 2]
    turn = z * c - x * s  # of p by the tilt
    ones = np.ones(len(k))
    zeros = np.zeros(len(k), np.int64)
    # Non-zero derivatives (column, value) of p and of q by the views, and by X, Y, Z.
    of_p = ((zeros, -seen[:, 1]), (1 + k, ones), (1 + 2 * views + k, turn))
    of_q = ((zeros, seen[:, 0]), (1 + views + k, ones))
    matrix, side = np.zeros((size, size)), np.zeros(size)
    between = np.zeros((count, 3, size))
    for derivatives, error, by_point in (
        (of_p, residual[:, 0], ((0, c), (2, s))),
        (of_q, residual[:, 1], ((1, ones),)),
    ):
        for column, value in derivatives:
            side += np.bincount(column, weight * value * error, size)
            for other, also in derivatives:
                cell = np.bincount(column * size + other, weight * value * also, size * size)
                matrix += cell.reshape(size, size)
            for row, at_point in by_point:
                cell = np.bincount(i * size + column, weight * value * at_point, count * size)
                between[:, row] += cell.reshape(count, size)
    columns = (c * residual[:, 0], residual[:, 1], s * residual[:, 0])
    points_side = np.column_stack([np.bincount(i, weight * v, count) for v in columns])
    _add_prior(matrix, side, cameras, prior)
    return _Normal(matrix, point_blocks(links, cameras, weight, count), between, side, points_side)


def _add_prior(matrix: np.ndarray, side: np.ndarray, cameras: Cameras, prior: Prior) -> None:
    """Add the prior, hold the gauge, and hold what belongs to views that are not placed."""
    views, placed = len(cameras.tilt), cameras.placed
    p, q, t = 1 + np.arange(views), 1 + views + np.arange(views), 1 + 2 * views + np.arange(views)
    matrix[0, 0] += 1 / prior.axis_sigma**2
    side[0] += (prior.axis - cameras.axis) / prior.axis_sigma**2
    matrix[t, t] += 1 / prior.tilt_sigma**2
    side[t] += (prior.tilt - cameras.tilt) / prior.tilt_sigma**2
    # A view without links stays where it is.
    matrix[np.arange(len(matrix)), np.arange(len(matrix))] += 1e-6
    for columns in (p, q, t):
        matrix[columns[~placed], columns[~placed]] += 1.0
        side[columns[~placed]] = 0.0
    cos, sin = np.cos(prior.tilt) * placed, np.sin(prior.tilt) * placed
    for columns, mode in ((p, cos), (p, sin), (q, placed * 1.0), (t, placed * 1.0)):
        scale = _PINNED if columns is t else _PINNED * 1e-4
        matrix[np.ix_(columns, columns)] += scale * np.outer(mode, mode)


def point_blocks(links: Links, cameras: Cameras, weight: np.ndarray, count: int) -> np.ndarray:
    """Normal equations (count, 3, 3) of each point by itself."""
    c, s = np.cos(cameras.tilt[links.view]), np.sin(cameras.tilt[links.view])
    blocks = np.zeros((count, 3, 3))
    for row, column, value in ((0, 0, c * c), (0, 2, c * s), (2, 0, c * s), (2, 2, s * s), (1, 1, c * 0 + 1)):
        blocks[:, row, column] = np.bincount(links.point, weight * value, count)
    # A point whose links are all set aside, or all in one view, must not stop the others.
    blocks[:, range(3), range(3)] += 1e-6
    return blocks


def _moved(cameras: Cameras, step: np.ndarray) -> Cameras:
    views = len(cameras.tilt)
    shift = np.column_stack([step[1 : 1 + views], step[1 + views : 1 + 2 * views]])
    return replace(
        cameras,
        axis=cameras.axis + float(step[0]),
        tilt=cameras.tilt + step[1 + 2 * views :],
        shift=cameras.shift + shift,
    )


def _spread(
    residual: np.ndarray, links: Links, cameras: Cameras, weight: np.ndarray, of_view: np.ndarray, count: int
) -> tuple[float, np.ndarray]:
    """Error of a detection per axis, of all links that are not set aside, and of each view.

    The fit takes part of the noise away, most of it from the steepest views: a residual is held against the part that
    its point and its view leave. A view with few links goes by what all show.
    """
    kept = weight > 0
    left = _freedom(links, cameras, kept / of_view[links.view] ** 2, of_view, count)
    square, views = (residual**2).sum(axis=1), len(cameras.tilt)
    shown, spare = (np.bincount(links.view[kept], v[kept], views) for v in (square, left))
    overall = float(np.sqrt(shown.sum() / max(spare.sum(), 1)))
    # Wrong links lengthen the tail: what the median suggests bounds it.
    fair = kept & (left > 0.5)
    if fair.any():
        middle = float(np.median(np.sqrt(square[fair] / left[fair] * 2))) / 1.1774
        overall = min(overall, 1.25 * middle)
    overall = max(overall, _LEAST_SIGMA_PX)
    trust = spare / (spare + 100)
    own = shown / np.maximum(spare, 1)
    of_all = np.sqrt(trust * np.minimum(own, 9 * overall**2) + (1 - trust) * overall**2)
    return overall, np.maximum(of_all, _LEAST_SIGMA_PX)


def _freedom(
    links: Links, cameras: Cameras, weight: np.ndarray, of_view: np.ndarray, count: int
) -> np.ndarray:
    """Of the two coordinates of each link, how much the fit of its point and its view leaves free, 0 to 2."""
    inverse = np.linalg.inv(point_blocks(links, cameras, weight, count))[links.point]
    c, s = np.cos(cameras.tilt[links.view]), np.sin(cameras.tilt[links.view])
    across = c * c * inverse[:, 0, 0] + 2 * c * s * inverse[:, 0, 2] + s * s * inverse[:, 2, 2]
    taken = (across + inverse[:, 1, 1]) * weight
    in_view = np.bincount(links.view[weight > 0], minlength=len(of_view)).clip(1)[links.view]
    return np.clip(2 - taken - 3 / in_view, 0, None)
