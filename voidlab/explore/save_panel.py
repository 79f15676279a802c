"""The view as a picture, and the numbers of the frame's voids: as files, and on the clipboard."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import ipywidgets as w
import pandas as pd
from matplotlib.transforms import Bbox

from voidlab import tables
from voidlab.explore.browser import Browser
from voidlab.explore.figure import Scene, View
from voidlab.explore.panels import button
from voidlab.tables.units import HasPixelSize

_KINDS = {"png": "image/png", "svg": "image/svg+xml"}
_DPI = 220


class SavePanel:
    """Buttons to save and to copy; where the browser does not let a page copy, the numbers stand in a box."""

    def __init__(self, do: Callable[[str], None]) -> None:
        names = {
            "png": ("save PNG", "image"),
            "svg": ("save SVG", "image"),
            "tsv": ("save numbers", "table"),
            "copy picture": ("copy picture", "copy"),
            "copy numbers": ("copy numbers", "copy"),
        }
        made = [button(words, icon, partial(do, name)) for name, (words, icon) in names.items()]
        self.png, self.svg, self.tsv, self.copy_picture, self.copy_numbers = made
        self.box = w.Textarea(layout=w.Layout(width="auto", height="120px", display="none"))
        self.widget = w.VBox([w.HBox(made[:3]), w.HBox(made[3:]), self.box])

    def show(self, numbers: str) -> None:
        """Show ``numbers`` to be copied by hand; empty: show no box."""
        self.box.value = numbers
        self.box.layout.display = "" if numbers else "none"

    def give(self, what: str, name: str, view: View, table: str, browser: Browser) -> None:
        """Save or copy the ``view``, or the ``table`` of numbers; files are called ``name``, less the ending."""
        if what in _KINDS:
            browser.download(f"{name}.{what}", _KINDS[what], picture_of(view, what))
        elif what == "tsv":
            browser.download(f"{name}.tsv", "text/tab-separated-values", table.encode())
        elif what == "copy picture":
            self.show("")
            browser.copy_picture(picture_of(view, "png"))
        else:
            self.show(table)
            browser.copy(table)


def picture_of(view: View, kind: str) -> bytes:
    """What is seen of the image and drawn on it, as a PNG or SVG file."""
    figure = view.image.get_figure(root=True)
    assert figure is not None
    stream = io.BytesIO()
    about: dict[str, Any] = {"Date": None} if kind == "svg" else {}
    figure.savefig(stream, format=kind, dpi=_DPI, bbox_inches=seen_inches(view), pad_inches=0, metadata=about)
    return stream.getvalue()


def seen_inches(view: View) -> Bbox:
    """The part of the figure that shows the image, without what is beside it, inches."""
    (left, right), (bottom, top) = sorted(view.image.get_xlim()), sorted(view.image.get_ylim(), reverse=True)
    x0, x1, y0, y1 = view.extent
    corners = [(max(left, x0), min(bottom, y0)), (min(right, x1), max(top, y1))]
    (one_x, one_y), (two_x, two_y) = view.image.transData.transform(corners)
    dpi = view.image.get_figure(root=True).dpi  # type: ignore[union-attr]
    return Bbox([[one_x / dpi, one_y / dpi], [two_x / dpi, two_y / dpi]])


def numbers_of(scene: Scene, calibration: HasPixelSize) -> str:
    """The table of the selected voids, else of all of the frame that count, with tabs for a spreadsheet."""
    voids = scene.voids.assign(particle=pd.Series(scene.particles, dtype="Int64").mask(scene.particles < 0))
    voids = voids.iloc[list(scene.chosen)] if scene.chosen else tables.kept(voids)
    return tables.to_nm(voids, calibration).round(4).to_csv(sep="\t", index=False, lineterminator="\n")
