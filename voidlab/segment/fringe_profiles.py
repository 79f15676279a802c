"""What a round void looks like out of focus: the brightness from its centre outwards, tabulated once.

In units of the void's radius a profile depends on the fringe, the blur and the phase only, so that a table serves all
voids. It is the image `voidlab.simulate.microscope` makes of a round void, in one dimension instead of two.

The void is half-way between a sphere and a faceted one, averaged over all its sides: which of them it is, a blurred
profile does not tell, and a faceted one taken for a sphere comes out up to 6 % too small over focus. Its radius is
that of the sphere of the same volume.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TypeAlias

import numpy as np
from scipy import ndimage, special

# Metals absorb so much for the phase that they shift: logarithm of the brightness per rad (100 nm, 22 V, 200 kV).
ABSORPTION = 0.06
FRINGES = np.geomspace(0.05, 2.4, 37)  # sqrt(wavelength × |defocus|) over the radius
BLURS = np.geomspace(0.02, 0.8, 10)  # standard deviation over the radius
PHASES = np.arange(0.05, 6.1, 0.5)  # rad, through the middle
RADII = np.concatenate([np.arange(0, 0.6, 0.03), np.arange(0.6, 1.6, 0.0125), np.arange(1.6, 5.01, 0.05)])
# Thickness of truncated octahedra at distances from the middle, the mean over all sides and directions, in diameters
# and radii of the sphere of the same volume; the faces of the cube are 0.75 to 1.35 times as far out as the others.
_FACETED = (
    *(0.995, 0.995, 0.991, 0.985, 0.976, 0.964, 0.949, 0.931, 0.911, 0.887, 0.859, 0.828, 0.791),
    *(0.75, 0.702, 0.646, 0.579, 0.496, 0.386, 0.267, 0.155, 0.066, 0.018, 0.002, 0.0),
)
_FACETED_STEP = 0.05
Corners: TypeAlias = list[tuple[np.ndarray, np.ndarray]]  # rows of a raveled table and their weights
_FINE, _STEP = np.arange(0, 5.6, 0.01), 0.06  # distances and frequencies of the propagation


@dataclass(frozen=True)
class Profiles:
    """Profiles of spheres under or over focus.

    Attributes
    ----------
    values : ndarray of shape (fringes, blurs, phases, radii), float32
        Brightness over that of the foil, less 1, over the phase.
    """

    values: np.ndarray

    def at(self, distance: np.ndarray, fringe: np.ndarray, blur: np.ndarray, phase: np.ndarray) -> np.ndarray:
        """Profile at a distance from the centre; all but the phase in units of the radius."""
        where = np.broadcast_arrays(
            np.log(np.maximum(fringe, FRINGES[0]) / FRINGES[0]) / np.log(FRINGES[1] / FRINGES[0]),
            np.log(np.maximum(blur, BLURS[0]) / BLURS[0]) / np.log(BLURS[1] / BLURS[0]),
            (np.asarray(phase) - PHASES[0]) / (PHASES[1] - PHASES[0]),
            np.interp(distance, RADII, np.arange(len(RADII))),
        )
        return ndimage.map_coordinates(self.values, np.stack(where), order=1, mode="nearest")

    def of_spheres(self, corners: Corners) -> np.ndarray:
        """Profile of each of some spheres at all `RADII`, from the `corners` around them."""
        rows = self.values.reshape(-1, self.values.shape[-1])
        found = np.zeros((len(corners[0][0]), rows.shape[1]))
        for row, weight in corners:
            found += weight[:, None] * rows.take(row, axis=0)
        return found


def corners(fringe: np.ndarray, blur: np.ndarray, phase: np.ndarray) -> Corners:
    """Rows of a table around each of some spheres, and how much each counts, in every table alike.

    Fringe and blur are in units of the sphere's radius.
    """
    axes = (
        _between(np.log(fringe / FRINGES[0]) / np.log(FRINGES[1] / FRINGES[0]), len(FRINGES)),
        _between(np.log(blur / BLURS[0]) / np.log(BLURS[1] / BLURS[0]), len(BLURS)),
        _between((phase - PHASES[0]) / (PHASES[1] - PHASES[0]), len(PHASES)),
    )
    strides = (len(BLURS) * len(PHASES), len(PHASES), 1)
    (f, b, p) = (
        ((stride * below, 1 - share), (stride * (below + 1), share))
        for stride, (below, share) in zip(strides, axes, strict=True)
    )
    return [
        (row_f + row_b + row_p, of_f * of_b * of_p)
        for (row_f, of_f), (row_b, of_b), (row_p, of_p) in product(f, b, p)
    ]


def _between(place: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Of places along an axis of a table the index below and the share of the way to the next; ends hold on."""
    place = np.clip(place, 0, count - 1)
    below = np.minimum(place.astype(int), count - 2)
    return below, place - below


