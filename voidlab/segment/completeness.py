"""From which size on voids are found: an image's own voids, made smaller and put into it again, are looked for.

So noise, grain, focus and what else is in the image count as they do for its voids.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy import ndimage, optimize
from scipy.spatial import cKDTree

from voidlab.segment.discs import Discs

_LEAST_VOIDS, _LEAST_RADIUS_PX, _SURE = 5, 3.0, 0.8  # to take the look of a void from
_MOST_VOIDS = 60
_UNLIKE = 1.5  # radii that tell how the contrast goes with them differ so much
_REACH = 2.2  # radii to which a void's profile is taken
_STEPS = np.linspace(0.05, _REACH, 44)
_PASSES, _A_PASS = 3, 40
_SMALLEST_PX = 1.0


@dataclass(frozen=True)
class Completeness:
    """Which share of voids of a size would be found in an image.

    Attributes
    ----------
    half_px, nine_px : float
        Diameters at which half, and nine in ten, would be found, px.
    slope : float
        Of the log-odds of being found with the logarithm of the diameter.
    inserted : int
        Voids that were put into the image.
    largest_px : float
        Largest diameter put in: what is said of larger ones is extrapolated.
    """

    half_px: float
    nine_px: float
    slope: float
    inserted: int
    largest_px: float

    def times(self, factor: float) -> Self:
        """The same of diameters that are so many times as large."""
        of = ("half_px", "nine_px", "largest_px")
        return replace(self, **{name: factor * getattr(self, name) for name in of})

    def at(self, diameter_px: np.ndarray) -> np.ndarray:
        """Share found of voids of these diameters, px."""
        return np.asarray(1 / (1 + (self.half_px / np.asarray(diameter_px, float)) ** self.slope))


def measure_completeness(
    image: np.ndarray,
    voids: Discs,
    detect: Callable[[np.ndarray], Discs],
    *,
    largest_px: float = np.inf,
    seed: int = 0,
) -> Completeness | None:
    """Put smaller copies of an image's voids into it, and see which of them are detected.

    How a void's contrast goes with its size is read off the voids, between not at all and as the diameter, as the
    foil it takes away does; the latter where their sizes are too alike to tell.

    Parameters
    ----------
    image : ndarray of shape (H, W)
    voids
        Voids detected in it.
    detect
        Gives the voids detected in an image.
    largest_px
        Largest radius that is detected: no copy is larger.

    Returns
    -------
    Completeness or None
        None if too few voids are sure to tell what they look like.
    """
    image = np.asarray(image, np.float32)
    sure = voids.where((voids.confidence >= _SURE) & (voids.radius >= _LEAST_RADIUS_PX))
    if len(sure) < _LEAST_VOIDS:
        return None
    surest = np.zeros(len(sure), bool)
    surest[np.argsort(-sure.confidence, kind="stable")[:_MOST_VOIDS]] = True
    sure = sure.where(surest)
    random = np.random.default_rng(seed)
    profiles, usual = _profiles(image, sure), float(np.median(sure.radius))
    profile, power = np.median(profiles, axis=0), _power(profiles, sure.radius)
    largest = min(1.3 * usual, largest_px)
    inserted, found = [], []
    for _ in range(_PASSES):
        radius = np.exp(random.uniform(np.log(_SMALLEST_PX), np.log(largest), _A_PASS))
        x, y, radius = _free_places(random, image, voids, radius)
        if not len(x):
            return None
        with_them = image.copy()
        for each in zip(x, y, radius, strict=True):
            _insert(with_them, *each, profile, (each[2] / usual) ** power)
        seen = detect(with_them)
        distance = np.full(len(x), np.inf)
        if len(seen):
            distance, _ = cKDTree(np.stack([seen.x, seen.y], axis=1)).query(np.stack([x, y], axis=1))
        inserted.append(2 * radius)
        found.append(distance <= np.maximum(2, radius / 2))
    return _fitted(np.concatenate(inserted), np.concatenate(found))


def _profiles(image: np.ndarray, voids: Discs) -> np.ndarray:
    """Brightness of each void over its background at the distances ``_STEPS``, in radii, (n, 44)."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    known = np.where(np.isfinite(image), image, np.median(image[np.isfinite(image)]))
    profiles = []
    for x, y, radius in zip(voids.x, voids.y, voids.radius, strict=True):
        places = [y + radius * _STEPS * np.sin(angles), x + radius * _STEPS * np.cos(angles)]
        around = np.median(ndimage.map_coordinates(known, places, order=1, mode="nearest"), axis=0)
        profiles.append(around - np.median(around[_STEPS > 1.8]))
    return np.array(profiles)


