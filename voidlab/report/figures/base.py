"""What all figures share: colours, how they are shown, micrographs with a scale bar, maps, curves, histograms.

Lengths are drawn in nm where the calibration is known, else in px. Colours come from maps that colour-blind
people can read.
"""

import io
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import PIL.Image
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from PIL import ImageChops, ImageOps
from PIL.Image import Image as Picture

from voidlab.report.placeholders import OF_SERIES_ONLY
from voidlab.tables.outlines import axes_of
from voidlab.tables.tilts import is_tilted
from voidlab.tables.units import HasPixelSize, unit_of

# Colours that stay apart for colour-blind eyes, after Okabe and Ito (2008).
ORANGE, BLUE, RED, GREEN, GREY = "#E69F00", "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
SKY = "#56B4E9"  # the blue that is seen on a micrograph
# Colour and line of what is no void; the line tells them apart in grey too.
OF_KIND: dict[str, tuple[str, Any]] = {
    "loop": ("#FF9ED2", (0, (6, 2, 1, 2))),
    "dot": ("#F0E442", (0, (1, 1.5))),
}

_NO_SPECIMEN = "#B9C6D6"  # behind an image: where it has no value
_NOTHING = "nothing to draw"
_DPI, _MARGIN_PX = 110, 10
# Of tracks: without the grey of Set2, which is that of a micrograph, and its yellow, that of voids on no track.
OF_TRACKS = plt.get_cmap("Set2")([0, 1, 2, 3, 4, 6])


def names_as_they_are() -> AbstractContextManager[None]:
    """While it holds, figures show names of files as they are: a dollar in one begins no formula."""
    return plt.rc_context({"text.parse_math": False})


def show_of_series_only() -> None:
    """Say below a heading that it is of a series: the page of a single image goes without it."""
    from IPython.display import display

    display({"text/plain": OF_SERIES_ONLY}, raw=True)


def show(figure: Figure, alt: str, *, photo: bool = False, links: Mapping[str, str] | None = None) -> None:
    """Show ``figure`` below a notebook cell with the alternative text ``alt``, and close it.

    ``links`` are files to open from the report's page: what each is called, and where it lies beside the page.
    ``photo`` is for micrographs: a JPEG is a fifth of the PNG's size and looks the same. Where no panel has anything
    to draw, the words that say so stand alone.
    """
    from IPython.display import Image, display

    if figure.axes and all(ax.get_gid() == _NOTHING for ax in figure.axes):
        plt.close(figure)
        display({"text/plain": figure.axes[0].texts[0].get_text()}, raw=True)
        return
    kind = "jpeg" if photo else "png"
    stream = io.BytesIO()
    _drawn(figure).save(stream, kind, dpi=(_DPI, _DPI), **({"quality": 85} if photo else {}))
    plt.close(figure)
    metadata = {"alt": alt, "links": dict(links)} if links else {"alt": alt}
    display(Image(data=stream.getvalue(), format=kind, metadata=metadata))


def _drawn(figure: Figure) -> Picture:
    """A picture of ``figure`` with what is empty around it cut off.

    It is drawn once, as its layout keeps all within it: ``savefig`` draws twice, to find out how far it reaches.
    """
    figure.set(layout_engine="constrained", dpi=_DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    whole = PIL.Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    reaches = ImageChops.invert(whole).getbbox()
    return ImageOps.expand(whole.crop(reaches), _MARGIN_PX, fill="white")


def show_movie(gif: bytes, alt: str) -> None:
    """Show an animation below a notebook cell with the alternative text ``alt``; nothing when it is empty."""
    from IPython.display import Image, display

    if gif:
        display(Image(data=gif, format="gif", metadata={"alt": alt}))


def micrograph(image: np.ndarray, ax: Axes, calibration: HasPixelSize) -> Axes:
    """Draw ``image`` (H, W; 0 to 1) in grey, without ticks, with a scale bar."""
    ax.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="antialiased")
    ax.set_facecolor(_NO_SPECIMEN)
    ax.set(xticks=[], yticks=[], autoscale_on=False)
    return scale_bar(ax, image.shape[1], calibration)


def scale_bar(ax: Axes, width_px: float, calibration: HasPixelSize) -> Axes:
    """Draw a bar of a round length, about a fifth of the width, into the lower left corner."""
    size, unit = unit_of(calibration)
    length = round_down(width_px * size / 5)
    bar, bottom = length / size, ax.get_ylim()[0]
    figure = ax.get_figure(root=True)
    inches = 5.0 if figure is None else figure.get_figwidth() * ax.get_position().width
    letters = float(np.clip(2.2 * inches, 7, 14))  # read in a picture that is shown smaller, too
    x, y, thick = 0.03 * width_px, bottom - 0.03 * width_px, 0.008 * width_px
    ax.add_patch(Rectangle((x, y), bar, thick, facecolor="white", edgecolor="black", lw=0.6))
    label = ax.annotate(
        f"{length:g} {unit}", (x + bar / 2, y), xytext=(0, 1.5), textcoords="offset points",
        color="white", ha="center", va="bottom", fontsize=letters,
    )  # fmt: skip
    # White on black is read on any background, and hides less of the image than a box does.
    label.set_path_effects([withStroke(linewidth=2, foreground="black")])
    return ax


