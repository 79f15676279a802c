"""The result of a reconstruction: links, points, views, and how far they can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from voidlab.tilt.checks import Checks

CONVENTIONS = (
    "Gauges, which no series of views can tell: the origin (no drift in the reference frame, z = 0 in mid-foil); "
    "a common offset of all tilts (their mean stays as stated; foil_tilt_deg says how the foil lies to it); "
    "the mirror (a positive tilt moves what has positive z towards positive p, flipped() gives the other hand)."
)


@dataclass(frozen=True)
class TiltModel:
    """Voids of a tilt series in 3D. `CONVENTIONS` says what is fixed by choice.

    A point (x, y, z) is seen at ``voidlab.tilt.project(points, tilt_deg, tilt_axis_deg, origin=origin_px,
    drift_px=drift)``.

    Attributes
    ----------
    voids : DataFrame
        The rows that were given, with ``particle`` (Int64), <NA> when not linked.
    points : DataFrame
        ``particle, x_px, y_px, z_px, sigma_x_px, sigma_y_px, sigma_z_px, radius_px, views``; x and y in the untilted
        foil as the reference frame has it, z along the beam from mid-foil.
    covariance_px2 : ndarray of shape (points, 3, 3)
        Covariance of x, y, z of each point, px², mid-foil taken where it was found: the error of that,
        ``foil_z_sigma_px``, moves all depths alike.
    views : DataFrame
        ``frame, tilt_deg`` (refined), ``drift_x_px, drift_y_px, residual_px`` (rms distance of the linked voids from
        where the points are seen), ``left_out_found, left_out_error`` (see `Checks`); NaN in frames that were left
        out.
    drift_px, drift_sigma_px : ndarray of shape (views, 2)
        Drift (x, y) of each frame and its standard error, in the order of ``views``; 0 ± 0 in the reference frame.
    tilt_axis_deg, tilt_axis_sigma_deg : float
        Direction of the axis in (−90, 90] and its standard error.
    axis_by_stretch_deg : float
        The axis by another method: stretching the views until they agree; good to some degrees.
    origin_px : tuple of float
        x, y of the point that the axis passes through.
    sigma_px : float
        Error of a detected centre per axis, as the residuals show it.
    thickness_px : float
        Distance between the faces of what holds voids, NaN when refused (``thickness_reason`` says why); the foil
        may reach further. With 95 % it lies in ``thickness_interval_px``.
    thickness_method : str
        "even depths" or "outermost voids".
    foil_tilt_deg, foil_tilt_sigma_deg : float
        Tilt of the foil about the axis at stated tilt zero, and its standard error: added to the stated tilts it
        gives those of the foil to the beam.
    foil_z_sigma_px : float
        Standard error of where mid-foil lies; NaN where the foil is not known.
    foil_plane : tuple of float
        Mid-foil (c, a, b), in the gauge of the points: z = c + a p + b q, with p across and q along the axis, from
        ``origin_px``.
    checks : Checks or None
        The figures behind the verdict; None when nothing was reconstructed.
    verdict : str
        "good", "check" or "do not use".
    reasons : list of str
        Why not good.
    """

    voids: pd.DataFrame
    points: pd.DataFrame
    covariance_px2: np.ndarray
    views: pd.DataFrame
    drift_px: np.ndarray
    drift_sigma_px: np.ndarray
    tilt_axis_deg: float
    tilt_axis_sigma_deg: float
    axis_by_stretch_deg: float
    origin_px: tuple[float, float]
    sigma_px: float
    thickness_px: float
    thickness_interval_px: tuple[float, float]
    thickness_method: str
    thickness_reason: str
    foil_tilt_deg: float
    foil_tilt_sigma_deg: float
    foil_z_sigma_px: float
    foil_plane: tuple[float, float, float]
    checks: Checks | None
    verdict: str
    reasons: list[str]

    def flipped(self) -> TiltModel:
        """The mirror image: depths and tilts of opposite sign, seen just the same."""
        signs = np.array([1.0, 1.0, -1.0])
        return replace(
            self,
            points=self.points.assign(z_px=-self.points["z_px"]),
            covariance_px2=self.covariance_px2 * np.outer(signs, signs),
            views=self.views.assign(tilt_deg=-self.views["tilt_deg"]),
            foil_tilt_deg=-self.foil_tilt_deg,
            foil_plane=(-self.foil_plane[0], -self.foil_plane[1], -self.foil_plane[2]),
        )


_LENGTHS = ("x_px", "y_px", "z_px", "sigma_x_px", "sigma_y_px", "sigma_z_px", "radius_px")
_POINTS = {"particle": "int64", **dict.fromkeys(_LENGTHS, "float64"), "views": "int64"}


def points_table(*columns: np.ndarray) -> pd.DataFrame:
    """Table of points, typed, from its columns one by one or some together; without any, an empty one."""
    values = np.column_stack(columns or [np.zeros((0, len(_POINTS)))])
    return pd.DataFrame(values, columns=list(_POINTS)).astype(_POINTS)
