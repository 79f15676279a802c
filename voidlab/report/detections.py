"""What the stage segment decided and how far its detections can be trusted, worded for its page."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from voidlab.images.doubt import Doubt
from voidlab.project.parameters.models import SegmentParameters
from voidlab.report.key_figures import Figure, figure
from voidlab.tables.listing import are, number_of
from voidlab.tables.size_basis import is_size
from voidlab.tables.units import HasPixelSize, unit_of
from voidlab.tables.verdict import CHECK, GOOD

_CUT = 0.2  # share of the voids in sizes of which not all are found
_NAMED = 5  # odd frames that are named


def of_segmentation(
    decided: Mapping[str, Any], asked: SegmentParameters, doubts: Iterable[Doubt] = ()
) -> list[Figure]:
    """What the stage segment decided by itself: the contrast, and how many detections its limits leave out.

    ``decided`` is ``attrs["segmentation"]`` of the tables; ``doubts`` say what of the images may be no specimen.
    """
    said = "; ".join(decided["verdict_reasons"])
    doubt = (
        ""
        if decided["verdict"] == GOOD
        else f"The verdict on the detections is '{decided['verdict']}': {said}."
    )
    meaning = "good, check or do not use" if doubt else said
    figures = [figure("Detections verdict", decided["verdict"], meaning, warning=doubt)]
    if "contrast_verdict" in decided:
        count = len(decided["contrast_frames"])
        reason = f"{decided['contrast_reason']} (in {number_of(count, 'image')})"
        undecided = f"The contrast is {decided['contrast_reason']}."
        told = decided["contrast_verdict"] == GOOD or decided["contrast_reason"] in doubt
        warning = "" if told else undecided
        figures.append(figure("Contrast", decided["contrast"], reason, warning=warning))
    if "series" in decided:
        figures.append(_of_series(decided["series"]))
    if decided["cut_frames"]:
        least = f"{decided['least_valid']:.1%} or more"
        cut = number_of(decided["cut_frames"], "image")
        meaning = f"of {cut}: ignored boxes, crop and padded borders do not count"
        figures.append(figure("Area that counts", least, meaning))
    odd = decided["odd_frames"]
    if odd:
        named = "; ".join(f"frame {frame}: {how}" for frame, how in list(odd.items())[:_NAMED])
        more = f"; and {len(odd) - _NAMED} more" if len(odd) > _NAMED else ""
        stand = f"{number_of(len(odd), 'frame')} {'stands' if len(odd) == 1 else 'stand'} out of the series"
        said = f"{stand}: {named}{more}. Look there, or exclude what is wrong."
        figures.append(
            figure("Odd frames", f"{len(odd)}", "by the count of voids or sharpness", warning=said)
        )
    # Those below the usual least radius are noise: of interest only to who set another.
    if decided["smaller"] and "min_radius_px" in asked.model_fields_set:
        figures.append(_outside(decided["smaller"], "smaller", f"min_radius_px = {asked.min_radius_px:g}"))
    if decided["larger"]:
        limit = asked.max_radius_px
        shown = "auto, a quarter of the image's shorter side" if limit == "auto" else f"{limit:g}"
        figures.append(_outside(decided["larger"], "larger", f"max_radius_px = {shown}"))
    return figures + [figure(doubt.what, CHECK, doubt.to_do, warning=doubt.said) for doubt in doubts]


def of_expected(decided: Mapping[str, Any]) -> list[Figure]:
    """Precision and recall to be expected; nothing where the segmenter cannot tell."""
    figures = []
    for name, what in (
        ("precision", "of the detections are voids"),
        ("recall", "of the visible voids are detected"),
    ):
        if name in decided["expected"]:
            value, low, high = decided["expected"][name]
            meaning = f"so many {what}, with the interval that holds it in nine of ten such images"
            figures.append(figure(f"Expected {name}", f"{value:.2f} ({low:.2f}–{high:.2f})", meaning))
    return figures


def of_completeness(
    decided: Mapping[str, Any], voids: pd.DataFrame, calibration: HasPixelSize
) -> list[Figure]:
    """From which diameter on voids are found; nothing where the stage segment could not tell."""
    found = decided.get("completeness")
    if not found:
        return []
    size, unit = unit_of(calibration)
    meaning = (
        f"diameter from which nine in ten voids are detected, half from {found['half_px'] * size:.2g} {unit}: "
        "copies of the voids of one image, made smaller, were looked for in it"
    )
    sizes = 2 * voids.loc[is_size(voids), "radius_px"]
    below = float((sizes < found["nine_px"]).mean()) if len(sizes) else 0.0
    cut = (
        f"{below:.0%} of the voids are smaller than the size from which nine in ten are found: there are more than "
        "were counted, and the mean diameter is too large."
    )
    value = f"{found['nine_px'] * size:.2g} {unit}"
    return [figure("Complete from", value, meaning, warning=cut if below > _CUT else "")]


def _of_series(said: Mapping[str, Any]) -> Figure:
    """What became of the voids because of the images before and after each."""
    if said["reason"]:
        warning = f"use_series: the series was not used: {said['reason']}."
        return figure("Use of the series", "none", "each image stands by itself", warning=warning)
    meaning = "voids that images before and after confirm, and those seen once only, of all images together"
    return figure("Use of the series", f"{said['added']:,} added, {said['removed']:,} removed", meaning)


def _outside(count: int, how: str, limit: str) -> Figure:
    said = f"{number_of(count, 'detection')} {are(count)} {how} than {limit}"
    return figure("Outside the limits", f"{count:,}", f"{said}: not counted", warning=f"{said}.")


def segmentation_in_words(decided: Mapping[str, Any]) -> str:
    """What was decided once for all images: contrast, intensities, arithmetic, network and code."""
    said = f"contrast: {decided['contrast']}"
    if "focus_pair" in decided:
        said = "contrast: dark voids in the image over focus, bright ones in that under focus"
    if "contrast_reason" in decided:
        images = ", ".join(str(frame) for frame in decided["contrast_frames"])
        frames = "frame" if len(decided["contrast_frames"]) == 1 else "frames"
        said += f" ({decided['contrast_verdict']}), from {frames} {images}: {decided['contrast_reason']}"
    said += f"\ncomputed in {decided['arithmetic']}"
    if "intensity_range" in decided:
        low, high = decided["intensity_range"]
        network = f"network {decided['model'][:8]}, " if decided["model"] else ""
        said += f"; stored values {low:g} to {high:g} are 0 to 1; {network}code {decided['code'][:8]}"
    if "series" in decided:
        of_series = _of_series(decided["series"])
        said += (
            f"\nuse of the series: {of_series['value']} ({of_series.get('warning', of_series['meaning'])})"
        )
    return said
