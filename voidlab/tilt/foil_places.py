"""Points in depth of voids that are linked already, in views that are known: what corrections by hand need."""

import numpy as np
import pandas as pd

from voidlab.tilt.geometry import from_axis, to_axis
from voidlab.tilt.result import points_table
from voidlab.tilt.solver.bundle import Cameras, Links, point_blocks, triangulate


def place(
    linked: pd.DataFrame,
    views: pd.DataFrame,
    *,
    tilt_axis_deg: float,
    origin_px: tuple[float, float],
    sigma_px: float,
) -> pd.DataFrame:
    """Points that fit their linked voids best, the views being held.

    Parameters
    ----------
    linked : DataFrame
        ``frame, particle, x_px, y_px, radius_px``; the positions as seen, not corrected for drift.
    views : DataFrame
        ``frame, tilt_deg, drift_x_px, drift_y_px``; NaN where a view is not placed.
    sigma_px
        Error of a detected centre per axis, px.

    Returns
    -------
    DataFrame
        As ``TiltModel.points``, by ascending particle; only those seen in two placed views or more. The errors are
        those of the detections alone.
    """
    placed = views.dropna(subset=["drift_x_px", "drift_y_px"])
    seen = linked[linked["frame"].isin(placed["frame"])]
    seen = seen[seen.groupby("particle")["frame"].transform("nunique") > 1]
    if seen.empty:
        return points_table()
    axis, origin = float(np.deg2rad(tilt_axis_deg)), np.array(origin_px)
    drift = placed[["drift_x_px", "drift_y_px"]].to_numpy(np.float64)
    cameras = Cameras(axis, np.deg2rad(placed["tilt_deg"].to_numpy(np.float64)), to_axis(drift, axis))
    particle, point = np.unique(seen["particle"].to_numpy(np.int64), return_inverse=True)
    view = pd.Index(placed["frame"]).get_indexer(seen["frame"])
    links = Links(view, point, seen[["x_px", "y_px"]].to_numpy(np.float64) - origin)
    weight = np.ones(len(view))
    points = triangulate(links, cameras, weight, len(particle))
    own = sigma_px**2 * np.linalg.inv(point_blocks(links, cameras, weight, len(particle)))
    c2, s2 = np.cos(axis) ** 2, np.sin(axis) ** 2
    across, along, depth = np.diagonal(own, axis1=1, axis2=2).T  # p and q of a point do not correlate
    xy = from_axis(points[:, :2], axis) + origin
    sigma = np.sqrt(np.column_stack([across * c2 + along * s2, across * s2 + along * c2, depth]))
    radius = seen.groupby("particle")["radius_px"].median().to_numpy(np.float64)
    return points_table(particle, xy, points[:, 2], sigma, radius, np.bincount(point))
