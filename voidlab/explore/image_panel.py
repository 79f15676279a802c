"""What is drawn on the image about the image: boxes to ignore, crop, pixel size from the scale bar; its controls."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import ipywidgets as w
import numpy as np

from voidlab.explore.figure import Point
from voidlab.explore.image_marks import HELP, Bar, Marks, measure_bar
from voidlab.explore.panels import NAMED, Changed, button, text
from voidlab.project.parameters.models import DatasetParameters


class ImagePanel:
    """The tools, the length of a scale bar, and what has been drawn; it holds once it is kept.

    ``take`` takes a tool in hand, ``changed`` draws anew, ``say`` says a sentence.
    """

    def __init__(
        self,
        dataset: DatasetParameters,
        shape: tuple[int, int],
        take: Callable[[str | None], None],
        changed: Changed,
        say: Callable[[str], None],
    ) -> None:
        self._dataset, self._shape = dataset, shape
        self._changed, self._say = changed, say
        self.marks = Marks.of(dataset)
        self._bar: Bar | None = None
        self.tool = w.ToggleButtons(options=list(HELP), value=None, style={"button_width": "104px"})
        self.tool.observe(lambda change: take(change["new"]), names="value")
        self.length_nm = w.BoundedFloatText(
            value=100, min=1e-3, max=1e7, description="bar length, nm", **NAMED
        )
        self.set_size = button("set the pixel size", "check", self._set_pixel_size)
        self._length = w.VBox([self.length_nm, self.set_size])
        self.forget = button(
            "as in the file", "undo", self._forget, tooltip="forget what was drawn and not kept"
        )
        self.list = w.HTML()
        self.widget = w.VBox([self.tool, self._length, self.list, self.forget])
        self._ask(None)
        self._show()

    def mark(self, tool: str, path: Sequence[Point], image: np.ndarray) -> None:
        """Draw a box to ignore or the crop along ``path``, or measure the scale bar of the ``image`` there."""
        if tool != "scale bar":
            self._set(self.marks.drawn(tool, path, self._shape))
            return
        self._ask(measure_bar(image, path[0], path[-1]))
        self._say(HELP[tool] if self._bar is None else f"{self._bar.in_words()}; how long is it in nm?")

    def _set_pixel_size(self) -> None:
        if self._bar is not None:
            size = float(f"{self.length_nm.value / self._bar.length_px:.5g}")
            self._set(replace(self.marks, pixel_size_nm=size))
            self._say(
                f"pixel size {size:.4g} nm ± {100 * self._bar.error:.2g} %: once kept, sizes are in nm by it"
            )

    def _forget(self) -> None:
        self._ask(None)
        self._set(Marks.of(self._dataset))

    def _set(self, marks: Marks) -> None:
        self.marks = marks
        self._show()
        self._changed()

    def _ask(self, bar: Bar | None) -> None:
        """Ask how long the ``bar`` is; None: ask nothing."""
        self._bar = bar
        self._length.layout.display = "none" if bar is None else ""

    def _show(self) -> None:
        marks = self.marks
        rows = [f"ignored: {width} × {height} px at ({x}, {y})" for x, y, width, height in marks.boxes]
        if marks.crop is not None:
            x, y, width, height = marks.crop
            rows.append(f"crop: {width} × {height} px at ({x}, {y})")
        if marks.pixel_size_nm is not None:
            rows.append(f"pixel size: {marks.pixel_size_nm:.4g} nm")
        new = "<br>What is new holds once it is kept." if marks.changed(self._dataset) else ""
        self.list.value = "<br>".join(map(text, rows or ["nothing drawn"])) + new
