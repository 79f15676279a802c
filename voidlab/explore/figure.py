"""The explorer's figure: a frame with its voids, their sizes, and the radius of the selected one over the frames.

It draws what it is given, on any matplotlib figure. Positions are those of the image as recorded; with ``offset`` the
image and all on it move together, so that a stack less its drift stands still.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.ticker import MaxNLocator

from voidlab.explore.state import Picture
from voidlab.report.figures.base import BLUE, GREY, OF_KIND, ORANGE, RED, SKY, discs, round_down
from voidlab.tables.catalogue import empty, kept
from voidlab.tables.units import HasPixelSize, unit_of

COLOURS = ("one colour", "size", "confidence", "track")
# Of the figure, at 80 dots per inch: as wide as JupyterLab's cell beside its file list at 1280 px.
INCHES = (10.0, 6.1)
_MAP = "viridis"
_RIM: list[AbstractPathEffect] = [
    withStroke(linewidth=2, foreground="black")
]  # keeps white writing legible on any image


@dataclass(frozen=True)
class Style:
    """How the voids are drawn: outlines or filled, coloured by what; the grey levels that are black and white."""

    filled: bool = False
    colour: str = COLOURS[0]
    grey: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Scene:
    """All that is drawn of a frame."""

    picture: Picture
    voids: pd.DataFrame
    particles: np.ndarray  # of the voids
    others: pd.DataFrame = field(default_factory=partial(empty, "voids"))  # loops and dots: only looked at
    offset: tuple[float, float] = (0.0, 0.0)
    tails: Sequence[np.ndarray] = ()
    selected: int | None = None  # position in ``voids``
    life: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"frame": [], "radius_px": []}))
    frame: int = 0


class View:
    """The axes of the explorer and what is drawn on them."""

    def __init__(self, figure: Figure, shape: tuple[int, int], calibration: HasPixelSize) -> None:
        self._size, self._unit = unit_of(calibration)
        # Above lies the toolbar.
        edges = {"left": 0.01, "right": 0.985, "bottom": 0.09, "top": 0.92}
        grid = figure.add_gridspec(2, 2, width_ratios=(2.4, 1), wspace=0.14, hspace=0.32, **edges)
        self.image = figure.add_subplot(grid[:, 0], anchor="N")
        self.sizes = figure.add_subplot(grid[0, 1])
        self.radii = figure.add_subplot(grid[1, 1])
        self._photo = self.image.imshow(
            np.zeros((2, 2)), cmap="gray", vmin=0, vmax=1, interpolation="nearest"
        )
        height, width = shape
        self.image.set(xticks=[], yticks=[], xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        self.image.set_autoscale_on(False)
        self.image.set_facecolor("black")
        self._drawn: list[Artist] = []
        self._band: Artist | None = None
        self._bar = Rectangle((0, 0), 1, 1, facecolor="white", edgecolor="black", lw=0.6, zorder=5)
        self.image.add_patch(self._bar)
        self._bar_label = self.image.text(
            0, 0, "", color="white", ha="center", va="bottom", fontsize=9, zorder=5
        )
        self._bar_label.set_path_effects(_RIM)
        self.image.callbacks.connect("xlim_changed", lambda _: self._scale_bar())
        self._scale_bar()
        key = self.image.inset_axes((0.70, 0.045, 0.26, 0.018))
        self._mapped = ScalarMappable(Normalize(0, 1), _MAP)
        self._key = figure.colorbar(self._mapped, cax=key, orientation="horizontal")
        self._key.ax.xaxis.set_major_locator(MaxNLocator(4))
        for text in (self._key.ax.xaxis.label, *self._key.ax.get_xticklabels()):
            text.set_fontsize(8)
        self._key.ax.tick_params(colors="white", labelsize=8)
        key.set_visible(False)
        self._bars = self.sizes.stairs([0], [0, 1], fill=True, color=BLUE)
        self._marked = self.sizes.axvline(np.nan, color=RED, lw=2)
        self.sizes.set(xlabel=f"void radius ({self._unit})", ylabel="voids in this frame")
        self.sizes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        (self._life,) = self.radii.plot([], [], color=BLUE, marker="o", ms=3, lw=1)
        self._now = self.radii.axvline(np.nan, color=RED, lw=1)
        self._hint = self.radii.text(
            0.5, 0.5, "", ha="center", va="center", color=GREY, fontsize=9, transform=self.radii.transAxes
        )
        self.radii.set(xlabel="frame", ylabel=f"radius ({self._unit})")
        self.radii.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))

    def show(self, scene: Scene, style: Style) -> None:
        """Draw ``scene``; zoom and pan stay as they are."""
        self._frame(scene, style)
        self._sizes(scene)
        self._radii(scene)

    def clear(self) -> None:
        """Show no image and no voids."""
        self._photo.set_data(np.zeros((2, 2)))
        self._remove()

    def band(self, start: tuple[float, float], end: tuple[float, float], *, circle: bool) -> None:
        """Show what a drag would make: a circle around ``start`` through ``end``, or a line between them."""
        self.drop_band()
        style = {"color": SKY, "lw": 1.5, "zorder": 6}
        if circle:
            radius = float(np.hypot(end[0] - start[0], end[1] - start[1]))
            self._band = self.image.add_patch(Circle(start, radius, fill=False, **style))
        else:
            self._band = self.image.add_line(Line2D(*zip(start, end, strict=True), **style))  # type: ignore[arg-type]

    def drop_band(self) -> None:
        """Show no longer what a drag would make."""
        if self._band is not None:
            self._band.remove()
        self._band = None

    def zoom(self, x: float, y: float, factor: float) -> None:
        """Show 1/``factor`` of what is shown, with (x, y) staying where it is."""
        left, right = self.image.get_xlim()
        bottom, top = self.image.get_ylim()
        self.image.set_xlim(x + (left - x) / factor, x + (right - x) / factor)
        self.image.set_ylim(y + (bottom - y) / factor, y + (top - y) / factor)

    def _frame(self, scene: Scene, style: Style) -> None:
        dx, dy = scene.offset
        left, right, bottom, top = scene.picture.extent
        self._photo.set_data(scene.picture.pixels)
        self._photo.set_extent((left + dx, right + dx, bottom + dy, top + dy))
        self._photo.set_clim(*style.grey)
        self._remove()
        voids = scene.voids
        stands = (voids["corrected"] != "deleted").to_numpy()
        colours = self._colours(voids, scene.particles, style.colour)
        edge = voids["touches_edge"].to_numpy(bool)
        for rows, dashes in ((stands & ~edge, "solid"), (stands & edge, (0, (2, 2)))):
            self._circles(voids[rows], colours[rows], scene.offset, filled=style.filled, dashes=dashes)
        for kind, (colour, line) in OF_KIND.items():
            of_kind = scene.others[scene.others["kind"] == kind]
            self._circles(of_kind, colour, scene.offset, dashes=line)
        changed = voids[stands & (voids["corrected"] != "").to_numpy()]
        self._circles(changed, SKY, scene.offset, grow=1.25, width=1.0, dashes=(0, (1, 1.5)))
        gone = voids[~stands]
        self._drawn += self.image.plot(gone["x_px"] + dx, gone["y_px"] + dy, "x", color=GREY, ms=5, mew=1.2)
        if scene.selected is not None and scene.selected < len(voids):
            row = voids.iloc[[scene.selected]]
            self._circles(row, "white", scene.offset, grow=1.12, width=3.5)
            self._circles(row, RED, scene.offset, grow=1.12, width=1.8)
        if scene.tails:
            lines = [tail[:, :2] + np.asarray(scene.offset) for tail in scene.tails]
            tails = LineCollection(lines, colors="white", linewidths=1.0, alpha=0.8)
            self._drawn.append(self.image.add_collection(tails, autolim=False))

    def _remove(self) -> None:
        for artist in self._drawn:
            artist.remove()
        self._drawn = []

    def _circles(
        self,
        voids: pd.DataFrame,
        colours: object,
        offset: tuple[float, float],
        *,
        filled: bool = False,
        grow: float = 1.0,
        width: float = 1.2,
        dashes: object = "solid",
    ) -> None:
        if voids.empty:
            return
        where = voids[["x_px", "y_px"]].to_numpy() + np.asarray(offset)
        style: dict[str, object] = {"facecolors": "none", "edgecolors": colours}
        if filled:
            style = {"facecolors": colours, "edgecolors": "none", "alpha": 0.55}
        radius = grow * voids["radius_px"].to_numpy()
        discs(where, radius, self.image, linewidths=width, linestyles=[dashes], **style)
        self._drawn.append(self.image.collections[-1])

    def _colours(self, voids: pd.DataFrame, particles: np.ndarray, by: str) -> np.ndarray:
        """Colour of each void (n, 4), and the key that goes with it."""
        self._key.ax.set_visible(by in ("size", "confidence"))
        if by == "track":
            colours = plt.get_cmap("Set2")(particles % 8)
            colours[particles < 0] = (0.5, 0.5, 0.5, 1)
            return np.asarray(colours)
        low, top = 0.0, 1.0
        if by == "confidence":
            values, label = voids["confidence"].to_numpy(), "confidence"
        elif by == "size":
            values = voids["radius_px"].to_numpy() * self._size
            shown = values[(voids["corrected"] != "deleted").to_numpy()]
            if len(shown):
                low, top = shown.min(), max(shown.max(), shown.min() + 1e-9)
            label = f"radius ({self._unit})"
        else:
            return np.tile(to_rgba(ORANGE), (len(voids), 1))
        self._mapped.set_clim(low, top)
        title = self._key.ax.set_title(label, fontsize=8, color="white", pad=2)
        for text in (title, *self._key.ax.get_xticklabels()):
            text.set_path_effects(_RIM)
        colours = np.asarray(self._mapped.to_rgba(values))
        colours[~np.isfinite(values)] = (0.5, 0.5, 0.5, 1)
        return colours

    def _scale_bar(self) -> None:
        left, right = self.image.get_xlim()
        bottom, top = self.image.get_ylim()
        wide = right - left
        length = round_down(wide * self._size / 5)
        bar = length / self._size
        x, y = left + 0.03 * wide, bottom + 0.035 * (top - bottom)
        self._bar.set_bounds(x, y, bar, 0.008 * (top - bottom))
        self._bar_label.set_position((x + bar / 2, y + 0.012 * (top - bottom)))
        self._bar_label.set_text(f"{length:g} {self._unit}")

    def _sizes(self, scene: Scene) -> None:
        radii = kept(scene.voids)["radius_px"].to_numpy() * self._size
        if len(radii):
            spread = np.subtract(*np.percentile(radii, [75, 25]))
            width = max(2 * spread / np.cbrt(len(radii)), np.ptp(radii) / 40, 0.05 * self._size)
            counts, edges = np.histogram(radii, np.arange(radii.min(), radii.max() + 2 * width, width))
        else:
            counts, edges = np.zeros(1), np.array([0.0, 1.0])
        self._bars.set_data(counts, edges)
        self.sizes.set(xlim=(edges[0], edges[-1]), ylim=(0, max(counts.max() * 1.1, 1)))
        row = scene.selected
        at = np.nan if row is None else scene.voids["radius_px"].iloc[row] * self._size
        self._marked.set_xdata([at, at])

    def _radii(self, scene: Scene) -> None:
        frames, radii = scene.life["frame"].to_numpy(), scene.life["radius_px"].to_numpy() * self._size
        self._life.set_data(frames, radii)
        self._now.set_xdata([scene.frame, scene.frame])
        known = bool(len(frames))
        self._hint.set_text("" if known else "click a void that is on a track")
        self.radii.tick_params(left=known, labelleft=known, bottom=known, labelbottom=known)
        if known:
            pad = max(0.1 * np.ptp(radii), 0.05 * radii.mean())
            ends = (min(frames.min(), scene.frame) - 0.5, max(frames.max(), scene.frame) + 0.5)
            self.radii.set(xlim=ends, ylim=(radii.min() - pad, radii.max() + pad))
