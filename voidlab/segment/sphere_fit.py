"""Spheres fitted to the brightness around voids: for all of an image one fringe and one blur, for each its radius."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy import optimize

from voidlab.segment.azimuthal import Profile
from voidlab.segment.fringe_profiles import RADII, corners, profiles

# Radii tried, over the given one: the least, the largest and their distance, logarithms.
_WIDE = (-0.8, 0.5, 0.065)
_NEAR = (-0.12, 0.12, 0.02)
_FINE = (-0.084, 0.084, 0.014)
_FRINGES = np.geomspace(0.06, 2.2, 13)  # tried, over the usual radius
_BLURS_PX = (0.5, 1.1, 2.2)
_FLOOR = 0.04  # of the range of a profile: how nearly any sphere describes a void
_LEAST_MISFIT = 0.2  # for a standard error: with it, one holds two of three simulated radii
_EVEN = 0.1  # misfit, below which a better fit says nothing
_RESAMPLES = 40
_TOGETHER = 300  # voids fitted at once: in memory they are few
_STARTS = 4
_TRIES = 50  # of fringe, blur and phase from each start, and three times as many from the best
_MORE = 0.12  # absorption of the second profile that is mixed in
_MIXED = 1.0  # standard deviation of how much of their difference a void has, over its contrast
# Of a unit of the logarithm of the phase, squared: noise alone would let it wander to phases that no void has.
_PHASE_WORTH = 0.06
_USUAL_PHASE = 0.5  # of a usual void, rad: bubbles of 1 to 4 nm in radius shift it by 0.2 to 1
_FRINGE, _BLUR, _PHASE = range(3)  # of what is fitted to all voids, as logarithms
_STEPS = np.array([0.15, 0.3, 0.4])  # of the first tries
SIGMA_OF_GIVEN = 0.05  # relative error of a fringe that is given: the defocus to 10 %


@dataclass(frozen=True)
class Curves:
    """Profiles of some voids as arrays of one length; ``weight`` is 0 where one has ended."""

    distance: np.ndarray
    brightness: np.ndarray
    weight: np.ndarray
    free: np.ndarray

    @classmethod
    def of(cls, found: Sequence[Profile]) -> Self:
        """From profiles of any lengths."""
        longest = max(len(each.distance) for each in found)
        parts = np.zeros((3, len(found), longest))
        parts[2] = np.inf
        for row, each in enumerate(found):
            parts[:, row, : len(each.distance)] = each.distance, each.brightness, each.sigma
        distance, brightness, sigma = parts
        there = np.isfinite(sigma)
        top = np.where(there, brightness, -np.inf).max(axis=1)
        low = np.where(there, brightness, np.inf).min(axis=1)
        floor = _FLOOR * (top - low)[:, None]
        weight = np.where(there, 1 / (sigma**2 + floor**2 + 1e-18), 0.0)
        return cls(distance, brightness, weight, np.maximum(there.sum(axis=1) - 3, 1))

    def of_rows(self, rows: np.ndarray) -> Self:
        """Those of some voids."""
        return type(self)(*(part[rows] for part in (self.distance, self.brightness, self.weight, self.free)))


@dataclass(frozen=True)
class Focus:
    """What all voids of an image have in common.

    Attributes
    ----------
    under : bool
        Under focus: bright voids with a dark fringe.
    fringe_px, fringe_sigma_px : float
        sqrt(wavelength × |defocus|) and its standard error.
    blur_px : float
        Standard deviation of the blur.
    phase_per_px : float
        Phase shift through a void's middle per px of its radius, rad.
    misfit, misfit_without : float
        How far the profiles are from spheres out of focus, and from spheres in focus; the mean logarithm.
    seen_px : float or None
        Where the fringe was given, the one that the images themselves speak for.
    grain_px : float or None
        The one that the grain of the foil speaks for, see `voidlab.segment.thon_rings`; None where it says nothing.
    """

    under: bool
    fringe_px: float
    fringe_sigma_px: float
    blur_px: float
    phase_per_px: float
    misfit: float
    misfit_without: float
    seen_px: float | None = None
    grain_px: float | None = None


@dataclass(frozen=True)
class Fit:
    """Radius of each sphere, its standard error, its contrast, and the misfit over what the noise makes."""

    radius: np.ndarray
    sigma: np.ndarray
    gain: np.ndarray
    misfit: np.ndarray


def infer_focus(curves: Curves, radius: np.ndarray, phases_per_px: Sequence[float], *, under: bool) -> Focus:
    """The fringe, blur and, of those given, phase that describe all voids best; ``radius``: about what they have."""
    fringes = _FRINGES * float(np.median(radius))
    vary = (_FRINGE, _BLUR) if len(phases_per_px) == 1 else (_FRINGE, _BLUR, _PHASE)
    near, state, costs = _fit_all(curves, radius, fringes, phases_per_px, vary, under=under)
    line = np.linspace(-0.3, 0.3, 7)
    along = np.array([near.costs(state + np.array([step, 0, 0]), under=under) for step in line])
    random = np.random.default_rng(0)
    drawn = random.integers(len(radius), size=(_RESAMPLES, len(radius)))
    again = [_lowest(line, along[:, rows].mean(axis=1)) for rows in drawn]
    fringe, blur_px, phase = np.exp(state).tolist()
    misfit, without = float(near.costs(state, under=under).mean()), float(costs[0].mean(axis=1).min())
    return Focus(under, fringe, fringe * float(np.std(again)), blur_px, phase, misfit, without)


def with_fringe(
    focus: Focus, fringe_px: float, curves: Curves, radius: np.ndarray, phases_per_px: Sequence[float]
) -> Focus:
    """A fringe that somebody knows in place of the one in ``focus``, with the blur and phase that go with it."""
    fringes = np.array([fringe_px])
    near, state, _ = _fit_all(curves, radius, fringes, phases_per_px, (_BLUR, _PHASE), under=focus.under)
    _, blur_px, phase = np.exp(state).tolist()
    misfit = float(near.costs(state, under=focus.under).mean())
    return replace(
        focus,
        fringe_px=fringe_px,
        fringe_sigma_px=SIGMA_OF_GIVEN * fringe_px,
        blur_px=blur_px,
        phase_per_px=phase,
        misfit=misfit,
        seen_px=focus.fringe_px,
    )


def _fit_all(
    curves: Curves,
    radius: np.ndarray,
    fringes: np.ndarray,
    phases_per_px: Sequence[float],
    vary: tuple[int, ...],
    *,
    under: bool,
) -> tuple[_Tried, np.ndarray, np.ndarray]:
    """The spheres near the best fit to all voids; fringe, blur and phase there, as logarithms; costs from afar."""
    blurs = np.array(_BLURS_PX)
    middle = phases_per_px[len(phases_per_px) // 2]
    wide = _Tried.around(curves, radius, *_WIDE)
    chi = np.array([[wide.misfits((f, b, middle), under=under)[0] for b in blurs] for f in fringes])
    costs = _cost(chi, curves)
    # Fringe, blur and radius make up for each other: more than one place looks lowest from afar.
    at, blur = np.unravel_index(costs.mean(axis=2).argsort(axis=None)[:_STARTS], costs.shape[:2])
    found = []
    for f, b in zip(at, blur, strict=True):
        near = _Tried.around(curves, _at_least(wide.radius, chi[f, b]), *_NEAR)
        begin = [np.log([fringes[f], blurs[b], phase]) for phase in phases_per_px]
        found.append((*_lowest_near(near, begin, vary, _TRIES, under=under), near))
    _, state, near = min(found, key=lambda each: each[0])
    # Once more from there, with the radii that go with it.
    fringe, blur_px, phase = np.exp(state).tolist()
    radius = _at_least(near.radius, near.misfits((fringe, blur_px, phase), under=under)[0])
    near = _Tried.around(curves, radius, *_NEAR)
    _, state = _lowest_near(near, [state], vary, 3 * _TRIES, under=under)
    return near, state, costs


def _lowest_near(
    near: _Tried, begin: Sequence[np.ndarray], vary: tuple[int, ...], tries: int, *, under: bool
) -> tuple[float, np.ndarray]:
    """Lowest mean cost near the best of some beginnings, and the logarithms of fringe, blur and phase there."""
    usual = float(np.median(near.radius))

    def mean_cost(state: np.ndarray) -> float:
        prior = _phase_cost(state[_PHASE], usual) if _PHASE in vary else 0.0
        return float(near.costs(state, under=under).mean()) + prior

    first, free = min(begin, key=mean_cost), list(vary)

    def with_part(part: np.ndarray) -> np.ndarray:
        state = first.copy()
        state[free] = part
        return state

    simplex = np.vstack([first[free], first[free] + np.diag(_STEPS[free])])
    options = {"initial_simplex": simplex, "maxfev": tries}
    found = optimize.minimize(
        lambda part: mean_cost(with_part(part)), first[free], method="Nelder-Mead", options=options
    )
    return float(found.fun), with_part(found.x)


def _at_least(radius: np.ndarray, chi: np.ndarray) -> np.ndarray:
    """Of each void's radii, (n, candidates), that of the least misfit."""
    return np.asarray(np.take_along_axis(radius, chi.argmin(axis=1)[:, None], 1)[:, 0])


