"""What the radii rest on, worded for the page of segment: the focus that was inferred, and what has no size."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from voidlab.project.parameters.models import MicroscopeParameters
from voidlab.report.key_figures import Figure, figure
from voidlab.segment.defocus import USUAL_KV, defocus_nm, fringe_nm
from voidlab.tables.listing import are, number_of
from voidlab.tables.size_basis import FRINGE, NOT_A_SIZE, SIGMA_AS_DETECTED
from voidlab.tables.units import HasPixelSize, unit_of

_MANY = 0.02  # share of the voids without a size
_APART = 2.25  # a defocus that is given over that of the fringes
_WIDER = 1.25  # the fringe by the grain over that by the voids
_NO_PIXEL_SIZE = (
    "microscope.defocus_nm is not used: without the pixel size it says nothing of the width of the fringes. Give "
    "pixel_size_nm."
)


def of_radii(
    decided: Mapping[str, Any],
    voids: pd.DataFrame,
    calibration: HasPixelSize,
    microscope: MicroscopeParameters,
) -> list[Figure]:
    """Which radius is meant, what focus it was measured with, and how many voids have no size."""
    if "focus_pair" in decided:
        return _of_pair(decided["focus_pair"], voids, calibration, microscope)
    focus = decided.get("focus")
    if not focus:
        mode = microscope.mode or "bright field"
        why = "no Fresnel fringe was found" if mode == "bright field" else f"{mode} has no fringe"
        seen = f"the radius is that of the edge as it is seen, ± {SIGMA_AS_DETECTED:.0%}"
        warning = _unseen(calibration, microscope)
        return [figure("Radii", "as detected", f"{why}: {seen}", warning=warning)]
    fringe = voids[voids["size_basis"] == FRINGE]
    words = _focus_in_words(focus, calibration, microscope)
    meaning = f"physical radii, of the spheres whose fringe fits: {words}"
    if len(fringe):
        shared, edge = (
            float((fringe[name] / fringe["radius_px"]).median())
            for name in ("radius_shared_sigma_px", "edge_radius_px")
        )
        meaning += (
            f"; ± {shared:.0%} that all of them share; an edge drawn by hand lies at {edge:.0%} of the radius"
        )
    figures = [
        figure("Radii", "by the fringe", meaning, warning=_contradiction(focus, calibration, microscope)),
        *_of_grain(focus, calibration),
    ]
    none = int((voids["size_basis"] == NOT_A_SIZE).sum())
    if none:
        said = (
            f"{none:,} of {number_of(len(voids), 'void')} {are(none)} smaller than the fringe around "
            f"{'it' if none == 1 else 'them'}: what is measured there is no size. They count, and are left out of "
            "all diameters. For their sizes take images nearer to focus."
        )
        warning = said if none > _MANY * len(voids) else ""
        figures.append(figure("Not a size", f"{none:,}", "voids smaller than their fringe", warning=warning))
    return figures


def _of_grain(focus: Mapping[str, Any], calibration: HasPixelSize) -> list[Figure]:
    """What the grain of the foil says of the fringe; nothing where it says nothing, or the fringe was given."""
    grain_px, seen_px = focus.get("grain_px"), focus["fringe_px"]
    if grain_px is None or focus.get("seen_px") is not None:
        return []
    size, unit = unit_of(calibration)
    warning = (
        f"The grain speaks for a fringe {grain_px * size:.2g} {unit} wide, the voids for "
        f"{seen_px * size:.2g} {unit}: the radii may be too large, most of all of voids smaller than the fringe. "
        "Give microscope.defocus_nm where you know it, or take images nearer to focus."
        if grain_px > _WIDER * seen_px
        else ""
    )
    meaning = "by the rings in the spectrum of the image; to be about that of the voids"
    return [figure("Fringe by the grain", f"{grain_px * size:.2g} {unit}", meaning, warning=warning)]


def _of_pair(
    decided: Sequence[Mapping[str, Any]],
    voids: pd.DataFrame,
    calibration: HasPixelSize,
    microscope: MicroscopeParameters,
) -> list[Figure]:
    """The figures of `of_radii` for each image of a focus pair; the frames are numbered from 1."""
    figures = []
    for number, each in enumerate(decided, 1):
        here = voids[voids["frame"] == number]
        side = "under" if each["under"] else "over"
        found = of_radii({"focus": each["focus"]}, here, calibration, microscope)
        for one in found:
            said = f"{side.capitalize()} focus: {one['warning']}" if one.get("warning") else ""
            figures.append(
                {**one, "label": f"{one['label']}, {side} focus", **({"warning": said} if said else {})}
            )
    return figures


def _focus_in_words(
    focus: Mapping[str, Any], calibration: HasPixelSize, microscope: MicroscopeParameters
) -> str:
    side = "under" if focus["under"] else "over"
    size, unit = unit_of(calibration)
    width = f"{focus['fringe_px'] * size:.2g} ± {focus['fringe_sigma_px'] * size:.1g} {unit}"
    if calibration.pixel_size_nm is None:
        return f"{side} focus, fringe {width} wide"
    found = _in_nm(focus["fringe_px"], calibration, microscope)
    volts = f"{microscope.voltage_kv or USUAL_KV:g} kV{'' if microscope.voltage_kv else ' assumed'}"
    how = "about" if focus.get("seen_px") is None else "as given,"
    return f"{how} {found / 1000:.2g} µm {side} focus (fringe {width} wide, {volts})"


def _in_nm(fringe_px: float, calibration: HasPixelSize, microscope: MicroscopeParameters) -> float:
    pixel = calibration.pixel_size_nm or float("nan")
    return defocus_nm(fringe_px * pixel, microscope.voltage_kv or USUAL_KV)


def _unseen(calibration: HasPixelSize, microscope: MicroscopeParameters) -> str:
    """What a defocus that was given says against images without a fringe; empty where there is none to be seen."""
    given = microscope.defocus_nm
    if not given or microscope.mode not in (None, "bright field"):
        return ""
    if calibration.pixel_size_nm is None:
        return _NO_PIXEL_SIZE
    width = fringe_nm(given, microscope.voltage_kv or USUAL_KV)
    return (
        f"microscope.defocus_nm = {given:g} makes fringes {width:.2g} nm wide, but none were found, or fewer than "
        "three voids: check the defocus. The radii are as detected."
    )


def _contradiction(
    focus: Mapping[str, Any], calibration: HasPixelSize, microscope: MicroscopeParameters
) -> str:
    """What the images say against the defocus that was given; empty where they agree."""
    given, seen_px = microscope.defocus_nm, focus.get("seen_px")
    if given is None:
        return ""
    if calibration.pixel_size_nm is None:
        return _NO_PIXEL_SIZE
    seen_px = focus["fringe_px"] if seen_px is None else seen_px
    found = _in_nm(seen_px, calibration, microscope) * (-1 if focus["under"] else 1)
    if given and 1 / _APART < found / given < _APART:
        return ""
    used = "that was given" if focus.get("seen_px") is not None else "of the fringes"
    side = "under" if focus["under"] else "over"
    return (
        f"microscope.defocus_nm = {given:g}, but the fringes speak for {found:.3g} nm: check the defocus (minus is "
        f"under focus), the voltage and the pixel size. The radii are those of the defocus {used}, {side} focus as "
        "the images show it."
    )
