"""Keeping what was set in the explorer, all panels together: shown as a table, written, taken back."""

from collections.abc import Callable
from functools import partial

from voidlab.explore.image_panel import ImagePanel
from voidlab.explore.kept_settings import KeepPanel, KeptSettings, Values
from voidlab.explore.link_panel import LinkPanel
from voidlab.explore.panels import SettingsPanel
from voidlab.explore.state import Model
from voidlab.images.valid_area import inside_boxes
from voidlab.project.parameters import load_parameters
from voidlab.project.parameters.sizes import in_px


class Keeping:
    """From the panels into the parameter file and back.

    ``attempt`` does something and says what goes wrong; ``reopen`` is called with a sentence when the images have to
    be read anew, as another part of them counts or their pixel size is another.
    """

    def __init__(
        self,
        model: Model,
        kept: KeptSettings,
        panels: tuple[SettingsPanel, LinkPanel, ImagePanel],
        attempt: Callable[[Callable[[], None]], None],
        say: Callable[[str], None],
        reopen: Callable[[str], None],
    ) -> None:
        self._model, self._kept, self._say, self._reopen = model, kept, say, reopen
        self._settings, self._link, self._about_image = panels
        self.panel = KeepPanel(*(partial(attempt, do) for do in (self._ask, self._write, self._undo)))

    def _touched(self) -> Values:
        """All that was set, by the sections of the file; refused where no part of the images would be left."""
        model, marks = self._model, self._about_image.marks
        inside_boxes(model.run.series.shape, marks.boxes, marks.crop)
        touched = {
            "": marks.changed(model.run.dataset),
            "segment": model.as_given(self._settings.touched),
            "track": self._link.touched,
        }
        size = marks.pixel_size_nm
        if size is not None:
            in_px(load_parameters(self._kept.path, {"segment": touched["segment"]}).segment, size)
        return {section: values for section, values in touched.items() if values}

    def _ask(self) -> None:
        changes = self._kept.changes(self._touched())
        if changes:
            self.panel.ask(self._kept.path.name, changes)
        else:
            self.panel.clear()
            self._say(f"{self._kept.path.name}: nothing changed")

    def _write(self) -> None:
        changes = self._kept.write(self._touched())
        self.panel.clear()
        self._written(f"{self._kept.path.name}: " + ("; ".join(map(str, changes)) or "nothing changed"))

    def _undo(self) -> None:
        said, done = self._kept.undo()
        if done:
            now = load_parameters(self._kept.path)
            self._settings.take(in_px(now.segment, self._model.run.calibration.pixel_size_nm))
            self._link.take(now.track)
        self._written(said)

    def _written(self, said: str) -> None:
        if load_parameters(self._kept.path).of_images() == self._model.run.dataset.of_images():
            self._say(said)
        else:
            self._reopen(said)
