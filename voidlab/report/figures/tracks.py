"""Figures of the tracks: where they run, how long they are, and how their voids grow and move."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from voidlab.report.figures.base import (
    BLUE,
    GREY,
    OF_TRACKS,
    histogram,
    map_axes,
    micrograph,
    nothing,
    round_down,
    show,
    whole_numbers,
)
from voidlab.report.figures.positions import CORRECTED
from voidlab.tables.listing import number_of
from voidlab.tables.size_basis import is_size
from voidlab.tables.units import HasPixelSize, unit_of
from voidlab.track.summary import growth_rate_per

_BEYOND_NOISE = 0.003  # of a thousand voids at rest two to four are taken for moving


def tracks_over_image(
    linked: pd.DataFrame, image: np.ndarray, ax: Axes, calibration: HasPixelSize, *, min_frames: int
) -> Axes:
    """Tracks of at least ``min_frames`` frames, drawn over the mean aligned ``image``, a colour per void."""
    micrograph(image, ax, calibration)
    lines = [
        track[list(CORRECTED)].to_numpy() for _, track in _long_tracks(linked, min_frames).groupby("particle")
    ]
    colours = OF_TRACKS[np.arange(len(lines)) % len(OF_TRACKS)]
    ax.add_collection(LineCollection(lines, colors=colours, linewidths=1.1))
    ax.plot([line[0, 0] for line in lines], [line[0, 1] for line in lines], ".", color="white", ms=2)
    ax.set_title(
        f"{number_of(len(lines), 'void')} on tracks of {number_of(min_frames, 'frame')} or more (dot: first "
        "position)",
        fontsize=9,
    )
    return ax


def tracks_alone(linked: pd.DataFrame, ax: Axes, calibration: HasPixelSize, *, min_frames: int) -> Axes:
    """Drift-corrected tracks of at least ``min_frames`` frames where there is no image, a colour per void."""
    seen = _long_tracks(linked, min_frames)
    if seen.empty:
        return nothing(ax, f"no track of {number_of(min_frames, 'frame')} or more")
    size, unit = unit_of(calibration)
    lines = [rows[list(CORRECTED)].to_numpy() * size for _, rows in seen.groupby("particle")]
    colours = OF_TRACKS[np.arange(len(lines)) % len(OF_TRACKS)]
    ax.add_collection(LineCollection(lines, colors=colours, linewidths=1.1))
    ax.set_title(
        f"{number_of(len(lines), 'void')} on tracks of {number_of(min_frames, 'frame')} or more", fontsize=9
    )
    return map_axes(seen[list(CORRECTED)].to_numpy() * size, ax, unit)


def _long_tracks(linked: pd.DataFrame, min_frames: int) -> pd.DataFrame:
    """Rows of the tracks of ``min_frames`` or more from first to last, as ``total_frames`` counts them, in order."""
    frame = linked.groupby("particle")["frame"]
    long = frame.transform("max") - frame.transform("min") + 1 >= min_frames
    return linked[long].sort_values(["particle", "frame"])


def show_tracks_over_image(
    linked: pd.DataFrame, image: np.ndarray, calibration: HasPixelSize, *, min_frames: int
) -> None:
    """Show the tracks over the mean aligned ``image``."""
    figure, ax = plt.subplots(figsize=(8, 6), layout="constrained")
    tracks_over_image(linked, image, ax, calibration, min_frames=min_frames)
    count = linked["particle"].nunique()
    show(
        figure,
        f"Tracks of {number_of(count, 'void')}, the long ones drawn over the mean of the aligned images",
        photo=True,
    )


def track_lengths(tracks: pd.DataFrame, ax: Axes) -> Axes:
    """Histogram of the number of frames from the first to the last in which each void is seen."""
    if tracks.empty:
        return nothing(ax, "no tracks")
    longest = int(tracks["total_frames"].max())
    edges = np.arange(0.5, longest + 1.5) if longest <= 100 else np.linspace(0.5, longest + 0.5, 51)
    histogram(tracks["total_frames"].to_numpy(), edges, ax)
    ax.set(xlabel="track length (frames)", ylabel="voids")
    whole_numbers(ax.xaxis)
    return ax


def diameter_over_frame(
    linked: pd.DataFrame, tracks: pd.DataFrame, ax: Axes, calibration: HasPixelSize, *, most: int = 8
) -> Axes:
    """Measured diameter over the frames for the ``most`` longest tracks of voids with a size, where it is one."""
    tracks, linked = tracks[is_size(tracks)], linked[is_size(linked)]
    if tracks.empty:
        return nothing(ax, "no tracks of voids with a size")
    size, unit = unit_of(calibration)
    longest = tracks.sort_values(["total_frames", "particle"], ascending=[False, True]).head(most)
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.92, len(longest)))
    for particle, colour in zip(longest["particle"], colours, strict=True):
        track = linked[linked["particle"] == particle].sort_values("frame")
        diameter = 2 * track["radius_px"] * size
        ax.plot(track["frame"], diameter, color=colour, lw=1, marker=".", ms=3, label=f"{particle}")
    ax.set(xlabel="frame", ylabel=f"diameter ({unit})")
    whole_numbers(ax.xaxis)
    ax.legend(
        title="particle", frameon=False, fontsize=7, ncols=2, loc="upper left", bbox_to_anchor=(1.0, 1.0)
    )
    return ax


def show_track_lengths(
    tracks: pd.DataFrame, linked: pd.DataFrame, calibration: HasPixelSize, *, min_frames: int = 1
) -> None:
    """Show how long the tracks of ``min_frames`` or more are, and the diameter over the frames of the longest."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
    track_lengths(tracks[tracks["total_frames"] >= min_frames], axes[0])
    diameter_over_frame(linked, tracks, axes[1], calibration)
    count = int((tracks["total_frames"] >= min_frames).sum())
    show(
        figure,
        f"Histogram of the lengths of {number_of(count, 'track')}; diameter over frame of the longest tracks",
    )


