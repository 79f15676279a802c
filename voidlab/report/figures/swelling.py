"""Figures of what the voids say of the material: sizes, growth, motion, density and swelling over the series.

Tables and an ``Axes`` in, the ``Axes`` out, as in `voidlab.report.figures`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from voidlab.report.figures.base import BLUE, GREY, ORANGE, RED, nothing, round_down
from voidlab.report.swelling_words import reading
from voidlab.swelling.sizes import SizeDistribution
from voidlab.tables.units import HasPixelSize, unit_of
from voidlab.track.motion import local_motion

_SHADE = 0.22


def size_distribution(sizes: SizeDistribution, axes: Sequence[Axes], unit: str) -> Sequence[Axes]:
    """Share of the voids and share of the swelling per class of diameters, each with what has added up to there."""
    classes = sizes.classes
    if classes.empty:
        for ax in axes:
            nothing(ax, "no whole voids in the frame")
        return axes
    middle, width = (classes["low"] + classes["high"]) / 2, classes["high"] - classes["low"]
    for ax, column, colour, name in zip(
        axes, ("share", "volume_share"), (BLUE, ORANGE), ("voids", "swelling"), strict=True
    ):
        ax.bar(middle, 100 * classes[column], width, color=colour, edgecolor="white", lw=0.5)
        ax.set(xlabel=f"diameter ({unit})", ylabel=f"share of the {name} (%)")
        total = ax.twinx()
        total.plot(classes["high"], 100 * classes[f"cumulative_{column}"], color=GREY, lw=1.2)
        total.set(ylim=(0, 105), ylabel="up to this size (%, line)")
    low, high = (100 * classes[f"share_{end}95"] for end in ("low", "high"))
    seen = classes["voids"] > 0
    share = 100 * classes["share"]
    axes[0].errorbar(
        middle[seen], share[seen], [np.maximum(share - low, 0)[seen], np.maximum(high - share, 0)[seen]],
        fmt="none", ecolor="black", elinewidth=0.8, capsize=1.5,
    )  # fmt: skip
    return axes


def over_series(
    swelling: pd.DataFrame, frames: pd.DataFrame, quantity: str, ax: Axes, *, marked: int | None = None
) -> Axes:
    """A quantity over dose, time, tilt or frame: dark band, counting alone; light band, all errors; both 95 %.

    ``marked`` is the frame whose numbers are quoted.
    """
    rows = swelling[swelling["quantity"] == quantity].sort_values("frame")
    if rows["value"].notna().sum() == 0:
        return nothing(ax, "nothing to show")
    label, x = _along(rows, frames)
    read = reading(quantity, rows["unit"].iloc[0])
    value = rows["value"].to_numpy() * read.factor
    low, high = (rows[end].to_numpy() * read.factor for end in ("low95", "high95"))
    counting = 1.96 * rows["statistical"].to_numpy() * value
    ax.fill_between(x, low, high, color=BLUE, alpha=_SHADE, lw=0)
    ax.fill_between(x, np.maximum(value - counting, 0), value + counting, color=BLUE, alpha=_SHADE, lw=0)
    ax.plot(x, value, color=BLUE, lw=1.2, marker="o", ms=3 if len(x) < 80 else 0)
    if marked is not None and len(x) > 1:
        here = (rows["frame"] == marked).to_numpy()
        ax.plot(x[here], value[here], "o", color=RED, ms=5)
    if len(x) == 1:
        ax.errorbar(x, value, [value - low, high - value], color=BLUE, capsize=3)
    ax.set(xlabel=label, ylabel=f"{read.name} ({read.unit})", ylim=(0, None))
    ax.ticklabel_format(axis="y", useMathText=True)
    return ax


def sizes_over_series(
    voids: pd.DataFrame, frames: pd.DataFrame, ax: Axes, calibration: HasPixelSize, *, most: int = 60
) -> Axes:
    """Median, middle half and middle 90 % of the diameters of whole voids, frame by frame or in groups of frames."""
    size, unit = unit_of(calibration)
    whole = voids[~voids["touches_edge"]]
    if whole.empty:
        return nothing(ax, "no voids away from the edge")
    looked = frames.loc[frames["status"] == "ok"]
    groups = np.array_split(looked["frame"].to_numpy(), min(len(looked), most))
    group_of = {frame: number for number, group in enumerate(groups) for frame in group}
    of_group = (2 * size * whole["radius_px"]).groupby(whole["frame"].map(group_of))
    spread = pd.DataFrame({share: of_group.quantile(share) for share in (0.05, 0.25, 0.5, 0.75, 0.95)})
    label, along = _along(looked, frames)
    x = np.array([along[np.isin(looked["frame"], groups[int(number)])].mean() for number in spread.index])
    order = np.argsort(x)
    columns = spread.to_numpy()[order].T
    ax.fill_between(x[order], columns[0], columns[4], color=BLUE, alpha=_SHADE, lw=0, label="middle 90 %")
    ax.fill_between(x[order], columns[1], columns[3], color=BLUE, alpha=2 * _SHADE, lw=0, label="middle half")
    ax.plot(x[order], columns[2], color=BLUE, lw=1.4, marker="o", ms=3 if len(x) < 80 else 0, label="median")
    ax.set(xlabel=label, ylabel=f"diameter ({unit})", ylim=(0, None))
    ax.legend(frameon=False, fontsize=8)
    return ax


def _along(rows: pd.DataFrame, frames: pd.DataFrame) -> tuple[str, np.ndarray]:
    """What runs along the series: dose, tilt, time or the frame number; label and values for the ``rows``."""
    if "dose_dpa" in rows and rows["dose_dpa"].notna().all():
        return "dose (dpa)", rows["dose_dpa"].to_numpy(float)
    of_frame = frames.set_index("frame").reindex(rows["frame"])
    for column, label in (("tilt_deg", "tilt (°)"), ("time_s", "time (s)")):
        if of_frame[column].notna().all():
            return label, of_frame[column].to_numpy(float)
    return "frame", rows["frame"].to_numpy(float)


def growth_over_radius(tracks: pd.DataFrame, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Growth rate of each void over its mean radius, with its standard error; grey where that reaches over zero."""
    known = tracks.dropna(subset=["growth_px_per_frame", "growth_sigma_px_per_frame"])
    if known.empty:
        return nothing(ax, "no track long enough for a growth rate")
    size, unit = unit_of(calibration)
    radius, growth, sigma = (
        known[name].to_numpy() * size
        for name in ("mean_radius_px", "growth_px_per_frame", "growth_sigma_px_per_frame")
    )
    sure = np.abs(growth) > 2 * sigma
    for rows, colour, name in ((~sure, GREY, "not told from 0"), (sure, BLUE, "above 2 standard errors")):
        ax.errorbar(
            radius[rows], growth[rows], sigma[rows], fmt="o", ms=3, color=colour, elinewidth=0.6, alpha=0.8,
            label=f"{int(rows.sum())} {name}",
        )  # fmt: skip
    ax.axhline(0, color="black", lw=0.6)
    # A few short tracks with wild slopes must not hide the others.
    middle, reach = np.median(growth), 3 * np.quantile(np.abs(growth - np.median(growth)) + sigma, 0.9)
    ax.set(xlabel=f"mean radius ({unit})", ylabel=f"growth ({unit}/frame)")
    ax.set_ylim(middle - max(reach, 1e-9), middle + max(reach, 1e-9))
    outside = int((np.abs(growth - middle) > reach).sum())
    ax.legend(title=f"{outside} beyond the axis" if outside else None, frameon=False, fontsize=8)
    return ax


