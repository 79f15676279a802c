"""One function per figure: tables or arrays and an ``Axes`` in, the ``Axes`` out.

Lengths are drawn in nm where the calibration is known, else in px. Colours come from maps that colour-blind
people can read; voids are drawn as circles of the measured radius.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from voidlab.drift.apply import position_columns
from voidlab.tables.rows import spread_rows
from voidlab.tables.units import HasPixelSize, unit_of

# Colours that stay apart for colour-blind eyes, after Okabe and Ito (2008).
ORANGE, BLUE, RED, GREY = "#E69F00", "#0072B2", "#D55E00", "#7F7F7F"
SKY = "#56B4E9"  # the blue that is seen on a micrograph
_OVER_FRAMES = "viridis"

_NOTHING = "nothing to draw"


def show(figure: Figure, alt: str, *, photo: bool = False) -> None:
    """Show ``figure`` below a notebook cell with the alternative text ``alt``, and close it.

    ``photo`` is for micrographs: a JPEG is a fifth of the PNG's size and looks the same. Where no panel has anything
    to draw, the words that say so stand alone.
    """
    from IPython.display import Image, display

    if figure.axes and all(ax.get_gid() == _NOTHING for ax in figure.axes):
        plt.close(figure)
        display({"text/plain": figure.axes[0].texts[0].get_text()}, raw=True)
        return
    kind = "jpeg" if photo else "png"
    stream = io.BytesIO()
    quality = {"quality": 85} if photo else None
    figure.savefig(stream, format=kind, dpi=110, bbox_inches="tight", facecolor="white", pil_kwargs=quality)
    plt.close(figure)
    display(Image(data=stream.getvalue(), format=kind, metadata={"alt": alt}))


def show_movie(gif: bytes, alt: str) -> None:
    """Show a moving picture below a notebook cell with the alternative text ``alt``; nothing when it is empty."""
    from IPython.display import Image, display

    if gif:
        display(Image(data=gif, format="gif", metadata={"alt": alt}))


def show_table(table: pd.DataFrame) -> None:
    """Show all rows of ``table`` below a notebook cell, or the word none."""
    from IPython.display import display

    if table.empty:
        display({"text/plain": "none"}, raw=True)
        return
    with pd.option_context("display.max_rows", None, "display.max_colwidth", None):
        display(table)


def micrograph(image: np.ndarray, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Draw ``image`` (H, W; 0 to 1) in grey, without ticks, with a scale bar."""
    ax.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="antialiased")
    ax.set(xticks=[], yticks=[], autoscale_on=False)
    return scale_bar(ax, image.shape[1], calibration)


def scale_bar(ax: Axes, width_px: float, calibration: HasPixelSize) -> Axes:
    """Draw a bar of a round length, about a fifth of the width, into the lower left corner."""
    size, unit = unit_of(calibration)
    length = round_down(width_px * size / 5)
    bar, bottom = length / size, ax.get_ylim()[0]
    x, y, thick = 0.03 * width_px, bottom - 0.03 * width_px, 0.006 * width_px
    ax.add_patch(Rectangle((x, y), bar, thick, facecolor="white", edgecolor="black", lw=0.6))
    label = ax.annotate(
        f"{length:g} {unit}", (x + bar / 2, y), xytext=(0, 1.5), textcoords="offset points",
        color="white", ha="center", va="bottom", fontsize=8,
    )  # fmt: skip
    # White on black is read on any background, and hides less of the image than a box does.
    label.set_path_effects([withStroke(linewidth=2, foreground="black")])
    return ax


def round_down(value: float) -> float:
    """Largest of 1, 2, 5 times a power of ten that is not above ``value``."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(step * power for step in (1, 2, 5) if step * power <= value))


def overlay(image: np.ndarray, voids: pd.DataFrame, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Draw the ``voids`` of a frame as circles on its ``image``; those that touch the edge are dashed."""
    micrograph(image, ax, calibration)
    for touches, style in ((False, "solid"), (True, (0, (2, 2)))):
        circles(voids[voids["touches_edge"] == touches], ax, colour=ORANGE, style=style)
    return ax


