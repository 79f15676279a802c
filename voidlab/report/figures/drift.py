"""Figures of the drift: the verdict, the drift of each frame, how well pairs agree, frames in register."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from matplotlib.ticker import LogLocator

from voidlab.drift.apply import align, mean_image
from voidlab.drift.verdict import triangle_closures
from voidlab.report.figures.base import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    curve,
    histogram,
    micrograph,
    nothing,
    show,
    show_of_series_only,
    whole_numbers,
)
from voidlab.tables.focus import is_pair, name_of
from voidlab.tables.listing import number_of
from voidlab.tables.units import HasPixelSize, unit_of
from voidlab.tables.verdict import CHECK, DO_NOT_USE, GOOD

# Apart for colour-blind eyes too; the word below the lamp says the same.
_LAMPS = {GOOD: GREEN, CHECK: ORANGE, DO_NOT_USE: RED}


def traffic_light(verdict: str, ax: Axes) -> Axes:
    """Three lamps, of which the one of the ``verdict`` is lit and named."""
    for place, (grade, colour) in enumerate(_LAMPS.items()):
        lit = grade == verdict
        lamp = Circle(
            (place, 0), 0.34, facecolor=colour if lit else "#E8E8E8", edgecolor=GREY, lw=1.5 if lit else 0.6
        )
        ax.add_patch(lamp)
        ax.text(
            place, -0.62, grade, ha="center", va="top", fontsize=9,
            color="black" if lit else GREY, fontweight="bold" if lit else "normal",
        )  # fmt: skip
    ax.set(xlim=(-0.6, 2.6), ylim=(-1.05, 0.5), aspect="equal")
    ax.axis("off")
    return ax


def show_verdict(verdict: str, of: str) -> None:
    """Show the traffic light of the ``verdict`` of something, such as the drift; nothing without a verdict."""
    if verdict:
        figure, ax = plt.subplots(figsize=(4.2, 1.9))
        traffic_light(verdict, ax)
        show(figure, f"Traffic light of the {of}: {verdict}")


def drift_curve(drift: pd.DataFrame, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Drift along x and y over the frames with a band of ± 2 standard errors; doubtful frames are marked."""
    size, unit = unit_of(calibration)
    frame, sigma = drift["frame"].to_numpy(), drift["drift_sigma_px"].to_numpy() * size
    for column, colour, name in (("drift_x_px", BLUE, "x, right"), ("drift_y_px", ORANGE, "y, down")):
        along = drift[column].to_numpy() * size
        ax.fill_between(frame, along - 2 * sigma, along + 2 * sigma, color=colour, alpha=0.25, lw=0)
        curve(frame, along, ax, colour=colour, width=1.2, label=name)
    doubtful = drift[~drift["flag"].isin(["", "reference"])]
    if len(doubtful):
        ax.plot(doubtful["frame"], doubtful["drift_x_px"] * size, "x", color=RED, label="doubtful")
        ax.plot(doubtful["frame"], doubtful["drift_y_px"] * size, "x", color=RED)
    ax.set(xlabel="frame", ylabel=f"drift ({unit})")
    whole_numbers(ax.xaxis)
    ax.legend(frameon=False)
    return ax


