"""What a report says of a focus pair: which voids both images show, and how their radii agree."""

import math

from voidlab.report.key_figures import Figure, figure
from voidlab.tables.listing import are, number_of
from voidlab.tables.units import HasPixelSize, unit_of
from voidlab.track.focus_pair import BOTH, OUTSIDE, OVER_ONLY, UNDER_ONLY, Matched

_FEW = 5  # matched voids
_APART = 0.1  # ratio of the radii, from 1: more than their errors allow


def of_pair(found: Matched, calibration: HasPixelSize) -> list[Figure]:
    """How many voids are seen in both images or in one, and the radius over focus against that under it."""
    count = found.table["seen_in"].value_counts()
    both, under, over, outside = (int(count.get(name, 0)) for name in (BOTH, UNDER_ONLY, OVER_ONLY, OUTSIDE))
    common = both + under + over
    few = (
        f"Only {number_of(both, 'void')} {are(both)} seen in both images: shift, magnification and the ratio of "
        "radii rest on few."
        if both < _FEW
        else ""
    )
    doubtful = (
        f"{number_of(under, 'void')} {are(under)} seen under focus only and {over} over focus only: a void is bright "
        "under focus and dark over it, so look at each of them. It was missed in the other image, or is no void."
        if under + over
        else ""
    )
    size, unit = unit_of(calibration)
    x, y, sigma = (value * size for value in (*found.shift_px, found.shift_sigma_px))
    return [
        figure(
            "Seen in both",
            f"{both} of {common}",
            "voids that both images show, where their fields meet",
            warning=few,
        ),
        figure(
            "Seen in one",
            f"{under} under, {over} over",
            "in the field of both, but seen in one only",
            warning=doubtful,
        ),
        figure("In one field only", f"{outside}", "where the other image does not reach"),
        _ratio(found),
        figure(
            "Magnification over : under",
            f"{found.move.magnification:.3f}",
            f"by where the voids lie; turned by {found.move.angle_deg:+.1f}° (clockwise)",
        ),
        figure(
            "Shift",
            f"{x:.1f}, {y:.1f} ± {sigma:.1f} {unit}",
            "of the middle of the image over focus, right and down; that of the stage drift",
        ),
    ]


def _ratio(found: Matched) -> Figure:
    label = "Radius over : under"
    if math.isnan(found.ratio):
        return figure(label, "–", "no void has a size in both images")
    meaning = (
        "median of the voids with a size in both, divided by the magnification; 1 where both radii are right"
    )
    warning = (
        f"Radii over focus are {found.ratio:.2f} times those under focus, more than the errors of both allow: "
        "look which voids are off, and whether the focus of either image is said to be uncertain."
        if abs(found.ratio - 1) > max(_APART, 3 * found.ratio_sigma)
        else ""
    )
    error = "" if math.isnan(found.ratio_sigma) else f" ± {found.ratio_sigma:.3f}"
    return figure(label, f"{found.ratio:.3f}{error}", meaning, warning=warning)


def pair_in_words(found: Matched, calibration: HasPixelSize) -> str:
    """The key figures of a focus pair as lines of text, see `of_pair`."""
    return "\n".join(
        f"{each['label']}: {each['value']} ({each['meaning']})" for each in of_pair(found, calibration)
    )