@lru_cache(maxsize=4)
def profiles(under: bool, absorption: float = ABSORPTION) -> Profiles:
    """Profiles of voids under focus, or over it; ``absorption`` is the logarithm of the brightness per rad.

    The exit wave of a void is propagated as a Hankel transform; then the intensity is blurred.

    References
    ----------
    Williams and Carter, Transmission Electron Microscopy, 2nd ed., chapter 28, doi:10.1007/978-0-387-76501-3.
    """
    u, du = _distances()
    thickness = _thickness(u)[:, None] * PHASES
    wave = np.exp((absorption / 2 - 1j) * thickness) - 1
    q = np.arange(_STEP / 2, 40, _STEP)
    spectrum = (special.j0(2 * np.pi * np.outer(q, u)) * (2 * np.pi * u * du)) @ wave
    fringe = FRINGES[:, None]
    # What is finer would be found further out than the table reaches.
    window = np.exp(-((q / np.minimum(36.0, 7 / fringe**2)) ** 8))
    chi = np.exp((1j if under else -1j) * np.pi * (fringe * q) ** 2) * window
    spread = (chi[:, :, None] * spectrum).transpose(1, 0, 2).reshape(len(q), -1)
    back = (special.j0(2 * np.pi * np.outer(_FINE, q)) * (2 * np.pi * q * _STEP)).astype(np.float32)
    real, imaginary = (back @ part.astype(np.float32) for part in (spread.real, spread.imag))
    sharp = (1 + real) ** 2 + imaginary**2 - 1
    values = (_blurring() @ sharp).reshape(len(BLURS), len(RADII), len(FRINGES), len(PHASES))
    return Profiles(np.ascontiguousarray(values.transpose(2, 0, 3, 1) / PHASES[:, None].astype(np.float32)))


def _distances() -> tuple[np.ndarray, np.ndarray]:
    """Distances from the middle of a void, in its radii, and what each counts in an integral."""
    inside, weight = np.polynomial.legendre.leggauss(200)
    # Close to each other near the edge of the sphere, which is steep.
    angle = (inside + 1) * np.pi / 4
    beyond, weight_beyond = np.polynomial.legendre.leggauss(30)
    wide = (len(_FACETED) - 1) * _FACETED_STEP - 1
    u = np.concatenate([np.sin(angle), 1 + (beyond + 1) * wide / 2])
    return u, np.concatenate([np.cos(angle) * weight * np.pi / 4, weight_beyond * wide / 2])


def _thickness(u: np.ndarray) -> np.ndarray:
    """Thickness of a void at a distance from its middle, over the diameter of the sphere of the same volume."""
    sphere = np.sqrt(np.clip(1 - u**2, 0, None))
    return np.asarray((sphere + np.interp(u / _FACETED_STEP, np.arange(len(_FACETED)), _FACETED)) / 2)


@lru_cache
def _blurring() -> np.ndarray:
    """What takes profiles at `_FINE` distances to the blurred ones at `RADII`: (blurs × radii, distances)."""
    kernels = []
    for blur in BLURS:
        across = RADII[:, None] * _FINE / blur**2
        kernel = _FINE * np.exp(-((RADII[:, None] - _FINE) ** 2) / (2 * blur**2)) * special.i0e(across)
        kernels.append(kernel / kernel.sum(axis=1, keepdims=True))
    return np.concatenate(kernels).astype(np.float32)
