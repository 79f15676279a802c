"""Seeded series with known truth: images as a microscope would give them, and every void, drift and depth in them.

Voids are spheres in a slab. Each lets more electrons through, by the length of foil it takes away, so that voids that
overlap in projection are brighter still. The background has a wedge, slow unevenness and a dark bend contour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from voidlab import tables
from voidlab.errors import VoidlabError
from voidlab.measure import circles_touch_edge
from voidlab.simulate.slab_images import SlabImages, around
from voidlab.tables.written import filling, foreign
from voidlab.tilt import project

TRUTH = "truth-{}.csv"  # beside simulated images: what is known of their voids, points and views
_EDGE_BUFFER_PX = 8


class DemoError(VoidlabError):
    """A folder that cannot take the demo, as there are images of others in it."""


@dataclass(frozen=True)
class Truth:
    """What is known of a simulated series: tables ``voids`` (with ``particle``), ``drift`` and ``points``."""

    voids: pd.DataFrame
    drift: pd.DataFrame
    points: pd.DataFrame


@dataclass(frozen=True)
class Simulation:
    """A simulated series: images made when asked for, the truth, tilt angle and time (NaN: none) of each image.

    Frames are numbered from 1: row 0 of ``images`` is frame 1.
    """

    images: Sequence[np.ndarray]
    truth: Truth
    tilt_deg: np.ndarray
    axis_deg: float
    time_s: np.ndarray
    shape: tuple[int, int]

    def labels(self, row: int) -> np.ndarray:
        """Label image (H, W), int32, of an image: the void's ``label``; of voids that overlap the smallest shows."""
        frame = range(1, len(self.images) + 1)[row]
        voids = self.truth.voids[self.truth.voids["frame"] == frame].sort_values("radius_px", ascending=False)
        image = np.zeros(self.shape, np.int32)
        for label, x, y, radius in voids[["label", "x_px", "y_px", "radius_px"]].to_numpy():
            part = around(x, y, radius, self.shape)
            ys, xs = np.ogrid[part]
            image[part][(xs - x) ** 2 + (ys - y) ** 2 <= radius**2] = label
        return image


def tilt_series(
    seed: int = 0,
    *,
    views: int = 10,
    shape: tuple[int, int] = (640, 832),
    voids: int = 150,
    radius_px: float = 7.0,
    thickness_px: float = 60.0,
    most_tilt_deg: float = 22.5,
    axis_deg: float = 12.0,
    drift_step_px: float = 15.0,
    noise: float = 0.06,
) -> Simulation:
    """Simulate a tilt series of a foil with voids.

    Parameters
    ----------
    seed
        The same seed gives the same series.
    views
        Number of images; their tilts are evenly spread over ± ``most_tilt_deg``.
    shape
        (H, W) of the images, px.
    voids
        Voids in the field of view, about.
    radius_px
        Median radius; radii are log-normal with a spread of 35 %, at least 2.5 px.
    thickness_px
        Thickness of the foil in which the void centres lie, px.
    axis_deg
        Direction of the tilt axis, see `voidlab.tilt.project`.
    drift_step_px
        Standard deviation of the stage's drift from image to image, px per axis.
    noise
        Standard deviation of the noise over the brightness of the foil.
    """
    random = np.random.default_rng(np.random.SeedSequence([seed, 0]))
    tilts = np.linspace(-most_tilt_deg, most_tilt_deg, views) if views > 1 else np.zeros(views)
    reference = int(np.argmin(np.abs(tilts))) if views else 0
    drift = _walk(random, views, drift_step_px, reference)
    points = _fill_slab(random, shape, voids, radius_px, thickness_px, drift)
    xyz = points[["x_px", "y_px", "z_px"]].to_numpy()
    centre = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    rows = []
    for view, tilt in enumerate(tilts):
        x, y = project(xyz, tilt, axis_deg, origin=centre, drift_px=tuple(drift[view])).T
        rows.append(points[["particle", "radius_px"]].assign(frame=view + 1, x_px=x, y_px=y))
    placed = _concat(rows)
    truth = Truth(_in_field(placed, shape), _drift_table(drift, reference), points)
    images = SlabImages(shape, placed, seed, noise, radius_px, drift)
    return Simulation(images, truth, tilts, axis_deg, np.full(views, np.nan), shape)


