"""Controls of the linking, with a preview of its tracks on some frames."""

from collections.abc import Callable
from typing import Any

import ipywidgets as w

from voidlab.explore.panels import NAMED, button, text
from voidlab.project.parameters.models import TrackParameters

_USUAL_PX, _FARTHEST_PX, _LONGEST = 10.0, 100.0, 10


class LinkPanel:
    """Search range and memory; ``changed`` is called when they, or the frames of the preview, are others."""

    def __init__(self, given: TrackParameters, frames: int, changed: Callable[[], None]) -> None:
        self._given = given
        self._touched: set[str] = set()
        self._changed = changed
        self._shows_used = False  # while the slider is set to what auto came to, nobody has moved it
        asked = given.search_range_px
        usual = _USUAL_PX if asked == "auto" else asked
        self.search_range_px = w.FloatSlider(
            usual, min=0.5, max=max(_FARTHEST_PX, usual), step=0.5, description="range, px",
            continuous_update=False, disabled=asked == "auto", readout=asked != "auto", **NAMED,
        )  # fmt: skip
        self.is_auto = w.Checkbox(
            asked == "auto", description="auto: as density and motion allow", indent=False
        )
        self.memory = w.IntSlider(
            given.memory, min=0, max=max(_LONGEST, given.memory), description="memory, frames",
            continuous_update=False, **NAMED,
        )  # fmt: skip
        self.frames = w.IntSlider(
            min(10, frames), min=min(2, frames), max=min(50, frames), description="frames tried",
            continuous_update=False, **NAMED,
        )  # fmt: skip
        fields = type(given).model_fields
        self.search_range_px.tooltip = fields["search_range_px"].description
        self.memory.tooltip = fields["memory"].description
        self.is_shown = False
        self.start = button(
            "preview", "play", lambda: self._show(True), tooltip="link some frames, show the tracks"
        )
        self.stop = button("end preview", "times", lambda: self._show(False))
        self.said = w.HTML()
        for name in ("search_range_px", "is_auto", "memory"):
            getattr(self, name).observe(lambda _, name=name: self._touch(name), names="value")
        self.frames.observe(lambda _: self._again(), names="value")
        self.widget = w.VBox(
            [
                self.search_range_px,
                self.is_auto,
                self.memory,
                self.frames,
                w.HBox([self.start, self.stop]),
                self.said,
            ]
        )

    def _touch(self, name: str) -> None:
        if self._shows_used:
            return
        self._touched.add("search_range_px" if name == "is_auto" else name)
        self.search_range_px.disabled = self.is_auto.value
        self.search_range_px.readout = not self.is_auto.value
        self._again()

    def _again(self) -> None:
        if self.is_shown:
            self._changed()

    def _show(self, is_shown: bool) -> None:
        self.is_shown = is_shown
        self.said.value = ""
        self._changed()

    def say(self, sentences: list[str]) -> None:
        """Say what came of the preview."""
        self.said.value = "<br>".join(map(text, sentences))

    def show_used(self, search_range_px: float) -> None:
        """Show the range that auto came to."""
        if not self.is_auto.value:
            return
        slider, self._shows_used = self.search_range_px, True
        slider.max = max(slider.max, search_range_px)
        slider.value = search_range_px
        slider.readout, self._shows_used = True, False

    @property
    def touched(self) -> dict[str, Any]:
        """Values of the controls that were moved."""
        values = {"search_range_px": "auto" if self.is_auto.value else self.search_range_px.value}
        values |= {"memory": self.memory.value}
        return {name: values[name] for name in sorted(self._touched)}

    @property
    def parameters(self) -> TrackParameters:
        """The parameters as the controls stand."""
        return self._given.model_copy(update=self.touched)

    def take(self, given: TrackParameters) -> None:
        """Set the controls to what is ``given``, as if none had been moved."""
        self.is_auto.value = given.search_range_px == "auto"
        if given.search_range_px != "auto":
            self.search_range_px.value = given.search_range_px
        self.memory.value = given.memory
        self._given, self._touched = given, set()