def fit_radii(curves: Curves, radius: np.ndarray, focus: Focus) -> Fit:
    """The sphere that describes each void best, in an image of this focus."""
    parts = np.array_split(np.arange(len(radius)), len(radius) // _TOGETHER + 1)
    fits = [_fit_some(curves.of_rows(rows), radius[rows], focus) for rows in parts if len(rows)]
    names = ("radius", "sigma", "gain", "misfit")
    return Fit(*(np.concatenate([getattr(each, name) for each in fits]) for name in names))


def _fit_some(curves: Curves, radius: np.ndarray, focus: Focus) -> Fit:
    state = focus.fringe_px, focus.blur_px, focus.phase_per_px
    rows = np.arange(len(radius))
    wide = _Tried.around(curves, radius, *_WIDE)
    chi, _ = wide.misfits(state, under=focus.under)
    near = _Tried.around(curves, _at_least(wide.radius, chi), *_FINE)
    chi, gain = near.misfits(state, under=focus.under)
    at, off, least, bend = _lowest_between(chi)
    found = near.radius[rows, at] * np.exp(_FINE[2] * off)
    misfit = np.maximum(least, 0) / curves.free
    sigma = found * _FINE[2] * np.sqrt(2 / np.maximum(bend, 1e-9) * np.maximum(misfit, _LEAST_MISFIT))
    return Fit(found, sigma, gain[rows, chi.argmin(axis=1)], misfit)


def _phase_cost(log_phase: float, usual: float) -> float:
    """How unlikely a phase is beforehand."""
    return _PHASE_WORTH * float(log_phase + np.log(usual / _USUAL_PHASE)) ** 2


def _cost(chi: np.ndarray, curves: Curves) -> np.ndarray:
    """Logarithm of the misfit of the best radius, of candidates along the last axis: so that no odd void decides."""
    _, _, least, _ = _lowest_between(chi)
    return np.log(np.maximum(least, 0) / curves.free + _EVEN)


def _lowest_between(chi: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where chi squared is lowest along the last axis, also between candidates: else a cost would have steps.

    A candidate, how far from it (candidates), chi squared there, and its second difference.
    """
    at = np.clip(chi.argmin(axis=-1), 1, chi.shape[-1] - 2)
    before, here, after = (np.take_along_axis(chi, at[..., None] + k, -1)[..., 0] for k in (-1, 0, 1))
    bend, slope = before - 2 * here + after, (after - before) / 2
    off = np.clip(-slope / np.maximum(bend, 1e-9), -1, 1)
    return at, off, here + slope * off + bend * off**2 / 2, bend


def _lowest(at: np.ndarray, cost: np.ndarray) -> float:
    """Where a cost sampled at even steps is lowest."""
    k = int(np.clip(cost.argmin(), 1, len(at) - 2))
    bend = cost[k - 1] - 2 * cost[k] + cost[k + 1]
    off = 0.0 if bend <= 0 else float(np.clip(0.5 * (cost[k - 1] - cost[k + 1]) / bend, -1, 1))
    return float(at[k] + off * (at[1] - at[0]))


@dataclass(frozen=True)
class _Tried:
    """Radii tried for each void, and where its profile lies in those of spheres: for any focus the same.

    The radii of all voids are of one geometric series, so that few spheres serve them all. It has 1 px in it, so that
    what is tried for a void does not depend on the others.

    Attributes
    ----------
    curves : Curves
    series : ndarray of shape (spheres,)
        Radii, px.
    which : ndarray of shape (n, candidates), int
        Those tried for each void, of ``series``.
    below : ndarray of shape (n, candidates, distances), int
        Place in a raveled table (spheres, `RADII`) of the radius below that of the profile.
    share : ndarray of shape (n, candidates, distances)
        Of the way to the next one.
    """

    curves: Curves
    series: np.ndarray
    which: np.ndarray
    below: np.ndarray
    share: np.ndarray

    @classmethod
    def around(cls, curves: Curves, radius: np.ndarray, low: float, high: float, step: float) -> Self:
        """Radii from ``low`` to ``high`` around about those given, ``step`` apart: all logarithms."""
        number = np.rint(np.log(radius) / step).astype(int)[:, None]
        number = number + np.arange(round(low / step), round(high / step) + 1)
        series = np.exp(step * np.arange(number.min(), number.max() + 1))
        which = number - number.min()
        place = np.interp(
            curves.distance[:, None, :] / series[which][:, :, None], RADII, np.arange(len(RADII))
        )
        below = np.minimum(place.astype(int), len(RADII) - 2)
        return cls(curves, series, which, below + len(RADII) * which[:, :, None], place - below)

    @property
    def radius(self) -> np.ndarray:
        """Radii tried, (n, candidates)."""
        return self.series[self.which]

    def misfits(self, state: tuple[float, float, float], *, under: bool) -> tuple[np.ndarray, np.ndarray]:
        """Chi squared of the spheres, (n, candidates), and their contrast.

        ``state`` is fringe (px), blur (px) and phase per px. Brightness, contrast and absorption of each are those
        that fit best: diffraction makes voids of one image brighter and darker. A contrast of the wrong sign is none.
        """
        fringe, blur, phase = state
        around = corners(fringe / self.series, blur / self.series, phase * self.series)
        usual = profiles(under).of_spheres(around)
        change = profiles(under, _MORE).of_spheres(around) - usual
        curves = self.curves
        total = curves.weight.sum(axis=1)[:, None]
        middle = (curves.weight * curves.brightness).sum(axis=1)[:, None] / total
        root = np.sqrt(curves.weight)
        grey = root * (curves.brightness - middle)
        m, c = (root[:, None, :] * self._seen(each) for each in (usual, change))
        m_sum, c_sum, gm, gc = (_dot(*pair) for pair in ((m, root), (c, root), (m, grey), (c, grey)))
        mm, mc, cc = (np.einsum("ijk,ijk->ij", *pair) for pair in ((m, m), (m, c), (c, c)))
        mm, mc, cc = mm - m_sum**2 / total, mc - m_sum * c_sum / total, cc - c_sum**2 / total
        about = np.maximum(gm / np.maximum(mm, 1e-30), 1e-12)
        cc = cc + 1 / (_MIXED * about) ** 2
        gain = np.clip((gm * cc - mc * gc) / np.maximum(mm * cc - mc**2, 1e-30), 0, None)
        mixed = (gc - gain * mc) / cc
        return (grey**2).sum(axis=1)[:, None] - gain * gm - mixed * gc, gain

    def costs(self, state: np.ndarray, *, under: bool) -> np.ndarray:
        """Cost of each void at the logarithms of fringe, blur and phase."""
        fringe, blur, phase = np.exp(state)
        return _cost(self.misfits((fringe, blur, phase), under=under)[0], self.curves)

    def _seen(self, spheres: np.ndarray) -> np.ndarray:
        """Profiles of spheres, (spheres, `RADII`), where those of the voids have been measured."""
        steps = np.diff(spheres, axis=1, append=0)
        return np.asarray(spheres.ravel().take(self.below) + self.share * steps.ravel().take(self.below))


def _dot(profiles: np.ndarray, each: np.ndarray) -> np.ndarray:
    """Of each void's candidates with its own (n, distances)."""
    return np.asarray((profiles @ each[:, :, None])[:, :, 0])
