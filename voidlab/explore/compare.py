"""Two ways to find the voids of a frame, side by side: what both found, and what only one of them did."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voidlab import scores
from voidlab.explore.state import Picture
from voidlab.report.figures.base import ORANGE, SKY, circles, scale_bar
from voidlab.tables.catalogue import kept
from voidlab.tables.listing import number_of
from voidlab.tables.size_basis import is_size
from voidlab.tables.units import HasPixelSize, unit_of


@dataclass(frozen=True)
class Comparison:
    """Voids of one frame found in two ways.

    Attributes
    ----------
    left, right : DataFrame
        Table ``voids`` with ``matched`` (bool).
    radius_difference_px : float
        Median of right less left over the matched voids that have a size in both; NaN without any.
    """

    left: pd.DataFrame
    right: pd.DataFrame
    radius_difference_px: float

    def in_words(self, calibration: HasPixelSize) -> str:
        """The comparison as a sentence."""
        both = int(self.left["matched"].sum())
        size, unit = unit_of(calibration)
        larger = f"{self.radius_difference_px * size:+.2f} {unit} (median)"
        radius = f"; radii on the right {larger}" if np.isfinite(self.radius_difference_px) else ""
        return (
            f"{number_of(len(self.left), 'void')} on the left, {len(self.right)} on the right: {both} matched, "
            f"{len(self.left) - both} only left, {len(self.right) - both} only right{radius}"
        )


def compare(left: pd.DataFrame, right: pd.DataFrame) -> Comparison:
    """Match the remaining voids of two tables of one frame; a match is as in `voidlab.scores.match_voids`."""
    left, right = (kept(t).reset_index(drop=True) for t in (left, right))
    pairs = scores.match_voids(left, right)
    here, there = left.iloc[pairs["truth"]], right.iloc[pairs["found"]]
    sized = is_size(here) & is_size(there)
    apart = (there["radius_px"].to_numpy() - here["radius_px"].to_numpy())[sized]
    difference = float(np.median(apart)) if len(apart) else np.nan
    return Comparison(_matched(left, pairs["truth"]), _matched(right, pairs["found"]), difference)


def _matched(voids: pd.DataFrame, rows: pd.Series) -> pd.DataFrame:
    return voids.assign(matched=np.isin(np.arange(len(voids)), rows))


def draw(
    comparison: Comparison, picture: Picture, titles: Sequence[str], figure: Figure, calibration: HasPixelSize
) -> None:
    """Draw the frame twice, zoomed together: matched voids light blue, those of one side only orange and thick."""
    figure.clear()
    first: Axes | None = None
    for place, (voids, title) in enumerate(zip((comparison.left, comparison.right), titles, strict=True), 1):
        ax = figure.add_subplot(1, 2, place, sharex=first, sharey=first)
        first = first or ax
        ax.imshow(picture.pixels, cmap="gray", vmin=0, vmax=1, extent=picture.extent, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        circles(voids[voids["matched"]], ax, colour=SKY)
        circles(voids[~voids["matched"]], ax, colour=ORANGE).collections[-1].set_linewidth(2.2)
        ax.set_title(f"{title}: {number_of(len(voids), 'void')}", fontsize=9)
        scale_bar(ax, picture.extent[1], calibration)
    handles = [
        figure.axes[0].plot([], [], color=colour, lw=width, label=label)[0]
        for colour, width, label in ((SKY, 1, "in both"), (ORANGE, 2.2, "on this side only"))
    ]
    figure.legend(handles=handles, loc="lower center", ncols=2, frameon=False, fontsize=9)
    figure.subplots_adjust(left=0.01, right=0.99, top=0.94, bottom=0.08, wspace=0.03)
