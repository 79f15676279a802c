"""Figures of what the voids say of the material: sizes, density and swelling over the series."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from voidlab.report.figures.base import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    curve,
    mark_completeness,
    mark_series,
    nothing,
    series_axis,
    show,
    show_of_series_only,
)
from voidlab.report.swelling_words import reading
from voidlab.swelling.series import Outcome
from voidlab.swelling.sizes import SizeDistribution
from voidlab.tables.focus import is_series
from voidlab.tables.listing import number_of
from voidlab.tables.size_basis import is_size
from voidlab.tables.units import HasPixelSize, unit_of

_SHADE = 0.22
_NO_WHOLE = "no whole voids in the frame"


def voids_by_size(sizes: SizeDistribution, ax: Axes, unit: str) -> Axes:
    """Share of the voids per size bin with 95 % from counting, and what has added up to there."""
    bins = sizes.bins
    if bins.empty:
        return nothing(ax, _NO_WHOLE)
    _share_by_size(bins, ax, "share", BLUE, f"diameter ({unit})", "share of the voids (%)")
    low, high = (100 * bins[f"share_{end}95"] for end in ("low", "high"))
    seen, share = bins["voids"] > 0, 100 * bins["share"]
    ax.errorbar(
        ((bins["low"] + bins["high"]) / 2)[seen], share[seen],
        [np.maximum(share - low, 0)[seen], np.maximum(high - share, 0)[seen]],
        fmt="none", ecolor="black", elinewidth=0.8, capsize=1.5,
    )  # fmt: skip
    return ax


def volume_share_of(outcome: Outcome) -> str:
    """What the volume of the voids is a share of: without the foil's thickness there is no swelling."""
    known = {"swelling", "swelling_3d"} & set(outcome.summary.estimates.index)
    return "swelling" if known else "void volume"


def volume_by_size(sizes: SizeDistribution, ax: Axes, unit: str, *, of: str) -> Axes:
    """Share ``of`` the swelling, or of the void volume, per size bin, and what has added up to there."""
    if sizes.bins.empty:
        return nothing(ax, _NO_WHOLE)
    label = f"diameter ({unit})"
    return _share_by_size(sizes.bins, ax, "volume_share", ORANGE, label, f"share of the {of} (%)")


def _share_by_size(bins: pd.DataFrame, ax: Axes, column: str, colour: str, along: str, up: str) -> Axes:
    middle, width = (bins["low"] + bins["high"]) / 2, bins["high"] - bins["low"]
    ax.bar(middle, 100 * bins[column], width, color=colour, edgecolor="white", lw=0.5)
    ax.set(xlabel=along, ylabel=up)
    total = ax.twinx()
    total.plot(bins["high"], 100 * bins[f"cumulative_{column}"], color=GREY, lw=1.2)
    total.set(ylim=(0, 105), ylabel="up to this size (%, line)")
    return ax


