"""The explorer's controls in groups: how to find voids, how to see them, how to correct them. No computing here."""

import html
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, get_args

import ipywidgets as w
import numpy as np

from voidlab.explore.figure import COLOURS, Style
from voidlab.explore.live_segmenter import LEAST
from voidlab.explore.mouse_tools import HELP
from voidlab.project.corrections import Log
from voidlab.project.parameters.models import SegmentParameters, range_of

Changed = Callable[[], None]
text = partial(html.escape, quote=False)  # for the body of an HTML widget

_NAMED: dict[str, Any] = {"style": {"description_width": "110px"}, "layout": {"width": "400px"}}


class SettingsPanel:
    """Controls of the segmenter's parameters, their ranges from the typed parameters."""

    def __init__(
        self, settings: SegmentParameters, segmenters: Sequence[str], longest_px: float, changed: Changed
    ) -> None:
        self._given = settings
        self._touched: set[str] = set()
        self._changed = changed
        model = SegmentParameters
        contrasts = get_args(model.model_fields["contrast"].annotation)
        smallest, largest = range_of(model, "min_radius_px")
        largest = max(min(largest, longest_px), settings.min_radius_px)
        self.segmenter = w.Dropdown(
            options=list(segmenters), value=settings.segmenter, description="segmenter", **_NAMED
        )
        self.contrast = w.Dropdown(
            options=list(contrasts), value=settings.contrast, description="contrast", **_NAMED
        )
        low, high = range_of(model, "threshold")
        self.threshold = w.FloatSlider(
            settings.threshold, min=max(low, LEAST), max=min(high, 1 - LEAST), step=0.01,
            description="threshold", readout_format=".2f", **_NAMED,
        )  # fmt: skip
        self.min_radius_px = w.FloatLogSlider(
            settings.min_radius_px, min=np.log10(smallest), max=np.log10(largest), step=0.01,
            description="min radius, px", readout_format=".1f", continuous_update=False, **_NAMED,
        )  # fmt: skip
        names = ("segmenter", "contrast", "threshold", "min_radius_px")
        self._controls = {name: getattr(self, name) for name in names}
        for name, control in self._controls.items():
            control.tooltip = model.model_fields[name].description
            control.observe(lambda _, name=name: self._touch(name), names="value")
        self.widget = w.VBox(list(self._controls.values()))

    def _touch(self, name: str) -> None:
        self._touched.add(name)
        self._changed()

    @property
    def touched(self) -> dict[str, Any]:
        """Values of the controls that were moved, rounded as they are shown."""
        digits = {"threshold": 2, "min_radius_px": 1}
        values = {name: self._controls[name].value for name in sorted(self._touched)}
        return {name: round(v, digits[name]) if name in digits else v for name, v in values.items()}

    @property
    def settings(self) -> SegmentParameters:
        """The parameters as the controls stand; what has no control, or was not moved, is as it was given."""
        return self._given.model_copy(update=self.touched)


class StylePanel:
    """Controls of how the image and the voids are drawn."""

    def __init__(self, changed: Changed) -> None:
        self.outlines = w.ToggleButtons(
            options=["outlines", "filled"], description="voids", style={"button_width": "90px"}
        )
        self.colour = w.Dropdown(options=list(COLOURS), description="coloured by", **_NAMED)
        self.grey = w.FloatRangeSlider(
            value=(0, 1), min=0, max=1, step=0.01, description="grey levels", readout_format=".2f", **_NAMED
        )
        self.drift = w.Checkbox(description="drift-corrected: the stack stands still", indent=False)
        self.tails = w.IntSlider(0, min=0, max=50, description="tails, frames", **_NAMED)
        for control in (self.outlines, self.colour, self.grey, self.drift, self.tails):
            control.observe(lambda _: changed(), names="value")
        whole = {"flex": "0 0 auto"}  # side by side where there is room, else below each other, never cut
        groups = ([self.outlines, self.colour, self.grey], [self.drift, self.tails])
        columns = [w.VBox(group, layout=whole) for group in groups]
        self.widget = w.HBox(columns, layout={"flex_flow": "row wrap"})

    @property
    def style(self) -> Style:
        """How to draw, as the controls stand."""
        return Style(self.outlines.value == "filled", self.colour.value, tuple(self.grey.value))


class CorrectPanel:
    """The tools to correct with, undo and redo, and the last corrections made."""

    def __init__(self, take: Callable[[str], None], undo: Changed, redo: Changed, bad_frame: Changed) -> None:
        self.tool = w.ToggleButtons(options=list(HELP), style={"button_width": "105px"})
        self.tool.observe(lambda change: take(change["new"]), names="value")
        self.undo = _button("undo", "undo", undo)
        self.redo = _button("redo", "repeat", redo)
        self.bad_frame = _button("bad frame", "ban", bad_frame)
        self.list = w.HTML()
        self.widget = w.VBox([self.tool, w.HBox([self.undo, self.redo, self.bad_frame]), self.list])

    def show(self, log: Log) -> None:
        """List the last remaining corrections."""
        kept = log.kept()
        rows = "".join(f"<li>{text(str(line.edit))} – {text(line.who)}</li>" for line in kept[-4:][::-1])
        noun = "correction" if len(kept) == 1 else "corrections"
        notes = "".join(f"<p>{text(problem)}</p>" for problem in log.problems)
        self.list.value = f"<b>{len(kept)} {noun} by hand</b><ul>{rows}</ul>{notes}"


class KeepPanel:
    """Write the touched values to the YAML file: first what would change is shown, then it is written."""

    def __init__(self, show: Changed, write: Changed) -> None:
        self.show = _button("keep these settings …", "save", show)
        self.write = _button("write", "check", write)
        self.leave = _button("leave it", "times", self.clear)
        self.difference = w.HTML()
        self._sure = w.HBox([self.write, self.leave])
        self.widget = w.VBox([self.show, self.difference, self._sure])
        self.clear()

    def ask(self, difference: str) -> None:
        """Show the ``difference`` and ask whether to write it."""
        self.difference.value = f"<pre style='line-height:1.3'>{text(difference)}</pre>"
        self._sure.layout.display = ""

    def clear(self) -> None:
        """Ask nothing."""
        self.difference.value = ""
        self._sure.layout.display = "none"


def _button(name: str, icon: str, pressed: Changed) -> w.Button:
    button = w.Button(description=name, icon=icon, layout=w.Layout(width="auto"))
    button.on_click(lambda _: pressed())
    return button
