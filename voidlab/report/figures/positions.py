"""Figures of where voids lie, without their images: in one frame, and over the series before and after the drift."""

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from voidlab.report.figures.base import BLUE, GREY, discs, map_axes, nothing, show, whole_numbers
from voidlab.tables.focus import is_pair, name_of
from voidlab.tables.listing import number_of
from voidlab.tables.rows import spread_rows
from voidlab.tables.units import HasPixelSize, unit_of

AS_RECORDED, CORRECTED = ("x_px", "y_px"), ("x_corrected_px", "y_corrected_px")
_OVER_FRAMES = "viridis"
_MOST_FRAMES = 12  # whose voids are drawn as rings


def show_first_and_last_positions(
    voids: pd.DataFrame, shape: tuple[int, int], calibration: HasPixelSize
) -> None:
    """Show the voids of the first and of the last frame that holds any as circles; ``shape`` (H, W) of an image."""
    frames = sorted({int(voids["frame"].min()), int(voids["frame"].max())}) if len(voids) else []
    wide = shape[1] / shape[0]
    size, unit = unit_of(calibration)
    figure, axes = plt.subplots(
        1,
        max(len(frames), 1),
        figsize=(5 * wide * max(len(frames), 1), 5.4),
        squeeze=False,
        layout="constrained",
    )
    named = []
    for ax, frame in zip(axes[0], frames, strict=False):
        here = voids[voids["frame"] == frame]
        ax.add_patch(
            Rectangle((-0.5 * size, -0.5 * size), shape[1] * size, shape[0] * size, fc="none", ec=GREY)
        )
        discs(here[["x_px", "y_px"]].to_numpy() * size, here["radius_px"].to_numpy() * size, ax,
              facecolors="none", edgecolors=BLUE, linewidths=1.2)  # fmt: skip
        named.append(f"frame {frame}: {number_of(len(here), 'void')}")
        ax.set_title(named[-1], fontsize=10)
        ax.set(
            xlim=(-0.5 * size, (shape[1] - 0.5) * size), ylim=((shape[0] - 0.5) * size, -0.5 * size),
            aspect="equal", xlabel=f"x ({unit})", ylabel=f"y ({unit})",
        )  # fmt: skip
    if not frames:
        nothing(axes[0, 0], "no voids")
    show(figure, f"Positions of the voids as circles of their radii, {' and '.join(named)}", photo=True)


def voids_by_frame(
    voids: pd.DataFrame, ax: Axes, calibration: HasPixelSize, *, columns: tuple[str, str] = AS_RECORDED
) -> Axes:
    """Voids of some frames, spread over the series, as rings coloured by frame."""
    frames = np.sort(voids["frame"].unique())
    some = frames[spread_rows(len(frames), _MOST_FRAMES)]
    shown = voids[voids["frame"].isin(some)].dropna(subset=list(columns))
    if shown.empty:
        return nothing(ax, "no voids")
    size, unit = unit_of(calibration)
    where = shown[list(columns)].to_numpy() * size
    of_frame = plt.get_cmap(_OVER_FRAMES)(Normalize(frames[0], frames[-1])(shown["frame"].to_numpy()))
    style = {"facecolors": "none", "linewidths": 0.6, "alpha": 0.8, "edgecolors": of_frame}
    discs(where, shown["radius_px"].to_numpy() * size, ax, **style)
    return map_axes(where, ax, unit)


def positions_by_frame(
    voids: pd.DataFrame, ax: Axes, calibration: HasPixelSize, *, columns: tuple[str, str] = AS_RECORDED
) -> Axes:
    """Centres of all voids of all frames, coloured by frame."""
    shown = voids.dropna(subset=list(columns))
    if shown.empty:
        return nothing(ax, "no voids")
    size, unit = unit_of(calibration)
    where = shown[list(columns)].to_numpy() * size
    ax.scatter(where[:, 0], where[:, 1], c=shown["frame"], cmap=_OVER_FRAMES, s=3, lw=0)
    return map_axes(where, ax, unit)


def frame_colours(frames: pd.DataFrame, axes: Sequence[Axes]) -> None:
    """Colour bar, beside ``axes``, of figures coloured by frame; ``frames`` is the table of that name."""
    if frames.empty:
        return
    number = frames["frame"]
    only = number.min() == number.max()
    scale = ScalarMappable(Normalize(number.min() - 0.5 * only, number.max() + 0.5 * only), _OVER_FRAMES)
    figure = axes[0].get_figure()
    assert figure is not None
    bar = figure.colorbar(scale, ax=list(axes), label="frame", shrink=0.8)
    whole_numbers(bar.ax.yaxis)
    if is_pair(frames):
        bar.set_ticks(number.tolist(), labels=[name_of(each, frames) for each in number])
        bar.set_label("")


def show_voids_before_and_after(voids: pd.DataFrame, frames: pd.DataFrame, calibration: HasPixelSize) -> None:
    """Show the outlines of all voids laid over each other, as recorded and drift-corrected."""
    alt = "Voids of all images laid over each other before and after drift correction"
    _show_before_and_after(voids_by_frame, voids, frames, calibration, alt)


def show_positions_before_and_after(
    voids: pd.DataFrame, frames: pd.DataFrame, calibration: HasPixelSize
) -> None:
    """Show the positions of all voids, as recorded and drift-corrected."""
    alt = "Positions of all voids, coloured by image, before and after drift correction"
    _show_before_and_after(positions_by_frame, voids, frames, calibration, alt)


def _show_before_and_after(
    draw: Callable[..., Axes], voids: pd.DataFrame, frames: pd.DataFrame, calibration: HasPixelSize, alt: str
) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    draw(voids, axes[0], calibration).set_title("as recorded", fontsize=9)
    draw(voids, axes[1], calibration, columns=CORRECTED).set_title("drift-corrected", fontsize=9)
    frame_colours(frames, axes)
    show(figure, alt)
