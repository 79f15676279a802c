"""Figures of voids without their images: where they lie, as circles in the frame of an image."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.patches import Rectangle

from voidlab.report.figures.base import BLUE, GREY, discs, nothing, show
from voidlab.tables.units import HasPixelSize, unit_of


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
    counted = []
    for ax, frame in zip(axes[0], frames, strict=False):
        here = voids[voids["frame"] == frame]
        ax.add_patch(
            Rectangle((-0.5 * size, -0.5 * size), shape[1] * size, shape[0] * size, fc="none", ec=GREY)
        )
        discs(here[["x_px", "y_px"]].to_numpy() * size, here["radius_px"].to_numpy() * size, ax,
              facecolors="none", edgecolors=BLUE, linewidths=1.2)  # fmt: skip
        counted.append(f"frame {frame}: {len(here)} void{'s' if len(here) != 1 else ''}")
        ax.set_title(counted[-1], fontsize=10)
        ax.set(
            xlim=(-0.5 * size, (shape[1] - 0.5) * size), ylim=((shape[0] - 0.5) * size, -0.5 * size),
            aspect="equal", xlabel=f"x ({unit})", ylabel=f"y ({unit})",
        )  # fmt: skip
    if not frames:
        nothing(axes[0, 0], "no voids")
    show(figure, f"Positions of the voids as circles of their radii, {' and '.join(counted)}", photo=True)
