"""Puts the result of a reconstruction together: gauge, errors, foil, tables."""

from dataclasses import replace

import numpy as np
import pandas as pd

from voidlab.tables.verdict import CHECK, DO_NOT_USE, GOOD
from voidlab.tilt.attempt import Attempt
from voidlab.tilt.foil import Foil, fit_foil
from voidlab.tilt.gauge import in_gauge
from voidlab.tilt.geometry import from_axis
from voidlab.tilt.inputs import Given
from voidlab.tilt.result import TiltModel, points_table
from voidlab.tilt.solver.bundle import Cameras, covariance

_POINT_VIEWS = 3  # for a depth to count in the thickness
_OF_VIEWS = ["drift_x_px", "drift_y_px", "residual_px", "left_out_found", "left_out_error"]


def model(given: Given, attempt: Attempt) -> TiltModel:
    """The result of an attempt, in the frame and the units of the images."""
    linked = attempt.linked
    parts = covariance(linked.links, linked.solution, attempt.prior)
    foil = _foil(attempt, *parts)
    failed = attempt.verdict == DO_NOT_USE
    if failed:
        nan = float("nan")
        reason = "the reconstruction is not to be used"
        foil = replace(foil, thickness_px=nan, interval_px=(nan, nan), method="", reason=reason)
    seen = in_gauge(linked.solution.cameras, linked.solution.points, foil.middle[0])
    cameras, points, spread = seen.cameras, seen.points, seen.covariance(*parts)
    particle, order = _particles(given, attempt)
    # An axis turned by 180° is the same axis: p, q and with them the depths change sign.
    turns = np.ceil((np.rad2deg(cameras.axis) - 90) / 180)
    sign = -1.0 if turns % 2 else 1.0
    flip = np.array([1.0, 1.0, sign])
    points = np.column_stack([from_axis(points[:, :2], cameras.axis) + given.origin, points[:, 2]]) * flip
    spread = spread * np.outer(flip, flip)
    doubtful = given.notes and attempt.verdict == GOOD
    return TiltModel(
        voids=given.voids.assign(particle=particle),
        points=_points(attempt, points[order], spread[order], order),
        covariance_px2=spread[order],
        views=_views(given, attempt, cameras),
        drift_px=given.by_frame(from_axis(cameras.shift, cameras.axis)),
        drift_sigma_px=given.by_frame(seen.drift_sigma(parts[-1])),
        tilt_axis_deg=float(np.rad2deg(cameras.axis) - 180 * turns),
        tilt_axis_sigma_deg=float(np.rad2deg(np.sqrt(parts[-1][0, 0]))),
        axis_by_stretch_deg=float(np.rad2deg(attempt.scanned)),
        origin_px=given.origin,
        sigma_px=linked.solution.sigma_px,
        thickness_px=foil.thickness_px,
        thickness_interval_px=foil.interval_px,
        thickness_method=foil.method,
        thickness_reason=foil.reason,
        # A foil that rises with p is level once the stage has tilted it so far: at zero it leans the other way.
        foil_tilt_deg=-float(np.rad2deg(np.arctan(foil.middle[1]))) if foil.known else float("nan"),
        foil_tilt_sigma_deg=float(np.rad2deg(foil.middle_sigma[1])),
        foil_z_sigma_px=foil.middle_sigma[0],
        foil_plane=(-sign * float(seen.back @ foil.middle[1:]), foil.middle[1], foil.middle[2]),
        checks=attempt.checks,
        verdict=CHECK if doubtful else attempt.verdict,
        reasons=[*attempt.reasons, *given.notes],
    )


def _foil(attempt: Attempt, own: np.ndarray, by_views: np.ndarray, views: np.ndarray) -> Foil:
    """The foil by the points that were seen often enough; the rest are the parts of their errors."""
    linked = attempt.linked
    sure = np.bincount(linked.links.point, minlength=linked.count) >= _POINT_VIEWS
    of_views = np.einsum("nc,cd,nd->n", by_views[:, 2], views, by_views[:, 2])
    return fit_foil(linked.solution.points[sure], np.sqrt(own[:, 2, 2] + of_views)[sure])


def _particles(given: Given, attempt: Attempt) -> tuple[pd.Series, np.ndarray]:
    """Particle of every void, numbered by first frame and label, and the points in the order of these numbers."""
    linked = attempt.linked
    particle = pd.Series(pd.NA, index=given.voids.index, dtype="Int64")
    number, order = pd.factorize(linked.track[linked.rows])
    particle.iloc[given.rows[linked.rows]] = number
    return particle, np.asarray(order)


def _points(attempt: Attempt, points: np.ndarray, spread: np.ndarray, order: np.ndarray) -> pd.DataFrame:
    linked = attempt.linked
    radius = pd.Series(attempt.series.radius[linked.rows]).groupby(linked.links.point).median().to_numpy()
    seen = np.bincount(linked.links.point, minlength=linked.count)
    sigma = np.sqrt(np.diagonal(spread, axis1=1, axis2=2))
    return points_table(np.arange(linked.count), points, sigma, radius[order], seen[order])


def _views(given: Given, attempt: Attempt, cameras: Cameras) -> pd.DataFrame:
    links, count = attempt.linked.links, len(given.frames)
    square = np.bincount(links.view, (attempt.linked.solution.residual**2).sum(axis=1), count)
    rms = np.sqrt(square / np.bincount(links.view, minlength=count).clip(1))
    left_out = (attempt.checks.left_out, attempt.checks.left_out_error)
    values = np.column_stack(
        [np.rad2deg(cameras.tilt), from_axis(cameras.shift, cameras.axis), rms, *left_out]
    )
    table = pd.DataFrame(given.by_frame(values), columns=["tilt_deg", *_OF_VIEWS])
    table["tilt_deg"] = table["tilt_deg"].fillna(given.angles.reset_index(drop=True))
    table.insert(0, "frame", given.angles.index.to_numpy(np.int64))
    return table


def nothing(given: Given, reason: str) -> TiltModel:
    """What is given when nothing can be reconstructed: typed, empty, and why."""
    voids, angles = given.voids, given.angles
    nan = float("nan")
    unknown = np.full((len(angles), 2), nan)
    views = pd.DataFrame({"frame": angles.index.to_numpy(np.int64), "tilt_deg": angles.to_numpy()})
    views = views.assign(**dict.fromkeys(_OF_VIEWS, nan))
    return TiltModel(
        voids=voids.assign(particle=pd.array([pd.NA] * len(voids), dtype="Int64")),
        points=points_table(),
        covariance_px2=np.zeros((0, 3, 3)),
        views=views,
        drift_px=unknown,
        drift_sigma_px=unknown.copy(),
        tilt_axis_deg=nan,
        tilt_axis_sigma_deg=nan,
        axis_by_stretch_deg=nan,
        origin_px=given.origin,
        sigma_px=nan,
        thickness_px=nan,
        thickness_interval_px=(nan, nan),
        thickness_method="",
        thickness_reason="nothing was reconstructed",
        foil_tilt_deg=nan,
        foil_tilt_sigma_deg=nan,
        foil_z_sigma_px=nan,
        foil_plane=(nan, nan, nan),
        checks=None,
        verdict=DO_NOT_USE,
        reasons=[reason, *given.notes],
    )
