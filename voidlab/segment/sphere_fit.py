"""Spheres fitted to the brightness around voids: for all of an image one fringe and one blur, for each its radius."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import optimize

from voidlab.segment.azimuthal import Profile
from voidlab.segment.fringe_profiles import PHASES, profiles

_WIDE = np.exp(np.linspace(-0.8, 0.5, 22))  # radii tried, over the given one
_NEAR = np.exp(np.linspace(-0.12, 0.12, 13))
_FINE = np.exp(np.linspace(-0.08, 0.08, 13))
_FRINGES = np.geomspace(0.06, 2.2, 13)  # tried, over the usual radius
_BLURS_PX = (0.5, 1.1, 2.2)
_FLOOR = 0.04  # of the range of a profile: how nearly any sphere describes a void
_EVEN = 0.1  # misfit, below which a better fit says nothing
_RESAMPLES = 40
_STARTS = 4
_MORE = 0.12  # absorption of the second profile that is mixed in
_MIXED = 1.0  # standard deviation of how much of their difference a void has, over its contrast
_PHASE_WORTH = 0.01  # of a unit of the logarithm of the phase, squared, where the phase is not known


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
    """

    under: bool
    fringe_px: float
    fringe_sigma_px: float
    blur_px: float
    phase_per_px: float
    misfit: float
    misfit_without: float


@dataclass(frozen=True)
class Fit:
    """Radius of each sphere, its standard error, its contrast, and the misfit over what the noise makes."""

    radius: np.ndarray
    sigma: np.ndarray
    gain: np.ndarray
    misfit: np.ndarray


