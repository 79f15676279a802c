"""Loops and dots, where they were asked for: how many, how dense, how large, for the page of the stage segment."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.special import gammaincinv

from voidlab.report.key_figures import UNSURE, Figure, figure, range_of_counts
from voidlab.report.swelling_words import format_number
from voidlab.tables.kinds import COUNT_OF, VOID, kinds_in
from voidlab.tables.listing import number_of
from voidlab.tables.units import HasPixelSize, unit_of
from voidlab.tables.verdict import CHECK

_MANY = 0.25  # share of a whole from which on something is said
_MANY_MISSED = figure(
    "Loops and dots",
    CHECK,
    "counts are rough: use them to see what is there and to compare images taken alike, not to publish",
    warning="Many loops and dots are missed: of simulated ones, most of which are faint, five in six, in real "
    "micrographs fewer; and those smaller than min_radius_px. Of large ones the ends may count, specks as dots, dots "
    "as loops. Counts and densities are rough.",
)


def detections_in_words(frames: pd.DataFrame, voids: pd.DataFrame) -> str:
    """How many were detected of each kind that was asked for, in how many images.

    Parameters
    ----------
    frames, voids
        The tables of these names; ``voids`` with loops and dots.
    """
    kinds = kinds_in(frames) or (VOID,)
    counts = {kind: int((voids["kind"] == kind).sum()) for kind in kinds}
    said = ", ".join(number_of(count, kind) for kind, count in counts.items())
    looked_at = int(frames[[COUNT_OF[kind] for kind in kinds]].notna().any(axis=1).sum())
    if looked_at == len(frames) == 1:
        return f"{said} in the image"
    return f"{said} in {looked_at} of {number_of(len(frames), 'image')}"


def of_kinds(frames: pd.DataFrame, voids: pd.DataFrame, calibration: HasPixelSize) -> list[Figure]:
    """Number, density and mean diameter of loops and of dots; nothing where only voids were asked for.

    Parameters
    ----------
    frames, voids
        The tables of these names; ``voids`` with loops and dots, without what was deleted by hand.
    """
    others = [kind for kind in kinds_in(frames) if kind != VOID]
    figures = [each for kind in others for each in _of_kind(kind, frames, voids, calibration)]
    return [*figures, _MANY_MISSED] if others else []


def _of_kind(
    kind: str, frames: pd.DataFrame, voids: pd.DataFrame, calibration: HasPixelSize
) -> Iterable[Figure]:
    looked_at = frames[frames[COUNT_OF[kind]].notna()]
    counts = looked_at[COUNT_OF[kind]].astype("float64")
    rows = voids[voids["kind"] == kind]
    name, seen = kind.capitalize(), f"median over {len(counts)} of {len(frames)} images"
    unsure = float((rows["confidence"] < UNSURE).mean()) if len(rows) else 0.0
    many = f"{unsure:.0%} of the {kind}s are uncertain (confidence below {UNSURE:g}): look at the overlays."
    yield figure(
        f"{name}s per image",
        range_of_counts(counts),
        f"{seen}; smallest to largest in brackets",
        warning=many if unsure > _MANY else "",
    )
    # The same loops are seen in many images: what chance does to their number is that of a single image.
    size, unit = unit_of(calibration)
    mean, area = float(counts.mean()), float(looked_at["valid_px"].astype("float64").mean()) * size**2 / 1e6
    low, high = (gammaincinv(mean, 0.025) if mean else 0.0), gammaincinv(mean + 1, 0.975)
    density, low, high = (format_number(float(number) / area) for number in (mean, low, high))
    per = "per Mpx" if unit == "px" else "µm⁻²"
    counting = f"of the image, mean; 95 % from counting those of one image: {low}–{high} {per}"
    yield figure(
        f"{name} density", f"{density} {per}", f"{counting}. Missed and false ones are not corrected for"
    )
    yield _diameter(kind, rows, mean, size, unit)


def _diameter(kind: str, rows: pd.DataFrame, in_image: float, size: float, unit: str) -> Figure:
    """Mean diameter of those that the edge does not cut; its error is that of as many as an image shows."""
    diameter = 2 * rows.loc[~rows["touches_edge"], "radius_px"].to_numpy() * size
    value = "–"
    if len(diameter):
        value = f"{diameter.mean():.2f} {unit}"
    if len(diameter) > 1 and in_image >= 1:
        error = float(np.std(diameter, ddof=1)) / in_image**0.5
        value = f"{diameter.mean():.2f} ± {error:.2f} {unit}"
    meaning = f"mean ± its standard error, from the spread of the {kind}s of one image; at the edge left out"
    return figure(f"{kind.capitalize()} diameter", value, meaning)
