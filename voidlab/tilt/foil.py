"""The foil from the depths of its voids: thickness between the outermost voids, inclination, mid-plane.

The depths are taken as evenly spread between two parallel planes, blurred by the known errors, with a few outliers.
Whether they are is tested; where they are not (two layers of voids, say) the planes through the outermost voids still
are the faces of what holds voids. Depths that fade out instead of ending at a face give no thickness.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import chdtrc, ndtr

LEAST_POINTS = 25
_OUTLIERS = 0.02
_BINS = 8
_UNEVEN = 1e-3
_FADING = 0.4
_WALKERS, _STEPS, _BURN = 32, 250, 50


@dataclass(frozen=True)
class Foil:
    """The part of the foil that holds voids.

    ``thickness_px`` is NaN when refused, with ``reason``; ``interval_px`` holds it with 95 %. ``middle`` (c, a, b) is
    the mid-plane z = c + a p + b q, ``middle_sigma`` the errors of these; ``method`` "even depths" or "outermost
    voids".
    """

    thickness_px: float
    interval_px: tuple[float, float]
    middle: tuple[float, float, float]
    middle_sigma: tuple[float, float, float]
    method: str
    reason: str

    @property
    def known(self) -> bool:
        """Whether the mid-plane was fitted; else it is level, for want of better."""
        return bool(np.isfinite(self.middle_sigma[0]))


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
    planes = drawn[:, [0, 2, 3]] / [1.0, *extent]
    thick = 2 * np.exp(drawn[:, 1]) / np.sqrt(1 + (planes[:, 1:] ** 2).sum(axis=1))
    low, high = np.quantile(thick, [0.025, 0.975])
    c, a, b = planes.mean(axis=0).tolist()
    c_sigma, a_sigma, b_sigma = planes.std(axis=0).tolist()
    return Foil(
        float(thick.mean()),
        (float(low), float(high)),
        (c, a, b),
        (c_sigma, a_sigma, b_sigma),
        "outermost voids" if uneven else "even depths",
        "",
    )


def _refused(middle: float, reason: str) -> Foil:
    nan = float("nan")
    return Foil(nan, (nan, nan), (middle, 0.0, 0.0), (nan, nan, nan), "", reason)


def _log_likelihood(
    planes: np.ndarray, depth: np.ndarray, across: np.ndarray, sigma: np.ndarray, room: float
) -> np.ndarray:
    """Of mid-planes (m, 4): centre, logarithm of the half thickness, and slopes; ``room``: span of outliers, px."""
    off = depth - planes[:, :1] - planes[:, 2:] @ across.T
    half = np.exp(planes[:, 1:2])
    inside = (ndtr((off + half) / sigma) - ndtr((off - half) / sigma)) / (2 * half)
    return np.asarray(np.log((1 - _OUTLIERS) * inside + _OUTLIERS / room).sum(axis=1))


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
            lambda at, wide=wide: -_log_likelihood(at[None], depth, across, wide, room)[0],
            plane,
            method="Nelder-Mead",
            options={"initial_simplex": start, "maxfev": 400, "xatol": 1e-3, "fatol": 1e-2},
        ).x
    return plane


def _profile(off: np.ndarray, half: float, noise: float) -> tuple[bool, bool]:
    """Whether voids are unevenly spread from face to face, and whether they fade out towards one."""
    counts = np.histogram(off, bins=_BINS, range=(-half, half))[0]
    expected = counts.sum() / _BINS
    uneven = chdtrc(_BINS - 1, ((counts - expected) ** 2 / expected).sum()) < _UNEVEN
    ends = counts[[0, -1]]
    fading = (ends + 2 * np.sqrt(ends + 1) < _FADING * expected).any()
    beyond = (np.abs(off) > half + 3 * noise).mean()
    return bool(uneven), bool(fading or beyond > 2 * _OUTLIERS)


def _drawn(best: np.ndarray, depth: np.ndarray, across: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Planes drawn from all that fit, the same at every call.

    Many walkers, each stretched towards or away from one of the others: so the steps have the shape of what is drawn,
    however long and narrow it is (Goodman and Weare, Comm. App. Math. Comp. Sci. 5, 65 (2010),
    doi:10.2140/camcos.2010.5.65).
    """
    random = np.random.default_rng(0)
    half = np.exp(best[1])
    room = 4 * half + float(np.ptp(depth))
    size = 0.8 * (2 * half / len(depth) + float(np.median(sigma)) / np.sqrt(len(depth)))

    def chance(planes: np.ndarray) -> np.ndarray:
        # The prior is flat in the thickness, not in its logarithm.
        return _log_likelihood(planes, depth, across, sigma, room) + planes[:, 1]

    walkers = best + random.normal(0, 1, (_WALKERS, 4)) * [size, size / half, 1.7 * size, 1.7 * size]
    value = chance(walkers)
    halves = np.arange(_WALKERS).reshape(2, -1)
    kept = np.empty((_STEPS, _WALKERS, 4))
    for step in range(_STEPS):
        for moved, others in (halves, halves[::-1]):
            stretch = (1 + random.random(len(moved))) ** 2 / 2
            partner = walkers[random.choice(others, len(moved))]
            to = partner + stretch[:, None] * (walkers[moved] - partner)
            new = chance(to)
            taken = np.log(random.random(len(moved))) < 3 * np.log(stretch) + new - value[moved]
            walkers[moved[taken]], value[moved[taken]] = to[taken], new[taken]
        kept[step] = walkers
    return kept[_BURN:].reshape(-1, 4)
