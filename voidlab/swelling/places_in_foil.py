"""Where the points of a tilt series lie in its foil, and which part of the foil all its views show.

Works on the tables ``points``, ``views`` and ``reconstruction``.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from voidlab.swelling.sample import SwellingError
from voidlab.tilt import project, unproject
from voidlab.tilt.geometry import from_axis, to_axis

_LEAST_SIDE_PX = 32.0
# Of parallax between depths, px: what hides less of the specimen than a void is wide is not missed.
_STEP_PX = 8.0
ValidInFrame = Callable[[int], np.ndarray]  # by its number, the pixels (H, W) that show the specimen
Field = tuple[float, float, float, float]


def depth_in_foil(points: pd.DataFrame, reconstruction: pd.DataFrame) -> np.ndarray:
    """Distance (n,) of each point from mid-foil, px, along the foil's normal; NaN where no foil is known."""
    if reconstruction.empty:
        return np.full(len(points), np.nan)
    row = reconstruction.iloc[0]
    off = points["z_px"].to_numpy(np.float64) - mid_foil(points[["x_px", "y_px"]].to_numpy(np.float64), row)
    return np.asarray(off * np.cos(inclination(row)))


def mid_foil(xy: np.ndarray, row: pd.Series) -> np.ndarray:
    """Depth (n,) of mid-foil, px, at places (n, 2) in the untilted foil; ``row`` of the table ``reconstruction``."""
    origin = row[["origin_x_px", "origin_y_px"]].to_numpy(np.float64)
    slope = row[["foil_slope_across", "foil_slope_along"]].to_numpy(np.float64)
    return np.asarray(row["foil_z_px"] + to_axis(xy - origin, np.deg2rad(row["tilt_axis_deg"])) @ slope)


def inclination(row: pd.Series) -> float:
    """Angle, radians, between the foil's normal and the beam at stated tilt zero."""
    return float(np.arctan(np.hypot(row["foil_slope_across"], row["foil_slope_along"])))


def flattened(
    linked: pd.DataFrame, points: pd.DataFrame, views: pd.DataFrame, reconstruction: pd.DataFrame
) -> pd.DataFrame:
    """Linked voids of which a point is known, with ``z_px`` of it, and ``x_flat_px``, ``y_flat_px``.

    These are the position as seen less drift, tilt and the parallax of its depth: of a void rightly linked they are
    the same in every view, but for the noise.
    """
    seen = linked.merge(points[["particle", "z_px"]], on="particle")
    seen = seen.merge(views[["frame", "tilt_deg", "drift_x_px", "drift_y_px"]], on="frame")
    if seen.empty:
        return seen.assign(x_flat_px=pd.Series(dtype="float64"), y_flat_px=pd.Series(dtype="float64"))
    row = reconstruction.iloc[0]
    flat = unproject(
        seen[["x_px", "y_px"]].to_numpy(),
        seen["z_px"].to_numpy(),
        seen["tilt_deg"].to_numpy(),
        row["tilt_axis_deg"],
        origin=(row["origin_x_px"], row["origin_y_px"]),
        drift_px=seen[["drift_x_px", "drift_y_px"]].to_numpy(),
    )
    return seen.assign(x_flat_px=flat[:, 0], y_flat_px=flat[:, 1])


