"""How the explorer's widgets are laid out: a bar, the image beside a column of controls that scrolls, what is said.

The sizes are in explorer.css, by the names given here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as w
import pandas as pd

_NARROW = w.Layout(width="34px", padding="0")


def window(
    *, bar: Sequence[Any], words: Sequence[Any], image: Any, controls: Sequence[Any], unseen: Any
) -> w.VBox:
    """The explorer: as high as what is seen of the page, the image as large as that allows."""
    body = named(w.HBox([image, named(w.VBox(list(controls)), "controls")]), "body")
    parts = [named(w.HBox(list(bar)), "bar"), named(w.VBox(list(words)), "words"), body, unseen]
    return named(w.VBox(parts), "explorer")


def named(widget: Any, name: str) -> Any:
    """``widget`` with a name that explorer.css and explorer.js know it by."""
    widget.add_class(f"voidlab-{name}")
    return widget


def box(children: Sequence[Any], name: str) -> w.Box:
    """A box that explorer.css knows by its ``name``."""
    made: w.Box = named(w.Box(list(children)), name)
    return made


def below(children: Sequence[Any]) -> w.VBox:
    """Widgets below each other."""
    return w.VBox(list(children))


def line(words: str = "") -> w.HTML:
    """A line of words."""
    return w.HTML(words)


def tabs(groups: Mapping[str, Sequence[Any]]) -> w.Tab:
    """Groups of controls, one of them seen at a time."""
    return w.Tab([w.VBox(list(group)) for group in groups.values()], titles=list(groups))


def frame_slider(frames: pd.DataFrame) -> w.SelectionSlider:
    """A slider over the images: it shows the frame's number and tilt, its value is the row."""
    named_rows = [
        (f"{number}" if pd.isna(tilt) else f"{number} ({tilt:g}°)", row)
        for row, (number, tilt) in enumerate(zip(frames["frame"], frames["tilt_deg"], strict=True))
    ]
    return w.SelectionSlider(options=named_rows or [("none", 0)], value=0, description="frame")


def players(slider: w.SelectionSlider) -> list[w.Widget]:
    """The slider and a player that moves it in the browser."""
    play = w.Play(min=0, max=len(slider.options) - 1, interval=300, show_repeat=False)
    w.jslink((play, "value"), (slider, "index"))
    return [play, slider]


def zoom_buttons(do: Mapping[str, Callable[[], None]]) -> list[w.Button]:
    """Buttons to zoom, and to see the whole image; ``do`` says what each does."""
    icons = {
        "out": ("search-minus", "zoom out"),
        "whole": ("expand", "whole image"),
        "in": ("search-plus", "zoom in"),
    }
    made = []
    for name, (icon, tooltip) in icons.items():
        button = w.Button(icon=icon, tooltip=tooltip, layout=_NARROW)
        button.on_click(lambda _, name=name: do[name]())
        made.append(button)
    return made
