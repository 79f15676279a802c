"""Where a result has its origin, which no view can tell, and the errors of drifts and points as seen from there.

The origin is chosen: no drift in the view of least tilt, and depth 0 in mid-foil where that was found. The drift of
that view is then exact, and its error becomes one of all other drifts and of x and y of all points.
"""

from dataclasses import dataclass

import numpy as np

from voidlab.tilt.geometry import from_axis
from voidlab.tilt.solver.bundle import Cameras


@dataclass(frozen=True)
class InGauge:
    """Cameras and points (n, 3), as X, Y, Z, as seen from the chosen origin.

    ``back`` (2,) is how far points moved along X and Y; ``back_by_views`` (2, C) and ``shift_by_views`` (views, 2, C)
    are the derivatives of that and of the shifts by what the bundle knows of the views.
    """

    cameras: Cameras
    points: np.ndarray
    back: np.ndarray
    back_by_views: np.ndarray
    shift_by_views: np.ndarray

    def drift_sigma(self, views: np.ndarray) -> np.ndarray:
        """Standard error (views, 2) of the drifts in x and y, px, from the covariance (C, C) of the views."""
        by_views = _turn(self.cameras.axis)[:2, :2] @ self.shift_by_views
        by_views[:, :, 0] += _turned(self.cameras.shift, self.cameras.axis)
        return np.sqrt(np.einsum("kic,cd,kid->ki", by_views, views, by_views).clip(0))

    def covariance(self, own: np.ndarray, by_views: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Covariance (n, 3, 3) of x, y, z of the points, of the parts that `bundle.covariance` gives."""
        turn = _turn(self.cameras.axis)
        by_views = by_views.copy()
        by_views[:, :2] += self.back_by_views
        by_views = turn @ by_views
        # The frame X, Y turns with the axis: what of that is only the frame is not an error of x and y.
        by_views[:, :2, 0] += _turned(self.points[:, :2], self.cameras.axis)
        return turn @ own @ turn.T + by_views @ views @ by_views.transpose(0, 2, 1)


def in_gauge(cameras: Cameras, points: np.ndarray, middle: float) -> InGauge:
    """Cameras and points seen from the chosen origin; ``middle`` is the depth of mid-foil."""
    tilt, count = cameras.tilt, len(cameras.tilt)
    reference, every = int(np.argmin(np.abs(tilt))), np.arange(count)
    p, q, t = (1 + part * count + every for part in range(3))
    cos, sin = np.cos(tilt), np.sin(tilt)
    shift = cameras.shift + np.column_stack([middle * sin, np.zeros(count)])
    back = shift[reference] / [cos[reference], 1.0]
    shift = shift - np.column_stack([back[0] * cos, np.full(count, back[1])])
    shift[reference] = 0.0
    back_by_views = np.zeros((2, 1 + 3 * count))
    back_by_views[0, p[reference]] = 1 / cos[reference]
    back_by_views[0, t[reference]] = middle + back[0] * np.tan(tilt[reference])
    back_by_views[1, q[reference]] = 1.0
    by_views = np.zeros((count, 2, 1 + 3 * count))
    by_views[every, 0, p] = by_views[every, 1, q] = 1.0
    by_views[every, 0, t] = middle * cos + back[0] * sin
    by_views -= np.column_stack([cos, np.ones(count)])[:, :, None] * back_by_views
    by_views[reference] = 0.0
    moved = points + np.append(back, -middle)
    return InGauge(Cameras(cameras.axis, tilt, shift), moved, back, back_by_views, by_views)


def _turn(axis: float) -> np.ndarray:
    """Rotation (3, 3) from X, Y, Z to x, y, z."""
    c, s = np.cos(axis), np.sin(axis)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _turned(pq: np.ndarray, axis: float) -> np.ndarray:
    """Derivative (n, 2) of x and y of what keeps its place (p, q) by the axis."""
    return from_axis(np.column_stack([-pq[:, 1], pq[:, 0]]), axis)