def displacement_field(
    linked: pd.DataFrame, fates: pd.DataFrame, ax: Axes, calibration: HasPixelSize, *, min_frames: int
) -> Axes:
    """Arrow from each void's first position along its displacement against its neighbours, drawn longer.

    Grey: shorter than 3 standard errors.
    """
    long_enough = linked.groupby("particle")["frame"].transform("size") >= min_frames
    seen = linked[long_enough].sort_values(["particle", "frame"])
    if seen.empty:
        return nothing(ax, "no tracks")
    size, unit = unit_of(calibration)
    moved = local_motion(seen)
    of_void = moved.groupby("particle")[["x_local_px", "y_local_px"]]
    step = (of_void.last() - of_void.first()) * size
    place = moved.groupby("particle")[["x_corrected_px", "y_corrected_px"]].first() * size
    sigma = fates.set_index("particle")["displacement_sigma_px"].reindex(step.index).fillna(np.inf) * size
    length = np.hypot(*step.to_numpy().T)
    extent = np.ptp(place.to_numpy(), axis=0).max(initial=1.0)
    longer = round_down(max(0.08 * extent / max(np.quantile(length, 0.9), 1e-9), 1.0))
    colours = np.where(length > 3 * sigma, BLUE, GREY)
    ax.quiver(
        *place.to_numpy().T, *(longer * step.to_numpy()).T, color=colours, angles="xy", scale_units="xy", scale=1,
        width=0.003,
    )  # fmt: skip
    pad = 0.08 * extent
    (left, top), (right, bottom) = place.min() - pad, place.max() + pad
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xlabel=f"x ({unit})", ylabel=f"y ({unit})")
    ax.set_title(
        f"arrows {longer:g} × as long as the displacement; median {np.median(length):.2f} {unit}", fontsize=9
    )
    return ax
