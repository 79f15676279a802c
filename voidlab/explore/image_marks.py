"""What is drawn on the image about the image itself: boxes to ignore, the crop, and the burnt-in scale bar.

They belong to no stage: ``ignore_boxes_px``, ``crop_px`` and ``pixel_size_nm`` of the parameter file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from voidlab.explore.figure import Point
from voidlab.project.parameters.models import DatasetParameters

Box = tuple[int, int, int, int]  # left, top, width, height, px
HELP = {
    "ignore": "draw a box around what is no specimen, such as a burnt-in scale bar; click a box to remove it",
    "crop": "draw the part of the image that counts; click into it to remove the crop",
    "scale bar": "drag along the burnt-in scale bar, from end to end; then say how long it is",
}
_LEAST_BAR_PX = 5.0
_ROWS = 6  # above and below the line that is drawn, where the bar may be
_SAME_GREY = 0.05  # of the range from black to white
_AS_DRAWN = 0.15  # of the length drawn: a run of one grey that differs by more is not the bar


@dataclass(frozen=True)
class Bar:
    """A scale bar of ``length_px``; ``found``: a bar of one grey lies where it was drawn, and has that length."""

    length_px: float
    found: bool

    @property
    def error(self) -> float:
        """Relative standard error of the length: half a pixel at both ends, two where only a hand drew it."""
        return (0.7 if self.found else 2.8) / self.length_px

    def in_words(self) -> str:
        """How long the bar is."""
        how = (
            "the bar found there" if self.found else "the line drawn (no bar of one grey was found along it)"
        )
        return f"{how} is {self.length_px:.4g} px long, ± {100 * self.error:.2g} %"


@dataclass(frozen=True)
class Marks:
    """Boxes and crop as they are drawn, and the width of a pixel where it is set anew (None: as it was)."""

    boxes: tuple[Box, ...] = ()
    crop: Box | None = None
    pixel_size_nm: float | None = None

    @classmethod
    def of(cls, dataset: DatasetParameters) -> "Marks":
        """Boxes and crop of the parameter file."""
        boxes = tuple((box[0], box[1], box[2], box[3]) for box in dataset.ignore_boxes_px)
        crop = dataset.crop_px
        return cls(boxes, None if crop is None else (crop[0], crop[1], crop[2], crop[3]))

    def drawn(self, tool: str, path: Sequence[Point], shape: tuple[int, int]) -> "Marks":
        """These with what the ``tool`` makes of a drag along ``path``; a click takes out what lies there."""
        box = box_of(path[0], path[-1], shape)
        if box is None:
            kept = tuple(old for old in self.boxes if not _holds(old, path[-1]))
            if tool == "ignore":
                return replace(self, boxes=kept)
            inside = self.crop is not None and _holds(self.crop, path[-1])
            return replace(self, crop=None) if inside else self
        return replace(self, boxes=(*self.boxes, box)) if tool == "ignore" else replace(self, crop=box)

    def changed(self, dataset: DatasetParameters) -> dict[str, Any]:
        """What differs from the parameter file, as its values."""
        before = Marks.of(dataset)
        values: dict[str, Any] = {}
        if self.boxes != before.boxes:
            values["ignore_boxes_px"] = [list(box) for box in self.boxes]
        if self.crop != before.crop:
            values["crop_px"] = None if self.crop is None else list(self.crop)
        if self.pixel_size_nm is not None:
            values["pixel_size_nm"] = self.pixel_size_nm
        return values


def box_of(one: Point, other: Point, shape: tuple[int, int]) -> Box | None:
    """The pixels of an image (H, W) between two corners; None where there are none, as of a click."""
    ends = []
    for first, second, size in ((one[0], other[0], shape[1]), (one[1], other[1], shape[0])):
        low, high = sorted((first, second))
        start, stop = max(round(low + 0.5), 0), min(round(high + 0.5), size)
        if stop <= start:
            return None
        ends.append((start, stop - start))
    (left, width), (top, height) = ends
    return left, top, width, height


def _holds(box: Box, point: Point) -> bool:
    left, top, width, height = box
    return left - 0.5 <= point[0] <= left + width - 0.5 and top - 0.5 <= point[1] <= top + height - 0.5


def measure_bar(image: np.ndarray, start: Point, end: Point) -> Bar | None:
    """The scale bar along the line from ``start`` to ``end`` in ``image`` (H, W; 0 to 1); None where it is too short.

    Where a run of one grey lies along a level line, and is about as long, the run is measured, else the line.
    """
    drawn = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    if drawn < _LEAST_BAR_PX:
        return None
    runs = []
    if abs(end[1] - start[1]) < 0.1 * drawn:
        middle, y = round((start[0] + end[0]) / 2), round((start[1] + end[1]) / 2)
        for row in range(max(y - _ROWS, 0), min(y + _ROWS + 1, len(image))):
            run = _run(image[row], middle)
            if abs(run - drawn) <= _AS_DRAWN * drawn:
                runs.append(run)
    # Most rows of a bar have its length; those of its outline, or of letters, another.
    return Bar(float(np.median(runs)), True) if runs else Bar(drawn, False)


def _run(row: np.ndarray, middle: int) -> int:
    """Length of the run of one grey in ``row`` through the pixel ``middle``; 0 where it reaches the border."""
    if not 0 <= middle < len(row) or not np.isfinite(row[middle]):
        return 0
    other = np.flatnonzero(~(np.abs(row - row[middle]) <= _SAME_GREY))
    before, after = other[other < middle], other[other > middle]
    return int(after[0] - before[-1] - 1) if len(before) and len(after) else 0
