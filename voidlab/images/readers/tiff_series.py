"""Which images of a TIFF are meant, where it holds several series, channels or slices."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import tifffile

from voidlab.images.errors import ImagesError
from voidlab.images.readers.base import Choice, size_text

_AXES = {"channel": "C", "slice": "Z"}
_LISTED = 6


def choose_series(
    path: Path, found: Sequence[tifffile.TiffPageSeries], choice: Choice
) -> tuple[int, list[str]]:
    """Number of the series chosen, else of that of most images, of these the largest; and what to know of it.

    Raises
    ------
    ImagesError
        If there is no such series.
    """
    listed = "; ".join(f"{i}: {_in_words(series)}" for i, series in enumerate(found[:_LISTED]))
    more = f"; and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    if choice.series is not None:
        if not 0 <= choice.series < len(found):
            raise ImagesError(
                f"images: series: {choice.series} is not in {path.name}; it holds {listed}{more}."
            )
        return choice.series, []
    best = max(range(len(found)), key=lambda i: (_count(found[i]), _pixels(found[i]), -i))
    if len(found) == 1:
        return 0, []
    return best, [
        f"{path.name} holds {len(found)} series ({listed}{more}): series {best} is used. Another is chosen with "
        f"images: {{file: {path.name}, series: {(best + 1) % len(found)}}}."
    ]


def leading_axes(series: tifffile.TiffPageSeries) -> dict[str, int]:
    """Lengths of the axes of a series that count its images."""
    return {a: n for a, n in zip(series.axes, series.shape, strict=True) if a not in "YXS" and n > 1}


def choose_images(
    path: Path, series: tifffile.TiffPageSeries, choice: Choice
) -> tuple[range | None, str, list[str]]:
    """Rows of the images that were chosen among those of a series (None: all), the axis they lie along, and warnings.

    Raises
    ------
    ImagesError
        If more than one axis is left to count along, or what was chosen is not there.
    """
    axes = leading_axes(series)
    left, first = dict(axes), 0
    for name, axis in _AXES.items():
        wanted = getattr(choice, name)
        if wanted is None:
            continue
        if not 0 <= wanted < axes.get(axis, 1):
            raise ImagesError(
                f"images: {name}: {wanted} is not in {path.name}; it has {axes.get(axis, 1)}, from 0."
            )
        if axis in left:
            first += wanted * _apart(axes, axis)
            del left[axis]
    if len(left) > 1:
        found = ", ".join(f"{axis} ({size})" for axis, size in left.items())
        chosen = ", ".join(f"{name}: 0" for name, axis in _AXES.items() if axis in left)
        advice = f"Choose with images: {{file: {path.name}, {chosen}}}, or save" if chosen else "Save"
        raise ImagesError(
            f"{path} has several axes besides the image's own, {found}; expected one. {advice} the channel and slice "
            "that show the voids as a stack of its own."
        )
    notes = []
    if "C" in left:
        notes.append(
            f"{path.name} has {left['C']} channels: each is a frame here. One is chosen with images: "
            f"{{file: {path.name}, channel: 0}}."
        )
    along = "".join(left)
    step = _apart(axes, along) if left else 1
    rows = range(first, first + math.prod(left.values()) * step, step)
    return (None if len(left) == len(axes) else rows), along, notes


def _apart(axes: Mapping[str, int], axis: str) -> int:
    """How many images lie between neighbours along an axis."""
    names = list(axes)
    return math.prod(axes[name] for name in names[names.index(axis) + 1 :])


def _in_words(series: tifffile.TiffPageSeries) -> str:
    count = _count(series)
    size = size_text((series.keyframe.imagelength, series.keyframe.imagewidth))
    return f"{count} image{'s' if count > 1 else ''} of {size}"


def _count(series: tifffile.TiffPageSeries) -> int:
    return math.prod(leading_axes(series).values())


def _pixels(series: tifffile.TiffPageSeries) -> int:
    return int(series.keyframe.imagelength * series.keyframe.imagewidth)
