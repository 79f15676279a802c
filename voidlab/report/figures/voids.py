"""Figures of the voids of a series as they were detected: on their images, and as numbers over the series."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from voidlab.report.figures.base import (
    BLUE,
    GREY,
    OF_KIND,
    ORANGE,
    RED,
    circles,
    curve,
    histogram,
    mark_completeness,
    mark_series,
    micrograph,
    nothing,
    series_axis,
    show,
    show_of_series_only,
)
from voidlab.report.figures.overlay_files import FOLDER, write_overlays
from voidlab.swelling.series import bins_of_series
from voidlab.tables.focus import is_pair, is_series, name_of
from voidlab.tables.kinds import VOID, kinds_in, only_voids
from voidlab.tables.listing import number_of
from voidlab.tables.rows import spread_rows
from voidlab.tables.size_basis import is_size
from voidlab.tables.units import HasPixelSize, unit_of

_AT_EDGE = (0, (2, 2))
_IN_SHEET = 6  # frames


def overlay(image: np.ndarray, voids: pd.DataFrame, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Draw the ``voids`` of a frame as circles on its ``image``; those that touch the edge are dashed.

    Loops and dots among them are drawn as `OF_KIND` says.
    """
    micrograph(image, ax, calibration)
    shown = only_voids(voids)
    circles(shown[~shown["touches_edge"]], ax, colour=ORANGE)
    # A thin dashed line is lost on a bright border: thicker, and black below.
    at_edge = circles(shown[shown["touches_edge"]], ax, colour=ORANGE, style=_AT_EDGE).collections[-1]
    at_edge.set(linewidth=1.5, path_effects=[withStroke(linewidth=2.6, foreground="black")])
    for kind, (colour, style) in OF_KIND.items() if len(shown) < len(voids) else ():
        circles(voids[voids["kind"] == kind], ax, colour=colour, style=style).collections[-1].set_linewidth(
            1.2
        )
    return ax


