"""Seeded tables of detections in a tilt series, with their truth: what a segmenter would hand to `voidlab.tilt`.

No images: voids are missed, invented and misplaced at stated rates, so that linking and 3D can be judged on many
series in little time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.tilt import project

_EDGE_BUFFER_PX = 8


@dataclass(frozen=True)
class Detections:
    """A simulated tilt series as tables. Frames are numbered from 1.

    Attributes
    ----------
    voids : DataFrame
        Table ``voids`` of what was detected, with the true ``particle``, <NA> for a false detection.
    tilt_deg : dict
        Tilt of each frame as the microscope states it, degrees.
    true_tilt_deg : ndarray of shape (views,)
        Tilt of each frame as it was.
    axis_deg : float
        Direction of the tilt axis.
    drift_px : ndarray of shape (views, 2)
        Drift of each frame in x and y, px; zero in the frame of least tilt.
    points : DataFrame
        ``particle, x_px, y_px, z_px, radius_px`` of every void in the foil.
    origin : tuple of float
        x, y of the point that the axis passes through, px.
    """

    voids: pd.DataFrame
    tilt_deg: dict[int, float]
    true_tilt_deg: np.ndarray
    axis_deg: float
    drift_px: np.ndarray
    points: pd.DataFrame
    shape: tuple[int, int]
    origin: tuple[float, float]


def tilt_detections(
    seed: int = 0,
    *,
    views: int = 10,
    most_tilt_deg: float = 22.5,
    shape: tuple[int, int] = (1024, 1024),
    voids: int = 440,
    thickness_px: float = 150.0,
    layer: float = 0.5,
    axis_deg: float | None = None,
    drift_step_px: float = 30.0,
    missed: float = 0.15,
    false: float = 0.10,
    displaced: float = 0.0,
    noise_px: float = 0.6,
    angle_error_deg: float = 0.0,
    radius_px: float = 6.5,
) -> Detections:
    """Simulate the detections in a tilt series of a foil that fills the field in every view.

    Parameters
    ----------
    seed
        The same seed gives the same series.
    views, most_tilt_deg
        Number of views; their tilts are evenly spread over ± ``most_tilt_deg``.
    shape
        (H, W) of the images, px.
    voids
        Voids in the field of the untilted foil, about.
    thickness_px
        Thickness of the foil in which the void centres lie, px.
    layer
        Share of the thickness, from either surface, that holds voids: 0.5 fills the foil, 0.15 leaves the inner 70 %
        empty.
    axis_deg
        Direction of the tilt axis; None draws one between −90° and 90°.
    drift_step_px
        Standard deviation of the stage's drift from view to view, px per axis.
    missed, false
        Share of voids that are not detected; false detections per true void in the field.
    displaced
        Share of detections that lie up to 30 px off in x and y.
    noise_px
        Standard deviation of the detected centres, px per axis.
    angle_error_deg
        Standard deviation of the stated tilts about the true ones, degrees; their mean is exact.
    radius_px
        Median radius, px; radii are log-normal with a spread of 30 %, measured to 5 %.
    """
    random = np.random.default_rng(np.random.SeedSequence([seed, 7]))
    axis = float(random.uniform(-90, 90)) if axis_deg is None else axis_deg
    tilts = np.linspace(-most_tilt_deg, most_tilt_deg, views) if views > 1 else np.zeros(views)
    errors = random.normal(0, angle_error_deg, views) if angle_error_deg else np.zeros(views)
    true_tilts = tilts + errors - (errors.mean() if views else 0)
    drift = np.cumsum(random.normal(0, drift_step_px, (views, 2)), axis=0)
    if views:
        drift -= drift[np.argmin(np.abs(tilts))]
    origin = ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    points = _foil(random, shape, voids, radius_px, thickness_px, layer, axis, tilts, drift)
    places = points[["x_px", "y_px", "z_px"]].to_numpy()
    rows = [tables.empty("voids").assign(particle=pd.Series(dtype="Int64"))]
    for row, tilt in enumerate(true_tilts):
        seen = project(places, tilt, axis, origin=origin, drift_px=(drift[row, 0], drift[row, 1]))
        rows.append(_detect(random, row + 1, seen, points, shape, missed, false, displaced, noise_px))
    found = pd.concat(rows[1:] or rows, ignore_index=True)
    angles = {row + 1: float(tilt) for row, tilt in enumerate(tilts)}
    return Detections(found, angles, true_tilts, axis, drift, points, shape, origin)


def _foil(
    random: np.random.Generator,
    shape: tuple[int, int],
    voids: int,
    radius_px: float,
    thickness_px: float,
    layer: float,
    axis_deg: float,
    tilts: np.ndarray,
    drift: np.ndarray,
) -> pd.DataFrame:
    """Voids all over a foil that reaches past the field in every view."""
    reach = np.hypot(*shape) / 2 + np.abs(drift).max(initial=0)
    steepest = np.deg2rad(np.abs(tilts).max(initial=0))
    across = (reach + thickness_px * np.sin(steepest)) / np.cos(steepest)
    count = round(voids * 4 * across * reach / (shape[0] * shape[1]))
    pq = random.uniform(-1, 1, (count, 2)) * [across, reach]
    flat = np.column_stack([pq, np.zeros(count)])
    a = np.deg2rad(axis_deg)
    depth = random.uniform(0, layer, count)
    return pd.DataFrame(
        {
            "particle": np.arange(count),
            "x_px": flat[:, 0] * np.cos(a) - flat[:, 1] * np.sin(a) + (shape[1] - 1) / 2,
            "y_px": flat[:, 0] * np.sin(a) + flat[:, 1] * np.cos(a) + (shape[0] - 1) / 2,
            "z_px": thickness_px * (0.5 - depth) * random.choice([-1, 1], count),
            "radius_px": np.maximum(radius_px * random.lognormal(0, 0.3, count), 2.5),
        }
    )


def _detect(
    random: np.random.Generator,
    frame: int,
    seen: np.ndarray,
    points: pd.DataFrame,
    shape: tuple[int, int],
    missed: float,
    false: float,
    displaced: float,
    noise_px: float,
) -> pd.DataFrame:
    """Table ``voids`` of a frame, in the order of y then x as a labelled image would give it."""
    size = np.array([shape[1] - 1, shape[0] - 1])
    inside = ((seen >= 0) & (seen <= size)).all(axis=1)
    real = np.flatnonzero(inside & (random.random(len(seen)) >= missed))
    xy = seen[real] + random.normal(0, noise_px, (len(real), 2))
    off = random.random(len(real)) < displaced
    xy[off] += random.uniform(-30, 30, (int(off.sum()), 2))
    radius = points["radius_px"].to_numpy()[real] * random.normal(1, 0.05, len(real))
    extra = random.poisson(false * inside.sum())
    particle = pd.array(points["particle"].to_numpy()[real], dtype="Int64")
    particle[off] = pd.NA
    table = pd.DataFrame(
        {
            "frame": frame,
            "x_px": np.concatenate([xy[:, 0], random.uniform(0, size[0], extra)]),
            "y_px": np.concatenate([xy[:, 1], random.uniform(0, size[1], extra)]),
            "radius_px": np.concatenate([radius, random.choice(points["radius_px"].to_numpy(), extra)]),
            "particle": pd.array([*particle, *[pd.NA] * extra], dtype="Int64"),
        }
    )
    table = table.sort_values(["y_px", "x_px"], ignore_index=True)
    reach = table["radius_px"] + _EDGE_BUFFER_PX
    x, y = table["x_px"], table["y_px"]
    touches = (x < reach) | (y < reach) | (x > size[0] - reach) | (y > size[1] - reach)
    table = table.assign(
        label=np.arange(1, len(table) + 1), area_px=np.pi * table["radius_px"] ** 2,
        kind="void", confidence=1.0, touches_edge=touches,
    )  # fmt: skip
    return tables.check(table, "voids")
