"""The plots beside the image: the sizes and confidences of a frame's voids, and the radius of one over the frames."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from voidlab.explore.figure import Scene
from voidlab.report.figures.base import BLUE, GREY, RED, SKY
from voidlab.swelling.sizes import bin_width
from voidlab.tables.catalogue import kept
from voidlab.tables.size_basis import is_size
from voidlab.tables.units import HasPixelSize, unit_of

INCHES = (4.1, 4.4)  # at 80 dots per inch: as wide as the column of controls
_SMALL = 8
_LEAST_BINS = 8  # of the sizes
_BINS = np.linspace(0, 1, 26)  # of the confidence


class Plots:
    """Three axes below each other. A range drawn in ``sizes`` or ``sure`` selects the voids in it."""

    def __init__(self, figure: Figure, calibration: HasPixelSize) -> None:
        self.size, unit = unit_of(calibration)
        self.sizes, self.sure, self.radii = axes = figure.subplots(3, 1)
        figure.subplots_adjust(left=0.13, right=0.97, top=0.985, bottom=0.105, hspace=0.62)
        for ax, below, beside in zip(
            axes,
            (f"void radius ({unit})", "confidence", "frame"),
            ("voids", "voids", f"radius ({unit})"),
            strict=True,
        ):
            ax.set_xlabel(below, fontsize=_SMALL, labelpad=1)
            ax.set_ylabel(beside, fontsize=_SMALL)
            ax.tick_params(labelsize=_SMALL)
            ax.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=ax is not self.radii))
        # Grey above the blue: voids without a size, which a range selects with the others.
        self._all_bars = self.sizes.stairs([0], [0, 1], fill=True, color=GREY)
        self._bars = self.sizes.stairs([0], [0, 1], fill=True, color=BLUE)
        self._sure_bars = self.sure.stairs(np.zeros(len(_BINS) - 1), _BINS, fill=True, color=BLUE)
        self.sure.set(xlim=(0, 1))
        self._marked = [ax.axvline(np.nan, color=RED, lw=2) for ax in (self.sizes, self.sure)]
        self._range = Rectangle((0, 0), 0, 1, color=SKY, alpha=0.4, lw=0)
        (self._life,) = self.radii.plot([], [], color=BLUE, marker="o", ms=3, lw=1)
        self._now = self.radii.axvline(np.nan, color=RED, lw=1)
        self._hint = self.radii.text(
            0.5, 0.5, "", ha="center", va="center", color=GREY, fontsize=_SMALL, transform=self.radii.transAxes
        )  # fmt: skip
        self.radii.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))

    def show(self, scene: Scene) -> None:
        """Draw the numbers of ``scene``."""
        remaining = kept(scene.voids)
        self._show_sizes(remaining["radius_px"].to_numpy() * self.size, is_size(remaining))
        counts, _ = np.histogram(remaining["confidence"].dropna().clip(0, 1), _BINS)
        self._sure_bars.set_data(counts, _BINS)
        self.sure.set(ylim=(0, max(counts.max() * 1.1, 1)))
        row = scene.selected
        for line, column, factor in zip(
            self._marked, ("radius_px", "confidence"), (self.size, 1.0), strict=True
        ):
            at = np.nan if row is None else scene.voids[column].iloc[row] * factor
            line.set_xdata([at, at])
        self._show_life(scene)

    def mark(self, ax: Axes, ends: tuple[float, float] | None) -> None:
        """Show the range between ``ends`` in ``ax``; None: none."""
        if self._range.axes is not None:
            self._range.remove()
        if ends is not None:
            self._range = Rectangle((ends[0], 0), ends[1] - ends[0], 1, color=SKY, alpha=0.4, lw=0)
            self._range.set_transform(ax.get_xaxis_transform())
            ax.add_patch(self._range)

    def _show_sizes(self, radii: np.ndarray, sized: np.ndarray) -> None:
        if len(radii):
            width = bin_width(2 * radii, pixel=self.size).width / 2  # by the rule of the report
            # But a few voids are to be told apart: a range selects them.
            width = min(width, float(np.ptp(radii)) / _LEAST_BINS or width)
            first, last = np.floor(radii.min() / width), np.floor(radii.max() / width)
            counts, edges = np.histogram(radii, width * np.arange(first, last + 2))
        else:
            counts, edges = np.zeros(1), np.array([0.0, 1.0])
        self._all_bars.set_data(counts, edges)
        self._bars.set_data(np.histogram(radii[sized], edges)[0], edges)
        self.sizes.set(xlim=(edges[0], edges[-1]), ylim=(0, max(counts.max() * 1.1, 1)))

    def _show_life(self, scene: Scene) -> None:
        frames, radii = scene.life["frame"].to_numpy(), scene.life["radius_px"].to_numpy() * self.size
        self._life.set_data(frames, radii)
        known = bool(len(frames))
        self._now.set_xdata([scene.frame if known else np.nan] * 2)
        self._hint.set_text("" if known else "click a void that is on a track")
        self.radii.tick_params(left=known, labelleft=known, bottom=known, labelbottom=known)
        if known:
            pad = max(0.1 * np.ptp(radii), 0.05 * radii.mean())
            ends = (min(frames.min(), scene.frame) - 0.5, max(frames.max(), scene.frame) + 0.5)
            self.radii.set(xlim=ends, ylim=(radii.min() - pad, radii.max() + pad))