def infer_focus(curves: Curves, radius: np.ndarray, phases_per_px: Sequence[float], *, under: bool) -> Focus:
    """The fringe, blur and, of those given, phase that describe all voids best; ``radius``: about what they have."""
    usual = float(np.median(radius))
    fringes, blurs = _FRINGES * usual, np.array(_BLURS_PX)
    middle = phases_per_px[len(phases_per_px) // 2]
    wide = radius[:, None] * _WIDE
    chi = np.array([[_misfits(curves, wide, (f, b, middle), under=under)[0] for b in blurs] for f in fringes])
    costs = _cost(chi, curves)
    # Fringe, blur and radius make up for each other: more than one place looks lowest from afar.
    at, blur = np.unravel_index(costs.mean(axis=2).argsort(axis=None)[:_STARTS], costs.shape[:2])
    found = []
    for f, b in zip(at, blur, strict=True):
        about = wide[np.arange(len(radius)), chi[f, b].argmin(axis=1)]
        begin = np.log([fringes[f], blurs[b], middle])
        found.append(_lowest_near(curves, about, begin, np.log(phases_per_px), under=under))
    misfit, state, near = min(found, key=lambda each: each[0])
    line = np.linspace(-0.3, 0.3, 7)
    along = np.array([_costs_at(curves, near, state + np.array([step, 0, 0]), under=under) for step in line])
    random = np.random.default_rng(0)
    drawn = random.integers(len(radius), size=(_RESAMPLES, len(radius)))
    again = [_lowest(line, along[:, rows].mean(axis=1)) for rows in drawn]
    fringe, blur_px, phase = np.exp(state).tolist()
    without = float(costs[0].mean(axis=1).min())
    return Focus(under, fringe, fringe * float(np.std(again)), blur_px, phase, misfit, without)


def _costs_at(curves: Curves, near: np.ndarray, state: np.ndarray, *, under: bool) -> np.ndarray:
    """Cost of each void at the logarithms of fringe, blur and phase."""
    fringe, blur, phase = np.exp(state)
    return _cost(_misfits(curves, near, (fringe, blur, phase), under=under)[0], curves)


def _lowest_near(
    curves: Curves, radius: np.ndarray, begin: np.ndarray, phases: np.ndarray, *, under: bool
) -> tuple[float, np.ndarray, np.ndarray]:
    """Mean cost, the logarithms of fringe, blur and phase, and the radii tried, where it is lowest near ``begin``."""
    near, usual = radius[:, None] * _NEAR, float(np.median(radius))
    free = 3 if len(phases) > 1 else 2

    def mean_cost(state: np.ndarray) -> float:
        whole = np.append(state, begin[len(state) :])
        prior = _phase_cost(whole[2], usual) if free == 3 else 0.0
        return float(_costs_at(curves, near, whole, under=under).mean()) + prior

    begin = min((np.array([*begin[:2], phase]) for phase in phases), key=mean_cost)
    simplex = np.vstack([begin[:free], begin[:free] + np.diag([0.15, 0.3, 0.4])[:free, :free]])
    options = {"initial_simplex": simplex, "maxfev": 30 * free - 20}
    found = optimize.minimize(mean_cost, begin[:free], method="Nelder-Mead", options=options)
    state = np.append(found.x, begin[free:])
    return float(_costs_at(curves, near, state, under=under).mean()), state, near


def fit_radii(curves: Curves, radius: np.ndarray, focus: Focus) -> Fit:
    """The sphere that describes each void best, in an image of this focus."""
    state = focus.fringe_px, focus.blur_px, focus.phase_per_px
    rows = np.arange(len(radius))
    wide = radius[:, None] * _WIDE
    chi, _ = _misfits(curves, wide, state, under=focus.under)
    near = wide[rows, chi.argmin(axis=1)][:, None] * _FINE
    chi, gain = _misfits(curves, near, state, under=focus.under)
    best = chi.argmin(axis=1)
    low = np.clip(best - 1, 0, len(_FINE) - 3)
    before, here, after = (chi[rows, low + k] for k in range(3))
    bend = np.maximum(before - 2 * here + after, 1e-9)
    step = np.log(_FINE[1] / _FINE[0])
    off = np.clip(0.5 * (before - after) / bend, -1.5, 1.5)
    found = near[rows, low + 1] * np.exp(step * off)
    misfit = chi[rows, best] / curves.free
    sigma = found * step * np.sqrt(2 / bend * np.maximum(misfit, 0.3))
    return Fit(found, sigma, gain[rows, best], misfit)


def _phase_cost(log_phase: float, usual: float) -> float:
    """How unlikely a phase is beforehand: voids that are seen well shift it by about 1 rad."""
    return _PHASE_WORTH * float(log_phase + np.log(usual)) ** 2


def _cost(chi: np.ndarray, curves: Curves) -> np.ndarray:
    """Logarithm of the misfit of the best of the candidates, the last axis: so that no odd void decides."""
    return np.log(chi.min(axis=-1) / curves.free + _EVEN)


def _lowest(at: np.ndarray, cost: np.ndarray) -> float:
    """Where a cost sampled at even steps is lowest."""
    k = int(np.clip(cost.argmin(), 1, len(at) - 2))
    bend = cost[k - 1] - 2 * cost[k] + cost[k + 1]
    off = 0.0 if bend <= 0 else float(np.clip(0.5 * (cost[k - 1] - cost[k + 1]) / bend, -1, 1))
    return float(at[k] + off * (at[1] - at[0]))


def _misfits(
    curves: Curves, radius: np.ndarray, state: tuple[float, float, float], *, under: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Chi squared of spheres of radii (n, candidates), and their contrast.

    ``state`` is fringe (px), blur (px) and phase per px. Brightness, contrast and absorption of each are those that
    fit best: diffraction makes voids of one image brighter and darker. A contrast of the wrong sign is none.
    """
    fringe, blur, phase = state
    r = radius[:, :, None]
    at = curves.distance[:, None, :] / r, fringe / r, blur / r, np.clip(phase * r, PHASES[0], PHASES[-1])
    usual, more = profiles(under).at(*at), profiles(under, _MORE).at(*at)
    weight = curves.weight[:, None, :]
    total = weight.sum(axis=2, keepdims=True)
    grey, model, change = (
        each - (weight * each).sum(axis=2, keepdims=True) / total
        for each in (curves.brightness[:, None, :], usual, more - usual)
    )
    gm, mm = (weight * grey * model).sum(axis=2), (weight * model**2).sum(axis=2)
    gc, mc, cc = ((weight * change * each).sum(axis=2) for each in (grey, model, change))
    about = np.maximum(gm / np.maximum(mm, 1e-30), 1e-12)
    cc = cc + 1 / (_MIXED * about) ** 2
    gain = np.clip((gm * cc - mc * gc) / np.maximum(mm * cc - mc**2, 1e-30), 0, None)
    mixed = (gc - gain * mc) / cc
    return (weight * grey**2).sum(axis=2) - gain * gm - mixed * gc, gain
