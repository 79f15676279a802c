"""The foil from the depths of its voids: thickness between the outermost voids, inclination, mid-plane.

The depths are taken as evenly spread between two parallel planes, blurred by the known errors, with a few outliers.
Whether they are is tested; where they are not (two layers of voids, say) the planes through the outermost voids still
are the faces of what holds voids. Depths that fade out instead of ending at a face give no thickness.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtr
from scipy.stats import chi2

LEAST_POINTS = 25
_OUTLIERS = 0.02
_BINS = 8
_UNEVEN = 1e-3
_FADING = 0.4
_STEPS, _BURN = 2400, 400


@dataclass(frozen=True)
class Foil:
    """The part of the foil that holds voids.

    ``thickness_px`` is NaN when refused, with ``reason``; ``interval_px`` holds it with 95 %. ``middle`` (c, a, b) is
    the mid-plane z = c + a p + b q, ``slope_sigma`` the errors of a and b; ``method`` "even depths" or "outermost
    voids".
    """

    thickness_px: float
    interval_px: tuple[float, float]
    middle: tuple[float, float, float]
    slope_sigma: tuple[float, float]
    method: str
    reason: str

    @property
    def known(self) -> bool:
        """Whether the mid-plane was fitted; else it is level, for want of better."""
        return bool(np.isfinite(self.slope_sigma[0]))


def fit_foil(points: np.ndarray, sigma_z: np.ndarray) -> Foil:
    """Fit two parallel planes to the voids at ``points`` (n, 3), as X, Y, Z, with errors ``sigma_z`` (n,), px."""
    depth = points[:, 2]
    middle = float(np.median(depth)) if len(depth) else 0.0
    if len(depth) < LEAST_POINTS:
        return _refused(middle, f"thickness needs {LEAST_POINTS} voids with a depth; there are {len(depth)}")
    extent = np.maximum(np.ptp(points[:, :2], axis=0) / 2, 1.0)
    across = points[:, :2] / extent
    best = _likeliest(depth, across, sigma_z)
    half = float(np.exp(best[1]))
    noise = float(np.median(sigma_z))
    if half < 1.5 * noise:
        return _refused(
            float(best[0]),
            f"the voids' depths spread no wider than their error of {noise:.1f} px: no thickness",
        )
    uneven, fading = _profile(depth - best[0] - across @ best[2:], half, noise)
    if fading:
        return _refused(
            float(best[0]),
            "the number of voids fades out with depth instead of ending at two faces: no thickness",
        )
    drawn = _drawn(best, depth, across, sigma_z)
    slopes = drawn[:, 2:] / extent
    thick = 2 * np.exp(drawn[:, 1]) / np.sqrt(1 + (slopes**2).sum(axis=1))
    low, high = np.quantile(thick, [0.025, 0.975])
    mean, spread = slopes.mean(axis=0), slopes.std(axis=0)
    return Foil(
        float(thick.mean()),
        (float(low), float(high)),
        (float(drawn[:, 0].mean()), float(mean[0]), float(mean[1])),
        (float(spread[0]), float(spread[1])),
        "outermost voids" if uneven else "even depths",
        "",
    )


def _refused(middle: float, reason: str) -> Foil:
    nan = float("nan")
    return Foil(nan, (nan, nan), (middle, 0.0, 0.0), (nan, nan), "", reason)


def _log_likelihood(
    plane: np.ndarray, depth: np.ndarray, across: np.ndarray, sigma: np.ndarray, room: float
) -> float:
    """Of a mid-plane, as centre, logarithm of the half thickness, and slopes; ``room``: span of outliers, px."""
    off = depth - plane[0] - across @ plane[2:]
    half = np.exp(plane[1])
    inside = (ndtr((off + half) / sigma) - ndtr((off - half) / sigma)) / (2 * half)
    return float(np.log((1 - _OUTLIERS) * inside + _OUTLIERS / room).sum())


def _likeliest(depth: np.ndarray, across: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Best plane; found with blurred faces first, so that a single void cannot hold the search."""
    low, high = np.quantile(depth, [0.03, 0.97])
    half = max(float(high - low) / 2, float(np.median(sigma)))
    plane = np.array([(low + high) / 2, np.log(half * 1.06), 0.0, 0.0])
    room = 4 * half + float(np.ptp(depth))
    for blur in (0.3, 0.1, 0.03, 0.0):
        wide = np.hypot(sigma, blur * half)
        size = max(blur, 0.02) * half
        start = np.vstack([plane, plane + np.diag([size, size / half, size, size])])
        plane = minimize(
            lambda at, wide=wide: -_log_likelihood(at, depth, across, wide, room),
            plane,
            method="Nelder-Mead",
            options={"initial_simplex": start, "maxfev": 400, "xatol": 1e-3, "fatol": 1e-2},
        ).x
    return plane


def _profile(off: np.ndarray, half: float, noise: float) -> tuple[bool, bool]:
    """Whether voids are unevenly spread from face to face, and whether they fade out towards one."""
    counts = np.histogram(off, bins=_BINS, range=(-half, half))[0]
    expected = counts.sum() / _BINS
    uneven = chi2.sf(((counts - expected) ** 2 / expected).sum(), _BINS - 1) < _UNEVEN
    ends = counts[[0, -1]]
    fading = (ends + 2 * np.sqrt(ends + 1) < _FADING * expected).any()
    beyond = (np.abs(off) > half + 3 * noise).mean()
    return bool(uneven), bool(fading or beyond > 2 * _OUTLIERS)


def _drawn(best: np.ndarray, depth: np.ndarray, across: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Planes drawn from all that fit (Metropolis, flat prior), the same at every call."""
    random = np.random.default_rng(0)
    half = np.exp(best[1])
    room = 4 * half + float(np.ptp(depth))
    size = 0.8 * (2 * half / len(depth) + float(np.median(sigma)) / np.sqrt(len(depth)))
    moves = random.normal(0, 1, (_STEPS, 4)) * [size, size / half, 1.7 * size, 1.7 * size]
    luck = np.log(random.random(_STEPS))
    plane, value = best, _log_likelihood(best, depth, across, sigma, room)
    kept = np.empty((_STEPS, 4))
    for step in range(_STEPS):
        to = plane + moves[step]
        new = _log_likelihood(to, depth, across, sigma, room)
        # The prior is flat in the thickness, not in its logarithm.
        if luck[step] < new - value + to[1] - plane[1]:
            plane, value = to, new
        kept[step] = plane
    return kept[_BURN:]
