"""The brightness around discs' centres, as the distance from them: neighbours and the image's border left out.

All pixels around a disc are used, each once, so that they are as independent as the image's noise is. Discs of about
one size are measured together, a row of an array each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.spatial import cKDTree

from voidlab.segment.discs import Discs

_MOST_BINS = 36
_NARROWEST_PX = 0.7
_LEAST_SHARE = 0.3  # of the pixels at a distance, from which on they say something
_LEAST_PIXELS, _LEAST_RINGS = 12, 6  # below, there is no profile
_FAR = 3.0  # robust standard deviations from the ring's mean: something else lies there
_LEFT = 0.973  # of the variance of normal noise, within these
_USUAL = 4  # pixels that the scatter of all rings is worth against a ring's own
_MOVES = 2  # of the centre
_FURTHEST_PX = 1.5  # that it moves at once
_FURTHEST = 0.35  # of the radius, that it moves in all: beyond, that is another void's
_TOGETHER = 100_000  # pixels measured at once: as many as the processor holds near


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
    near = cKDTree(centres).query_ball_point(centres, reach + float((discs.radius + halo).max()))
    others = [[j for j in each if j != i] for i, each in enumerate(near)]
    margin = int(reach.max()) + 2
    padded = np.pad(np.asarray(image, np.float64), margin, constant_values=np.nan)
    profiles: list[Profile | None] = [None] * len(discs)
    for rows in _alike(reach):
        window = _Window.around(padded, margin, discs, rows, reach[rows])
        window = window.without_neighbours(discs, rows, [others[row] for row in rows], halo)
        for row, profile in zip(rows, _profiles_in(window, discs, rows), strict=True):
            profiles[row] = profile
    return profiles


def _alike(reach: np.ndarray) -> Iterator[np.ndarray]:
    """Rows that reach about as far, the furthest last, and few enough to be measured together."""
    order = np.argsort(reach, kind="stable")
    first = 0
    while first < len(order):
        ahead = reach[order[first:]]
        same = ahead <= 1.12 * ahead[0] + 1
        pixels = np.arange(1, len(ahead) + 1) * 4 * (ahead + 2) ** 2
        count = max(int((same & (pixels <= _TOGETHER)).sum()), 1)
        yield order[first : first + count]
        first += count


@dataclass(frozen=True)
class _Window:
    """The pixels around some discs, a row each.

    Attributes
    ----------
    u, v : ndarray of shape (discs, pixels)
        Places in the image, px.
    grey : ndarray of shape (discs, pixels)
        Brightness, less the disc's own mean.
    usable : ndarray of shape (discs, pixels), bool
    level, reach : ndarray of shape (discs, 1)
        The mean that was taken off; how far out the profile is taken, px.
    """

    u: np.ndarray
    v: np.ndarray
    grey: np.ndarray
    usable: np.ndarray
    level: np.ndarray
    reach: np.ndarray

    @classmethod
    def around(
        cls, padded: np.ndarray, margin: int, discs: Discs, rows: np.ndarray, reach: np.ndarray
    ) -> Self:
        """Of an image with a margin of NaN all around, which nothing within ``reach`` goes beyond."""
        furthest = float(reach.max())
        size = int(furthest) + 1
        dv, du = np.mgrid[-size : size + 1, -size : size + 1].reshape(2, -1)
        within = du**2 + dv**2 <= (furthest + 1) ** 2
        dv, du = dv[within], du[within]
        height, width = padded.shape
        x = np.clip(np.rint(discs.x[rows]), 0, width - 2 * margin - 1).astype(int)[:, None]
        y = np.clip(np.rint(discs.y[rows]), 0, height - 2 * margin - 1).astype(int)[:, None]
        grey = padded.ravel().take((y + margin) * width + x + margin + (dv * width + du))
        usable = np.isfinite(grey)
        grey[~usable] = 0.0
        level = grey.sum(axis=1, keepdims=True) / np.maximum(usable.sum(axis=1, keepdims=True), 1)
        grey -= level
        return cls((x + du).astype(float), (y + dv).astype(float), grey, usable, level, reach[:, None])

    def without_neighbours(
        self, discs: Discs, rows: np.ndarray, others: list[list[int]], halo: np.ndarray
    ) -> Self:
        """Leaves out where a neighbour is nearer than the disc itself, or its fringe is seen."""
        usable = self.usable.copy()
        own = self._distance(discs, rows) - discs.radius[rows][:, None]
        for turn in range(max(map(len, others))):
            here = np.array([row for row, each in enumerate(others) if len(each) > turn])
            j = np.array([others[row][turn] for row in here])
            other = replace(self, u=self.u[here], v=self.v[here])._distance(discs, j)
            other -= discs.radius[j][:, None]
            own_here = own[here]
            usable[here] &= (other > own_here) & ((other > halo[j][:, None]) | (own_here < 0))
        return replace(self, usable=usable)

    def _distance(self, discs: Discs, rows: np.ndarray) -> np.ndarray:
        return np.sqrt((self.u - discs.x[rows][:, None]) ** 2 + (self.v - discs.y[rows][:, None]) ** 2)


@dataclass(frozen=True)
class _Rings:
    """The pixels of a window sorted into rings around the discs' centres.

    Attributes
    ----------
    du, dv, distance : ndarray of shape (discs, pixels)
        From the centre to each pixel, px.
    inside : ndarray of shape (discs, pixels), bool
        Usable and in one of the rings.
    place : ndarray of shape (discs, pixels), int
        Of its ring in an array (discs, rings); those that are not inside share the last ring.
    most : ndarray of shape (discs, 1), int
        Rings within the disc's reach.
    shape
        Number of discs and of rings, the last one included.
    """

    du: np.ndarray
    dv: np.ndarray
    distance: np.ndarray
    inside: np.ndarray
    place: np.ndarray
    most: np.ndarray
    shape: tuple[int, int]

    @classmethod
    def of(cls, window: _Window, x: np.ndarray, y: np.ndarray, wide: np.ndarray) -> Self:
        """Rings of a width (discs, 1) around centres, as many as each disc's reach holds."""
        du, dv = window.u - x[:, None], window.v - y[:, None]
        distance = np.sqrt(du**2 + dv**2)
        most = (window.reach / wide).astype(np.int64)
        ring = (distance / wide).astype(np.int64)
        inside = window.usable & (ring < most)
        shape = len(x), int(most.max()) + 1
        place = np.where(inside, ring, shape[1] - 1) + shape[1] * np.arange(len(x))[:, None]
        return cls(du, dv, distance, inside, place, most, shape)

    def total(self, values: np.ndarray) -> np.ndarray:
        """Sum over each ring, (discs, rings)."""
        return np.bincount(self.place.ravel(), values.ravel(), self.shape[0] * self.shape[1]).reshape(
            self.shape
        )

    def at(self, rings: np.ndarray) -> np.ndarray:
        """What its ring has, for each pixel."""
        return rings.ravel().take(self.place)


