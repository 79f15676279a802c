"""The few numbers of each stage that people look at first, worded for the pages of a report.

A figure is ``label, value, meaning``, and ``warning`` where it is a reason not to trust the results as they are.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from voidlab.drift.verdict import Verdict
from voidlab.images.headers import Calibration
from voidlab.images.series import ImageSeries
from voidlab.report.swelling_words import format_interval, format_number, label_of, reading
from voidlab.swelling.depth import OF_3D
from voidlab.swelling.series import Outcome
from voidlab.tables.focus import UNDER, is_pair
from voidlab.tables.kinds import VOID, kinds_in
from voidlab.tables.listing import number_of
from voidlab.tables.size_basis import is_size
from voidlab.tables.tilts import is_tilted
from voidlab.tables.units import HasPixelSize, unit_of
from voidlab.tables.verdict import GOOD
from voidlab.track.search_range import SearchRange

Figure = dict[str, str]

UNSURE = 0.7  # confidence below which a detection is a matter of opinion
_SEEN = ("median_diameter_seen", "max_diameter_seen")
_NOT_PLACED = ("large error", "not connected")  # flags of a drift that says nothing


def of_images(series: ImageSeries) -> list[Figure]:
    """How many images of which size, over which tilts or time, and how wide a pixel is."""
    return of_frames(series.frames, series.shape, series.calibration)


def of_frames(frames: pd.DataFrame, shape: tuple[int, int], calibration: Calibration) -> list[Figure]:
    """The same of the images of the table ``frames``, which need not be there themselves; ``shape`` (H, W), px."""
    (height, width), size = shape, calibration.pixel_size_nm
    field = [] if size is None else [f"{width * size:.4g} × {height * size:.4g} nm"]
    over = [_span(frames["tilt_deg"], "°")] if is_tilted(frames["tilt_deg"]) else []
    over += [_span(frames["time_s"], " s")] if len(frames) > 1 and frames["time_s"].notna().all() else []
    images = figure("Images", f"{len(frames)} of {width} × {height} px", ", ".join(field + over))
    if size is None:
        return [images, figure("Pixel size", "not known", "lengths are in px: give pixel_size_nm")]
    said = {"parameters": "as given"}.get(calibration.source, f"from {calibration.source}")
    return [images, figure("Pixel size", f"{size:.4g} nm", said)]


def _span(values: pd.Series, unit: str) -> str:
    return f"{values.min():.4g}{unit} to {values.max():.4g}{unit}".replace("-", "−")


def of_voids(frames: pd.DataFrame, voids: pd.DataFrame, calibration: HasPixelSize) -> list[Figure]:
    """How many voids, how big, how much of the image; nothing of voids where only loops or dots were asked for.

    Of a focus pair those under focus, for which all numbers are given, and how many there are over focus.
    """
    if VOID not in (kinds_in(frames) or [VOID]):
        return _left_out(frames)
    if not is_pair(frames):
        return [*_left_out(frames), *_of_voids(frames, voids, calibration)]
    is_under = frames["focus"] == UNDER
    here = voids[voids["frame"].isin(frames.loc[is_under, "frame"])]
    count, *others = _of_voids(frames[is_under], here, calibration)
    if here.empty and len(voids):
        count["warning"] = "No void was detected in the image under focus: look at both images."
    over = f"{range_of_counts(frames.loc[~is_under, 'void_count'].dropna())} over focus"
    others = [{**each, "meaning": f"under focus: {each['meaning']}"} for each in others]
    return [*_left_out(frames), {**count, "label": "Voids under focus", "meaning": over}, *others]


def _left_out(frames: pd.DataFrame) -> list[Figure]:
    """How many images were left out; nothing where none was."""
    lost = frames.loc[frames["status"] != "ok", "status"].value_counts()
    if lost.empty:
        return []
    value = f"{', '.join(f'{count} {status}' for status, count in lost.items())} of {len(frames)}"
    warning = f"{value} images were left out."
    return [figure("Images left out", value, "no voids are counted in them", warning=warning)]


def _of_voids(frames: pd.DataFrame, voids: pd.DataFrame, calibration: HasPixelSize) -> list[Figure]:
    counts = frames["void_count"].dropna().astype("float64")
    inside = voids.loc[~voids["touches_edge"] & is_size(voids), "radius_px"]
    fraction = format_number(frames["void_fraction"].median() * 100)
    none = "No void was detected in any image: check the contrast and the range of sizes."
    warning = none if voids.empty else ""
    seen = f"median over {len(counts)} of {len(frames)} images; smallest to largest in brackets"
    if len(frames) == 1:
        seen = "in the one image"
    everywhere = " in all images" if len(frames) > 1 else ""
    spread = f"interquartile range{everywhere}, edge voids and those without a size left out"
    at_end = []
    if len(counts) > 1 and not is_tilted(frames["tilt_deg"]):
        first, last = frames.loc[counts.index[[0, -1]], "frame"]
        meaning = f"frame {last}; in the first, frame {first}, {counts.iloc[0]:.0f}"
        at_end = [figure("Voids in the last image", f"{counts.iloc[-1]:.0f}", meaning)]
    return [
        figure(
            "Voids" if len(frames) == 1 else "Voids per image", range_of_counts(counts), seen, warning=warning
        ),
        figure("Void diameter", _diameters(inside, calibration), spread),
        figure(
            "Area fraction",
            fraction if fraction == "–" else f"{fraction} %",
            "area of the voids / area of the specimen in the image" + (", median" if len(counts) > 1 else ""),
        ),
        *at_end,
    ]


def of_drift(
    drift: pd.DataFrame, pairs: pd.DataFrame, verdict: Verdict, calibration: HasPixelSize
) -> list[Figure]:
    """How far the images drift, how well that is known, how many pairs agree, whether it can be used."""
    kept = int((pairs["weight"] > 0).sum())
    few = f"Only {kept} of {len(pairs)} frame pairs agree on the drift." if kept < 0.5 * len(pairs) else ""
    agreed = f"{kept} of {len(pairs)}"
    *others, doubtful = _of_any_drift(drift, verdict, calibration)
    if len(drift) < 3:  # of a single pair there is nothing to count
        return others
    return [
        *others,
        figure("Pairs kept", agreed, "frame pairs that agree with the solution", warning=few),
        doubtful,
    ]


def pairs_in_words(pairs: pd.DataFrame, frames: pd.DataFrame) -> str:
    """How many pairs of images were compared, as a sentence."""
    if is_pair(frames):
        return "The image under focus was compared with that over focus."
    kept = int((pairs["weight"] > 0).sum())
    return f"{number_of(len(pairs), 'pair')} of {number_of(len(frames), 'frame')}, {kept} kept"


def of_drift_of_voids(
    drift: pd.DataFrame, voids: pd.DataFrame, verdict: Verdict, calibration: HasPixelSize
) -> list[Figure]:
    """The figures of `of_drift` for a drift that the voids themselves tell, of the frames that hold some."""
    return _of_any_drift(drift[drift["frame"].isin(voids["frame"])], verdict, calibration)


def _of_any_drift(drift: pd.DataFrame, verdict: Verdict, calibration: HasPixelSize) -> list[Figure]:
    size, unit = unit_of(calibration)
    placed = drift[~drift["flag"].isin(_NOT_PLACED)]
    far = (placed["drift_x_px"] ** 2 + placed["drift_y_px"] ** 2).max() ** 0.5 * size
    left_out = len(drift) - len(placed)
    without = f", without {number_of(left_out, 'frame')} that may lie anywhere" if left_out else ""
    sigma = drift.loc[drift["flag"] != "reference", "drift_sigma_px"].median()
    doubtful = int((~drift["flag"].isin(["", "reference"])).sum())
    poor = "" if verdict.grade == GOOD else f"The drift's verdict is '{verdict.grade}': {verdict.reasons[0]}"
    # A verdict that is not good says it of these frames, or of all.
    is_news = doubtful and verdict.grade == GOOD
    unsure = f"The drift of {doubtful} of {len(drift)} frames is doubtful." if is_news else ""
    lost = f"{doubtful} of {len(drift)}"
    between, of = "distance from the reference frame", "median standard error of a frame"
    if len(drift) == 2:
        between, of = "between the two images", "standard error of the shift between them"
    error = number(sigma, "px")
    error = error if unit == "px" else f"{number(sigma * size, unit)} = {error}"
    return [
        figure("Largest drift", f"{far:.1f} {unit}", f"{between}{without}"),
        figure("Drift error", error, f"{of}, per axis"),
        figure("Drift verdict", verdict.grade, "good, check or do not use", warning=poor),
        figure(
            "Doubtful frames",
            lost,
            "frames that few pairs or none place, or whose error stands out",
            warning=unsure,
        ),
    ]


def of_tracks(
    tracks: pd.DataFrame, linked: pd.DataFrame, frames: pd.DataFrame, *, shown: int
) -> list[Figure]:
    """How many voids were followed, and for how long."""
    long_enough = int((tracks["total_frames"] >= shown).sum())
    median = tracks["total_frames"].median()
    broken = f"Half of the tracks are no longer than {median:.0f} of {len(frames)} frames: links may be lost."
    warning = broken if median < len(frames) / 3 else ""
    length = "–" if pd.isna(median) else number_of(round(median), "frame")
    return [
        figure(
            "Particles",
            f"{len(tracks):,}",
            f"from {number_of(len(linked), 'void')} in {number_of(len(frames), 'frame')}",
        ),
        figure("Long tracks", f"{long_enough:,}", f"voids followed for {number_of(shown, 'frame')} or more"),
        figure("Track length", length, "median, from first to last frame", warning=warning),
    ]


def of_events(events: pd.DataFrame, frames: pd.DataFrame) -> list[Figure]:
    """How many voids merged; nothing when none did, or in a tilt series, where one may just hide another."""
    if events.empty or is_tilted(frames["tilt_deg"]):
        return []
    alone = int(events["alone"].sum())
    return [figure("Mergers", f"{len(events)}", f"two voids became one; {alone} of these apart from others")]


def of_positions(doubts: Iterable[str]) -> list[Figure]:
    """What in a file of positions does not fit the images they are of, or was not taken as it stands."""
    meaning = "what the file says does not fit, or was not taken as it stands"
    return [figure("Positions", "check", meaning, warning=said) for said in doubts]


def of_linker(linked_by: str, reconstruction: pd.DataFrame) -> list[Figure]:
    """What linked, and for a tilt series that tracks and drift come from its points in 3D, or why not."""
    if reconstruction.empty:
        meaning = "links the voids from frame to frame; the drift is that of the drift stage"
        return [figure("Linker", linked_by, meaning)]
    row = reconstruction.iloc[0]
    meaning = "fallback: the tilt series could not be placed in depth"
    if row["linker"] == "tilt":
        meaning = "tilt series: tracks and the drift used from here on come from one fit of points in 3D"
    return [figure("Linker", row["linker"], meaning, warning=_doubt_of_depths(row))]


def _doubt_of_depths(row: pd.Series) -> str:
    """What speaks against the points in 3D, or why there are none; empty where they are good."""
    reasons = "; ".join(row["reasons"].split("\n"))
    if row["linker"] == "tilt":
        return (
            ""
            if row["verdict"] == GOOD
            else f"The reconstruction's verdict is '{row['verdict']}': {reasons}."
        )
    return (
        f"The voids could not be placed in depth ({reasons}). They were linked by {row['linker']} with the drift of "
        "the drift stage instead: in a thick foil parallax breaks such tracks."
    )


def of_search_range(linked_by: str, taken: SearchRange) -> list[Figure]:
    """How far a void was looked for in the next frame, and why; nothing of a tilt series placed in depth."""
    if linked_by == "tilt":
        return []
    warning = f"Search range: {taken.warning}." if taken.warning else ""
    return [figure("Search range", f"{taken.px:g} px", taken.why, warning=warning)]


def of_used_drift(measured: pd.DataFrame, views: pd.DataFrame) -> list[Figure]:
    """For a tilt series placed in depth: that its own drift counts, and in which frame each of the two is zero.

    ``measured`` is the table ``drift`` of the stage drift.
    """
    if views.empty:
        return []
    own = views.loc[(views[["drift_x_px", "drift_y_px"]] == 0).all(axis=1), "frame"].tolist()
    other = measured.loc[measured["flag"] == "reference", "frame"].tolist()
    zero = (
        f"it is zero in frame {own[0]}, the reference of all positions"
        if own
        else "it has no reference frame"
    )
    where = f" (zero in frame {other[0]})" if other and other != own else ""
    meaning = f"{zero}; the drift of the stage drift{where} is superseded: no track, figure or export uses it"
    return [figure("Drift that counts", "of the fit in 3D", meaning)]


def of_reconstruction(
    reconstruction: pd.DataFrame, points: pd.DataFrame, calibration: HasPixelSize
) -> list[Figure]:
    """Whether the points in 3D can be used, how many there are, how well depth and thickness are known."""
    if reconstruction.empty:
        return []
    size, unit = unit_of(calibration)
    row = reconstruction.iloc[0]
    verdict = figure(
        "Reconstruction", row["verdict"], "good, check or do not use", warning=_doubt_of_depths(row)
    )
    if points.empty:
        return [verdict]
    low, thickness, high = row[["thickness_low_px", "thickness_px", "thickness_high_px"]] * size
    axis, error = row["tilt_axis_deg"], points["sigma_z_px"].median() * size
    thick, meaning = "–", row["thickness_reason"]
    if pd.notna(thickness):
        thick = f"{thickness:.3g} ({low:.3g}–{high:.3g}) {unit}"
        # Only the export knows how exact the pixel size is.
        apart = "" if unit == "px" else ", without the error of the pixel size"
        meaning = f"between the faces of the layer that holds voids; 95 % interval{apart}"
    turned = "–" if pd.isna(axis) else f"{axis:.2f}°"
    return [
        verdict,
        figure("Voids in 3D", f"{len(points):,}", "voids that were placed in depth"),
        figure("Depth error", number(error, unit, 1), "median standard error of a depth"),
        figure("Thickness", thick, meaning),
        figure("Tilt axis", turned, "the axis runs along (−sin a, cos a) in (x right, y down)"),
    ]


def of_swelling(outcome: Outcome) -> list[Figure]:
    """Density, diameters, f and swelling, or what can be said without the foil's thickness."""
    estimates = outcome.summary.estimates
    if outcome.frame is None:
        return []
    wanted = ["areal_density", "mean_diameter_seen", *_SEEN, "volume_per_area"]
    if "swelling" in estimates.index:
        wanted = ["swelling", "volume_fraction", "number_density", "mean_diameter", *_SEEN]
    elif "swelling_3d" in estimates.index:
        wanted = [*(f"{name}_3d" for name in OF_3D), "layer_thickness_3d", *_SEEN]
    alone = outcome.over_time["frame"].nunique() < 2
    where = "in the image" if alone else outcome.called
    figures = [_estimate(quantity, estimates.loc[quantity], where) for quantity in wanted]
    said = " ".join(filter(None, (outcome.doubt, *outcome.warnings)))
    if said:
        figures[0]["warning"] = said
    return figures


