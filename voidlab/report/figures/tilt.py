"""Figures of a tilt series in 3D: views, flattened tracks, depths, three sides, and a comparison with the truth."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from voidlab.report.figures.base import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    discs,
    histogram,
    map_axes,
    nothing,
    show,
)
from voidlab.report.figures.positions import CORRECTED
from voidlab.report.figures.table import show_table
from voidlab.report.placeholders import NO_POINTS, NO_VIEWS
from voidlab.report.swelling_words import reading
from voidlab.scores.depths import SURE_VIEWS, TiltTruth, against_truth, compare_depths
from voidlab.swelling.places_in_foil import depth_in_foil, flattened
from voidlab.tables.listing import number_of
from voidlab.tables.size_basis import is_size
from voidlab.tables.units import HasPixelSize, unit_of

OF_DEPTH = "cividis"


def residual_by_view(views: pd.DataFrame, linked: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """For each view: how far its voids lie from where the points are seen, how many are linked, and left out itself.

    The third of the ``axes`` shows, of the voids that all other views predict there, the share that is detected, and
    their error over the expected one.
    """
    shown = views.dropna(subset="residual_px")
    if shown.empty:
        for ax in axes:
            nothing(ax, NO_VIEWS)
        return axes
    counts = linked["frame"].value_counts().reindex(shown["frame"], fill_value=0)
    left_out = views[views["residual_px"].isna()]
    values = (shown["residual_px"].to_numpy(), counts.to_numpy())
    for ax, value, name in zip(axes[:2], values, ("rms residual (px)", "linked voids"), strict=True):
        ax.plot(shown["tilt_deg"], value, color=BLUE, marker="o", ms=4, lw=1)
        ax.set(ylabel=name, ylim=(0, 1.15 * max(value.max(), 1e-3)))
    detected = ("left_out_found", "detected (share)", BLUE, "o")
    error = ("left_out_error", "error / expected", ORANGE, "s")
    for column, name, colour, marker in (detected, error):
        axes[2].plot(shown["tilt_deg"], shown[column], color=colour, marker=marker, ms=4, lw=1, label=name)
    axes[2].axhline(1, color=GREY, ls="--", lw=0.8)
    top = max(1.3, 1.15 * shown["left_out_error"].max())
    axes[2].set(ylabel="where the other views predict", ylim=(0, top))
    axes[2].legend(frameon=False, fontsize=8, loc="lower right")
    for ax in axes:
        ax.set(xlabel="tilt (°)")
        for tilt in left_out["tilt_deg"].dropna():
            ax.axvline(tilt, color=RED, ls=":", lw=1)
    if len(left_out):
        word = "view" if len(left_out) == 1 else "views"
        axes[0].set_title(f"{len(left_out)} {word} left out (dotted)", fontsize=9)
    return axes


def show_views(views: pd.DataFrame, linked: pd.DataFrame) -> None:
    """Show the residual, the linked voids, and the prediction by the other views, of each view."""
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.4), layout="constrained")
    residual_by_view(views, linked, axes)
    show(figure, "Residual, linked voids, and prediction by the other views, of each view over its tilt")


def flattened_tracks(
    linked: pd.DataFrame,
    points: pd.DataFrame,
    views: pd.DataFrame,
    reconstruction: pd.DataFrame,
    axes: Sequence[Axes],
    calibration: HasPixelSize,
) -> Sequence[Axes]:
    """Tracks, drift-corrected, and without tilt and parallax too, coloured by depth: right ones shrink to a dot."""
    flat = flattened(linked, points, views, reconstruction)
    if flat.empty:
        for ax in axes:
            nothing(ax, NO_POINTS)
        return axes
    size, unit = unit_of(calibration)
    flat = flat.sort_values(["particle", "tilt_deg"])
    tracks = [track for _, track in flat.groupby("particle")]
    colours = _colours(points["z_px"] * size)
    of_track = colours.to_rgba(np.array([track["z_px"].iloc[0] for track in tracks]) * size)
    titles = ("drift-corrected", "without drift, tilt and parallax")
    for ax, columns, title in zip(axes, (CORRECTED, ("x_flat_px", "y_flat_px")), titles, strict=True):
        lines = [track[list(columns)].to_numpy() * size for track in tracks]
        ax.add_collection(LineCollection(lines, colors=of_track, linewidths=1.2))
        map_axes(flat[list(CORRECTED)].to_numpy() * size, ax, unit)
        ax.set_title(title, fontsize=9)
    figure = axes[0].get_figure()
    assert figure is not None
    figure.colorbar(colours, ax=list(axes), label=f"depth z ({unit})", shrink=0.8)
    return axes


def show_flattened_tracks(
    linked: pd.DataFrame,
    points: pd.DataFrame,
    views: pd.DataFrame,
    reconstruction: pd.DataFrame,
    calibration: HasPixelSize,
) -> None:
    """Show the tracks drift-corrected, and without tilt and parallax too."""
    figure, axes = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
    flattened_tracks(linked, points, views, reconstruction, axes, calibration)
    show(figure, "Tracks of the voids, drift-corrected, and without tilt and parallax too, coloured by depth")


def depth_histogram(
    points: pd.DataFrame, reconstruction: pd.DataFrame, ax: Axes, calibration: HasPixelSize
) -> Axes:
    """Distance of the voids from mid-foil, with the faces of what holds voids and their 95 % interval."""
    if points.empty:
        return nothing(ax, NO_POINTS)
    size, unit = unit_of(calibration)
    depth = depth_in_foil(points, reconstruction) * size
    spread = np.subtract(*np.percentile(depth, [75, 25]))
    error = float(points["sigma_z_px"].median()) * size
    width = max(spread / np.cbrt(len(depth)), np.ptp(depth) / 60, error)
    # From mid-foil outwards, so that both faces are seen alike.
    reach = np.ceil(np.abs(depth).max() / width)
    histogram(depth, np.arange(-reach, reach + 1) * width, ax)
    row = reconstruction.iloc[0]
    low, middle, high = (row[f"thickness{name}_px"] * size for name in ("_low", "", "_high"))
    if np.isfinite(middle):
        for side in (-1, 1):
            ax.axvspan(side * low / 2, side * high / 2, color=ORANGE, alpha=0.35, lw=0)
            ax.axvline(side * middle / 2, color=RED, ls="--", lw=1.2)
        apart = "" if unit == "px" else " without the error of the pixel size"
        said = f"thickness {middle:.3g} {unit} (95 %{apart}: {low:.3g} to {high:.3g}), by {row['thickness_method']}"
        ax.set_title(said, fontsize=9)
    else:
        ax.set_title(f"no thickness: {row['thickness_reason']}", fontsize=9)
    ax.set(xlabel=f"distance from mid-foil ({unit})", ylabel="voids")
    return ax


def density_by_depth(
    density: pd.DataFrame, reconstruction: pd.DataFrame, ax: Axes, calibration: HasPixelSize
) -> Axes:
    """Voids per volume over the depth in the foil, with 68 % from counting; dashed: the faces of what holds voids.

    ``density`` is as `voidlab.swelling.density_over_depth` gives it.
    """
    if density.empty:
        return nothing(ax, NO_POINTS)
    size, unit = unit_of(calibration)
    read = reading("number_density", f"{unit}⁻³")
    factor = read.factor / size**3
    low, high = (density[name].to_numpy() * size for name in ("low_px", "high_px"))
    value, least, most = (
        density[name].to_numpy() * factor for name in ("density_px3", "low68_px3", "high68_px3")
    )
    ax.bar((low + high) / 2, value, high - low, color=BLUE, alpha=0.7, edgecolor="white", lw=0.5)
    ax.errorbar(
        (low + high) / 2, value, [np.maximum(value - least, 0), most - value],
        fmt="none", ecolor="black", elinewidth=0.8, capsize=1.5,
    )  # fmt: skip
    thickness = reconstruction["thickness_px"].iloc[0] * size
    if np.isfinite(thickness):
        for side in (-1, 1):
            ax.axvline(side * thickness / 2, color=RED, ls="--", lw=1.2)
    ax.set(
        xlabel=f"distance from mid-foil ({unit})", ylabel=f"voids per volume ({read.unit})", ylim=(0, None)
    )
    return ax


def show_density_by_depth(
    density: pd.DataFrame, reconstruction: pd.DataFrame, calibration: HasPixelSize
) -> None:
    """Show voids per volume over the depth in the foil; says so where no voids were placed in depth."""
    figure, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    density_by_depth(density, reconstruction, ax, calibration)
    show(figure, "Voids per volume over the depth in the foil, with 68 % intervals from counting")


def show_depths(points: pd.DataFrame, reconstruction: pd.DataFrame, calibration: HasPixelSize) -> None:
    """Show the histogram of the depths with the faces of the foil."""
    figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
    depth_histogram(points, reconstruction, ax, calibration)
    show(figure, f"Histogram of the depths of {number_of(len(points), 'void')} with the faces of the foil")


def three_sides(points: pd.DataFrame, reconstruction: pd.DataFrame, calibration: HasPixelSize) -> Figure:
    """The points as seen along the beam, along x (beside it) and along y (below), all at one scale.

    Those that are smaller than their fringe are pale, with a dashed rim: how large they are is not known.
    """
    if points.empty:
        figure, ax = plt.subplots(figsize=(6, 3))
        nothing(ax, NO_POINTS)
        return figure
    size, unit = unit_of(calibration)
    colours = _colours(points["z_px"] * size)
    places = points[["x_px", "y_px", "z_px"]].to_numpy(np.float64) * size
    radius = points["radius_px"].to_numpy(np.float64) * size
    sized = is_size(points)
    faces = colours.to_rgba(places[:, 2], alpha=np.where(sized, 0.9, 0.2))
    rims = {"edgecolors": np.where(sized, "white", GREY), "linestyles": np.where(sized, "-", "--").tolist()}
    low, high = places.min(axis=0) - radius.max(), places.max(axis=0) + radius.max()
    width, height, depth = high - low
    figure, axes = plt.subplots(
        2, 2, figsize=(10, 10 * (height + depth) / (width + depth) + 0.8), layout="constrained",
        width_ratios=(width, depth), height_ratios=(height, depth),
    )  # fmt: skip
    axes[1, 1].axis("off")
    for ax, across, up in ((axes[0, 0], 0, 1), (axes[0, 1], 2, 1), (axes[1, 0], 0, 2)):
        discs(places[:, [across, up]], radius, ax, facecolors=faces, linewidths=0.4, **rims)
        ax.set(xlim=(low[across], high[across]), ylim=(high[up], low[up]), aspect="equal")
        ax.set(xlabel=f"{'xyz'[across]} ({unit})", ylabel=f"{'xyz'[up]} ({unit})")
    if not sized.all():
        pale = {"mfc": "none", "mec": GREY, "ls": "none"}
        axes[0, 0].plot([], [], "o", **pale, label="smaller than its fringe: size not known")
        axes[0, 0].legend(loc="upper right", fontsize=8)
    _draw_axis(axes[0, 0], reconstruction, size)
    label = f"depth z ({unit})"
    figure.colorbar(colours, ax=axes[1, 1], label=label, location="right", fraction=0.9, aspect=4)
    return figure


def show_three_sides(points: pd.DataFrame, reconstruction: pd.DataFrame, calibration: HasPixelSize) -> None:
    """Show the points from three sides."""
    figure = three_sides(points, reconstruction, calibration)
    show(figure, "The voids seen along the beam, along y and along x")


def _draw_axis(ax: Axes, reconstruction: pd.DataFrame, size: float) -> None:
    """The tilt axis, through its origin, over the whole field."""
    row = reconstruction.iloc[0]
    angle = np.deg2rad(row["tilt_axis_deg"])
    if not np.isfinite(angle):
        return
    x, y = row["origin_x_px"] * size, row["origin_y_px"] * size
    ax.axline((x, y), (x - np.sin(angle), y + np.cos(angle)), color=GREY, ls="--", lw=1, label="tilt axis")
    ax.legend(loc="upper right", fontsize=8)


def _colours(depth: pd.Series) -> ScalarMappable:
    """Colours for all but the outermost depths."""
    low, high = np.quantile(depth, [0.01, 0.99])
    return ScalarMappable(Normalize(float(low), float(max(high, low + 1e-6))), OF_DEPTH)


def depth_colours(depth: np.ndarray) -> np.ndarray:
    """Colours (n, 3), 0 to 255, of depths."""
    return np.asarray(_colours(pd.Series(depth)).to_rgba(depth)[:, :3] * 255).astype(np.uint8)


def depth_against_truth(depths: pd.DataFrame, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Measured over true depth, with one standard error; ``depths`` as `compare_depths` has them."""
    size, unit = unit_of(calibration)
    true, measured, error = (depths[name] * size for name in ("true_z_px", "z_px", "sigma_z_px"))
    ax.errorbar(true, measured, yerr=error, fmt="o", ms=3, color=BLUE, ecolor=BLUE, elinewidth=0.6, alpha=0.8)
    ends = [true.min(), true.max()] if len(depths) else [0, 1]
    ax.plot(ends, ends, color=GREY, lw=1, ls="--", label="measured = true")
    ax.set(xlabel=f"true depth ({unit})", ylabel=f"measured depth ({unit})", aspect="equal")
    ax.set_title(number_of(len(depths), "void"), fontsize=9)
    ax.legend(frameon=False)
    return ax


def show_against_truth(
    truth: TiltTruth | None,
    linked: pd.DataFrame,
    points: pd.DataFrame,
    views: pd.DataFrame,
    reconstruction: pd.DataFrame,
    calibration: HasPixelSize,
) -> None:
    """Show how the reconstruction compares with the ``truth`` of a simulated series; nothing where there is none."""
    from IPython.display import Markdown, display

    if truth is None or points.empty:
        return
    text = (
        "### Against the truth\n\nThese images are simulated, so the truth is known. Drawn are voids seen in "
        f"{SURE_VIEWS} views or more."
    )
    display(Markdown(text))
    figure, ax = plt.subplots(figsize=(4.6, 4.4), layout="constrained")
    depths = compare_depths(truth, linked, points)
    depth_against_truth(depths[depths["views"] >= SURE_VIEWS], ax, calibration)
    show(figure, "Measured depth of each void over its true depth, with its standard error")
    compared = against_truth(truth, linked, points, views, reconstruction)
    # Counts without decimals, shares with three.
    shown = compared[["found", "true"]].map(lambda value: "–" if pd.isna(value) else f"{value:.4g}")
    show_table(compared.assign(**shown))
