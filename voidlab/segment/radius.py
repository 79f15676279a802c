"""Radii that are physics: each void's radius from its Fresnel fringe, with one defocus for the whole image.

The brightness around each void is compared with that of spheres as the microscope shows them out of focus
(`voidlab.segment.fringe_profiles`). Where the fringe is wider than the void there is no size to be read, and where
there is none the radius of the segmenter stands.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from voidlab.segment.azimuthal import Profile, azimuthal_profiles
from voidlab.segment.discs import Discs
from voidlab.segment.fringe_profiles import PHASES, profiles
from voidlab.segment.sphere_fit import Curves, Fit, Focus, fit_radii, infer_focus, with_fringe
from voidlab.segment.thon_rings import fringe_of_grain
from voidlab.tables.kinds import VOID
from voidlab.tables.size_basis import (
    FRINGE,
    NETWORK,
    NOT_A_SIZE,
    SIGMA_AS_DETECTED,
    SIGMA_OF_SHAPE,
    sigma_of_fringe,
)

_MOST_VOIDS = 40  # that the focus is inferred from
_LEAST_VOIDS = 3
_MOST_IMAGES = 2  # of which they are taken; they are all in memory
_LEAST_FRINGE = 0.1  # its depth over the void's contrast; in focus 0.03 to 0.08
_NO_SIZE = 1.3  # fringe over radius
_LEAST_GAIN = 0.5  # what a fringe has to explain, logarithm of the misfit; of voids in focus it is up to 0.3
_LEAST_GAIN_WIDE = 0.15  # of voids smaller than their fringe: they are no sharper than without one
_WORST = 1.0  # misfit of voids that are no spheres out of focus; simulated ones have up to 0.2
_PHASES = (0.4, 1.0, 2.2)  # of a usual void, tried where it is not known, rad
COLUMNS = {
    "radius_px": "radius",
    "radius_sigma_px": "sigma",
    "radius_shared_sigma_px": "shared",
    "edge_radius_px": "edge",
    "fringe_px": "fringe",
    "size_basis": "basis",
}
_OFF = 0.5  # logarithm of the radius: further from the segmenter's, and the fit is of something else
_AROUND = np.linspace(0.3, 3.0, 271)


@dataclass(frozen=True)
class Sizes:
    """Sizes of discs.

    Attributes
    ----------
    radius : ndarray of shape (n,)
        Physical radius, px: that of the sphere whose image fits; the given one where ``basis`` is not "fringe".
    sigma : ndarray of shape (n,)
        Its standard error, px; NaN where it is no size.
    shared : ndarray of shape (n,)
        The part of it that all voids of an image have in common; no number of voids makes it smaller.
    edge : ndarray of shape (n,)
        Half-way from the bright rim to the dark fringe, px, as edges are drawn by hand; the given radius without a
        fringe, as segmenters are trained on such.
    fringe : ndarray of shape (n,)
        From there to the middle of the dark fringe, px; NaN without one.
    basis : ndarray of shape (n,), str
        "fringe", "not a size", or that of the given radii.
    """

    radius: np.ndarray
    sigma: np.ndarray
    shared: np.ndarray
    edge: np.ndarray
    fringe: np.ndarray
    basis: np.ndarray

    @classmethod
    def given(cls, radius: np.ndarray, basis: str = NETWORK) -> Sizes:
        """The radii of a segmenter, and how far those of the network are off in simulated images."""
        unknown, same = np.full(len(radius), np.nan), np.full(len(radius), basis, dtype="<U10")
        sigma = SIGMA_AS_DETECTED * radius
        return cls(radius, sigma, sigma, radius, unknown, same)


def decide_focus(
    images: Iterable[tuple[np.ndarray, Discs]], *, under: bool, fringe_px: float | None = None
) -> Focus | None:
    """The focus of some images of a series: one for all of them.

    Parameters
    ----------
    images
        Images (H, W), not finite where they do not show the specimen, and the voids of each, with radii about right.
        No more are read than are needed.
    under
        Under focus: bright voids with a dark fringe.
    fringe_px
        Width of the fringe where it is known, px: it holds, be it what the images speak for or not.

    Returns
    -------
    Focus or None
        None where the voids have no fringe.
    """
    taken: list[tuple[np.ndarray, Discs]] = []
    for image, discs in images:
        taken = sorted([*taken, (image, discs)], key=lambda each: -len(each[1]))[:_MOST_IMAGES]
        if len(taken[0][1]) >= _MOST_VOIDS:
            break
    if not sum(len(discs) for _, discs in taken):
        return None
    usual = float(np.median(np.concatenate([discs.radius for _, discs in taken])))
    phases = [phase / usual for phase in _PHASES]
    first = _Voids.of(taken, None)
    if first is None:
        return None
    focus = infer_focus(*first.surest, phases, under=under)
    if _depth(*first.all, under=under) < _LEAST_FRINGE or not _is_fringe(focus, first.all[1]):
        return None
    # Once it has been found it stays; now with a mask as wide as the fringe.
    taken = first.refitted(focus)
    again = _Voids.of(taken, focus)
    if again is None:
        return None
    focus = infer_focus(*again.surest, [focus.phase_per_px], under=under)
    by_grain = filter(None, (fringe_of_grain(image) for image, _ in taken))
    focus = replace(focus, grain_px=next(by_grain, None))
    if fringe_px is None:
        return focus
    given = _Voids.of(taken, replace(focus, fringe_px=fringe_px))
    return None if given is None else with_fringe(focus, fringe_px, *given.surest, phases)


def measure_sizes(image: np.ndarray, discs: Discs, focus: Focus | None, *, basis: str = NETWORK) -> Sizes:
    """Physical radii of the voids of an image.

    Parameters
    ----------
    image : ndarray of shape (H, W)
        Not finite where it does not show the specimen.
    discs
        Voids, with radii about right.
    focus
        As `decide_focus` finds it; None where there is no fringe to measure by.
    basis
        What the given radii rest on: "network" or "edge".
    """
    sizes = Sizes.given(discs.radius, basis)
    if focus is None or not len(discs):
        return sizes
    found = _profiles_of(image, discs, focus)
    rows = np.flatnonzero([each is not None for each in found])
    if not len(rows):
        return sizes
    curves = Curves.of([each for each in found if each is not None])
    return _with_fit(sizes, rows, fit_radii(curves, discs.radius[rows], focus), focus)


def with_sizes(
    voids: pd.DataFrame, image: np.ndarray, focus: Focus | None, *, basis: str = NETWORK
) -> pd.DataFrame:
    """Table ``voids`` of an image with what the fringes tell of the sizes of its voids; loops and dots as they were.

    Returns
    -------
    DataFrame
        ``radius_px`` is the physical radius where ``size_basis`` is "fringe"; ``radius_sigma_px``,
        ``radius_shared_sigma_px``, ``edge_radius_px`` and ``fringe_px`` as in `Sizes`; ``size_basis``.
    """
    rows = (voids["kind"] == VOID).to_numpy()
    columns = (voids[name].to_numpy(float)[rows] for name in ("x_px", "y_px", "radius_px", "confidence"))
    sizes, every = (
        measure_sizes(image, Discs(*columns), focus, basis=basis),
        Sizes.given(voids["radius_px"].to_numpy(float), basis),
    )
    measured = {}
    for column, name in COLUMNS.items():
        values = getattr(every, name).copy()
        values[rows] = getattr(sizes, name)
        measured[column] = values
    return voids.assign(**measured)


def _profiles_of(image: np.ndarray, discs: Discs, focus: Focus | None) -> list[Profile | None]:
    radius = discs.radius
    if focus is None:
        return azimuthal_profiles(image, discs, reach=1.7 * radius + 7, halo=1 + 0.1 * radius)
    reach = 1.35 * radius + 1.3 * focus.fringe_px + 2
    return azimuthal_profiles(image, discs, reach=reach, halo=0.8 * focus.fringe_px)


@dataclass(frozen=True)
class _Voids:
    """The voids of some images, those in ``rows`` with a profile."""

    images: list[tuple[np.ndarray, Discs]]
    rows: np.ndarray
    curves: Curves

    @classmethod
    def of(cls, images: list[tuple[np.ndarray, Discs]], focus: Focus | None) -> _Voids | None:
        """Their profiles, with a mask as wide as the fringe; None where they are too few."""
        found = [each for image, discs in images for each in _profiles_of(image, discs, focus)]
        rows = np.flatnonzero([each is not None for each in found])
        if len(rows) < _LEAST_VOIDS:
            return None
        return cls(images, rows, Curves.of([each for each in found if each is not None]))

    @property
    def all(self) -> tuple[Curves, np.ndarray]:
        """Profiles and radii."""
        return self.curves, np.concatenate([discs.radius for _, discs in self.images])[self.rows]

    @property
    def surest(self) -> tuple[Curves, np.ndarray]:
        """Those of the voids that a focus is to be found by."""
        confidence = np.concatenate([discs.confidence for _, discs in self.images])[self.rows]
        chosen = np.argsort(-confidence, kind="stable")[:_MOST_VOIDS]
        return self.curves.of_rows(chosen), self.all[1][chosen]

    def refitted(self, focus: Focus) -> list[tuple[np.ndarray, Discs]]:
        """The images, the radii of their voids as they are with this focus."""
        radius = np.concatenate([discs.radius for _, discs in self.images])
        radius[self.rows] = fit_radii(*self.all, focus).radius
        parts = np.split(radius, np.cumsum([len(discs) for _, discs in self.images])[:-1])
        return [
            (image, replace(discs, radius=part))
            for (image, discs), part in zip(self.images, parts, strict=True)
        ]


def _depth(curves: Curves, radius: np.ndarray, *, under: bool) -> float:
    """How much darker than the surroundings it is around bright voids, over how much brighter in them; the median."""
    there, at = curves.weight > 0, curves.distance / radius[:, None]
    grey = np.where(there, curves.brightness if under else -curves.brightness, np.nan)
    far = np.where(at >= 0.75 * np.max(np.where(there, at, 0), axis=1, keepdims=True), grey, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of those with nothing there: NaN
        around = np.nanmean(far, axis=1)
        lowest = np.nanmin(np.where(at > 0.75, grey, np.nan), axis=1)
        highest = np.nanmax(np.where(at < 1, grey, np.nan), axis=1)
        return float(np.nan_to_num(np.nanmedian((around - lowest) / np.maximum(highest - around, 1e-12))))


def _is_fringe(focus: Focus, radius: np.ndarray) -> bool:
    """Whether the image shows the fringes of spheres out of focus, and not only something bright or dark."""
    wide = focus.fringe_px > _NO_SIZE * np.median(radius)
    explained = focus.misfit_without - focus.misfit
    return focus.misfit <= _WORST and explained >= (_LEAST_GAIN_WIDE if wide else _LEAST_GAIN)


def _with_fit(given: Sizes, rows: np.ndarray, fit: Fit, focus: Focus) -> Sizes:
    """The sizes of voids that spheres were fitted to; of those no sphere describes, the given ones."""
    radius, sigma, shared, edge, fringe, basis = (part.copy() for part in vars(given).values())
    wide = focus.fringe_px > _NO_SIZE * fit.radius
    good = wide | ((fit.gain > 0) & (np.abs(np.log(fit.radius / radius[rows])) < _OFF))
    rows, fitted, wide, own = rows[good], fit.radius[good], wide[good], fit.sigma[good]
    # A radius that is none would be taken for one: what the segmenter gave stays, marked.
    radius[rows] = np.where(wide, radius[rows], fitted)
    common = sigma_of_fringe(focus.fringe_px / fitted) * fitted
    sigma[rows] = np.where(wide, np.nan, np.hypot(np.hypot(own, SIGMA_OF_SHAPE * fitted), common))
    shared[rows] = np.where(wide, np.nan, common)
    edge[rows], fringe[rows] = _edges(fitted, focus)
    basis[rows] = np.where(wide, NOT_A_SIZE, FRINGE)
    return Sizes(radius, sigma, shared, edge, fringe, basis)


def _edges(radius: np.ndarray, focus: Focus) -> tuple[np.ndarray, np.ndarray]:
    """Where a hand draws the edge: half-way from rim to fringe; and from there to the middle of the fringe, px."""
    r, every, column = radius[:, None], np.arange(len(radius)), np.arange(len(_AROUND))
    phase = np.clip(focus.phase_per_px * r, PHASES[0], PHASES[-1])
    curve = profiles(focus.under).at(_AROUND, focus.fringe_px / r, focus.blur_px / r, phase)
    curve = curve if focus.under else -curve
    last = np.clip(1 + 1.2 * focus.fringe_px / r, 1.2, _AROUND[-1])
    dark = np.where(last >= _AROUND, curve, np.inf).argmin(axis=1)
    rim = np.where(column <= dark[:, None], curve, -np.inf).argmax(axis=1)
    half = (curve[every, dark] + curve[every, rim]) / 2
    between = (column >= rim[:, None]) & (column <= dark[:, None]) & (curve <= half[:, None])
    crossing = between.argmax(axis=1)
    before = np.maximum(crossing - 1, 0)
    high, low = curve[every, before], curve[every, crossing]
    share = np.clip((high - half) / np.maximum(high - low, 1e-12), 0, 1)
    at = _AROUND[before] + share * (_AROUND[crossing] - _AROUND[before])
    return at * radius, (_AROUND[dark] - at) * radius