def hits_and_misses(image: np.ndarray, objects: pd.DataFrame, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Draw an image with its hits, misses and false positives, rows as `voidlab.scores.objects` gives them."""
    micrograph(image, ax, calibration)
    kinds = (
        ("hit", "hits", BLUE, "solid"),
        ("miss", "missed", ORANGE, (0, (3, 2))),
        ("false", "false positives", RED, "solid"),
    )
    for outcome, name, colour, style in kinds:
        rows = objects[objects["outcome"] == outcome]
        radius = rows["true_radius_px"].fillna(rows["found_radius_px"])
        circles(rows.assign(radius_px=radius), ax, colour=colour, style=style)
        ax.plot([], [], color=colour, ls=style, label=f"{len(rows)} {name}")
    ax.legend(loc="upper right", fontsize=7, framealpha=0.8)
    return ax


def overlay_sheet(
    series: Sequence[np.ndarray],
    frames: pd.DataFrame,
    voids: pd.DataFrame,
    calibration: HasPixelSize,
    *,
    most: int = _IN_SHEET,
) -> Figure:
    """Sheet of at most ``most`` frames, spread over the series, with the outlines of their voids.

    Where loops or dots were asked for they are drawn too, and a legend says what is what.
    """
    rows = shown_rows(frames, most)
    kinds = kinds_in(frames)
    count = max(len(rows), 1)
    columns = min(3, count)
    lines, width = -(-count // columns), 10.5 if columns > 1 else 8.0
    size = (width, width / columns * lines)
    figure, axes = plt.subplots(lines, columns, figsize=size, squeeze=False, layout="constrained")
    for ax in axes.flat[len(rows) :]:
        ax.axis("off")
    for row, ax in zip(rows, axes.flat, strict=False):
        image = frames.iloc[row]
        here = voids[voids["frame"] == image["frame"]]
        overlay(series[int(row)], here, ax, calibration)
        tilt = "" if pd.isna(image["tilt_deg"]) else f", {image['tilt_deg']:g}°"
        ax.set_title(f"{name_of(image['frame'], frames)}{tilt}: {_counted(here, kinds)}", fontsize=9)
    if set(kinds) & set(OF_KIND):
        _legend(figure, kinds)
    return figure


def shown_rows(frames: pd.DataFrame, most: int) -> np.ndarray:
    """At most so many rows of ``frames`` spread over the series; a blank one only where there is no other."""
    good = _spread(np.flatnonzero(frames["status"] == "ok"), most)
    return good if len(good) else _spread(np.flatnonzero(frames["status"] == "blank"), most)


def _counted(voids: pd.DataFrame, kinds: Sequence[str]) -> str:
    """How many of each kind, as words."""
    return ", ".join(number_of(int((voids["kind"] == kind).sum()), kind) for kind in kinds or [VOID])


def _legend(figure: Figure, kinds: Sequence[str]) -> None:
    """Say below the sheet how each of the ``kinds`` is drawn."""
    of_voids = [(VOID, ORANGE, "solid"), ("void at the edge", ORANGE, _AT_EDGE)] if VOID in kinds else []
    others = [(kind, *OF_KIND[kind]) for kind in kinds if kind in OF_KIND]
    lines = [Line2D([], [], color=colour, ls=style, label=name) for name, colour, style in of_voids + others]
    # On the grey of a micrograph, as there: yellow on white is hardly seen.
    style = {"ncols": len(lines), "fontsize": 9, "facecolor": GREY, "labelcolor": "white", "framealpha": 1}
    figure.legend(handles=lines, loc="outside lower center", **style)


def _spread(items: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of the ``items``, evenly spread from the first to the last; one is the middle one."""
    if most == 1:
        return items[len(items) // 2 : len(items) // 2 + 1]
    return items[spread_rows(len(items), most)]


def show_middle_frame(
    series: Sequence[np.ndarray],
    frames: pd.DataFrame,
    voids: pd.DataFrame,
    calibration: HasPixelSize,
    *,
    links: Mapping[str, str] | None = None,
) -> None:
    """Show the frame in the middle of the series with its voids; ``links`` are as of `write_overlays_of_series`."""
    sheet = overlay_sheet(series, frames, voids, calibration, most=1)
    middle = [int(frames["frame"].iloc[row]) for row in shown_rows(frames, 1)]
    links = {
        name: file for name, file in (links or {}).items() if name in {name_of(n, frames) for n in middle}
    }
    seen = "No frame"
    if middle:
        here = voids[voids["frame"] == middle[0]]
        name = name_of(middle[0], frames)
        seen = f"{name[0].upper()}{name[1:]} with {_counted(here, kinds_in(frames))}"
    show(sheet, f"{seen}, each outlined by a circle", photo=True, links=links)


def show_frames(
    series: Sequence[np.ndarray],
    frames: pd.DataFrame,
    voids: pd.DataFrame,
    calibration: HasPixelSize,
    *,
    links: Mapping[str, str] | None = None,
) -> None:
    """Show frames spread over the series with their voids; ``links`` as `write_overlays_of_series` gives them.

    The one of a single image is shown by itself already.
    """
    if len(frames) < 2:
        show_of_series_only()
        return
    sheet = overlay_sheet(series, frames, voids, calibration)
    count = len(shown_rows(frames, _IN_SHEET))
    some = "Both images" if is_pair(frames) else f"{count} of {len(frames)} frames, spread over the series"
    show(sheet, f"{some}, each void outlined by a circle", photo=True, links=links)


def write_overlays_of_series(
    report: Path,
    series: Sequence[np.ndarray],
    frames: pd.DataFrame,
    voids: pd.DataFrame,
    calibration: HasPixelSize,
) -> dict[str, str]:
    """Write the frames that are shown at full resolution into the folder ``overlays`` of the folder ``report``.

    Returns
    -------
    dict
        Where each lies from ``report``, by what it is called: frame 7, or of a focus pair under focus.
    """
    rows = sorted({*shown_rows(frames, _IN_SHEET), *shown_rows(frames, 1)})
    written = write_overlays(report / FOLDER, series, frames, voids, rows, calibration)
    return {name_of(frame, frames): f"{FOLDER}/{name}" for frame, name in written.items()}


def size_histogram(voids: pd.DataFrame, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Histogram of the diameters of voids away from the edge, in the bins that every page of the dataset has."""
    size, unit = unit_of(calibration)
    voids = only_voids(voids)
    inside = voids[~voids["touches_edge"] & is_size(voids)]
    if inside.empty:
        return nothing(ax, "no voids away from the edge that are larger than their fringe")
    diameter = 2 * inside["radius_px"].to_numpy(float) * size
    width = bins_of_series(voids, size, unit).width
    first, last = np.floor(diameter.min() / width), np.floor(diameter.max() / width)
    images = inside["frame"].nunique()
    ax.set(xlabel=f"diameter ({unit})", ylabel="voids" if images == 1 else f"voids in {images} images")
    return histogram(diameter, np.arange(first, last + 2) * width, ax)


def show_sizes(
    voids: pd.DataFrame, calibration: HasPixelSize, decided: Mapping[str, Any] | None = None
) -> None:
    """Show the histogram of the diameters, and from which size on voids are found if that was ``decided``."""
    figure, ax = plt.subplots(figsize=(6, 3.4))
    size_histogram(voids, ax, calibration)
    found = (decided or {}).get("completeness")
    if found and len(voids):
        size, unit = unit_of(calibration)
        mark_completeness(found, ax, size, unit)
    show(
        figure,
        f"Histogram of the diameters of {_range_of_diameters(voids, calibration)}; lines mark the sizes from which "
        "voids are found",
    )


def _range_of_diameters(voids: pd.DataFrame, calibration: HasPixelSize) -> str:
    """How many voids there are away from the edge, and how wide they are, in words."""
    size, unit = unit_of(calibration)
    whole = voids[~voids["touches_edge"]]
    diameter = 2 * size * whole.loc[is_size(whole), "radius_px"]
    none = len(whole) - len(diameter)
    without = f", without {none} smaller than the fringe around" if none else ""
    if diameter.empty:
        return f"no voids{without}"
    return f"{number_of(len(diameter), 'void')}, {diameter.min():.3g} to {diameter.max():.3g} {unit}{without}"


def count_and_fraction(frames: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Void count and area fraction over the frames; frames that were not looked at are left blank."""
    label, x = series_axis(frames, frames)
    quantities = (("void_count", "voids", 1), ("void_fraction", "area fraction (%)", 100))
    for ax, (column, name, factor) in zip(axes, quantities, strict=True):
        curve(x, frames[column].astype("float64").to_numpy() * factor, ax)
        highest = frames[column].astype("float64").max() * factor
        mark_series(ax.xaxis, label)
        ax.set(ylabel=name, ylim=(0, 1.05 * highest if highest > 0 else None))
    return axes


def show_count_and_fraction(frames: pd.DataFrame) -> None:
    """Show the void count and the area fraction over a series."""
    if not is_series(frames):
        show_of_series_only()
        return
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
    count_and_fraction(frames, axes)
    counts = frames["void_count"].dropna()
    seen = f"{counts.min()} to {counts.max()}" if len(counts) else "unknown"
    show(figure, f"Number of voids, {seen}, and their area fraction, image by image")
