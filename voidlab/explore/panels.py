"""The explorer's controls in groups: how to find voids, how to see them, how to correct them. No computing here."""

import html
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, get_args

import ipywidgets as w
import numpy as np

from voidlab.explore.figure import COLOURS, RADII, Style
from voidlab.explore.live_segmenter import LEAST
from voidlab.project.corrections import Log
from voidlab.project.parameters.models import SegmentParameters, range_of

Changed = Callable[[], None]
text = partial(html.escape, quote=False)  # for the body of an HTML widget

AS_DETECTED = "radius as detected"
# As wide as the column leaves room for: how wide its scrollbar is, only the browser knows.
NAMED: dict[str, Any] = {"style": {"description_width": "108px"}, "layout": {"width": "auto"}}


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
            options=list(segmenters), value=settings.segmenter, description="segmenter", **NAMED
        )
        self.contrast = w.Dropdown(
            options=list(contrasts), value=settings.contrast, description="contrast", **NAMED
        )
        low, high = range_of(model, "threshold")
        self.threshold = w.FloatSlider(
            settings.threshold, min=max(low, LEAST), max=min(high, 1 - LEAST), step=0.01,
            description="threshold", readout_format=".2f", **NAMED,
        )  # fmt: skip
        sizes = {"min": np.log10(smallest), "step": 0.01, "readout_format": ".1f", "continuous_update": False}
        self.min_radius_px = w.FloatLogSlider(
            settings.min_radius_px, max=np.log10(largest), description="min radius, px", **sizes, **NAMED
        )
        given = settings.max_radius_px
        self.is_auto = w.Checkbox(
            given == "auto", description="auto: a quarter of the image's shorter side", indent=False
        )
        usual = longest_px / 2 if given == "auto" else given
        self.max_radius_px = w.FloatLogSlider(
            usual, max=np.log10(max(longest_px, usual)), description="max radius, px",
            disabled=self.is_auto.value, **sizes, **NAMED,
        )  # fmt: skip
        names = ("segmenter", "contrast", "threshold", "min_radius_px", "max_radius_px")
        self._controls = {name: getattr(self, name) for name in names}
        for name, control in self._controls.items():
            control.tooltip = model.model_fields[name].description
            control.observe(lambda _, name=name: self._touch(name), names="value")
        self.is_auto.observe(lambda _: self._toggle(), names="value")
        self.widget = w.VBox([*self._controls.values(), self.is_auto])

    def _toggle(self) -> None:
        self.max_radius_px.disabled = self.is_auto.value
        self._touch("max_radius_px")

    def _touch(self, name: str) -> None:
        self._touched.add(name)
        self._changed()

    @property
    def touched(self) -> dict[str, Any]:
        """Values of the controls that were moved, rounded as they are shown."""
        digits = {"threshold": 2, "min_radius_px": 1, "max_radius_px": 1}
        values = {name: self._controls[name].value for name in sorted(self._touched)}
        values = {name: round(v, digits[name]) if name in digits else v for name, v in values.items()}
        return values | (
            {"max_radius_px": "auto"} if self.is_auto.value and "max_radius_px" in values else {}
        )

    @property
    def settings(self) -> SegmentParameters:
        """The parameters as the controls stand; what has no control, or was not moved, is as it was given."""
        return self._given.model_copy(update=self.touched)

    def take(self, settings: SegmentParameters) -> None:
        """Set the controls to ``settings``, as if none had been moved."""
        for name, control in self._controls.items():
            value = getattr(settings, name)
            if value != "auto" or name != "max_radius_px":
                control.value = value
        self.is_auto.value = settings.max_radius_px == "auto"
        self._given, self._touched = settings, set()
        self._changed()