def _estimate(quantity: str, row: Any, where: str) -> Figure:
    read = reading(quantity, row["unit"])
    where = "voids centred in the foil" if quantity.endswith("_3d") else where
    interval = format_interval(row["low95"], row["high95"], read.factor)
    if interval != "–":
        pixel = quantity == "layer_thickness_3d" and np.isfinite(row["scale"])
        errors = " with the error of the pixel size" if pixel else ""
        where += f"; 95 %{errors}: {interval} {read.unit}"
    value = format_number(row["value"] * read.factor)
    return figure(label_of(quantity), value if value == "–" else f"{value} {read.unit}", where)


def of_corrections(done: pd.DataFrame) -> list[Figure]:
    """How many corrections were made by hand; nothing when there are none."""
    if done.empty:
        return []
    applied = int((done["outcome"] == "applied").sum())
    lost = len(done) - applied
    if not lost:
        return [figure("Corrections by hand", f"{applied}", "edits that count")]
    meaning = f"{lost} no longer fit, so that they do not count"
    warning = f"{lost} of {len(done)} corrections by hand no longer fit and do not count."
    return [figure("Corrections by hand", f"{applied} of {len(done)}", meaning, warning=warning)]


def corrections_in_words(done: pd.DataFrame) -> str:
    """How many corrections were made by hand, as a sentence."""
    figures = of_corrections(done)
    if not figures:
        return "no corrections by hand"
    noun = number_of(len(done), "correction").partition(" ")[2]
    return f"{figures[0]['value']} {noun} by hand: {figures[0]['meaning']}"


