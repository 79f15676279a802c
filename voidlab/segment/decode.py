"""The network's maps → voids: peaks of the centre maps as full circles, and a label image.

Two voids that overlap have two centres, so each keeps its own circle; a pixel of both goes to the nearer one.
"""

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from voidlab.images.binning import enlarge
from voidlab.segment.discs import Discs
from voidlab.segment.network import SCALES, Maps

LEAST_CONFIDENCE = 0.05
_TRAINED_PX = 80.0
# Radii taken from each scale, px of the maps; they overlap.
_OF_SCALE = {1: (0.0, 24.0), **dict.fromkeys(SCALES[1:], (4.0, 30.0))}
_NEAR, _ALIKE = (
    0.5,
    1.7,
)  # closer than this share of the larger radius, and no more unlike: one and the same void
_SAME = 0.25  # closer than this: one and the same, whatever the radii
_FACETS = 1.35  # corners of a faceted void reach this far beyond the circle of the same area


def decode_discs(
    maps: tuple[Maps, ...], *, confidence_midpoint: float = 0.5, least: float = LEAST_CONFIDENCE
) -> Discs:
    """Voids, loops and dots that the maps speak for, each once: as what it most surely is.

    Parameters
    ----------
    maps
        Of one image at several scales.
    confidence_midpoint : float
        Height of a centre peak that is as often a void as not; it becomes confidence 0.5.
    least : float
        Least confidence; what is less sure takes nothing from what is surer.

    Returns
    -------
    Discs
        The most confident first.
    """
    power = float(np.log(0.5) / np.log(confidence_midpoint))
    found = []
    for each in maps:
        for kind, centre in ({"void": each.centre} | each.others).items():
            x, y, radius, height = _peaks(each, centre, least ** (1 / power))
            found.append(Discs(x, y, radius, height**power, np.full(len(x), kind)))
    x, y, radius, confidence, kinds = (
        np.concatenate([getattr(each, name) for each in found])
        for name in ("x", "y", "radius", "confidence", "kind")
    )
    # The network was trained on voids up to 80 px: of larger ones false ones reach 0.67, true ones 0.77 and more.
    confidence = np.where(radius > _TRAINED_PX, confidence ** (np.log(0.5) / np.log(0.7)), confidence)
    order = np.argsort(-confidence, kind="stable")
    order = order[confidence[order] >= least]
    order = order[_once(x[order], y[order], radius[order])]
    return Discs(x[order], y[order], radius[order], confidence[order], kinds[order])


def scales_for(max_radius_px: float) -> tuple[int, ...]:
    """Scales that voids of up to this radius need to be looked for at."""
    return tuple(scale for scale in SCALES if scale * _OF_SCALE[scale][0] < max_radius_px)


def draw_labels(found: Discs, maps: tuple[Maps, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Label image and probability.

    A void's pixels are those the network takes for void out to the corners it may have, and its middle in any case;
    a pixel in reach of several goes to the one whose centre is nearest in terms of its radius.

    Returns
    -------
    labels : ndarray of shape (H, W), int32
        Disc i as i + 1.
    probability : ndarray of shape (H, W), float32
    """
    height, width = shape = maps[0].void.shape
    inside = [enlarge(each.void, each.scale, (height, width)) for each in maps]
    labels, probability = np.zeros(shape, np.int32), inside[0].copy()
    nearest = np.full(shape, np.inf, np.float32)
    # The maps of the finest scale that knows voids so large.
    of = np.searchsorted([each.scale * _OF_SCALE[each.scale][1] for each in maps[:-1]], found.radius)
    for i, (x, y, radius) in enumerate(zip(found.x, found.y, found.radius, strict=True)):
        reach = _FACETS * radius + 1
        rows = slice(max(int(y - reach), 0), min(int(y + reach) + 2, height))
        columns = slice(max(int(x - reach), 0), min(int(x + reach) + 2, width))
        ys, xs = np.ogrid[rows, columns]
        share = (np.hypot(ys - y, xs - x) / radius).astype(np.float32)
        part = inside[of[i]][rows, columns]
        body = ((share <= _FACETS) & (part >= 0.5)) | (share <= 0.5)
        if found.kind[i] != "void":  # of what else there is, the maps know centres and radii only
            body = share <= 1
        mine = (share < nearest[rows, columns]) & body
        mine |= share == share.min()  # a void has a pixel at least, however small
        labels[rows, columns][mine] = i + 1
        nearest[rows, columns][mine] = share[mine]
        if of[i]:
            probability[rows, columns] = np.where(
                mine, np.maximum(part, probability[rows, columns]), probability[rows, columns]
            )
    return labels, probability


def _peaks(
    maps: Maps, centre: np.ndarray, least: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, y, radius in px of the image, and height of the peaks of a map of centres."""
    smooth = ndimage.gaussian_filter(centre, 0.6)
    y, x = np.nonzero((centre >= least) & (smooth == ndimage.maximum_filter(smooth, 3)))
    radius, height = maps.radius_px[y, x], centre[y, x]
    low, high = _OF_SCALE[maps.scale]
    keep = (radius >= 0.8 * low) & (radius <= 1.2 * high)
    x, y, radius, height = x[keep], y[keep], radius[keep], height[keep]
    fx, fy, mean_radius = x.astype(np.float64), y.astype(np.float64), radius.astype(np.float64)
    for half, chosen in ((1, radius < 6), (2, (radius >= 6) & (radius < 13)), (4, radius >= 13)):
        fx[chosen], fy[chosen], mean_radius[chosen] = _centroid(maps, centre, x[chosen], y[chosen], half)
    keep = (mean_radius >= low) & (mean_radius <= high)
    full = (np.stack([fx, fy]) + 0.5) * maps.scale - 0.5
    return full[0, keep], full[1, keep], mean_radius[keep] * maps.scale, height[keep]


def _centroid(
    maps: Maps, centre: np.ndarray, x: np.ndarray, y: np.ndarray, half: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centroid and mean radius over the top of each peak, in px of the maps."""
    step = np.arange(-half, half + 1)
    ys = np.clip(y[:, None, None] + step[None, :, None], 0, centre.shape[0] - 1)
    xs = np.clip(x[:, None, None] + step[None, None, :], 0, centre.shape[1] - 1)
    top = centre[ys, xs]
    weight = np.clip(top - 0.4 * centre[y, x][:, None, None], 1e-6, None).astype(np.float64)
    total = weight.sum(axis=(1, 2))
    mean = ((weight * part).sum(axis=(1, 2)) / total for part in (xs, ys, np.log(maps.radius_px[ys, xs])))
    cx, cy, log_radius = mean
    return cx, cy, np.exp(log_radius)


def _once(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Indices of those that no earlier (surer) one is the same void as."""
    alive = np.ones(len(x), bool)
    if len(x) < 2:
        return np.flatnonzero(alive)
    tree = cKDTree(np.column_stack([x, y]))
    pairs = tree.query_pairs(_NEAR * float(radius.max()), output_type="ndarray")
    first, second = pairs.min(axis=1), pairs.max(axis=1)
    distance = np.hypot(x[first] - x[second], y[first] - y[second])
    larger = np.maximum(radius[first], radius[second])
    alike = larger < _ALIKE * np.minimum(radius[first], radius[second])
    same = (distance < _SAME * larger) | (alike & (distance < _NEAR * larger))
    first, second = first[same], second[same]
    for k in np.lexsort((second, first)):
        if alive[first[k]]:
            alive[second[k]] = False
    return np.flatnonzero(alive)