class StylePanel:
    """Controls of how the image and the voids are drawn; of one image alone there is neither drift nor track."""

    def __init__(self, changed: Changed, *, alone: bool) -> None:
        self.outlines = w.ToggleButtons(
            options=["outlines", "filled"], description="voids", style={"button_width": "90px"}
        )
        self.radius = w.Dropdown(
            options=list(RADII), description="circles show", **NAMED,
            tooltip="out of focus the edge, as one draws it by hand, lies within the physical radius",
        )  # fmt: skip
        self.only_radius = w.Dropdown(
            options=[AS_DETECTED], description="circles show", disabled=True, **NAMED,
            tooltip="no void here rests on a fringe: its radius is that of the edge, and there is no other",
        )  # fmt: skip
        self.offer_radii(two=True)
        colours = [name for name in COLOURS if not (alone and name == "track")]
        self.colour = w.Dropdown(options=colours, description="coloured by", **NAMED)
        self.grey = w.FloatRangeSlider(
            value=(0, 1), min=0, max=1, step=0.01, description="grey levels", readout_format=".2f", **NAMED
        )
        self.drift = w.Checkbox(description="drift-corrected: the stack stands still", indent=False)
        self.tails = w.IntSlider(0, min=0, max=50, description="tails, frames", **NAMED)
        of_image = (self.outlines, self.radius, self.colour, self.grey)
        controls = of_image if alone else (*of_image, self.drift, self.tails)
        for control in controls:
            control.observe(lambda _: changed(), names="value")
        self.widget = w.VBox([*controls[:2], self.only_radius, *controls[2:]])

    def offer_radii(self, *, two: bool) -> None:
        """Let the radius be chosen where there are ``two``; else say which one there is."""
        self._has_two = two
        self.radius.layout.display = "" if two else "none"
        self.only_radius.layout.display = "none" if two else ""

    @property
    def shown_radius(self) -> str:
        """What the circles show, in words."""
        return str(self.radius.value) if self._has_two else AS_DETECTED

    @property
    def style(self) -> Style:
        """How to draw, as the controls stand."""
        filled = self.outlines.value == "filled"
        return Style(filled, self.colour.value, tuple(self.grey.value), self.radius.value)


class CorrectPanel:
    """The tools to correct with, what is done to the selected voids, and the list of corrections made."""

    def __init__(self, tools: Sequence[str], take: Callable[[str], None], do: Callable[[str], None]) -> None:
        self.tool = w.ToggleButtons(options=tools, style={"button_width": "104px"})
        self.tool.observe(lambda change: take(change["new"]), names="value")
        buttons = {
            "delete": ("delete selected", "trash"),
            "undo": ("undo", "undo"),
            "redo": ("redo", "repeat"),
            "accept": ("accept frame", "check"),
            "bad": ("bad frame", "ban"),
        }
        made = {name: button(words, icon, partial(do, name)) for name, (words, icon) in buttons.items()}
        self.delete, self.undo, self.redo, self.accept, self.bad_frame = made.values()
        self.list = w.HTML()
        rows = (w.HBox([self.delete, self.undo, self.redo]), w.HBox([self.accept, self.bad_frame]))
        self.widget = w.VBox([self.tool, *rows, self.list])

    def show(self, log: Log) -> None:
        """List the remaining corrections, the last first."""
        kept = log.kept()
        rows = "".join(f"<li>{text(str(line.edit))} – {text(line.who)}</li>" for line in kept[::-1][:_LISTED])
        more = f"<li>… and {len(kept) - _LISTED} before these</li>" if len(kept) > _LISTED else ""
        noun = "correction" if len(kept) == 1 else "corrections"
        notes = "".join(f"<p>{text(problem)}</p>" for problem in log.problems)
        head = f"<summary><b>{len(kept)} {noun} by hand</b></summary>"
        self.list.value = f"<details>{head}<ul>{rows}{more}</ul></details>{notes}"


_LISTED = 200


def button(name: str, icon: str, pressed: Changed, *, tooltip: str = "") -> w.Button:
    """A button as wide as its ``name``."""
    made = w.Button(description=name, icon=icon, tooltip=tooltip or name, layout=w.Layout(width="auto"))
    made.on_click(lambda _: pressed())
    return made