@dataclass(frozen=True)
class _Means:
    """Means over rings.

    Attributes
    ----------
    count, brightness, distance : ndarray of shape (discs, rings)
        Number of pixels, and their mean brightness and distance.
    enough : ndarray of shape (discs, rings), bool
        Where they say something.
    spread : ndarray of shape (discs, 1)
        Standard deviation in a usual ring.
    weight : ndarray of shape (discs, pixels)
        0 of what stands out of its ring, else 1.
    """

    count: np.ndarray
    brightness: np.ndarray
    distance: np.ndarray
    enough: np.ndarray
    spread: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, rings: _Rings, grey: np.ndarray, wide: np.ndarray, *, rounds: int) -> Self:
        """Means; in each round without what stands out of its ring."""
        weight = rings.inside.astype(float)
        full = np.pi * wide**2 * (2 * np.arange(rings.shape[1]) + 1)
        least = np.maximum(_LEAST_SHARE * full, 1)
        for turn in range(rounds + 1):
            count = rings.total(weight)
            some = np.maximum(count, 1e-9)
            brightness = rings.total(weight * grey) / some
            if turn == rounds:
                break
            off = grey - rings.at(brightness)
            own = np.sqrt(rings.total(weight * off**2) / some)
            known = np.where(count >= least, own, np.nan)[:, :-1]
            known[np.isnan(known).all(axis=1)] = 0.0
            # That of the usual ring: at least half of them show nothing odd.
            spread = np.nanmedian(known, axis=1, keepdims=True) + 1e-9
            weight = (rings.inside & (np.abs(off) <= _FAR * rings.at(np.maximum(own, spread)))).astype(float)
        enough = count >= least
        enough[:, -1] = False
        return cls(count, brightness, rings.total(weight * rings.distance) / some, enough, spread, weight)

    def steepness(self) -> np.ndarray:
        """Slope of the brightness at each ring, from those beside it as far as they say something."""
        columns = np.broadcast_to(np.arange(self.enough.shape[1]), self.enough.shape)
        before, after = np.maximum(columns - 1, 0), np.minimum(columns + 1, columns.max())
        before, after = (
            np.where(np.take_along_axis(self.enough, beside, 1), beside, columns)
            for beside in (before, after)
        )
        rise, run = (
            np.take_along_axis(each, after, 1) - np.take_along_axis(each, before, 1)
            for each in (self.brightness, self.distance)
        )
        return np.where(self.enough, rise, 0.0) / np.maximum(run, 1e-9)