def error_curve(drift: pd.DataFrame, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Standard error of the drift of each frame, which the band around a drift of many pixels does not show."""
    size, unit = unit_of(calibration)
    shown = drift[drift["flag"] != "reference"]
    if shown.empty:
        return nothing(ax, "no frame but the reference")
    curve(shown["frame"].to_numpy(), shown["drift_sigma_px"].to_numpy() * size, ax)
    ax.set(xlabel="frame", ylabel=f"standard error ({unit})", yscale="log")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    ax.yaxis.set_minor_formatter("{x:.3g}")
    whole_numbers(ax.xaxis)
    return ax


def show_drift(drift: pd.DataFrame, calibration: HasPixelSize) -> None:
    """Show the drift over the series, and its standard error; a line through two images says nothing."""
    if len(drift) < 3:
        show_of_series_only()
        return
    figure, axes = plt.subplots(1, 2, figsize=(12, 3.4), width_ratios=(3, 2), layout="constrained")
    drift_curve(drift, axes[0], calibration)
    error_curve(drift, axes[1], calibration)
    show(figure, "Drift along x and y of each frame with its error band, and its standard error")


def residual_matrix(pairs: pd.DataFrame, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Distance between each measured pair shift and the solution; rejected pairs are crossed, others white.

    A ring marks a pair that was measured again near the solution.
    """
    if pairs.empty:
        return nothing(ax, "no pairs of frames")
    frames = np.union1d(pairs["frame_a"], pairs["frame_b"])
    a, b = pairs["frame_a"].to_numpy(), pairs["frame_b"].to_numpy()
    # Frame by frame in rows and columns; as an image, since a mesh of a long video's pairs takes much memory.
    whole = np.full((int(np.ptp(frames)) + 1,) * 2, np.nan, np.float32)
    size, unit = unit_of(calibration)
    residual = pairs["residual_px"] * size
    whole[a - frames[0], b - frames[0]] = whole[b - frames[0], a - frames[0]] = residual
    kept = residual[pairs["weight"] > 0]
    top = max(float(kept.quantile(0.98)) if len(kept) else 0.0, 0.1 * size)
    span = (frames[0] - 0.5, frames[-1] + 0.5)
    mesh = ax.imshow(
        whole, extent=(*span, *span), cmap="cividis", vmin=0, vmax=top, origin="lower", interpolation="nearest"
    )  # fmt: skip
    rejected, again = (pairs["weight"] == 0).to_numpy(), pairs["remeasured"].to_numpy()
    for first, second in ((a, b), (b, a)):
        ax.plot(first[rejected], second[rejected], "x", color=RED, ms=4)
        ax.plot(first[again], second[again], "o", color="white", mec="black", mfc="none", ms=5, mew=0.8)
    figure = ax.get_figure()
    assert figure is not None
    figure.colorbar(mesh, ax=ax, label=f"residual ({unit})", extend="max")
    ax.set(xlabel="frame", ylabel="frame", aspect="equal")
    counted = (
        f"{rejected.sum()} of {number_of(len(pairs), 'pair')} rejected (×), {again.sum()} measured again (○)"
    )
    ax.set_title(counted, fontsize=9)
    whole_numbers(ax.xaxis)
    whole_numbers(ax.yaxis)
    return ax


def closure_histogram(closures: np.ndarray, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Histogram of the closure errors (px) of triangles of frames, with their median."""
    if not len(closures):
        return nothing(ax, "no three frames that were all compared")
    size, unit = unit_of(calibration)
    closures = closures * size
    top = max(float(np.quantile(closures, 0.99)), 1e-3)
    ax.set(xlabel=f"closure error ({unit}); the last bin holds all above", ylabel="triangles of frames")
    return histogram(np.clip(closures, 0, top), np.linspace(0, top, 41), ax, unit=unit, form=".3g")


def show_pairs(pairs: pd.DataFrame, calibration: HasPixelSize) -> None:
    """Show how well the pairs of frames agree: their residuals, and the closure errors of three frames."""
    if len(pairs) == 1:
        show_of_series_only()
        return
    figure, axes = plt.subplots(1, 2, figsize=(11.5, 4.6), width_ratios=(5, 4), layout="constrained")
    residual_matrix(pairs, axes[0], calibration)
    closure_histogram(triangle_closures(pairs), axes[1], calibration)
    show(figure, "Matrix of the residuals of all frame pairs, and histogram of the closure errors")


def worst_rows(drift: pd.DataFrame, pairs: pd.DataFrame, most: int = 3) -> np.ndarray:
    """Rows of ``drift`` of the frames one should look at: those flagged, then those of the largest error."""
    flagged = ~drift["flag"].isin(["", "reference"])
    rejected = pairs[pairs["weight"] == 0]
    lost = pd.concat([rejected["frame_a"], rejected["frame_b"]]).value_counts()
    ranked = drift.assign(flagged=flagged, lost=drift["frame"].map(lost).fillna(0)).reset_index(drop=True)
    ranked = ranked[ranked["flag"] != "reference"]
    by = ["flagged", "lost", "drift_sigma_px"]
    return ranked.sort_values(by, ascending=False).index[:most].to_numpy()


def show_worst_frames(
    series: Sequence[np.ndarray],
    frames: pd.DataFrame,
    drift: pd.DataFrame,
    pairs: pd.DataFrame,
    calibration: HasPixelSize,
    *,
    reference: int,
) -> None:
    """Show the reference and the frames one should look at, side by side in register.

    ``frames`` and ``drift`` have a row per image.
    """
    size, unit = unit_of(calibration)
    drift = drift.reset_index(drop=True)
    rows = [reference, *worst_rows(drift, pairs)] if len(drift) else []
    figure, axes = plt.subplots(1, max(len(rows), 1), figsize=(12, 3.6), squeeze=False, layout="constrained")
    if not rows:
        nothing(axes[0, 0], "no frames")
    for row, ax in zip(rows, axes[0], strict=False):
        of_frame = drift.iloc[row]
        shift = of_frame[["drift_x_px", "drift_y_px"]].to_numpy(float)
        micrograph(np.nan_to_num(align(series[int(row)], shift)), ax, calibration)
        about = of_frame["flag"] or f"error {of_frame['drift_sigma_px'] * size:.2g} {unit}"
        rests = f", {number_of(of_frame['pairs_kept'], 'pair')}" if len(drift) > 2 else ""
        ax.set_title(f"{name_of(of_frame['frame'], frames)}: {about}{rests}", fontsize=8)
    show(figure, "The reference image and those of the most doubtful drift, in register", photo=True)


def mean_images(
    series: Sequence[np.ndarray], drift: pd.DataFrame, axes: Sequence[Axes], calibration: HasPixelSize
) -> Sequence[Axes]:
    """Mean of up to 16 frames as recorded and drift-corrected: what is in register is sharp."""
    shift = drift[["drift_x_px", "drift_y_px"]].to_numpy()
    for ax, shown, title in zip(axes, (shift * 0, shift), ("as recorded", "drift-corrected"), strict=True):
        micrograph(mean_image(series, shown, most=16), ax, calibration)
        ax.set_title(f"mean image, {title}", fontsize=9)
    return axes


def show_mean_images(
    series: Sequence[np.ndarray], frames: pd.DataFrame, drift: pd.DataFrame, calibration: HasPixelSize
) -> None:
    """Show the mean image as recorded and drift-corrected; in that of a focus pair bright and dark cancel."""
    if is_pair(frames):
        show_of_series_only()
        return
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    mean_images(series, drift, axes, calibration)
    show(figure, "Mean of the images before and after drift correction", photo=True)
