"""How plainly a simulated void shows: as a disc, an edge or a rim, against the foil and the noise around it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage, signal

from voidlab.network import reduced

_OF_A_DISC = float(
    np.exp(-1 / (2 * 1.1**2)) - np.exp(-1 / (2 * 0.5**2))
)  # what the two Gaussians of `_as_a_disc` give for contrast 1
# Foil and noise disturb the eye less than they do `_as_a_disc`: an eye looks for a disc with an edge.
_OF_FOIL, _OF_NOISE = 0.7, 0.55


class Visibility:
    """Contrast and evidence of the voids of one image.

    Parameters
    ----------
    difference, without, grain : ndarray of shape (H, W)
        What the voids change in the image before noise; the image before there are voids; the noise.
    """

    def __init__(self, difference: np.ndarray, without: np.ndarray, grain: np.ndarray) -> None:
        self._difference, self._without, self._grain = difference, without, grain
        self._of_size: dict[float, list[tuple[np.ndarray, np.ndarray]]] = {}

    def at(self, x: float, y: float, radius_px: float) -> tuple[float, float]:
        """Contrast of a void, and how much more it looks like one than what is there without it.

        The better of disc and edge counts, and the rim with it: Fresnel contrast can show nothing else.
        """
        size = 2 ** (round(2 * np.log2(max(radius_px, 1.5))) / 2)  # to half an octave
        if size not in self._of_size:
            self._of_size[size] = [self._look(look, size) for look in (_as_a_disc, _as_an_edge, _as_a_rim)]
        contrast, doubt = np.array(
            [[_at(part, x, y, size) for part in pair] for pair in self._of_size[size]]
        ).T
        disc, edge, rim = np.maximum(contrast / np.maximum(doubt, 1e-9), 0)
        return float(contrast.max()), float(np.hypot(max(disc, edge), rim))

    def _look(
        self, look: Callable[[np.ndarray, float], np.ndarray], radius_px: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """What voids of that radius add to a look of them, and what foil and noise do; every `_step`-th pixel."""
        clutter = (_OF_FOIL * look(self._without, radius_px)) ** 2
        clutter += (_OF_NOISE * look(self._grain, radius_px)) ** 2
        around = ndimage.gaussian_filter(clutter, 2 * radius_px / _step(radius_px))
        return look(self._difference, radius_px), np.sqrt(around)


def _as_a_disc(image: np.ndarray, radius_px: float) -> np.ndarray:
    """How much brighter a disc of that radius is than the ring around it."""
    step = _step(radius_px)
    small = reduced(image, step)
    inner, outer = (ndimage.gaussian_filter(small, share * radius_px / step) for share in (0.5, 1.1))
    return (inner - outer) / _OF_A_DISC


def _as_an_edge(image: np.ndarray, radius_px: float) -> np.ndarray:
    """How much brighter it is just inside a circle of that radius than just outside of it."""
    share, pixel = _shares(radius_px)
    width = max(0.22, 0.7 * pixel)
    inside, outside = (share > 1 - width) & (share < 1), (share > 1) & (share < 1 + width)
    return _filtered(image, radius_px, inside / inside.sum() - outside / outside.sum())


def _as_a_rim(image: np.ndarray, radius_px: float) -> np.ndarray:
    """How much darker a ring of that radius is than what lies inside and outside of it."""
    share, pixel = _shares(radius_px)
    ring = np.exp(-((share - 1) ** 2) / (2 * max(0.12, 0.5 * pixel) ** 2))
    inside, outside = share < 0.6, (share > 1.35) & (share < 1.7)
    beside = (inside / inside.sum() + outside / outside.sum()) / 2
    return _filtered(image, radius_px, beside - ring / ring.sum())


def _shares(radius_px: float) -> tuple[np.ndarray, float]:
    """Distance from the middle of a kernel over the radius, and a pixel over the radius."""
    pixel = _step(radius_px) / radius_px
    reach = int(np.ceil(1.7 / pixel))
    v, u = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.hypot(u, v) * pixel, pixel


def _filtered(image: np.ndarray, radius_px: float, kernel: np.ndarray) -> np.ndarray:
    small = np.pad(reduced(image, _step(radius_px)), len(kernel) // 2, mode="reflect")
    return signal.fftconvolve(small, kernel.astype(np.float32), mode="valid")


def _step(radius_px: float) -> int:
    return max(int(radius_px / 6), 1)


def _at(small: np.ndarray, x: float, y: float, radius_px: float) -> float:
    step = _step(radius_px)
    row, column = (int(np.clip((c + 0.5) / step, 0, n - 1)) for c, n in zip((y, x), small.shape, strict=True))
    return float(small[row, column])
