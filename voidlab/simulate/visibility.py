"""How plainly a simulated void shows: as a disc, an edge or a rim, against foil, noise and the voids around it."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage, signal

from voidlab.images.binning import block_mean

# Foil, noise and other voids disturb the eye less than they do the looks below: an eye looks for a disc with an edge.
_OF_FOIL, _OF_NOISE, _OF_OTHERS = 0.7, 0.55, 0.3
_AS_TOLD = 2.0  # at most so many times the contrast that is found in the file
# Where a bend contour crosses a void, its edge is bright inside here and dark there, and an eye follows it all the
# same if it is long enough. Where nearly all of it is dark inside, it looks like a dark disc.
_OUTLINED_PX, _PARTS_OF_OUTLINE, _MOSTLY_DARK = 6.0, 8, 0.5
_ON_EACH_SIDE = 2.0  # radii around a void's centre that the looks need to see


def reach(radius_px: float) -> int:
    """How far around a void's centre `Visibility.at` needs to know what it adds, px."""
    return int(np.ceil(_ON_EACH_SIDE * radius_px)) + 2


class Visibility:
    """Contrast and evidence of the voids of one image; even brightness counts for nothing in any of the looks.

    Parameters
    ----------
    without, grain : ndarray of shape (H, W)
        The image before there are voids; the noise.
    """

    def __init__(self, without: np.ndarray, grain: np.ndarray) -> None:
        self._without, self._grain = without, grain
        self._doubt_of_size: dict[float, list[np.ndarray]] = {}

    def at(
        self, void: tuple[float, float, float], own: np.ndarray, others: np.ndarray, corner: tuple[int, int]
    ) -> tuple[float, float]:
        """Contrast of a void, and how much more it looks like one than what is there without it.

        The better of disc and edge counts, and the rim with it: Fresnel contrast can show nothing else.

        Parameters
        ----------
        void
            x, y, radius, px.
        own, others : ndarray of shape (h, w)
            What the void adds to a part of the image, and what other voids add there.
        corner
            Row and column of the first pixel of that part.
        """
        x, y, radius = void
        v, u = np.ogrid[: own.shape[0], : own.shape[1]]
        share = np.hypot(u + (corner[1] - x), v + (corner[0] - y)) / radius
        kernels = [kernel(share, 1 / radius) for kernel in _KERNELS]
        contrast = np.array([(kernel * own).sum() for kernel in kernels])
        # Coarse grey values and compression may have left nothing of it.
        told = own + self._grain_in(corner, own.shape)
        contrast = np.minimum(contrast, _AS_TOLD * np.array([(kernel * told).sum() for kernel in kernels]))
        if radius >= _OUTLINED_PX:
            around = np.arctan2(v + (corner[0] - y), u + (corner[1] - x))
            contrast[1] = max(contrast[1], _along_the_edge(share, 1 / radius, around, own, told))
        beside = np.array([(kernel * others).sum() for kernel in kernels])
        doubt = np.hypot(self._doubt(x, y, radius), _OF_OTHERS * beside)
        disc, edge, rim = np.maximum(contrast / np.maximum(doubt, 1e-9), 0)
        # What is darker than its surroundings, with a bright edge inside, looks like a dark disc.
        bright = max(disc, edge) if contrast[0] > -_MOSTLY_DARK * contrast[1] else 0.0
        return float(contrast.max()), float(np.hypot(bright, rim))

    def _grain_in(self, corner: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
        """The noise of a part of the image; 0 outside of it."""
        rows, columns = (np.arange(first, first + size) for first, size in zip(corner, shape, strict=True))
        height, width = self._grain.shape
        inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
        there = self._grain[np.ix_(np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1))]
        return np.where(inside, there, 0)

    def _doubt(self, x: float, y: float, radius: float) -> np.ndarray:
        """What foil and noise do to each look of a void, on average around a place."""
        size = 2 ** (round(2 * np.log2(max(radius, 1.5))) / 2)  # to half an octave
        step = max(int(size / 6), 1)
        if size not in self._doubt_of_size:
            self._doubt_of_size[size] = [self._clutter(kernel, size / step, step) for kernel in _KERNELS]
        row, column = (
            int(np.clip((c + 0.5) / step, 0, n - 1))
            for c, n in zip((y, x), self._doubt_of_size[size][0].shape, strict=True)
        )
        return np.array([float(part[row, column]) for part in self._doubt_of_size[size]])

    def _clutter(
        self, kernel: Callable[[np.ndarray, float], np.ndarray], radius: float, step: int
    ) -> np.ndarray:
        """Root mean square of a look where there is no void; every ``step``-th pixel, as is ``radius``."""
        most = int(np.ceil(_ON_EACH_SIDE * radius))
        v, u = np.mgrid[-most : most + 1, -most : most + 1]
        of = kernel(np.hypot(u, v) / radius, 1 / radius).astype(np.float32)
        squares = 0.0
        for image, weight in ((self._without, _OF_FOIL), (self._grain, _OF_NOISE)):
            padded = np.pad(block_mean(image, step, pad=True), most, mode="reflect")
            squares = squares + (weight * signal.fftconvolve(padded, of, mode="valid")) ** 2
        return np.sqrt(ndimage.gaussian_filter(squares, 2 * radius))


def _as_a_disc(share: np.ndarray, pixel: float) -> np.ndarray:
    """How much brighter a disc is than the ring around it; ``share``: distance over radius, ``pixel``: 1 / radius."""
    inner, outer = (_mean(np.exp(-(share**2) / (2 * size**2))) for size in (0.5, 1.1))
    of_a_disc = np.exp(-1 / (2 * 1.1**2)) - np.exp(-1 / (2 * 0.5**2))
    return np.asarray((inner - outer) / of_a_disc)


def _as_an_edge(share: np.ndarray, pixel: float) -> np.ndarray:
    """How much brighter it is just inside a circle than just outside of it."""
    width = max(0.22, 0.7 * pixel)
    return _mean((share > 1 - width) & (share < 1)) - _mean((share > 1) & (share < 1 + width))


def _along_the_edge(
    share: np.ndarray, pixel: float, around: np.ndarray, own: np.ndarray, told: np.ndarray
) -> float:
    """Contrast of an edge that is bright inside here and dark there: root mean square over parts of the outline."""
    contrasts = []
    for n in range(_PARTS_OF_OUTLINE):
        part = np.floor((around / (2 * np.pi) + 0.5) * _PARTS_OF_OUTLINE) == n
        of_part = _as_an_edge(np.where(part, share, np.inf), pixel)
        drawn, left = (float((of_part * image).sum()) for image in (own, told))
        contrasts.append(min(abs(drawn), _AS_TOLD * max(left * np.sign(drawn), 0)))
    return float(np.sqrt(np.mean(np.square(contrasts))))


def _as_a_rim(share: np.ndarray, pixel: float) -> np.ndarray:
    """How much darker a ring is than what lies inside and outside of it."""
    ring = np.exp(-((share - 1) ** 2) / (2 * max(0.12, 0.5 * pixel) ** 2))
    return (_mean(share < 0.6) + _mean((share > 1.35) & (share < 1.7))) / 2 - _mean(ring)


def _mean(weight: np.ndarray) -> np.ndarray:
    return weight / max(float(weight.sum()), 1e-9)


_KERNELS = (_as_a_disc, _as_an_edge, _as_a_rim)
