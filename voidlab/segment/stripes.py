"""Stripes along the rows or columns of an image: of a scan, a detector, an interlaced video.

A stripe goes through the whole image, and through all that lies there: of a row each quarter says the same, and its
dark pixels the same as its bright ones. Detail of the specimen does not, not even voids that lie in rows, between
which there is something else. So only images with stripes are changed.
"""

import numpy as np
from scipy import ndimage

_WIDEST_PX = 33  # what is wider is no stripe
_LOOKED_AT = 256  # pixels of a row or column that tell whether there may be any
_QUARTERS = 4
_DARK, _BRIGHT = 0.1, 0.9  # share of the pixels of a row that are darker
_AGREEMENT = 0.5  # correlation from which there are stripes
_AS_STRONG = 0.75  # in the dark pixels as in the bright ones, or the other way round; of rows of voids less


def without_stripes(detail: np.ndarray) -> np.ndarray:
    """Image (H, W), float32, without slow background, less the stripes along its rows and its columns."""
    if _may_have_stripes(detail):
        detail = detail - _stripes(detail)[:, None]
    if _may_have_stripes(detail.T):
        detail = detail - _stripes(detail.T)
    return detail


def _may_have_stripes(detail: np.ndarray) -> bool:
    """Whether the quarters of each row say the same, or nearly so."""
    few = detail[:, :: max(1, detail.shape[1] // _LOOKED_AT)]
    each = few.shape[1] // _QUARTERS
    if min(few.shape[0], each) < 2:
        return False
    quarters = _less_what_stands_out(few[:, : _QUARTERS * each]).reshape(-1, _QUARTERS, each)
    return _agree([_less_what_is_around(quarter) for quarter in quarters.mean(axis=2).T])


def _stripes(detail: np.ndarray) -> np.ndarray:
    """How much brighter each row is than those around it; 0 where only its dark or its bright pixels are."""
    places = [int(share * (detail.shape[1] - 1)) for share in (_DARK, 0.5, _BRIGHT)]
    told = np.partition(detail, places, axis=1)[:, places].T
    dark, middle, bright = map(_less_what_is_around, told)
    usual = [_less_what_stands_out(each) for each in (dark, bright)]
    less, more = sorted(float(each.std()) for each in usual)
    return middle if _agree(usual) and less >= _AS_STRONG * more else np.zeros_like(middle)


def _less_what_is_around(profile: np.ndarray) -> np.ndarray:
    return profile - ndimage.uniform_filter1d(profile, min(_WIDEST_PX, len(profile)), mode="nearest")


def _less_what_stands_out(detail: np.ndarray) -> np.ndarray:
    """Pixels, or rows, no further from 0 than most are; what stands out are voids, or rows of a bar."""
    most = 3 * float(np.median(np.abs(detail)))
    return np.clip(detail, -most, most)


def _agree(profiles: list[np.ndarray]) -> bool:
    """Whether most pairs of these go up and down together."""
    spread = np.std(profiles, axis=1)
    if not spread.all():
        return False
    alike = np.cov(profiles, bias=True) / np.outer(spread, spread)
    return bool(np.median(alike[np.triu_indices(len(profiles), 1)]) >= _AGREEMENT)
