"""Tilt geometry: where a point in the foil is seen when the foil is tilted."""

import numpy as np


def to_axis(xy: np.ndarray, axis: float) -> np.ndarray:
    """Positions or drifts (n, 2) as (p, q): across and along an axis at ``axis`` radians."""
    x, y = xy[:, 0], xy[:, 1]
    return np.column_stack([x * np.cos(axis) + y * np.sin(axis), y * np.cos(axis) - x * np.sin(axis)])


def from_axis(pq: np.ndarray, axis: float) -> np.ndarray:
    """(p, q) of `to_axis` back as (x, y)."""
    return to_axis(pq, -axis)


def project(
    points: np.ndarray,
    tilt_deg: float,
    axis_deg: float,
    *,
    origin: tuple[float, float] = (0.0, 0.0),
    drift_px: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Where points are seen at a tilt.

    The axis runs along (−sin a, cos a) in (x right, y down), so that a = 0 is an axis along image y. With
    p = x cos a + y sin a across the axis and q = −x sin a + y cos a along it, a point at depth z is seen at
    p' = p cos t + z sin t, q' = q.

    Parameters
    ----------
    points : ndarray of shape (n, 3)
        x, y and depth z, px, in the frame of the untilted image; z = 0 is mid-foil.
    tilt_deg, axis_deg : float
        Tilt t and direction a of the axis, degrees.
    origin : tuple of float
        x, y of the point that the axis passes through, px.
    drift_px : tuple of float
        Drift of the frame, x and y, px; added last.

    Returns
    -------
    ndarray of shape (n, 2)
        x and y in the image, px.
    """
    tilt, axis = np.deg2rad(tilt_deg), np.deg2rad(axis_deg)
    flat = to_axis(points[:, :2] - origin, axis)
    flat[:, 0] = flat[:, 0] * np.cos(tilt) + points[:, 2] * np.sin(tilt)
    return np.asarray(from_axis(flat, axis) + origin + drift_px)


def unproject(
    seen: np.ndarray,
    depth: np.ndarray,
    tilt_deg: np.ndarray,
    axis_deg: float,
    *,
    origin: tuple[float, float] = (0.0, 0.0),
    drift_px: np.ndarray | tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Where in the untilted foil that lies which is seen at a tilt: `project` turned round, the depth being known.

    Parameters
    ----------
    seen : ndarray of shape (n, 2)
        x and y in the images, px.
    depth, tilt_deg : ndarray of shape (n,)
        Depth, px, and tilt of the image, degrees, of each.
    drift_px : ndarray of shape (n, 2)
        Drift of the image of each, px; or one for all.

    Returns
    -------
    ndarray of shape (n, 2)
        x and y in the untilted foil, px.
    """
    tilt = np.deg2rad(tilt_deg)
    flat = to_axis(np.asarray(seen - np.asarray(drift_px) - origin, np.float64), np.deg2rad(axis_deg))
    flat[:, 0] = (flat[:, 0] - depth * np.sin(tilt)) / np.cos(tilt)
    return from_axis(flat, np.deg2rad(axis_deg)) + origin