def round_down(value: float) -> float:
    """Largest of 1, 2, 5 times a power of ten that is not above ``value``."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(step * power for step in (1, 2, 5) if step * power <= value))


def circles(voids: pd.DataFrame, ax: Axes, *, colour: str = ORANGE, style: object = "solid") -> Axes:
    """Draw the outline of each void at its measured radius; of one drawn by hand as an ellipse that."""
    where, how = voids[["x_px", "y_px"]].to_numpy(), {"facecolors": "none", "linewidths": 0.8}
    return outlines(where, axes_of(voids), ax, edgecolors=colour, linestyles=[style], **how)


def discs(centres: np.ndarray, radius: np.ndarray, ax: Axes, **style: Any) -> Axes:
    """Draw discs at ``centres`` (n, 2), in the units of the axes and the ``style`` of a collection."""
    return outlines(centres, np.column_stack([radius, radius, np.zeros(len(radius))]), ax, **style)


def outlines(centres: np.ndarray, axes: np.ndarray, ax: Axes, **style: Any) -> Axes:
    """Draw ellipses with ``axes`` (n, 3), as of `voidlab.tables.outlines.axes_of`, at ``centres`` (n, 2)."""
    drawn = EllipseCollection(
        2 * axes[:, 0], 2 * axes[:, 1], axes[:, 2], units="xy", offsets=centres, offset_transform=ax.transData,
        **style,
    )  # fmt: skip
    ax.add_collection(drawn, autolim=False)
    return ax


def curve(
    x: np.ndarray, y: np.ndarray, ax: Axes, *, colour: str = BLUE, width: float = 1.0, label: str = ""
) -> Axes:
    """Draw a line, with dots where they are few enough to be told apart."""
    ax.plot(x, y, color=colour, marker="o", ms=3 if len(x) < 80 else 0, lw=width, label=label)
    return ax


def histogram(values: np.ndarray, edges: np.ndarray, ax: Axes, *, unit: str = "", form: str = ".2f") -> Axes:
    """Draw a histogram; where a ``unit`` is given, with a line at the median."""
    ax.hist(values, bins=list(edges), color=BLUE, edgecolor="white", lw=0.5)
    whole_numbers(ax.yaxis)
    if unit:
        middle = float(np.median(values))
        ax.axvline(middle, color=RED, ls="--", lw=1.2, label=f"median {middle:{form}} {unit}")
        ax.legend(frameon=False)
    return ax


def mark_completeness(found: Mapping[str, float], ax: Axes, factor: float, unit: str) -> None:
    """Lines where half, and nine in ten, voids are found; ``factor`` is that of a diameter in px."""
    for name, said, style in (("half_px", "half", ":"), ("nine_px", "9 in 10", "-.")):
        size = found[name] * factor
        ax.axvline(size, color=GREY, ls=style, lw=1.2, label=f"{said} found: {size:.2g} {unit}")
    # Above the axes: within them it lies on bars, or on the line of what has added up.
    ax.legend(frameon=False, fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)


def map_axes(where: np.ndarray, ax: Axes, unit: str, *, margin: float = 0.02) -> Axes:
    """Axes around all of ``where`` (n, 2): equal scales, y down as in the images."""
    (left, top), (right, bottom) = where.min(axis=0), where.max(axis=0)
    pad = margin * max(right - left, bottom - top, 1.0)
    ax.set(
        xlim=(left - pad, right + pad), ylim=(bottom + pad, top - pad), aspect="equal",
        xlabel=f"x ({unit})", ylabel=f"y ({unit})",
    )  # fmt: skip
    return ax


def series_axis(rows: pd.DataFrame, frames: pd.DataFrame) -> tuple[str, np.ndarray]:
    """What runs along the series: dose, tilt, time or the frame number; label, and value of each of the ``rows``."""
    if "dose_dpa" in rows:
        dose = rows["dose_dpa"].to_numpy(float)
        if len(dose) and np.ptp(dose) > 0:  # not where it is unknown, or that of the whole series
            return "dose (dpa)", dose
    of_frame = frames.set_index("frame").reindex(rows["frame"])
    for column, label in (("tilt_deg", "tilt (°)"), ("time_s", "time (s)")):
        if (
            len(rows)
            and of_frame[column].notna().all()
            and (column != "tilt_deg" or is_tilted(of_frame[column]))
        ):
            return label, of_frame[column].to_numpy(float)
    return "frame", rows["frame"].to_numpy(float)


def mark_series(axis: Axis, label: str) -> None:
    """Write ``label``, as of `series_axis`, along ``axis``; frames are whole."""
    axis.set_label_text(label)
    if label == "frame":
        whole_numbers(axis)


def whole_numbers(axis: Axis) -> None:
    """Ticks at whole numbers only, however short the axis is: there is no frame 3.5, and no half a void."""
    axis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))


def nothing(ax: Axes, text: str) -> Axes:
    """Say in place of a figure that there is nothing to draw."""
    ax.text(0.5, 0.5, text, ha="center", va="center", color=GREY, transform=ax.transAxes)
    ax.set(xticks=[], yticks=[], gid=_NOTHING)
    return ax
