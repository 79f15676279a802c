"""Pixels, columns and rows of a camera that are broken: far brighter or darker than all that an image shows."""

from collections.abc import Iterable
from itertools import groupby

import numpy as np
from scipy import ndimage

_CORE = (2.0, 98.0)  # percentiles that a few broken columns do not move
_FAR = 1.5  # widths of the core beyond it
_MOST_PIXELS = 8  # that lie together; the smallest void has more
_LINE = 0.5  # share of a column or row


def far_limits(values: np.ndarray) -> tuple[float, float]:
    """Values below and above which a pixel lies far outside the bulk of ``values``; infinite without a bulk."""
    low, high = np.percentile(values, _CORE)
    width = high - low
    if not width > 0:
        return -np.inf, np.inf
    return float(low - _FAR * width), float(high + _FAR * width)


def broken_pixels(image: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Mask of the pixels beyond ``limits`` that are no object: whole columns, whole rows, a few pixels alone."""
    far = (image < limits[0]) | (image > limits[1])
    lines = np.zeros_like(far)
    if not far.any():
        return lines
    columns, rows = broken_lines(far)
    lines[:, columns] = True
    lines[rows] = True
    parts, _ = ndimage.label(far & ~lines, np.ones((3, 3)))
    size = np.bincount(parts.ravel())
    few = size <= _MOST_PIXELS
    few[0] = False
    return lines | few[parts]


def broken_lines(far: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the columns and rows most of whose pixels are ``far``."""
    return np.flatnonzero(far.mean(axis=0) > _LINE), np.flatnonzero(far.mean(axis=1) > _LINE)


def boxes_around_lines(image: np.ndarray, limits: tuple[float, float]) -> list[list[int]]:
    """Boxes (left, top, width, height) around the broken columns and rows of an image."""
    columns, rows = broken_lines((image < limits[0]) | (image > limits[1]))
    height, width = image.shape
    boxes = [[first, 0, count, height] for first, count in _runs(columns.tolist())]
    return boxes + [[0, first, width, count] for first, count in _runs(rows.tolist())]


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """First and count of each run of numbers that follow one another."""
    grouped = groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    runs = [[number for _, number in run] for _, run in grouped]
    return [(run[0], len(run)) for run in runs]
