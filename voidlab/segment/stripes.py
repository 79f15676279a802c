"""Stripes along the rows or columns of an image: of a scan, a detector, an interlaced video.

A stripe goes through the whole image: of a row each quarter says the same. Detail of the specimen does not, so that
only images with stripes are changed.
"""

import numpy as np
from scipy import ndimage

_WIDEST_PX = 33  # what is wider is no stripe
_LOOKED_AT = 512  # pixels of a row or column that tell whether there are any
_PARTS = 4
_AGREEMENT = 0.5  # correlation between these from which there are


def without_stripes(detail: np.ndarray) -> np.ndarray:
    """Image (H, W), float32, without slow background, less the stripes along its rows and its columns."""
    if _has_stripes(detail):
        detail = detail - _brightness_of_rows(detail)[:, None]
    if _has_stripes(detail.T):
        detail = detail - _brightness_of_rows(detail.T)
    return detail


def _has_stripes(detail: np.ndarray) -> bool:
    """Whether there are any along the rows."""
    few = detail[:, :: max(1, detail.shape[1] // _LOOKED_AT)]
    each = few.shape[1] // _PARTS
    if min(few.shape[0], each) < 2:
        return False
    fine = _less_what_is_around(few[:, : _PARTS * each])
    most = 3 * float(np.median(np.abs(fine[::4, ::4])))
    parts = np.clip(fine, -most, most).reshape(-1, _PARTS, each).mean(axis=2).T
    spread = parts.std(axis=1)
    if not spread.all():
        return False
    alike = np.cov(parts, bias=True) / np.outer(spread, spread)
    return bool(np.median(alike[np.triu_indices(_PARTS, 1)]) >= _AGREEMENT)


def _brightness_of_rows(detail: np.ndarray) -> np.ndarray:
    """How much brighter each row is than the rows around it, by its median: voids hardly change it."""
    return np.median(_less_what_is_around(detail), axis=1)


def _less_what_is_around(detail: np.ndarray) -> np.ndarray:
    return detail - ndimage.uniform_filter1d(detail, min(_WIDEST_PX, detail.shape[0]), axis=0, mode="nearest")
