"""The network's maps → voids: peaks of the centre maps as full circles, and a label image.

Two voids that overlap have two centres, so each keeps its own circle; a pixel of both goes to the nearer one. Loops
and dots are looked for as one, and told apart afterwards: the network is sure that there is one of them long before
it is sure which.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from scipy.spatial import cKDTree

from voidlab.images.binning import block_mean, enlarge
from voidlab.images.neighbours import extreme_of_nine
from voidlab.images.smooth import gaussian
from voidlab.segment.confidence import Calibration, evidence, smaller_than_sure, unrest_of
from voidlab.segment.discs import Discs
from voidlab.segment.network import OTHERS, SCALES, TWICE, USUAL_RADIUS_PX, Maps
from voidlab.tables.kinds import VOID

LEAST_CONFIDENCE = 0.05
_LEAST_HEIGHT, _SURE_HEIGHT = 0.03, 0.5
_BY_HEIGHT = Calibration()
LOOP_OR_DOT = "loop or dot"
SOUGHT = {VOID: (VOID,), LOOP_OR_DOT: OTHERS}  # what peaks are looked for of, and the kinds these may be
_TRAINED_PX = 80.0
# Radii taken from each scale, px of the maps; they overlap. At a third of the size, voids are seen that are too large
# for the whole size and too coarse at a quarter.
_OF_SCALE: dict[float, tuple[float, float]] = {
    TWICE: (0.0, 7.0),
    1: (0.0, 24.0),
    3: (4.0, 10.0),
    **dict.fromkeys(SCALES[2:], (4.0, 30.0)),
}
_TINY_PX = (
    2.5  # voids with smaller radii are looked for at twice the size too, which takes four times as long
)
# Closer than this share of the larger radius, and no more unlike: one and the same void.
_NEAR, _ALIKE = 0.5, 1.7
_SAME = 0.25  # closer than this: one and the same, whatever the radii
_FACETS = 1.35  # corners of a faceted void reach this far beyond the circle of the same area


def decode_discs(
    maps: tuple[Maps, ...],
    *,
    calibration: Calibration = _BY_HEIGHT,
    least: float = LEAST_CONFIDENCE,
    kinds: Collection[str] = (VOID, *OTHERS),
) -> Discs:
    """Voids, loops and dots that the maps speak for, each once.

    Where there is a void there is no loop or dot: so voids are the same whether these are asked for or not.

    Parameters
    ----------
    maps
        Of one image at several scales.
    calibration
        From what the maps say of a peak to the probability that it is right.
    least : float
        Least confidence; what is less sure takes nothing from what is surer.
    kinds
        What is asked for.

    Returns
    -------
    Discs
        The most confident first.
    """
    sought = [what for what, may_be in SOUGHT.items() if set(may_be) & set(kinds)]
    if not sought:
        return Discs(*np.zeros((4, 0)))
    discs = [
        Discs(found.x, found.y, found.radius, calibration.confidence(what, found.spoken), found.kind)
        for what in sought
        for found in [peaks(maps, what)]
    ]
    x, y, radius, confidence, kind_of = (
        np.concatenate([getattr(each, name) for each in discs])
        for name in ("x", "y", "radius", "confidence", "kind")
    )
    # The network was trained on voids up to 80 px: of larger ones false ones reach 0.67, true ones 0.77 and more.
    confidence = np.where(radius > _TRAINED_PX, confidence ** (np.log(0.5) / np.log(0.7)), confidence)
    order = np.lexsort((-confidence, kind_of != VOID))
    order = order[confidence[order] >= least]
    order = order[once(x[order], y[order], radius[order])]
    order = order[np.argsort(-confidence[order], kind="stable")]
    return Discs(x[order], y[order], radius[order], confidence[order], kind_of[order]).of(kinds)


@dataclass(frozen=True)
class Peaks:
    """Peaks of the maps at all scales, each array (n,) but one.

    Attributes
    ----------
    x, y, radius
        Pixels of the image.
    spoken : ndarray of shape (n, 11)
        What speaks for each, see `voidlab.segment.confidence.evidence`.
    kind
        "void", or which of "loop" and "dot" is the likelier.
    """

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    spoken: np.ndarray
    kind: np.ndarray


def peaks(maps: tuple[Maps, ...], what: str) -> Peaks:
    """Peaks of voids, or of what is a loop or a dot, at all scales; ``what`` is one of `SOUGHT`."""
    if what == LOOP_OR_DOT:
        maps = tuple(each.of_negative or each for each in maps)
    centres = [_centre(each, what) for each in maps]
    tops = [_tops(centre) for centre in centres]
    tiny = any(each.scale == TWICE for each in maps)
    x, y, radius, kind, height, void, against, share, scale = (
        np.concatenate(parts)
        for parts in zip(*map(_peaks, maps, centres, tops, repeat(what), repeat(tiny)), strict=True)
    )
    unrest = unrest_of(centres[0][tops[0]], maps[0].known_px)
    surest = np.argsort(-height, kind="stable")
    surest = surest[height[surest] >= _SURE_HEIGHT]
    smaller = smaller_than_sure(radius, radius[surest][once(x[surest], y[surest], radius[surest])])
    negative = maps[0].negative
    spoken = evidence(height, void, against, share, scale, smaller=smaller, unrest=unrest, negative=negative)
    return Peaks(x, y, radius, spoken, kind)


def _centre(maps: Maps, what: str) -> np.ndarray:
    """The map of centres of what is sought."""
    if what == VOID:
        return maps.centre
    either = sum(maps.others.values(), np.zeros_like(maps.centre))
    return np.minimum(either, 1, out=either)


def _tops(centre: np.ndarray) -> np.ndarray:
    """Where a map, smoothed a little, is as high as beside it."""
    smooth = gaussian(centre, 0.6, truncate=3.0)
    return np.asarray(smooth == extreme_of_nine(smooth, np.maximum))


def scales_for(max_radius_px: float, min_radius_px: float = _TINY_PX) -> tuple[float, ...]:
    """Scales that voids of these radii need to be looked for at, that of the image itself first."""
    scales = tuple(scale for scale in SCALES if scale * _OF_SCALE[scale][0] < max_radius_px)
    return (*scales, TWICE) if are_tiny(min_radius_px) else scales


def are_tiny(min_radius_px: float) -> bool:
    """Whether voids of so small a radius have to be looked for at twice the size."""
    return min_radius_px < _TINY_PX - 1e-6  # of one in nm the last digit is chance


def draw_labels(
    found: Discs, maps: tuple[Maps, ...], *, sure_from: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Label image and probability of voids, the most confident first.

    A void's pixels are those the network takes for void out to the corners it may have, and its middle in any case;
    a pixel in reach of several goes to the one whose centre is nearest in terms of its radius. Voids less confident
    than ``sure_from`` have what the others leave: these are as large whether there are such candidates or not.

    Returns
    -------
    labels : ndarray of shape (H, W), int32
        Disc i as i + 1.
    probability : ndarray of shape (H, W), float32
    """
    height, width = shape = (maps[0].void.shape[0], maps[0].void.shape[1])
    labels, probability = np.zeros(shape, np.int32), maps[0].void.copy()
    nearest = np.full(shape, np.inf, np.float32)
    # The maps of the finest scale that knows voids so large.
    finest = sorted(maps, key=lambda each: each.scale)
    of = np.searchsorted([each.scale * _OF_SCALE[each.scale][1] for each in finest[:-1]], found.radius)
    inside = {k: _inside(finest[k], shape) for k in set(of.tolist())}
    sure = int((found.confidence >= sure_from).sum())
    taken = None
    for i, (x, y, radius) in enumerate(zip(found.x, found.y, found.radius, strict=True)):
        if i == sure:
            taken = labels > 0
        reach = _FACETS * radius + 1
        rows = slice(max(int(y - reach), 0), min(int(y + reach) + 2, height))
        columns = slice(max(int(x - reach), 0), min(int(x + reach) + 2, width))
        ys, xs = np.ogrid[rows, columns]
        share = (np.hypot(ys - y, xs - x) / radius).astype(np.float32)
        part = inside[of[i]][rows, columns]
        body = ((share <= _FACETS) & (part >= 0.5)) | (share <= 0.5)
        mine = (share < nearest[rows, columns]) & body
        mine |= share == share.min()  # a void has a pixel at least, however small
        if taken is not None:
            mine &= ~taken[rows, columns]
        labels[rows, columns][mine] = i + 1
        nearest[rows, columns][mine] = share[mine]
        if finest[of[i]] is not maps[0]:
            probability[rows, columns] = np.where(
                mine, np.maximum(part, probability[rows, columns]), probability[rows, columns]
            )
    return labels, probability


