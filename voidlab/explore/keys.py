"""The explorer's keys: which does what, and the legend that says so. They work while the pointer is on the image."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Keys:
    """Keys that do the same: as browsers name them, as the legend writes them, and what they do in words."""

    does: str
    pressed: tuple[str, ...]
    written: str
    words: str


ALL = (
    Keys("previous", ("ArrowLeft", ","), "←", "previous frame"),
    Keys("next", ("ArrowRight", "."), "→", "next frame"),
    Keys("select", ("s", "S"), "S", "select: click, or draw a box"),
    Keys("lasso", ("l", "L"), "L", "lasso"),
    Keys("add", ("a", "A"), "A", "add: drag from centre to rim"),
    Keys("move", ("m", "M"), "M", "move or resize; with Shift an ellipse"),
    Keys("delete", ("Delete", "Backspace", "d", "D"), "Del", "delete the selected voids"),
    Keys("undo", ("u", "U", "Ctrl+z"), "U", "undo"),
    Keys("redo", ("r", "R", "Ctrl+Z", "Ctrl+y"), "R", "redo"),
    Keys("accept", ("Enter",), "Enter", "accept this frame, go to the next"),
    Keys("none", ("Escape",), "Esc", "select none"),
    Keys("in", ("+", "="), "+", "zoom in"),
    Keys("out", ("-",), "−", "zoom out"),
    Keys("whole", ("0",), "0", "whole image"),
)
ACTIONS = {key: keys.does for keys in ALL for key in keys.pressed}


def legend() -> str:
    """The keys and what they do, as HTML that folds."""
    rows = "".join(f"<div><kbd>{keys.written}</kbd> {keys.words}</div>" for keys in ALL)
    return (
        "<details><summary>Keys, while the pointer is on the image</summary>"
        f"<div style='columns: 2; column-gap: 10px; font-size: 90%'>{rows}</div>"
        "<div style='font-size: 90%'>Wheel: zoom. Right button, or Ctrl and drag: pan.</div></details>"
    )
