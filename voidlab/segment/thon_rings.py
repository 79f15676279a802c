"""The fringe that the grain of a foil speaks for: the rings in the spectrum of an image out of focus, Thon rings.

What is small and weak is transferred by the sine of π × (fringe × frequency)²: there are dark rings where that is 0.
It is another witness than the voids, and a better one where these are smaller than their fringe.
"""

import numpy as np
from scipy import fft, ndimage

from voidlab.images.missing import filled

_SLOW_PX = 20.0  # what changes more slowly than that is no grain
_LEAST_PX, _MOST = 4.5, 0.08  # fringes looked for: px, and of the shorter side of the image
_TRIED = 150
_FROM, _RINGS, _UP_TO = 0.55, 6.5, 0.35  # from before the first ring to behind the sixth; cycles per px
_LEAST_PLACES = 12
_SMOOTH = 4  # terms of the polynomial that the spectrum follows apart from the rings
_LEAST_SHARE, _LEAST_DEPTH = 0.4, 0.1  # of what varies about it that the rings explain; of their logarithm
_LEAST_F = 25.0  # F statistic: a few places are described by luck


def fringe_of_grain(image: np.ndarray) -> float | None:
    """Width of the fringe, px, by the rings in the spectrum of ``image`` (H, W); None where none are clear.

    Of 145 simulated micrographs of voids with a fringe 32 have clear rings, which are right within 5 % in 27.
    Particles and masks without any fringe may show rings of their own, by their size.

    References
    ----------
    Thon, Z. Naturforsch. 21a, 476 (1966), doi:10.1515/zna-1966-0417.
    """
    most = _MOST * min(image.shape)
    if most <= _LEAST_PX:
        return None
    frequency, power, weight = _spectrum(filled(image))
    tried = np.geomspace(_LEAST_PX, most, _TRIED)
    share, depth, places = np.array([_rings(frequency, power, weight, fringe) for fringe in tried]).T
    best = int(np.where(depth > 0, share, 0).argmax())
    f = share[best] / 2 / ((1 - share[best]) / max(places[best] - _SMOOTH - 2, 1) + 1e-12)
    clear = share[best] >= _LEAST_SHARE and depth[best] >= _LEAST_DEPTH and f >= _LEAST_F
    # At an end of what was tried it is no best one.
    return float(tried[best]) if clear and 0 < best < _TRIED - 1 else None


def _spectrum(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frequencies (cycles per px), the logarithm of the power there, and of how many values it is the mean."""
    height, width = image.shape
    flat = image - ndimage.gaussian_filter(image, _SLOW_PX)
    window = np.hanning(height)[:, None] * np.hanning(width)
    power = np.abs(fft.rfft2(flat * window)) ** 2
    frequency = np.hypot(fft.fftfreq(height)[:, None], fft.rfftfreq(width))
    side = min(image.shape)
    ring = np.rint(frequency * side).astype(int).ravel()
    count = np.bincount(ring)[1 : side // 2]
    mean = np.bincount(ring, power.ravel())[1 : side // 2] / count
    return np.arange(1, side // 2) / side, np.log(mean + 1e-30), count


def _rings(
    frequency: np.ndarray, power: np.ndarray, weight: np.ndarray, fringe: float
) -> tuple[float, float, int]:
    """Share of the variation of the spectrum that the rings of a fringe explain; their depth; of how many places."""
    far = min(_RINGS**0.5 / fringe, _UP_TO)
    here = (frequency >= _FROM / fringe) & (frequency <= far)
    if here.sum() < _LEAST_PLACES or far * fringe < 1.25:  # not even the first ring
        return 0.0, 0.0, 0
    along = (frequency[here] - frequency[here].mean()) / np.ptp(frequency[here])
    ring = np.cos(2 * np.pi * (fringe * frequency[here]) ** 2)
    smooth = along[:, None] ** np.arange(_SMOOTH)
    both = np.concatenate([smooth, ring[:, None], (ring * along)[:, None]], axis=1)
    root = np.sqrt(weight[here])
    fitted = [
        np.linalg.lstsq(terms * root[:, None], power[here] * root, rcond=None)[0] for terms in (smooth, both)
    ]
    without, within = (
        float(((root * (power[here] - terms @ fit)) ** 2).sum())
        for terms, fit in zip((smooth, both), fitted, strict=True)
    )
    return 1 - within / max(without, 1e-30), -float(fitted[1][_SMOOTH]), int(here.sum())