def _inside(maps: Maps, shape: tuple[int, int]) -> np.ndarray:
    """Probability of void at the image's own size (H, W)."""
    if maps.scale == TWICE:
        return block_mean(maps.void, 2)
    return enlarge(maps.void, int(maps.scale), shape)


def _peaks(maps: Maps, centre: np.ndarray, tops: np.ndarray, what: str, tiny: bool) -> tuple[np.ndarray, ...]:
    """Of the peaks of one scale: x, y, radius (px of the image), kind, and what `evidence` takes but the sign.

    Of ``tiny`` voids the image's own size says nothing, where they are looked for at twice the size.
    """
    y, x = np.nonzero((centre >= _LEAST_HEIGHT) & tops)
    low, high = _OF_SCALE[maps.scale]
    low = _TINY_PX if tiny and maps.scale == 1 else low
    radius = maps.radius_px[y, x]
    keep = (radius >= 0.8 * low) & (radius <= 1.2 * high)
    x, y, radius = x[keep], y[keep], radius[keep]
    fx, fy, mean_radius = x.astype(np.float64), y.astype(np.float64), radius.astype(np.float64)
    for half, chosen in ((1, radius < 6), (2, (radius >= 6) & (radius < 13)), (4, radius >= 13)):
        fx[chosen], fy[chosen], mean_radius[chosen] = _centroid(maps, centre, x[chosen], y[chosen], half)
    keep = (mean_radius >= low) & (mean_radius <= high)
    x, y, mean_radius = x[keep], y[keep], mean_radius[keep]
    full = (np.stack([fx[keep], fy[keep]]) + 0.5) * maps.scale - 0.5
    of_others = np.array([each[y, x] for each in maps.others.values()] or [np.zeros(len(x))])
    if what == VOID:
        kind, against = np.full(len(x), VOID), of_others.max(axis=0)
    else:
        kind, against = np.array([*maps.others], "U4")[of_others.argmax(axis=0)], maps.centre[y, x]
    height, void = centre[y, x], maps.void[y, x]
    share, scale = mean_radius / USUAL_RADIUS_PX, np.full(len(x), float(maps.scale))
    return *full, mean_radius * maps.scale, kind, height, void, against, share, scale


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