def hits_and_misses(image: np.ndarray, objects: pd.DataFrame, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Draw an image with its hits, misses and false finds, rows as `voidlab.scores.objects` gives them."""
    micrograph(image, ax, calibration)
    kinds = (("hit", BLUE, "solid"), ("miss", ORANGE, (0, (3, 2))), ("false", RED, "solid"))
    for outcome, colour, style in kinds:
        rows = objects[objects["outcome"] == outcome]
        radius = rows["true_radius_px"].fillna(rows["found_radius_px"])
        circles(rows.assign(radius_px=radius), ax, colour=colour, style=style)
        name = {"hit": "hits", "miss": "missed", "false": "false finds"}[outcome]
        ax.plot([], [], color=colour, ls=style, label=f"{len(rows)} {name}")
    ax.legend(loc="upper right", fontsize=7, framealpha=0.8)
    return ax


def circles(voids: pd.DataFrame, ax: Axes, *, colour: str = ORANGE, style: object = "solid") -> Axes:
    """Draw the outline of each void at its measured radius."""
    widths = 2 * voids["radius_px"].to_numpy()
    outlines = EllipseCollection(
        widths,
        widths,
        np.zeros(len(voids)),
        units="xy",
        offsets=voids[["x_px", "y_px"]].to_numpy(),
        offset_transform=ax.transData,
        facecolors="none",
        edgecolors=colour,
        linewidths=0.8,
        linestyles=[style],
    )
    ax.add_collection(outlines, autolim=False)
    return ax


def overlay_sheet(
    series: Sequence[np.ndarray],
    frames: pd.DataFrame,
    voids: pd.DataFrame,
    calibration: HasPixelSize,
    *,
    most: int = 6,
) -> Figure:
    """Sheet of at most ``most`` frames, spread over the series, with the outlines of their voids."""
    # A blank frame is shown only where there is no other.
    rows = _spread(np.flatnonzero(frames["status"] == "ok"), most)
    if not len(rows):
        rows = _spread(np.flatnonzero(frames["status"] == "blank"), most)
    figure, axes = _sheet(max(len(rows), 1), columns=min(3, max(len(rows), 1)))
    for ax in axes[len(rows) :]:
        ax.axis("off")
    for row, ax in zip(rows, axes, strict=False):
        image = frames.iloc[row]
        here = voids[voids["frame"] == image["frame"]]
        overlay(series[int(row)], here, ax, calibration)
        tilt = "" if pd.isna(image["tilt_deg"]) else f", {image['tilt_deg']:g}°"
        ax.set_title(f"frame {image['frame']}{tilt}: {len(here)} voids", fontsize=9)
    return figure


def _sheet(count: int, columns: int) -> tuple[Figure, list[Axes]]:
    rows = -(-count // columns)
    width = 10.5 if columns > 1 else 8.0
    figure, axes = plt.subplots(
        rows, columns, figsize=(width, width / columns * rows), squeeze=False, layout="constrained"
    )
    return figure, list(axes.flat)


def size_histogram(voids: pd.DataFrame, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Histogram of the radii of voids away from the edge; bins after Freedman and Diaconis, at most 60."""
    size, unit = unit_of(calibration)
    inside = voids.loc[~voids["touches_edge"], "radius_px"].to_numpy() * size
    if len(inside) == 0:
        return nothing(ax, "no voids away from the edge")
    spread = np.subtract(*np.percentile(inside, [75, 25]))
    width = max(2 * spread / np.cbrt(len(inside)), np.ptp(inside) / 60, 0.02 * size)
    ax.hist(
        inside,
        bins=list(np.arange(inside.min(), inside.max() + 2 * width, width)),
        color=BLUE,
        edgecolor="white",
        lw=0.5,
    )
    ax.axvline(np.median(inside), color=RED, ls="--", lw=1.2, label=f"median {np.median(inside):.2f} {unit}")
    ax.set(xlabel=f"void radius ({unit})", ylabel="voids in all frames")
    ax.legend(frameon=False)
    return ax


def count_and_fraction(frames: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Void count and area fraction over the frames; frames that were not looked at are left blank."""
    label, x = _frame_axis(frames)
    for ax, column, name in zip(
        axes, ("void_count", "void_fraction"), ("voids", "area fraction (%)"), strict=True
    ):
        factor = 100 if column == "void_fraction" else 1
        y = frames[column].astype("float64").to_numpy() * factor
        ax.plot(x, y, color=BLUE, marker="o", ms=3 if len(x) < 80 else 0, lw=1)
        ax.set(xlabel=label, ylabel=name, ylim=(0, None))
    return axes


def _frame_axis(frames: pd.DataFrame) -> tuple[str, np.ndarray]:
    """What runs along the frames: tilt, time or the frame number; label and values."""
    for column, label in (("tilt_deg", "tilt (°)"), ("time_s", "time (s)")):
        if frames[column].notna().all() and len(frames):
            return label, frames[column].to_numpy()
    return "frame", frames["frame"].to_numpy()


def masks_by_frame(
    voids: pd.DataFrame,
    ax: Axes,
    calibration: HasPixelSize,
    *,
    most: int = 12,
) -> Axes:
    """Voids of at most ``most`` frames, spread over the series, as rings coloured by frame; corrected when known."""
    x, y = position_columns(voids)
    frames = np.sort(voids["frame"].unique())
    shown = voids[voids["frame"].isin(_spread(frames, most))].dropna(subset=[x, y])
    if shown.empty:
        return nothing(ax, "no voids")
    size, unit = unit_of(calibration)
    widths = 2 * shown["radius_px"].to_numpy() * size
    rings = EllipseCollection(
        widths, widths, np.zeros(len(shown)), units="xy", offsets=shown[[x, y]].to_numpy() * size,
        offset_transform=ax.transData, facecolors="none", linewidths=0.6, alpha=0.8,
        edgecolors=plt.get_cmap(_OVER_FRAMES)(Normalize(frames[0], frames[-1])(shown["frame"].to_numpy())),
    )  # fmt: skip
    ax.add_collection(rings)
    return _map_axes(ax, shown[x].to_numpy() * size, shown[y].to_numpy() * size, unit)


def frame_colours(frames: pd.Series, ax: Axes, axes: Sequence[Axes]) -> None:
    """Colour bar, beside ``axes``, of figures coloured by frame."""
    if frames.empty:
        return
    only = frames.min() == frames.max()
    scale = ScalarMappable(Normalize(frames.min() - 0.5 * only, frames.max() + 0.5 * only), _OVER_FRAMES)
    figure = ax.get_figure()
    assert figure is not None
    whole_numbers(figure.colorbar(scale, ax=list(axes), label="frame", shrink=0.8).ax.yaxis)


def positions_by_frame(
    voids: pd.DataFrame, ax: Axes, calibration: HasPixelSize, *, as_recorded: bool = False
) -> Axes:
    """Centres of all voids of all frames, coloured by frame; corrected when known, unless ``as_recorded``."""
    x, y = ("x_px", "y_px") if as_recorded else position_columns(voids)
    shown = voids.dropna(subset=[x, y])
    if shown.empty:
        return nothing(ax, "no voids")
    size, unit = unit_of(calibration)
    ax.scatter(shown[x] * size, shown[y] * size, c=shown["frame"], cmap=_OVER_FRAMES, s=3, lw=0)
    return _map_axes(ax, shown[x].to_numpy() * size, shown[y].to_numpy() * size, unit)


def _map_axes(ax: Axes, x: np.ndarray, y: np.ndarray, unit: str) -> Axes:
    """Equal scales, y down as in the images."""
    pad = 0.02 * max(np.ptp(x), np.ptp(y), 1.0)
    ax.set(
        xlim=(x.min() - pad, x.max() + pad), ylim=(y.max() + pad, y.min() - pad), aspect="equal",
        xlabel=f"x ({unit})", ylabel=f"y ({unit})",
    )  # fmt: skip
    return ax


def tracks_over_image(
    linked: pd.DataFrame, image: np.ndarray, ax: Axes, calibration: HasPixelSize, *, min_frames: int
) -> Axes:
    """Tracks seen in at least ``min_frames`` frames, drawn over the mean aligned ``image``, a colour per void."""
    micrograph(image, ax, calibration)
    seen = linked.groupby("particle")["frame"].transform("size") >= min_frames
    long_enough = linked[seen].sort_values(["particle", "frame"])
    lines = [
        track[["x_corrected_px", "y_corrected_px"]].to_numpy() for _, track in long_enough.groupby("particle")
    ]
    colours = plt.get_cmap("Set2")(np.arange(len(lines)) % 8)
    ax.add_collection(LineCollection(lines, colors=colours, linewidths=1.1))
    ax.plot([line[0, 0] for line in lines], [line[0, 1] for line in lines], ".", color="white", ms=2)
    ax.set_title(f"{len(lines)} voids seen in {min_frames} frames or more (dot: first position)", fontsize=9)
    return ax


def track_lengths(tracks: pd.DataFrame, ax: Axes) -> Axes:
    """Histogram of how many frames each void lives for."""
    if tracks.empty:
        return nothing(ax, "no tracks")
    longest = int(tracks["total_frames"].max())
    bins = np.arange(0.5, longest + 1.5) if longest <= 100 else np.linspace(0.5, longest + 0.5, 51)
    ax.hist(tracks["total_frames"], bins=list(bins), color=BLUE, edgecolor="white", lw=0.5)
    ax.set(xlabel="track length (frames)", ylabel="voids")
    whole_numbers(ax.xaxis)
    return ax


def radius_over_frame(
    linked: pd.DataFrame, tracks: pd.DataFrame, ax: Axes, calibration: HasPixelSize, *, most: int = 8
) -> Axes:
    """Measured radius over the frames for the ``most`` longest tracks."""
    if tracks.empty:
        return nothing(ax, "no tracks")
    size, unit = unit_of(calibration)
    longest = tracks.sort_values(["total_frames", "particle"], ascending=[False, True]).head(most)
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.92, len(longest)))
    for particle, colour in zip(longest["particle"], colours, strict=True):
        track = linked[linked["particle"] == particle].sort_values("frame")
        ax.plot(
            track["frame"],
            track["radius_px"] * size,
            color=colour,
            lw=1,
            marker=".",
            ms=3,
            label=f"{particle}",
        )
    ax.set(xlabel="frame", ylabel=f"radius ({unit})")
    whole_numbers(ax.xaxis)
    ax.legend(
        title="particle", frameon=False, fontsize=7, ncols=2, loc="upper left", bbox_to_anchor=(1.0, 1.0)
    )
    return ax


def _spread(items: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of the ``items``, evenly spread from the first to the last; one is the middle one."""
    if most == 1:
        return items[len(items) // 2 : len(items) // 2 + 1]
    return items[spread_rows(len(items), most)]


def whole_numbers(axis: Axis) -> None:
    """Ticks at whole numbers only, however short the axis is: there is no frame 3.5."""
    axis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))


def nothing(ax: Axes, text: str) -> Axes:
    """Say in place of a figure that there is nothing to draw."""
    ax.text(0.5, 0.5, text, ha="center", va="center", color=GREY, transform=ax.transAxes)
    ax.set(xticks=[], yticks=[], gid=_NOTHING)
    return ax
