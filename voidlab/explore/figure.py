"""The explorer's image: a frame with its voids and what is drawn over them.

It draws what it is given, on any matplotlib figure, and fills it whatever its size. Positions are those of the image
as recorded; with ``offset`` the image and all on it move together, so that a stack less its drift stands still.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

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
from voidlab.report.figures.base import OF_KIND, OF_TRACKS, ORANGE, RED, SKY, outlines, round_down
from voidlab.tables.catalogue import empty
from voidlab.tables.outlines import axes_of
from voidlab.tables.units import HasPixelSize, unit_of

COLOURS = ("one colour", "size", "confidence", "track")
RADII = {"physical radius": "radius_px", "edge as drawn by hand": "edge_radius_px"}  # which circle is drawn
INCHES = (7.2, 6.9)  # of the figure, at 80 dots per inch, until a browser says how much room there is
_OF_NONE = to_rgba("#F0E442")  # on no track, of no value: a yellow that is seen on a micrograph
_MAP = "viridis"
_RIM: list[AbstractPathEffect] = [
    withStroke(linewidth=2, foreground="black")
]  # keeps white writing legible on any image
_CLOSEST = 8.0  # px of the image across the view at least
Point = tuple[float, float]


@dataclass(frozen=True)
class Style:
    """How the voids are drawn: outlines or filled, coloured by what, which radius; grey levels of black and white."""

    filled: bool = False
    colour: str = COLOURS[0]
    grey: tuple[float, float] = (0.0, 1.0)
    radius: str = next(iter(RADII))


@dataclass(frozen=True)
class Scene:
    """All that is drawn of a frame."""

    picture: Picture
    voids: pd.DataFrame
    particles: np.ndarray  # of the voids
    others: pd.DataFrame = field(default_factory=partial(empty, "voids"))  # loops and dots: only looked at
    offset: Point = (0.0, 0.0)
    tails: Sequence[np.ndarray] = ()
    tails_apart: bool = False  # each in a colour of its own, to be told from its neighbours
    chosen: Sequence[int] = ()  # positions in ``voids`` of those selected
    life: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"frame": [], "radius_px": []}))
    frame: int = 0
    boxes: Sequence[tuple[int, int, int, int]] = ()  # left, top, width, height, px: ignored
    crop: tuple[int, int, int, int] | None = None

    @property
    def selected(self) -> int | None:
        """The one void that is selected; None where there is none, or several."""
        return self.chosen[0] if len(self.chosen) == 1 else None


class View:
    """The axes of the image and what is drawn on them."""

    def __init__(self, figure: Figure, shape: tuple[int, int], calibration: HasPixelSize) -> None:
        self._size, self._unit = unit_of(calibration)
        self._shape = shape
        self.image = figure.add_axes((0, 0, 1, 1))
        self._photo = self.image.imshow(
            np.zeros((2, 2)), cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto"
        )
        self.image.set(xticks=[], yticks=[])
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
        self._add_key(figure)
        figure.canvas.mpl_connect("resize_event", lambda _: self.refit())
        self.whole()

    def _add_key(self, figure: Figure) -> None:
        """The colour bar in the image's lower right corner."""
        key = self.image.inset_axes((0.70, 0.045, 0.26, 0.018))
        self._mapped = ScalarMappable(Normalize(0, 1), _MAP)
        self._key = figure.colorbar(self._mapped, cax=key, orientation="horizontal")
        self._key.ax.xaxis.set_major_locator(MaxNLocator(4))
        for text in (self._key.ax.xaxis.label, *self._key.ax.get_xticklabels()):
            text.set_fontsize(8)
        self._key.ax.tick_params(colors="white", labelsize=8)
        key.set_visible(False)

    # --- what part of the image is seen ----------------------------------------------------------------------

    def whole(self) -> None:
        """Show the whole image, as large as the figure allows."""
        height, width = self._shape
        self._centre, self._is_whole = ((width - 1) / 2, (height - 1) / 2), True
        self.refit()

    def refit(self) -> None:
        """Fit what is seen to the size of the figure: the whole image stays whole, a part keeps its magnification."""
        wide, high = self.image.bbox.width, self.image.bbox.height
        if min(wide, high) < 1:
            return
        if self._is_whole:
            height, width = self._shape
            self._scale = max(width / wide, height / high)
        (x, y), half = self._centre, self._scale / 2
        self.image.set_xlim(x - half * wide, x + half * wide)
        self.image.set_ylim(y + half * high, y - half * high)
        self._scale_bar()

    def zoom(self, x: float, y: float, factor: float) -> None:
        """Show 1/``factor`` of what is shown, with (x, y) staying where it is."""
        least = _CLOSEST / min(self.image.bbox.width, self.image.bbox.height)
        factor = min(factor, self._scale / least)
        self._scale /= factor
        cx, cy = self._centre
        self._centre, self._is_whole = (x + (cx - x) / factor, y + (cy - y) / factor), False
        self.refit()

    def zoom_in(self, factor: float) -> None:
        """Magnify by ``factor`` about the middle of what is seen."""
        self.zoom(*self._centre, factor)

    def pan(self, by: Point) -> None:
        """Move the image by ``by`` px of the image."""
        self._centre, self._is_whole = (self._centre[0] - by[0], self._centre[1] - by[1]), False
        self.refit()

    def _scale_bar(self) -> None:
        (left, right), (bottom, top) = self.image.get_xlim(), self.image.get_ylim()
        height, width = self._shape  # in the part of the image that is seen, not beside it
        left, right = max(left, -0.5), min(right, width - 0.5)
        bottom, top = min(bottom, height - 0.5), max(top, -0.5)
        if right <= left or bottom <= top:
            return
        wide = right - left
        length = round_down(wide * self._size / 5)
        bar = length / self._size
        dot = self._scale  # of the figure, in px of the image
        x, y = left + 0.03 * wide, bottom - 0.03 * (bottom - top)
        self._bar.set_bounds(x, y - 5 * dot, bar, 5 * dot)
        self._bar_label.set_position((x + bar / 2, y - 8 * dot))
        self._bar_label.set_text(f"{length:g} {self._unit}")

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of the image as it is drawn, px."""
        left, right, bottom, top = self._photo.get_extent()
        return left, right, bottom, top

    # --- the frame -------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Show no image and no voids."""
        self._photo.set_data(np.zeros((2, 2)))
        self._remove()

    def show(self, scene: Scene, style: Style) -> None:
        """Draw ``scene``; zoom and pan stay as they are."""
        dx, dy = scene.offset
        left, right, bottom, top = scene.picture.extent
        self._photo.set_data(scene.picture.pixels)
        self._photo.set_extent((left + dx, right + dx, bottom + dy, top + dy))
        self._photo.set_clim(*style.grey)
        self._remove()
        circle = RADII[style.radius]
        voids = scene.voids.assign(radius_px=scene.voids[circle])
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
        for colour, size, thick in (("black", 7, 3.0), (SKY, 6, 1.4)):
            style_of: dict[str, Any] = {"color": colour, "ms": size, "mew": thick, "ls": "", "marker": "x"}
            self._drawn += self.image.plot(gone["x_px"] + dx, gone["y_px"] + dy, **style_of)
        chosen = voids.iloc[list(scene.chosen)]
        self._circles(chosen, "white", scene.offset, grow=1.12, width=3.5)
        self._circles(chosen, RED, scene.offset, grow=1.12, width=1.8)
        if scene.tails:
            lines = [tail[:, :2] + np.asarray(scene.offset) for tail in scene.tails]
            apart = OF_TRACKS[np.arange(len(lines)) % len(OF_TRACKS)]
            colours_of = apart if scene.tails_apart else "white"
            tails = LineCollection(lines, colors=colours_of, linewidths=1.2, alpha=0.9)
            self._drawn.append(self.image.add_collection(tails, autolim=False))

        self._show_boxes(scene)

    def _show_boxes(self, scene: Scene) -> None:
        """What is ignored hatched, the crop framed."""
        dx, dy = scene.offset
        styles: list[tuple[Any, dict[str, Any]]] = [
            (box, {"color": SKY, "hatch": "//", "lw": 1.2}) for box in scene.boxes
        ]
        if scene.crop is not None:
            styles.append((scene.crop, {"color": "white", "ls": (0, (6, 3)), "lw": 1.6}))
        for (left, top, width, height), style in styles:
            corner = (left - 0.5 + dx, top - 0.5 + dy)
            self._drawn.append(self.image.add_patch(Rectangle(corner, width, height, fill=False, **style)))

    def _remove(self) -> None:
        for artist in self._drawn:
            artist.remove()
        self._drawn = []

    def _circles(
        self,
        voids: pd.DataFrame,
        colours: object,
        offset: Point,
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
        shapes = axes_of(voids) * (grow, grow, 1.0)
        outlines(where, shapes, self.image, linewidths=width, linestyles=[dashes], **style)
        self._drawn.append(self.image.collections[-1])

    def _colours(self, voids: pd.DataFrame, particles: np.ndarray, by: str) -> np.ndarray:
        """Colour of each void (n, 4), and the key that goes with it."""
        self._key.ax.set_visible(by in ("size", "confidence"))
        if by == "track":
            colours = OF_TRACKS[particles % len(OF_TRACKS)]
            colours[particles < 0] = _OF_NONE
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
        colours[~np.isfinite(values)] = _OF_NONE
        return colours

    # --- while the mouse is pressed --------------------------------------------------------------------------

    def band(self, shape: str, path: Sequence[Point]) -> None:
        """Show what a drag along ``path`` would make: a "circle" around its start, a "box", a "line", or a "loop"."""
        self.drop_band()
        (x0, y0), (x1, y1) = path[0], path[-1]
        style: dict[str, Any] = {"color": SKY, "lw": 1.5, "zorder": 6}
        if shape == "circle":
            radius = float(np.hypot(x1 - x0, y1 - y0))
            self._band = self.image.add_patch(Circle((x0, y0), radius, fill=False, **style))
        elif shape == "box":
            self._band = self.image.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, **style))
        else:
            points = [*path, path[0]] if shape == "loop" else [path[0], path[-1]]
            self._band = self.image.add_line(Line2D(*zip(*points, strict=True), **style))

    def drop_band(self) -> None:
        """Show no longer what a drag would make."""
        if self._band is not None:
            self._band.remove()
        self._band = None
