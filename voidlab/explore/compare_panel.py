"""Comparing two settings: controls for the other ones, and both answers side by side in the image's place."""

import ipywidgets as w
from matplotlib.figure import Figure

from voidlab.explore import compare
from voidlab.explore.canvas import canvas_of, fill
from voidlab.explore.panels import Changed, SettingsPanel, button, text
from voidlab.explore.state import Model
from voidlab.project.parameters.models import SegmentParameters


class ComparePanel:
    """``widget`` are the controls; ``place`` is where the image is shown, and the comparison while it lasts."""

    def __init__(self, other: SettingsPanel, place: w.Box, image: w.Widget, ask: Changed) -> None:
        self.other, self._image = other, image
        self.figure = Figure(figsize=(7, 5), dpi=80)
        self.canvas = canvas_of(self.figure)
        self.canvas.layout.display = "none"
        # Both stay among the widgets: ipympl leaves a canvas that is taken out on the page.
        place.children = (image, self.canvas)
        self.compare_now = button("compare", "columns", ask)
        self.back = button("back to the image", "times", self.close)
        self.back.layout.display = "none"
        self.compared = w.HTML()
        self.widget = w.VBox([other.widget, w.HBox([self.compare_now, self.back]), self.compared])

    def show(self, model: Model, row: int, here: SegmentParameters, size: tuple[int, int] | None) -> None:
        """Compare what ``here`` and the other settings find in ``row``, in an area of ``size``."""
        there = self.other.settings
        found = compare.compare(model.voids(row, here), model.voids(row, there))
        titles = [f"{s.segmenter}, threshold {s.threshold:g}" for s in (here, there)]
        calibration = model.run.calibration
        compare.draw(found, model.picture(row), titles, self.figure, calibration)
        self.compared.value = text(found.in_words(calibration))
        self._show(True)
        if size is not None:
            fill(self.canvas, *size)
        # Drawn when the browser asks: what is sent before it has made room is lost.
        self.canvas.draw_idle()

    def close(self) -> None:
        """Show the image again."""
        self._show(False)
        self.compared.value = ""

    def _show(self, is_shown: bool) -> None:
        for part in (self.canvas, self.back):
            part.layout.display = "" if is_shown else "none"
        self._image.layout.display = "none" if is_shown else ""

    @property
    def is_shown(self) -> bool:
        """Whether the comparison stands in the image's place."""
        return bool(self._image.layout.display == "none")