def _power(profiles: np.ndarray, radius: np.ndarray) -> float:
    """Power of the radius that the voids' contrast goes with, from 0 to 1.

    References
    ----------
    Sen, J. Am. Stat. Assoc. 63, 1379 (1968), doi:10.1080/01621459.1968.10480934.
    """
    low, high = np.percentile(radius, [10, 90])
    if high < _UNLIKE * low:
        return 1.0
    contrast = np.abs(profiles[:, _STEPS < 1]).max(axis=1)
    along, up = np.log(radius), np.log(np.maximum(contrast, 1e-12))
    pairs = np.nonzero(along[:, None] > along)
    slope = np.median(np.subtract(*up[np.array(pairs)]) / np.subtract(*along[np.array(pairs)]))
    return float(np.clip(slope, 0, 1))


def _free_places(
    random: np.random.Generator, image: np.ndarray, voids: Discs, radius: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y and radius of those for which a place was found: on others if it comes so, but not at their centres."""
    taken = np.stack([voids.x, voids.y, voids.radius], axis=1)
    free = []
    for r in radius:
        for _ in range(20):
            x, y = random.uniform(r + 1, np.maximum(np.array(image.shape[::-1]) - r - 2, r + 2))
            row, column = min(round(y), image.shape[0] - 1), min(round(x), image.shape[1] - 1)
            apart = np.hypot(taken[:, 0] - x, taken[:, 1] - y) > np.maximum(taken[:, 2], r) + 2
            if np.isfinite(image[row, column]) and apart.all():
                taken = np.vstack([taken, (x, y, r)])
                free.append((x, y, r))
                break
    return tuple(np.array(free).reshape(-1, 3).T)  # type: ignore[return-value]


def _insert(image: np.ndarray, x: float, y: float, radius: float, profile: np.ndarray, times: float) -> None:
    reach = int(_REACH * radius) + 1
    rows, columns = (slice(max(round(at) - reach, 0), round(at) + reach + 1) for at in (y, x))
    part = image[rows, columns]
    v, u = np.ogrid[: part.shape[0], : part.shape[1]]
    fine = (np.arange(5) - 2) / 5  # small voids change within a pixel
    shares = (
        np.hypot(v + rows.start + dy - y, u + columns.start + dx - x) / radius for dy in fine for dx in fine
    )
    part += times * np.mean([np.interp(share, _STEPS, profile, right=0) for share in shares], axis=0).astype(
        np.float32
    )


def _fitted(diameter: np.ndarray, found: np.ndarray) -> Completeness:
    """A logistic curve over the logarithm of the diameter; a weak prior keeps it from being infinitely steep."""

    def loss(values: np.ndarray) -> float:
        odds = np.exp(values[1]) * (np.log(diameter) - values[0])
        given = np.logaddexp(0, np.where(found, -odds, odds)).sum()
        return float(given + 0.5 * (values[1] - np.log(5)) ** 2 / 0.6**2 + 0.5 * ((values[0] - 1.5) / 2) ** 2)

    middle, log_slope = optimize.minimize(loss, np.array([np.log(np.median(diameter)), np.log(5)])).x
    slope = float(np.exp(log_slope))
    half = float(np.exp(middle))
    return Completeness(half, half * 9 ** (1 / slope), slope, len(diameter), float(diameter.max()))