def _profiles_in(window: _Window, discs: Discs, rows: np.ndarray) -> list[Profile | None]:
    """Profiles of the discs of a window."""
    wide = np.maximum(window.reach / _MOST_BINS, _NARROWEST_PX)
    x0, y0, limit = discs.x[rows], discs.y[rows], _FURTHEST * discs.radius[rows]
    x, y, lost = x0, y0, np.zeros(len(rows), bool)
    for _ in range(_MOVES):
        rings = _Rings.of(window, x, y, wide)
        dx, dy = _towards_middle(rings, window.grey, _Means.of(rings, window.grey, wide, rounds=1))
        lost |= np.hypot(x + dx - x0, y + dy - y0) > limit
        x, y = np.where(lost, x0, x + dx), np.where(lost, y0, y + dy)
    rings = _Rings.of(window, x, y, wide)
    means = _Means.of(rings, window.grey, wide, rounds=2)
    sigma = _standard_errors(rings, window.grey, means)
    brightness = means.brightness + window.level
    shown = (rings.inside.sum(axis=1) >= _LEAST_PIXELS) & (means.enough.sum(axis=1) >= _LEAST_RINGS)
    return [
        Profile(float(x[i]), float(y[i]), *(each[i, on] for each in (means.distance, brightness, sigma)))
        if shown[i]
        else None
        for i, on in enumerate(means.enough)
    ]


def _standard_errors(rings: _Rings, grey: np.ndarray, means: _Means) -> np.ndarray:
    """Of each ring's mean: of the ring's own scatter, as far as it has pixels enough to tell."""
    off = rings.total(means.weight * (grey - rings.at(means.brightness)) ** 2)
    spare = means.weight.sum(axis=1, keepdims=True) - rings.most
    noise = off[:, :-1].sum(axis=1, keepdims=True) / np.maximum(spare, 1)
    count = np.maximum(means.count, 1e-9)
    # A mean takes up one pixel's worth of scatter.
    return np.sqrt((off + _USUAL * noise) / (np.maximum(count - 1, 0) + _USUAL) / _LEFT / count)


def _towards_middle(rings: _Rings, grey: np.ndarray, means: _Means) -> tuple[np.ndarray, np.ndarray]:
    """How far the centres are to be moved so that the image around them is most nearly the same on all sides."""
    steep = rings.at(means.steepness())
    off = grey - rings.at(means.brightness) - steep * (rings.distance - rings.at(means.distance))
    off = np.clip(off, -_FAR * means.spread, _FAR * means.spread)
    slope = -steep / np.maximum(rings.distance, 0.3)
    along, across = slope * rings.du, slope * rings.dv
    uu, uv, vv = (
        np.einsum("ij,ij->i", *pair) for pair in ((along, along), (along, across), (across, across))
    )
    ug, vg = np.einsum("ij,ij->i", along, off), np.einsum("ij,ij->i", across, off)
    uu, vv = uu + 1e-12, vv + 1e-12
    area = np.maximum(uu * vv - uv**2, 1e-30)
    dx, dy = (ug * vv - vg * uv) / area, (vg * uu - ug * uv) / area
    return np.clip(dx, -_FURTHEST_PX, _FURTHEST_PX), np.clip(dy, -_FURTHEST_PX, _FURTHEST_PX)
