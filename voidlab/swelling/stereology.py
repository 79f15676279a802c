"""From what is seen in a projected foil to what is in the material: edges of the image, surfaces of the foil, facets.

Three corrections, each unbiased under what it assumes. Voids are taken as spheres for the first two.

- An image shows small voids whole more often than large ones: `inclusion_area`.
- A foil shows voids whose centre lies outside it, cut by its surface, with too small a diameter: `foil_series`.
- A facetted void holds another volume than a sphere of the same projected area: `shape_factor`.
"""

from typing import Literal

import numpy as np
from scipy import ndimage
from scipy.special import beta

Shape = Literal["sphere", "cube", "truncated octahedron"]

_TERM = 1e-10  # terms of the series that are smaller do not count


def inclusion_area(
    x: np.ndarray,
    y: np.ndarray,
    radius: np.ndarray,
    shape: tuple[int, int],
    *,
    margin_px: float = 0.0,
    valid: np.ndarray | None = None,
) -> np.ndarray:
    """Area, px², in which the centre of each void may lie so that it is whole in the image; 0 where it is not whole.

    The sum of 1 / area over the whole voids is their number per px², without bias however large they are: this is
    the counting rule of Miles and Lantuéjoul.

    Parameters
    ----------
    x, y, radius : (n,) float
        Circles, px; the centre of the top-left pixel is (0, 0).
    shape
        (H, W) of the image, px.
    margin_px
        A void is whole when its circle is at least so far from the border.
    valid : ndarray of shape (H, W), bool, optional
        The part of the image that shows the specimen, where it is not all: its edge is the border.

    References
    ----------
    Miles, in: Harding and Kendall (eds), Stochastic Geometry, Wiley (1974), p. 228.
    """
    height, width = shape
    reach = np.asarray(radius, np.float64) + margin_px
    if valid is not None:
        # From a pixel's centre to the edge of what is valid it is half a pixel less than to the next centre.
        inside = ndimage.distance_transform_edt(np.pad(valid, 1))[1:-1, 1:-1] - 0.5
        column, row = (np.clip(np.round(v).astype(int), 0, end - 1) for v, end in ((x, width), (y, height)))
        area = (inside.size - np.searchsorted(np.sort(inside, axis=None), reach)).astype(np.float64)
        return np.where(inside[row, column] >= reach, area, 0.0)
    whole = (
        (x - reach >= -0.5) & (x + reach <= width - 0.5) & (y - reach >= -0.5) & (y + reach <= height - 0.5)
    )
    area = np.clip(width - 2 * reach, 0, None) * np.clip(height - 2 * reach, 0, None)
    return np.where(whole, area, 0.0)


def foil_series(power: int, widest: float) -> np.ndarray:
    """Coefficients b of the weight Σ_k b_k u^(power + k) of a void seen with diameter u, in foil thicknesses.

    Of spheres that lie evenly in a foil and beyond its surfaces, those centred inside are seen with their diameter U,
    of the others a cap with a smaller one. The weight g is the only function for which every sphere counts for
    U^power on average, cut or not: g(U) + ∫_0^U g(u) u / √(U² − u²) du = U^power. Integrated by terms this
    gives b_(k+1) = −b_k ∫_0^1 v^(power + k + 1) / √(1 − v²) dv, a series that converges for every u.

    Parameters
    ----------
    power
        0 for the number of voids, 1 for their diameter, 3 for their volume.
    widest
        Largest u the series is made for.

    References
    ----------
    Spheres seen in a thin slice: Goldsmith, Br. J. Appl. Phys. 18, 813 (1967), doi:10.1088/0508-3443/18/6/317.
    """
    coefficients = [1.0]
    largest = 1.0
    while largest > _TERM or len(coefficients) < 4:
        exponent = power + len(coefficients) - 1
        coefficients.append(-coefficients[-1] * float(beta((exponent + 2) / 2, 0.5)) / 2)
        largest = abs(coefficients[-1]) * widest ** (len(coefficients) - 1)
    return np.array(coefficients)


def shape_factor(shape: Shape, beam: tuple[float, float, float] | None = None) -> float:
    """Volume of a void over that of a sphere whose projection has the same area.

    Parameters
    ----------
    shape
        ``sphere``, ``cube`` ({100} facets) or ``truncated octahedron`` ({111} and {100} facets with equal edges).
    beam
        Direction of the beam in the axes of the cubic crystal, all voids being in one grain; None: an average over
        all directions, so that the volume of many voids in many grains is right.
    """
    if shape == "sphere":
        return 1.0
    normals, areas, volume = _facets(shape)
    if beam is None:
        directions, weights = _all_directions()
    else:
        directions, weights = np.array([beam], np.float64), np.ones(1)
        directions /= np.linalg.norm(directions)
    # The shadow of a convex body is half the sum of those of its facets.
    shadow = np.abs(directions @ normals.T) @ areas / 2
    return float(volume / (np.pi / 6 * np.sum(weights * (4 * shadow / np.pi) ** 1.5)))


def _facets(shape: Shape) -> tuple[np.ndarray, np.ndarray, float]:
    """Normals and areas of the facets and volume of a body with edges of length 1."""
    cube = np.concatenate([np.eye(3), -np.eye(3)])
    if shape == "cube":
        return cube, np.ones(6), 1.0
    corner = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / np.sqrt(3)
    areas = np.concatenate([np.ones(6), np.full(8, 1.5 * np.sqrt(3))])
    return np.concatenate([cube, corner]), areas, 8 * np.sqrt(2)


def _all_directions(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Directions of the first octant and their weights, which sum up to 1."""
    cosine, angle = (np.arange(count) + 0.5) / count, (np.arange(count) + 0.5) / count * np.pi / 2
    z, phi = (grid.ravel() for grid in np.meshgrid(cosine, angle))
    across = np.sqrt(1 - z**2)
    directions = np.stack([across * np.cos(phi), across * np.sin(phi), z], axis=1)
    return directions, np.full(len(z), 1 / len(z))
