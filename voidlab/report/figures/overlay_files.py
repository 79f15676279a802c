"""Micrographs with the outlines of their voids at full resolution, a file each, to open from a page."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from voidlab.report.figures.base import OF_KIND, ORANGE, SKY, round_down
from voidlab.tables.outlines import axes_of, is_drawn_as_ellipse, points_on
from voidlab.tables.units import HasPixelSize, unit_of
from voidlab.tables.written import filling

FOLDER = "overlays"
_ENOUGH_PX, _MOST_PX = 1400, 5000  # a smaller image is shown twice as large; a larger one is made smaller
_AT_EDGE = 24  # degrees of a dash of a void that the border cuts


def write_overlays(
    folder: Path,
    series: Sequence[np.ndarray],
    frames: pd.DataFrame,
    voids: pd.DataFrame,
    rows: Sequence[int],
    calibration: HasPixelSize,
) -> dict[int, str]:
    """Write the images of ``rows`` of ``frames`` with their ``voids`` into ``folder``, and nothing else.

    Returns
    -------
    dict
        Name of the file in ``folder`` for each frame number.
    """
    written = {}
    with filling(folder) as fresh:
        for row in rows:
            frame = int(frames["frame"].iloc[row])
            name = f"frame-{frame}.jpg"
            drawn = draw_outlines(series[int(row)], voids[voids["frame"] == frame], calibration)
            drawn.save(fresh / name, quality=80)
            written[frame] = name
    return written


def draw_outlines(image: np.ndarray, voids: pd.DataFrame, calibration: HasPixelSize) -> Image.Image:
    """``image`` (H, W; 0 to 1) with the outlines of ``voids`` and a scale bar, a pixel or more to a pixel of it."""
    grey = Image.fromarray((np.nan_to_num(image).clip(0, 1) * 255).astype(np.uint8)).convert("RGB")
    longest = max(grey.size)
    factor = 2.0 if longest < _ENOUGH_PX else min(1.0, _MOST_PX / longest)
    size = (round(grey.width * factor), round(grey.height * factor))
    picture = grey.resize(size, Image.Resampling.BICUBIC) if factor != 1 else grey
    pen, width = ImageDraw.Draw(picture), max(1, round(max(size) / 900))
    shapes = axes_of(voids) * (factor, factor, 1.0)
    drawn = is_drawn_as_ellipse(shapes)
    about = voids[["kind", "x_px", "y_px", "touches_edge"]].itertuples(index=False)
    for (kind, x, y, cut), shape, is_ellipse in zip(about, shapes, drawn, strict=True):
        # From the centre of the top-left pixel to its corner, from which a picture counts.
        middle, reach = ((x + 0.5) * factor, (y + 0.5) * factor), shape[0] + width / 2
        box = [middle[0] - reach, middle[1] - reach, middle[0] + reach, middle[1] + reach]
        colour = OF_KIND[kind][0] if kind in OF_KIND else SKY if cut else ORANGE
        if is_ellipse:
            _ellipse(pen, points_on(*middle, shape), colour, width, dashed=cut)
        elif not cut:
            pen.ellipse(box, outline=colour, width=width)
        else:
            for start in range(0, 360, 2 * _AT_EDGE):
                pen.arc(box, start, start + _AT_EDGE, fill=colour, width=2 * width)
    _scale_bar(pen, picture.size, factor, calibration)
    return picture


def _ellipse(pen: ImageDraw.ImageDraw, around: np.ndarray, colour: str, width: int, *, dashed: bool) -> None:
    """An ellipse through the points ``around`` it (n, 2), which no pen of a picture draws turned."""
    points = [tuple(point) for point in [*around.tolist(), around[0].tolist()]]
    if not dashed:
        pen.line(points, fill=colour, width=width, joint="curve")
        return
    for start in range(0, len(around), 10):
        pen.line(points[start : start + 6], fill=colour, width=2 * width)


def _scale_bar(
    pen: ImageDraw.ImageDraw, size: tuple[int, int], factor: float, calibration: HasPixelSize
) -> None:
    pixel, unit = unit_of(calibration)
    length = round_down(size[0] / factor * pixel / 5)
    bar, letters = length / pixel * factor, max(14, round(size[0] / 50))
    x, y, thick = 0.03 * size[0], size[1] - 0.03 * size[0], max(3, round(0.006 * size[0]))
    pen.rectangle([x, y - thick, x + bar, y], fill="white", outline="black")
    pen.text(
        (x + bar / 2, y - 1.5 * thick), f"{length:g} {unit}", fill="white", font=ImageFont.load_default(letters),
        anchor="mb", stroke_width=max(1, letters // 12), stroke_fill="black",
    )  # fmt: skip