def growth_over_diameter(tracks: pd.DataFrame, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Growth of each diameter over its mean, with its standard error; grey where it is not significant."""
    rate = growth_rate_per(tracks)
    columns = ["mean_radius_px", f"growth_px_per_{rate}", f"growth_sigma_px_per_{rate}"]
    known = tracks.dropna(subset=columns[1:])
    if known.empty:
        return nothing(ax, "no track long enough for a growth rate")
    size, unit = unit_of(calibration)
    diameter, growth, sigma = known[columns].to_numpy().T * 2 * size
    sure = np.abs(growth) > 2 * sigma
    for rows, colour, name in ((~sure, GREY, "not significant"), (sure, BLUE, "above 2 standard errors")):
        ax.errorbar(
            diameter[rows], growth[rows], sigma[rows], fmt="o", ms=3, color=colour, elinewidth=0.6, alpha=0.8,
            label=f"{int(rows.sum())} {name}",
        )  # fmt: skip
    ax.axhline(0, color="black", lw=0.6)
    # A few short tracks with wild slopes must not hide the others.
    middle, reach = np.median(growth), 3 * np.quantile(np.abs(growth - np.median(growth)) + sigma, 0.9)
    ax.set(xlabel=f"mean diameter ({unit})", ylabel=f"growth of the diameter ({unit}/{rate})")
    ax.set_ylim(middle - max(reach, 1e-9), middle + max(reach, 1e-9))
    outside = int((np.abs(growth - middle) > reach).sum())
    ax.legend(title=f"{outside} beyond the axis" if outside else None, frameon=False, fontsize=8)
    return ax


def displacement_field(
    linked: pd.DataFrame, fates: pd.DataFrame, ax: Axes, calibration: HasPixelSize, *, min_frames: int
) -> Axes:
    """Arrow from each void's first position along its displacement against its neighbours, drawn longer.

    Grey: within noise, by the test of both components.
    """
    seen = _long_tracks(linked, min_frames)
    if seen.empty:
        return nothing(ax, "no tracks")
    size, unit = unit_of(calibration)
    first = seen.drop_duplicates("particle")[["particle", *CORRECTED]]
    moved = fates.dropna(subset="p_at_rest").merge(first, on="particle")
    if moved.empty:
        return nothing(ax, "no void with three others in its first and its last image")
    step, place = (
        moved[list(columns)].to_numpy() * size for columns in (("local_x_px", "local_y_px"), CORRECTED)
    )
    beyond = (moved["p_at_rest"] < _BEYOND_NOISE).to_numpy()
    extent = np.ptp(place, axis=0).max(initial=1.0)
    longer = round_down(max(0.08 * extent / max(np.quantile(np.hypot(*step.T), 0.9), 1e-9), 1.0))
    ax.quiver(
        *place.T, *(longer * step).T, color=np.where(beyond, BLUE, GREY), angles="xy", scale_units="xy", scale=1,
        width=0.003,
    )  # fmt: skip
    ax.set_title(
        f"{int(beyond.sum())} of {number_of(len(moved), 'void')} moved beyond noise (blue, p < {_BEYOND_NOISE:.1%})\n"
        f"arrows {longer:g} × as long; median of all {moved['local_displacement_px'].median() * size:.2f} {unit}",
        fontsize=9,
    )
    return map_axes(place, ax, unit, margin=0.08)


def show_growth_and_motion(
    tracks: pd.DataFrame,
    linked: pd.DataFrame,
    fates: pd.DataFrame,
    calibration: HasPixelSize,
    *,
    min_frames: int,
) -> None:
    """Show growth over diameter and the displacements of the voids with tracks of ``min_frames`` or more."""
    figure, axes = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained")
    growth_over_diameter(tracks[tracks["total_frames"] >= min_frames], axes[0], calibration)
    displacement_field(linked, fates, axes[1], calibration, min_frames=min_frames)
    show(figure, "Growth over diameter, and the displacement of each void against its neighbours")
