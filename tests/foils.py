"""Foils with spheres in them, and what a microscope shows of these: known truth for the stereology."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from detections import tilt_detections
from voidlab import tables
from voidlab.project.parameters.models import TrackParameters
from voidlab.tilt.foil import fit_foil
from voidlab.tilt.geometry import to_axis
from voidlab.track.series import link_series

SHAPE, THICK = (420, 560), 80.0  # of images and foil of `linked_in_depth`, unless it is told others


def spheres(random, *, shape, thickness, density, diameter, spread=0.3, resolved=0.0):
    """Circles that a foil shows in an image, as a table of voids; all lengths in px.

    Spheres with log-normal diameters lie evenly in and beyond the foil, ``density`` per px³; of one whose centre is
    not in the foil a cap is left. ``spread`` is that of the logarithm; ``diameter`` the mean. Caps narrower than
    ``resolved`` cannot be seen.
    """
    far = 4 * diameter
    size = np.array([shape[1], shape[0], thickness]) + 2 * far
    count = random.poisson(density * np.prod(size))
    x, y, z = (random.uniform(-far, -far + length, count) for length in size)
    radius = random.lognormal(np.log(diameter) - spread**2 / 2, spread, count) / 2
    outside = np.maximum(np.maximum(-z, z - thickness), 0)
    seen = np.sqrt(np.maximum(radius**2 - outside**2, 0))
    in_image = (
        (x + seen > -0.5) & (x - seen < shape[1] - 0.5) & (y + seen > -0.5) & (y - seen < shape[0] - 0.5)
    )
    kept = in_image & (seen > resolved / 2)
    return pd.DataFrame(
        {"frame": 1, "x_px": x[kept], "y_px": y[kept], "radius_px": seen[kept], "kind": "void"}
    )


def volume_fraction(density, diameter, spread=0.3):
    """Volume fraction of spheres with log-normal diameters of mean ``diameter``."""
    return density * np.pi / 6 * diameter**3 * np.exp(3 * spread**2)


@dataclass(frozen=True)
class InDepth:
    """Tables of a tilt series whose voids were placed in depth, all links being right; lengths in px."""

    points: pd.DataFrame
    views: pd.DataFrame
    reconstruction: pd.DataFrame
    shape: tuple[int, int]


def placed_in_depth(
    random, *, shape, thickness, density, diameter, sigma=0.8, spread=0.3, views=7, caps=False, measured=True
):
    """Points of spheres that lie evenly in a foil, and what `voidlab.tilt` says of it; all lengths in px.

    ``sigma`` is the error of a depth. ``caps``: spheres lie beyond the surfaces too, which leave caps of them there.
    ``measured``: the thickness is that of the depths, else the true one, and exact.
    """
    far = 2 * diameter
    beyond = far if caps else 0.0
    size = np.array([shape[1] + 2 * far, shape[0] + 2 * far, thickness + 2 * beyond])
    count = random.poisson(density * np.prod(size))
    x, y = random.uniform(-far, size[0] - far, count), random.uniform(-far, size[1] - far, count)
    z = random.uniform(-size[2] / 2, size[2] / 2, count)
    whole = random.lognormal(np.log(diameter) - spread**2 / 2, spread, count) / 2
    radius = np.sqrt(np.maximum(whole**2 - np.maximum(np.abs(z) - thickness / 2, 0) ** 2, 0))
    error = sigma * random.uniform(0.8, 1.3, count)
    seen = z.clip(-thickness / 2, thickness / 2) + error * random.normal(size=count)
    points = pd.DataFrame(
        {
            "particle": np.arange(count),
            "x_px": x + random.normal(0, 0.25, count),
            "y_px": y + random.normal(0, 0.25, count),
            "z_px": seen,
            "sigma_x_px": 0.25,
            "sigma_y_px": 0.25,
            "sigma_z_px": error,
            "radius_px": radius,
            "views": views,
        }
    )[radius > 1]
    middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    views = pd.DataFrame({"frame": range(1, views + 1), "tilt_deg": np.linspace(-30, 30, views)})
    views = views.assign(drift_x_px=0.0, drift_y_px=0.0)
    return InDepth(points, views, _foil_of(points, middle, thickness, measured=measured), shape)


def _foil_of(points, middle, thickness, *, measured, axis_deg=25.0):
    about = {"linker": "tilt", "verdict": "good", "thickness_reason": "", "tilt_axis_deg": axis_deg}
    about |= {"origin_x_px": middle[0], "origin_y_px": middle[1]}
    interval, plane = dict.fromkeys(("", "_low", "_high"), thickness), (0.0, 0.0, 0.0)
    if measured:
        pq = to_axis(points[["x_px", "y_px"]].to_numpy() - middle, np.deg2rad(axis_deg))
        depth, sigma = points["z_px"].to_numpy(), points["sigma_z_px"].to_numpy()
        foil = fit_foil(np.column_stack([pq, depth]), sigma)
        low, high = foil.interval_px
        interval, plane = {"": foil.thickness_px, "_low": low, "_high": high}, foil.middle
    about |= {f"thickness{name}_px": value for name, value in interval.items()}
    about |= dict(zip(("foil_z_px", "foil_slope_across", "foil_slope_along"), plane, strict=True))
    return pd.DataFrame([about])


def linked_in_depth(seed, **sample):
    """A simulated tilt series and its voids linked in depth; ``sample`` as for the simulation."""
    sample = {"shape": SHAPE, "voids": 150, "views": 7, "thickness_px": THICK, "drift_step_px": 10.0} | sample
    series = tilt_detections(seed, **sample)
    tilts = series.tilt_deg
    frames = pd.DataFrame({"frame": list(tilts), "tilt_deg": list(tilts.values()), "status": "ok"})
    drift = frames[["frame"]].assign(
        drift_x_px=0.0, drift_y_px=0.0, drift_sigma_px=0.1, pairs_kept=1, flag=""
    )
    voids, asked = series.voids.drop(columns="particle"), TrackParameters(linker="tilt")
    return series, link_series(voids, tables.check(drift, "drift"), frames, asked, shape=series.shape)
