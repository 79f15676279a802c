"""Outlines of voids: circles, and the ellipses that elongated ones were drawn as by hand.

An ellipse has the area of the circle of ``radius_px``. Its ``orientation_deg`` is that of its long axis: from x,
right, towards y, down.
"""

import numpy as np
import pandas as pd

ELLIPSE = ["semi_major_px", "semi_minor_px", "orientation_deg"]


def axes_of(voids: pd.DataFrame) -> np.ndarray:
    """Semi-axes, px, and orientation, deg, of the outline of each void (n, 3); of circles the radius twice, 0."""
    radius = voids["radius_px"].to_numpy(np.float64)
    axes = np.column_stack([radius, radius, np.zeros(len(radius))])
    if set(ELLIPSE) <= set(voids.columns):
        drawn = voids[ELLIPSE].to_numpy(np.float64)
        known = np.isfinite(drawn).all(axis=1)
        axes[known] = drawn[known]
    return axes


def is_drawn_as_ellipse(axes: np.ndarray) -> np.ndarray:
    """Which of ``axes`` (n, 3), as of `axes_of`, are of an ellipse (n,)."""
    return np.asarray(axes[:, 0] != axes[:, 1])


def reach(axes: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """How far points at (``dx``, ``dy``) from the centres lie, in parts of the way to the outline: 1 is on it.

    ``axes`` (n, 3) as of `axes_of`; of a single outline the points may be many, and of any shape.
    """
    major, minor, turned = axes.T if len(axes) > 1 else axes[0]
    cos, sin = np.cos(np.deg2rad(turned)), np.sin(np.deg2rad(turned))
    return np.asarray(np.hypot((dx * cos + dy * sin) / major, (dy * cos - dx * sin) / minor))


def points_on(x: float, y: float, axes: np.ndarray, count: int = 72) -> np.ndarray:
    """Points (count, 2) around the outline with ``axes`` (3,) about (``x``, ``y``), clockwise as seen."""
    along = np.linspace(0, 2 * np.pi, count, endpoint=False)
    u, v = axes[0] * np.cos(along), axes[1] * np.sin(along)
    cos, sin = np.cos(np.deg2rad(axes[2])), np.sin(np.deg2rad(axes[2]))
    return np.column_stack([x + u * cos - v * sin, y + u * sin + v * cos])