def of_files(written: pd.DataFrame) -> list[Figure]:
    """How much was exported."""
    megabytes = written["bytes"].sum() / 1e6
    return [figure("Exported files", f"{len(written)}", f"{megabytes:.1f} MB in the folder exports")]


def figure(label: str, value: str, meaning: str, *, warning: str = "") -> Figure:
    """A figure; without ``warning`` when it is OK."""
    said = {"label": label, "value": value, "meaning": meaning}
    return {**said, "warning": warning} if warning else said


def number(value: float, unit: str, digits: int = 2) -> str:
    """``value`` with its unit; a dash when unknown."""
    return "–" if pd.isna(value) else f"{value:.{digits}f} {unit}"


def range_of_counts(counts: pd.Series) -> str:
    """Median of the ``counts``, smallest to largest in brackets; the count itself of one, a dash without any."""
    if len(counts) == 1:
        return f"{counts.iloc[0]:.0f}"
    return "–" if counts.empty else f"{counts.median():.0f} ({counts.min():.0f}–{counts.max():.0f})"


def _diameters(radii: pd.Series, calibration: HasPixelSize) -> str:
    """Quartiles; the median is that of the stage export, which weighs each void by how often its size is whole."""
    if radii.empty:
        return "–"
    size, unit = unit_of(calibration)
    low, high = map(format_number, radii.quantile([0.25, 0.75]) * 2 * size)
    return f"{low} {unit}" if low == high else f"{low}–{high} {unit}"