def video(
    seed: int = 0,
    *,
    frames: int = 60,
    shape: tuple[int, int] = (480, 640),
    voids: int = 80,
    radius_px: float = 7.0,
    thickness_px: float = 60.0,
    growth_px_per_frame: float = 0.02,
    drift_step_px: float = 0.5,
    jump_px: tuple[float, float] = (14.0, -37.0),
    missing: float = 0.02,
    late: float = 0.1,
    frame_interval_s: float = 0.5,
    noise: float = 0.06,
) -> Simulation:
    """Simulate an in-situ video of voids that grow, blink and drift; see `tilt_series` for what is not said here.

    ``truth.points`` has two columns more: ``growth_px_per_frame`` and the ``start_frame`` of each void; its
    ``radius_px`` is that in frame 1, seen or not.

    Parameters
    ----------
    frames
        Number of images.
    growth_px_per_frame
        Mean growth of the radii; that of a void lies between none and twice as much.
    jump_px
        Sudden drift (x, y) in mid-video, px.
    missing
        Share of images in which a void cannot be seen.
    late
        Share of voids that appear after the first frame.
    frame_interval_s
        Time between images, s.
    """
    random = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    drift = _walk(random, frames, drift_step_px, 0)
    drift[(frames + 1) // 2 :] += jump_px
    points = _fill_slab(random, shape, voids, radius_px, thickness_px, drift)
    points["growth_px_per_frame"] = growth_px_per_frame * random.uniform(0, 2, len(points))
    born = np.random.default_rng(np.random.SeedSequence([seed, 4]))
    is_late = born.random(len(points)) < late
    points["start_frame"] = np.where(is_late, born.integers(2, max(frames, 2) + 1, len(points)), 1)
    rows = []
    for frame in range(frames):
        there = (random.random(len(points)) >= missing) & (points["start_frame"] <= frame + 1)
        now = points[["particle", "radius_px"]].assign(
            frame=frame + 1,
            x_px=points["x_px"] + drift[frame, 0],
            y_px=points["y_px"] + drift[frame, 1],
            radius_px=points["radius_px"] + points["growth_px_per_frame"] * frame,
        )
        rows.append(now[there])
    placed = _concat(rows)
    truth = Truth(_in_field(placed, shape), _drift_table(drift, 0), points)
    images = SlabImages(shape, placed, seed, noise, radius_px, drift)
    return Simulation(images, truth, np.zeros(frames), 0.0, np.arange(frames) * frame_interval_s, shape)


def write_demo(folder: Path, simulation: Simulation) -> None:
    """Write a simulated tilt series as 8-bit TIFF files tilt01.tif …, their angles as tilt.rawtlt, and the truth.

    Raises
    ------
    DemoError
        If ``folder`` holds images of others among which it would be.
    """
    with filling(folder) as fresh:
        _write_series(fresh, simulation)
        others = foreign(folder, fresh, "tilt*.tif")
        if others:
            raise DemoError(
                f"{others[0]} is not of the demo, or was changed, and would be taken for one of its images. "
                f"Move it elsewhere; or remove all of {folder} if none of it is yours."
            )


def _write_series(folder: Path, simulation: Simulation) -> None:
    """Write the files of a simulated series into ``folder``, which is empty."""
    names = [f"tilt{view + 1:02d}.tif" for view in range(len(simulation.images))]
    for name, image in zip(names, simulation.images, strict=True):
        # As they are: noise is not much smaller when it is compressed, and every stage reads them.
        tifffile.imwrite(folder / name, np.round(image * 255).astype(np.uint8), metadata=None)
    (folder / "tilt.rawtlt").write_text("".join(f"{tilt:.2f}\n" for tilt in simulation.tilt_deg))
    drift = simulation.truth.drift[["frame", "drift_x_px", "drift_y_px"]]
    views = drift.assign(tilt_deg=simulation.tilt_deg, tilt_axis_deg=simulation.axis_deg)
    truth = {"voids": simulation.truth.voids, "points": simulation.truth.points, "views": views}
    for name, table in truth.items():
        table.to_csv(folder / TRUTH.format(name), index=False)


def _fill_slab(
    random: np.random.Generator,
    shape: tuple[int, int],
    voids: int,
    radius_px: float,
    thickness_px: float,
    drift: np.ndarray,
) -> pd.DataFrame:
    """Voids all over a slab that is so much wider than the field that they come and go as it drifts."""
    margin = np.abs(drift).max(initial=0) + 60
    height, width = shape[0] + 2 * margin, shape[1] + 2 * margin
    count = round(voids * height * width / (shape[0] * shape[1]))
    return pd.DataFrame(
        {
            "particle": np.arange(count),
            "x_px": random.uniform(-margin, shape[1] + margin, count),
            "y_px": random.uniform(-margin, shape[0] + margin, count),
            "z_px": thickness_px * random.uniform(-0.5, 0.5, count),
            "radius_px": np.maximum(radius_px * random.lognormal(0, 0.35, count), 2.5),
        }
    )


def _walk(random: np.random.Generator, frames: int, step_px: float, reference: int) -> np.ndarray:
    """Drift (frames, 2) of a stage that wanders, exactly zero at the reference frame."""
    if not frames:
        return np.zeros((0, 2))
    walk = np.cumsum(random.normal(0, step_px, (frames, 2)), axis=0)
    return walk - walk[reference]


def _concat(rows: list[pd.DataFrame]) -> pd.DataFrame:
    columns = ["particle", "radius_px", "frame", "x_px", "y_px"]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns, dtype="float64")


def _in_field(placed: pd.DataFrame, shape: tuple[int, int]) -> pd.DataFrame:
    """Table ``voids`` (with ``particle``) of those whose centre lies in the image."""
    x, y = placed["x_px"], placed["y_px"]
    seen = placed[(x >= 0) & (x <= shape[1] - 1) & (y >= 0) & (y <= shape[0] - 1)].copy()
    seen["touches_edge"] = circles_touch_edge(seen, shape, _EDGE_BUFFER_PX)
    seen = seen.sort_values(["frame", "particle"], ignore_index=True)
    seen["label"] = seen.groupby("frame").cumcount() + 1
    seen = seen.assign(area_px=np.pi * seen["radius_px"] ** 2, kind="void", confidence=1.0)
    return tables.check(seen.astype({"particle": "int64"}), "voids")


def _drift_table(drift: np.ndarray, reference: int) -> pd.DataFrame:
    frames = np.arange(1, len(drift) + 1)
    flag = ["reference" if row == reference else "" for row in range(len(drift))]
    known = pd.DataFrame(
        {"frame": frames, "drift_x_px": drift[:, 0], "drift_y_px": drift[:, 1], "drift_sigma_px": 0.0,
         "pairs_kept": 0, "flag": pd.Series(flag, dtype="str")}
    )  # fmt: skip
    return tables.check(known, "drift")
