"""The brightness around a disc's centre, as its distance from it: neighbours and the image's border left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from voidlab.segment.discs import Discs

_MOST_BINS = 36
_LEAST_SHARE = 0.3  # of the pixels at a distance, from which on they say something
_FAR = 3.0  # robust standard deviations from the ring's mean: something else lies there
_MOVES = 2  # of the centre


@dataclass(frozen=True)
class Profile:
    """Mean brightness at distances from a centre.

    Attributes
    ----------
    x, y : float
        The centre, moved to where the image around it is most nearly the same on all sides, px.
    distance, brightness, sigma : ndarray of shape (n,)
        Distance from the centre (px), mean brightness and its standard error.
    """

    x: float
    y: float
    distance: np.ndarray
    brightness: np.ndarray
    sigma: np.ndarray


def azimuthal_profiles(
    image: np.ndarray, discs: Discs, *, reach: np.ndarray, halo: float | np.ndarray
) -> list[Profile | None]:
    """Profile around each disc; None where too little of its surroundings can be used.

    Parameters
    ----------
    image : ndarray of shape (H, W)
        Not finite where it shows nothing of the specimen.
    reach : ndarray of shape (n,)
        How far out each profile is taken, px.
    halo
        How far beyond its radius a neighbour is seen, px.
    """
    if not len(discs):
        return []
    halo = np.broadcast_to(halo, len(discs))
    centres = np.column_stack([discs.x, discs.y])
    seen = discs.radius + halo
    tree, most = cKDTree(centres), float(seen.max())
    near = tree.query_ball_point(centres, reach + most)
    return [_profile(image, discs, i, float(reach[i]), halo, np.array(near[i])) for i in range(len(discs))]


def _profile(
    image: np.ndarray, discs: Discs, i: int, reach: float, halo: np.ndarray, near: np.ndarray
) -> Profile | None:
    height, width = image.shape
    x, y, radius = float(discs.x[i]), float(discs.y[i]), float(discs.radius[i])
    rows = slice(max(int(y - reach), 0), min(int(y + reach) + 2, height))
    columns = slice(max(int(x - reach), 0), min(int(x + reach) + 2, width))
    v, u = np.mgrid[rows, columns].astype(np.float64)
    part = image[rows, columns]
    usable = np.isfinite(part)
    own = np.hypot(v - y, u - x) - radius
    for j in near[near != i]:
        # Where a neighbour is nearer than this one, or its fringe is seen.
        other = np.hypot(v - discs.y[j], u - discs.x[j]) - discs.radius[j]
        usable &= (other > own) & ((other > halo[j]) | (own < 0))
    v, u, grey = v[usable], u[usable], part[usable].astype(np.float64)
    wide = max(reach / _MOST_BINS, 0.7)
    limit = 0.35 * radius
    x0, y0 = x, y
    found = None
    for move in range(_MOVES + 1):
        found = _rings(u - x, v - y, grey, reach, wide)
        if found is None or move == _MOVES:
            break
        dx, dy = _towards_middle(u - x, v - y, grey, found)
        x, y = x + dx, y + dy
        if np.hypot(x - x0, y - y0) > limit:  # that is another void's
            x, y, found = x0, y0, _rings(u - x0, v - y0, grey, reach, wide)
            break
    return None if found is None else Profile(x, y, *found)


def _rings(
    u: np.ndarray, v: np.ndarray, grey: np.ndarray, reach: float, wide: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Distance, mean brightness and its standard error of rings, of which enough is to be seen."""
    distance = np.hypot(u, v)
    ring = (distance / wide).astype(int)
    rings = int(reach / wide)
    inside = ring < rings
    ring, distance, grey = ring[inside], distance[inside], grey[inside]
    if len(grey) < 12:
        return None
    weight = np.ones(len(grey))
    for _ in range(2):  # without, then without what stands out of its ring
        count = np.maximum(np.bincount(ring, weight, rings), 1e-9)
        mean = np.bincount(ring, weight * grey, rings) / count
        off = grey - mean[ring]
        spread = 1.4826 * np.median(np.abs(off)) + 1e-9
        variance = np.bincount(ring, weight * off**2, rings) / count
        weight = (np.abs(off) <= _FAR * np.maximum(np.sqrt(variance), spread)[ring]).astype(float)
    count = np.bincount(ring, weight, rings)
    full = np.pi * wide**2 * (2 * np.arange(rings) + 1)
    enough = count >= np.maximum(_LEAST_SHARE * full, 1)
    if enough.sum() < 6:
        return None
    count = np.maximum(count, 1e-9)
    mean = np.bincount(ring, weight * grey, rings) / count
    middle = np.bincount(ring, weight * distance, rings) / count
    off = weight * (grey - mean[ring]) ** 2
    noise = off.sum() / max(weight.sum() - rings, 1)
    # The ring's own scatter, as far as it has pixels enough to tell.
    variance = (np.bincount(ring, off, rings) + 4 * noise) / (count + 4)
    sigma = np.sqrt(variance / count)
    return middle[enough], mean[enough], sigma[enough]


def _towards_middle(
    u: np.ndarray, v: np.ndarray, grey: np.ndarray, rings: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> tuple[float, float]:
    """How far the centre is to be moved so that the image around it is most nearly the same on all sides."""
    at, brightness, _ = rings
    distance = np.hypot(u, v)
    near = (distance < at[-1]) & (distance > 0.3)
    u, v, distance, grey = u[near], v[near], distance[near], grey[near]
    steep = np.interp(distance, at, np.gradient(brightness, at))
    off = grey - np.interp(distance, at, brightness)
    spread = 1.4826 * np.median(np.abs(off)) + 1e-9
    off = np.clip(off, -_FAR * spread, _FAR * spread)
    along = np.column_stack([-steep * u / distance, -steep * v / distance])
    normal = along.T @ along + 1e-12 * np.eye(2)
    dx, dy = np.linalg.solve(normal, along.T @ off)
    most = 1.5
    return float(np.clip(dx, -most, most)), float(np.clip(dy, -most, most))