def common_field(
    views: pd.DataFrame,
    reconstruction: pd.DataFrame,
    shape: tuple[int, int],
    *,
    thickness_px: float | None = None,
) -> Field:
    """Left, top, right, bottom, px, of the part of the untilted foil that every view shows, at every depth in it.

    Parameters
    ----------
    shape
        (H, W) of the images, px.
    thickness_px
        Thickness of the foil; None: as the depths give it, if they do.

    Raises
    ------
    SwellingError
        If the views have too little in common.
    """
    row, used = reconstruction.iloc[0], views.dropna(subset="drift_x_px")
    height, width = shape
    corners = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [-0.5, height - 0.5], [width - 0.5, height - 0.5]])
    thickness = row["thickness_px"] if thickness_px is None else thickness_px
    half = 0.0 if pd.isna(thickness) else thickness / 2
    middle = mid_foil(corners, row)
    inner = [-np.inf, -np.inf, np.inf, np.inf]
    for view in used.itertuples():
        for depth in (middle - half, middle + half):
            flat = unproject(
                corners,
                depth,
                np.full(4, view.tilt_deg),
                row["tilt_axis_deg"],
                origin=(row["origin_x_px"], row["origin_y_px"]),
                drift_px=np.array([view.drift_x_px, view.drift_y_px]),
            )
            inner[0] = max(inner[0], flat[[0, 2], 0].max())
            inner[1] = max(inner[1], flat[[0, 1], 1].max())
            inner[2] = min(inner[2], flat[[1, 3], 0].min())
            inner[3] = min(inner[3], flat[[2, 3], 1].min())
    left, top, right, bottom = map(float, inner)
    if not min(right - left, bottom - top) >= _LEAST_SIDE_PX:
        raise SwellingError(
            f"the {len(used)} views have too little of the foil in common to count voids in it; expected at least "
            f"{_LEAST_SIDE_PX:.0f} px a side. Leave out the views that lie furthest off."
        )
    return left, top, right, bottom


def in_field(points: pd.DataFrame, field: Field, shown: np.ndarray | None) -> np.ndarray:
    """Which points (n,) lie in a field and, where these are given, on one of the pixels ``shown`` of it."""
    left, top, right, bottom = field
    x, y = points["x_px"].to_numpy(np.float64), points["y_px"].to_numpy(np.float64)
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    if shown is None:
        return np.asarray(inside)
    column, line = ((v - first).astype(int) for v, first in ((x, left), (y, top)))
    height, width = shown.shape
    return np.asarray(inside & shown[line.clip(0, height - 1), column.clip(0, width - 1)])


def shown_by_all(
    field: Field,
    views: pd.DataFrame,
    reconstruction: pd.DataFrame,
    valid: ValidInFrame,
    *,
    thickness_px: float | None = None,
) -> np.ndarray:
    """Pixels of ``field``, a part of the untilted foil, that are valid in every view, at every depth in the foil.

    Parameters
    ----------
    field
        As `common_field` gives it.
    valid
        Gives the pixels (H, W) of a frame, by its number, that show the specimen.
    thickness_px
        As for `common_field`.

    Raises
    ------
    SwellingError
        If there are none.
    """
    row, used = reconstruction.iloc[0], views.dropna(subset="drift_x_px")
    thickness = row["thickness_px"] if thickness_px is None else thickness_px
    half = 0.0 if pd.isna(thickness) else thickness / 2
    left, top, right, bottom = field
    x, y = np.meshgrid(
        *(first + 0.5 + np.arange(int(last - first)) for first, last in ((left, right), (top, bottom)))
    )
    xy = np.column_stack([x.ravel(), y.ravel()])
    middle = mid_foil(xy, row)
    shown = np.ones(len(xy), bool)
    across = from_axis(np.array([[1.0, 0.0]]), np.deg2rad(row["tilt_axis_deg"]))
    columns = ["frame", "tilt_deg", "drift_x_px", "drift_y_px"]
    for frame, tilt, drift_x, drift_y in used[columns].to_numpy(np.float64):
        mask = valid(int(frame))
        if mask.all():
            continue
        origin = (row["origin_x_px"], row["origin_y_px"])
        seen = project(
            np.column_stack([xy, middle]),
            tilt,
            row["tilt_axis_deg"],
            origin=origin,
            drift_px=(drift_x, drift_y),
        )
        reach = half * np.sin(np.deg2rad(tilt))
        for parallax in np.linspace(-reach, reach, 2 + int(2 * abs(reach) / _STEP_PX)):
            column, line = np.rint(seen + parallax * across).astype(int).T
            shown &= mask[line.clip(0, mask.shape[0] - 1), column.clip(0, mask.shape[1] - 1)]
    if not shown.any():
        raise SwellingError("no part of the specimen is shown by all views: there is nowhere to count voids.")
    return shown.reshape(x.shape)
