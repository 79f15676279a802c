"""The mouse over the explorer's image and plots: from matplotlib's events to what they ask for."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from voidlab.explore.figure import Point, View
from voidlab.explore.plots import Plots

_LEFT = 1
_CLICK_PX = 3.0  # a press and a release this near in the figure are a click
_COLUMN = ("radius_px", "confidence")  # of the voids, for the two histograms


class Asked(Protocol):
    """What a mouse may ask for; points are those of the image as recorded."""

    def drawn_by(self) -> str | None:
        """What a drag with the tool in hand is drawn as; None for nothing."""

    def drag(self, path: Sequence[Point], *, more: bool = False) -> None:
        """What the tool in hand does with a drag along ``path``; a click is a path of twice the same point."""

    def hover(self, at: Point) -> None:
        """Say what lies there."""

    def choose_between(self, column: str, low: float, high: float) -> None:
        """Select the voids whose ``column`` lies between ``low`` and ``high``."""

    def choose_nearest(self, column: str, value: float) -> None:
        """Select the void whose ``column`` is nearest to ``value``."""

    def go_to(self, frame: float) -> None:
        """Show the frame whose number is nearest to ``frame``."""


@dataclass
class _Pressed:
    axes: Any
    path: list[Point]  # in the axes
    at: Point  # in the figure
    pans: bool


class Pointer:
    """Connects the canvases of the image and the plots to what is asked."""

    def __init__(
        self,
        view: View,
        plots: Plots,
        image: Any,
        beside: Any,
        asked: Asked,
        lock: AbstractContextManager[Any],
    ) -> None:
        self._view, self._plots, self._asked, self._lock = view, plots, asked, lock
        self._image, self._beside = image, beside
        self._pressed: _Pressed | None = None
        self.offset: Point | None = None  # of the image; None while there is none to point at
        for canvas, name, react in (
            (image, "button_press", self.press),
            (image, "motion_notify", self.move),
            (image, "button_release", self.release),
            (image, "scroll", self.scroll),
            (beside, "button_press", self.press),
            (beside, "motion_notify", self.move_beside),
            (beside, "button_release", self.release_beside),
        ):
            canvas.mpl_connect(f"{name}_event", partial(self._one_by_one, react))

    def _one_by_one(self, react: Callable[[Any], None], event: Any) -> None:
        """React to ``event`` when nothing else is being drawn."""
        with self._lock:
            react(event)

    def press(self, event: Any) -> None:
        """A button goes down; the right one, or with Ctrl, takes hold of the image itself."""
        self._pressed = None
        if event.inaxes is None or self.offset is None:
            return
        pans = event.button != _LEFT or bool({"ctrl", "control", "cmd"} & set(event.modifiers))
        self._pressed = _Pressed(event.inaxes, [(event.xdata, event.ydata)], (event.x, event.y), pans)

    def move(self, event: Any) -> None:
        """The mouse moves over the image: it pans, draws what a release would make, or hovers."""
        if self.offset is None or event.inaxes is not self._view.image:
            return
        here, held = (event.xdata, event.ydata), self._pressed
        if held is None:
            self._asked.hover(self._recorded(here))
            return
        if held.pans:
            self._view.pan((here[0] - held.path[0][0], here[1] - held.path[0][1]))
        else:
            held.path.append(here)
            shape = self._asked.drawn_by()
            if shape is not None:
                self._view.band(shape, held.path)
        self._image.draw_idle()

    def release(self, event: Any) -> None:
        """A button goes up over the image."""
        held, self._pressed = self._pressed, None
        self._view.drop_band()
        self._image.draw_idle()
        if held is None or held.pans or self.offset is None or event.inaxes is not self._view.image:
            return
        path = [*held.path, (event.xdata, event.ydata)]
        if _is_click(held, event):
            path = [path[-1], path[-1]]
        self._asked.drag([self._recorded(point) for point in path], more="shift" in event.modifiers)

    def scroll(self, event: Any) -> None:
        """The wheel zooms about the mouse."""
        if event.inaxes is self._view.image:
            self._view.zoom(event.xdata, event.ydata, 1.25**event.step)
            self._image.draw_idle()

    def move_beside(self, event: Any) -> None:
        """The mouse moves over the plots: with a button down it draws a range."""
        held = self._pressed
        if held is None or event.inaxes is not held.axes or event.inaxes is self._plots.radii:
            return
        self._plots.mark(held.axes, (held.path[0][0], event.xdata))
        self._beside.draw_idle()

    def release_beside(self, event: Any) -> None:
        """A button goes up over the plots: a range selects the voids in it, a click the nearest, or a frame."""
        held, self._pressed = self._pressed, None
        self._plots.mark(self._plots.sizes, None)
        self._beside.draw_idle()
        if held is None or event.inaxes is not held.axes:
            return
        if held.axes is self._plots.radii:
            self._asked.go_to(event.xdata)
            return
        of_size = held.axes is self._plots.sizes
        factor = self._plots.size if of_size else 1.0
        column = _COLUMN[0] if of_size else _COLUMN[1]
        low, high = sorted((held.path[0][0] / factor, event.xdata / factor))
        if _is_click(held, event):
            self._asked.choose_nearest(column, high)
        else:
            self._asked.choose_between(column, low, high)

    def _recorded(self, point: Point) -> Point:
        assert self.offset is not None
        return (point[0] - self.offset[0], point[1] - self.offset[1])


def _is_click(held: _Pressed, event: Any) -> bool:
    return bool(abs(event.x - held.at[0]) <= _CLICK_PX and abs(event.y - held.at[1]) <= _CLICK_PX)