def beside(others: Discs, found: Discs) -> Discs:
    """Of the others those that are not the same void, loop or dot as one of the found, which are each there once."""
    both = found.and_also(others)
    kept = once(both.x, both.y, both.radius)
    return others.where(kept[kept >= len(found)] - len(found))


def once(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Indices of those that no earlier (surer) one is the same void as."""
    alive = np.ones(len(x), bool)
    if len(x) < 2:
        return np.flatnonzero(alive)
    # What lies near each one, as seen from the larger of two: from the smaller it would be far too much to look at.
    places = np.column_stack([x, y])
    near = cKDTree(places).query_ball_point(places, _NEAR * radius)
    here = np.repeat(np.arange(len(x)), [len(each) for each in near])
    there = np.concatenate([np.asarray(each, np.int64) for each in near])
    seen = (here != there) & (radius[there] <= radius[here])
    first, second = np.minimum(here, there)[seen], np.maximum(here, there)[seen]
    distance = np.hypot(x[first] - x[second], y[first] - y[second])
    larger = np.maximum(radius[first], radius[second])
    alike = larger < _ALIKE * np.minimum(radius[first], radius[second])
    same = (distance < _SAME * larger) | (alike & (distance < _NEAR * larger))
    first, second = first[same], second[same]
    for k in np.lexsort((second, first)):
        if alive[first[k]]:
            alive[second[k]] = False
    return np.flatnonzero(alive)
