"""Figures of a focus pair: both images beside each other with what each shows, and the radii in both."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from voidlab.report.figures.base import BLUE, GREY, ORANGE, circles, micrograph, nothing, show
from voidlab.tables.listing import are, number_of
from voidlab.tables.size_basis import NOT_A_SIZE
from voidlab.tables.units import HasPixelSize, unit_of
from voidlab.track.focus_pair import BOTH, OUTSIDE, Matched

OVER, UNDER = 0, 1  # rows of the two images
_STYLES = (
    (BOTH, "seen in both", BLUE, "solid"),
    (None, "only here", ORANGE, (0, (3, 2))),
    (OUTSIDE, OUTSIDE, GREY, "solid"),
)


def overlays(series: Sequence[np.ndarray], found: Matched, calibration: HasPixelSize) -> Figure:
    """The image under focus and the one over it, with the voids of each, by where they are seen."""
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 5.4), layout="constrained")
    for ax, row, side in zip(axes, (UNDER, OVER), ("under", "over"), strict=True):
        micrograph(series[row], ax, calibration)
        here = found.table.dropna(subset=[f"radius_{side}_px"])
        places = here[["x_px", "y_px"]].to_numpy(float)
        x, y = (found.move.of(places) if side == "over" else places).T
        here = here.assign(x_px=x, y_px=y, radius_px=here[f"radius_{side}_px"])
        for where, name, colour, style in _STYLES:
            rows = (
                here[~here["seen_in"].isin([BOTH, OUTSIDE])]
                if where is None
                else here[here["seen_in"] == where]
            )
            circles(rows, ax, colour=colour, style=style)
            ax.plot([], [], color=colour, ls=style, label=f"{len(rows)} {name}")
        ax.set_title(f"{side} focus: {number_of(len(here), 'void')}", fontsize=9)
        ax.legend(loc="upper right", fontsize=7, framealpha=0.8)
    return figure


def radii(found: Matched, calibration: HasPixelSize) -> Figure:
    """Radius over focus, divided by the magnification, against that under focus, of the voids seen in both.

    Hollow where a radius of the two is no size: the median ratio does without it.
    """
    size, unit = unit_of(calibration)
    figure, ax = plt.subplots(figsize=(5.4, 4.6), layout="constrained")
    both = found.table[found.table["seen_in"] == BOTH]
    if both.empty:
        nothing(ax, "No void is seen in both.")
        return figure
    under, over = (both[f"radius_{side}_px"].to_numpy() * size for side in ("under", "over"))
    over = over / found.move.magnification
    basis = both[["size_basis_under", "size_basis_over"]]
    unsized = (basis == NOT_A_SIZE).any(axis=1).to_numpy(bool)
    dots = (
        (~unsized, BLUE, "with a size in both"),
        (unsized, "none", "smaller than their fringe: not a size"),
    )
    for rows, fill, name in dots:
        if rows.any():
            label = f"{rows.sum()} {name}"
            ax.plot(under[rows], over[rows], "o", ms=4, color=BLUE, mfc=fill, alpha=0.7, label=label)
    ends = np.array([0, 1.1 * max(under.max(), over.max())])
    ax.plot(ends, ends, color=GREY, lw=1, label="equal")
    ax.plot(ends, ends * found.ratio, color=ORANGE, lw=1, ls="--", label=f"median ratio {found.ratio:.3f}")
    ax.set(
        xlabel=f"radius under focus, {unit}",
        ylabel=f"radius over focus / magnification, {unit}",
        xlim=ends,
        ylim=ends,
    )
    ax.legend(fontsize=8)
    return figure


def show_focus_pair(series: Sequence[np.ndarray], found: Matched, calibration: HasPixelSize) -> None:
    """Show both images beside each other with what each shows."""
    both = int((found.table["seen_in"] == BOTH).sum())
    seen = f"{both} of {number_of(len(found.table), 'void')} {are(both)} outlined as seen in both."
    show(overlays(series, found, calibration), f"The images under and over focus; {seen}", photo=True)


def show_pair_radii(found: Matched, calibration: HasPixelSize) -> None:
    """Show the radii over focus against those under focus."""
    show(radii(found, calibration), f"Radius over focus against under focus; median ratio {found.ratio:.3f}.")