def show_size_distribution(
    outcome: Outcome, unit: str, decided: Mapping[str, Any] | None = None, *, pixel: float = 1.0
) -> None:
    """Show the share of the voids, and of their volume, per size bin; diameters in ``unit``, ``pixel`` to a px.

    ``decided`` is what the stage segment did: from which size on voids are found is marked.
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
    voids_by_size(outcome.sizes, axes[0], unit)
    of = volume_share_of(outcome)
    volume_by_size(outcome.sizes, axes[1], unit, of=of)
    found = (decided or {}).get("completeness")
    if found and outcome.frame is not None:
        mark_completeness(found, axes[0], pixel, unit)
    bins = outcome.sizes.bins
    seen = "no voids"
    if len(bins):
        voids = number_of(int(bins["voids"].sum()), "void")
        seen = f"{voids} of {bins['low'].min():.3g} to {bins['high'].max():.3g} {unit}"
    show(figure, f"Share of the voids, and of the {of}, per size bin: {seen}")


def over_series(
    swelling: pd.DataFrame, frames: pd.DataFrame, quantity: str, ax: Axes, *, marked: int | None = None
) -> Axes:
    """A quantity over dose, time, tilt or frame: dark band, counting alone; light band, all errors; both 95 %.

    ``marked`` is the frame whose numbers are quoted.
    """
    rows = swelling[swelling["quantity"] == quantity].sort_values("frame")
    if rows["value"].notna().sum() == 0:
        return nothing(ax, "nothing to show")
    label, x = series_axis(rows, frames)
    read = reading(quantity, rows["unit"].iloc[0])
    value = rows["value"].to_numpy() * read.factor
    low, high = (rows[end].to_numpy() * read.factor for end in ("low95", "high95"))
    counting = 1.96 * rows["statistical"].to_numpy() * value
    ax.fill_between(x, low, high, color=BLUE, alpha=_SHADE, lw=0)
    ax.fill_between(x, np.maximum(value - counting, 0), value + counting, color=BLUE, alpha=_SHADE, lw=0)
    curve(x, value, ax, width=1.2)
    if marked is not None and len(x) > 1:
        here = (rows["frame"] == marked).to_numpy()
        ax.plot(x[here], value[here], "o", color=RED, ms=5)
    if len(x) == 1:
        ax.errorbar(x, value, [value - low, high - value], color=BLUE, capsize=3)
    mark_series(ax.xaxis, label)
    ax.set(ylabel=f"{read.name} ({read.unit})", ylim=(0, None))
    ax.ticklabel_format(axis="y", useMathText=True)
    return ax


def drawn_quantities(outcome: Outcome) -> tuple[str, str, str]:
    """The three quantities to draw over a series: density, size, and volume of the voids."""
    if "swelling" in set(outcome.over_time["quantity"]):
        return "number_density", "mean_diameter", "swelling"
    return "areal_density", "mean_diameter_seen", "volume_per_area"


def show_over_series(outcome: Outcome, frames: pd.DataFrame) -> None:
    """Show density, mean diameter and swelling (without a thickness: volume per area) over a series."""
    if not is_series(frames):
        show_of_series_only()
        return
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.4), layout="constrained")
    for quantity, ax in zip(drawn_quantities(outcome), axes, strict=True):
        over_series(outcome.over_time, frames, quantity, ax, marked=outcome.frame)
    names = [reading(quantity, "").name for quantity in drawn_quantities(outcome)]
    count = outcome.over_time["frame"].nunique()
    show(figure, f"{', '.join(names)} of {count} images of the series with 95 % intervals")


def sizes_over_series(
    voids: pd.DataFrame, frames: pd.DataFrame, ax: Axes, calibration: HasPixelSize, *, most: int = 60
) -> Axes:
    """Median, interquartile range and middle 90 % of diameters of whole voids with a size, by frame or groups."""
    size, unit = unit_of(calibration)
    whole = voids[~voids["touches_edge"] & is_size(voids)]
    if whole.empty:
        return nothing(ax, "no voids away from the edge that are larger than their fringe")
    looked = frames.loc[frames["status"] == "ok"]
    groups = np.array_split(looked["frame"].to_numpy(), min(len(looked), most))
    group_of = {frame: number for number, group in enumerate(groups) for frame in group}
    of_group = (2 * size * whole["radius_px"]).groupby(whole["frame"].map(group_of))
    spread = pd.DataFrame({share: of_group.quantile(share) for share in (0.05, 0.25, 0.5, 0.75, 0.95)})
    label, along = series_axis(looked, frames)
    x = np.array([along[np.isin(looked["frame"], groups[int(number)])].mean() for number in spread.index])
    order = np.argsort(x)
    lowest, low, middle, high, highest = spread.to_numpy()[order].T
    ax.fill_between(x[order], lowest, highest, color=BLUE, alpha=_SHADE, lw=0, label="middle 90 %")
    ax.fill_between(x[order], low, high, color=BLUE, alpha=2 * _SHADE, lw=0, label="interquartile range")
    curve(x[order], middle, ax, width=1.4, label="median")
    mark_series(ax.xaxis, label)
    ax.set(ylabel=f"diameter ({unit})", ylim=(0, None))
    ax.legend(frameon=False, fontsize=8)
    return ax


def show_sizes_over_series(voids: pd.DataFrame, frames: pd.DataFrame, calibration: HasPixelSize) -> None:
    """Show the spread of the diameters over a series."""
    if not is_series(frames):
        show_of_series_only()
        return
    figure, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    sizes_over_series(voids, frames, ax, calibration)
    show(figure, "Spread of the void diameters over the series")


def show_density_and_sizes(
    outcome: Outcome, voids: pd.DataFrame, frames: pd.DataFrame, calibration: HasPixelSize
) -> None:
    """Show density, mean diameter and the spread of the diameters over a series of unknown thickness."""
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.4), layout="constrained")
    for quantity, ax in zip(drawn_quantities(outcome), axes[:2], strict=False):
        over_series(outcome.over_time, frames, quantity, ax)
    sizes_over_series(voids, frames, axes[2], calibration)
    show(figure, "Void density, mean diameter and spread of the diameters over the series")
