"""Attempts at a reconstruction from several beginnings, until one is good."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from voidlab.tables.verdict import GOOD, VERDICTS
from voidlab.tilt.checks import Checks, check
from voidlab.tilt.inputs import LEAST_VOIDS
from voidlab.tilt.solver.axis import scan
from voidlab.tilt.solver.bundle import Prior, covariance
from voidlab.tilt.solver.grow import Linked, grow
from voidlab.tilt.solver.link import Series
from voidlab.tilt.solver.seed import Seed, place_three_views, triples
from voidlab.tilt.solver.settle import settle
from voidlab.tilt.verdict import Evidence, assess

_TILT_SIGMA = np.deg2rad(0.5)
_SCAN_SIGMA = np.deg2rad(5.0)
_GIVEN_SIGMA = np.deg2rad(0.5)
_DEPTH_REACH = 0.3  # greatest depth either way over the larger side of the field
_ATTEMPTS = 4
_AGREED = 0.35  # share of the voids in three views at once


@dataclass(frozen=True)
class Attempt:
    """A reconstruction with its checks and verdict; ``scanned`` is the axis by stretching, radians."""

    series: Series
    linked: Linked
    prior: Prior
    checks: Checks
    scanned: float
    verdict: str
    reasons: list[str]


def attempt(series: Series, frames: np.ndarray, axis: float | None) -> Attempt | None:
    """The first good attempt, else the best; None if no three views agree.

    Parameters
    ----------
    frames
        Numbers of the views.
    axis
        Direction of the axis, radians, when known.
    """
    reach = _DEPTH_REACH * float(np.ptp(series.corners, axis=0).max())
    scanned = scan(series, reach)
    best = None
    for seed in _seeds(series, scanned[:2] if axis is None else np.array([axis]), reach):
        prior = Prior(
            seed.cameras.axis, _SCAN_SIGMA if axis is None else _GIVEN_SIGMA, series.tilt, _TILT_SIGMA
        )
        linked = settle(series, grow(series, seed, prior), prior)
        if linked.count < LEAST_VOIDS - 1:
            continue
        checks = check(series, linked)
        evidence = _evidence(series, frames, linked, prior, float(scanned[0]))
        now = Attempt(series, linked, prior, checks, float(scanned[0]), *assess(checks, evidence))
        if best is None or _rank(now) > _rank(best):
            best = now
        if best.verdict == GOOD:
            break
    return best


def _seeds(series: Series, axes: np.ndarray, reach: float) -> Iterator[Seed]:
    """Beginnings to try, made when asked for: triples of views that agree, the likeliest axis first."""
    given = 0
    for least, most in ((_AGREED, np.inf), (0.0, _AGREED)):
        for axis in axes:
            for views in triples(series.tilt)[:3]:
                seed = place_three_views(series, float(axis), views, reach)
                links = seed.track.max(initial=-1) + 1
                if least <= seed.support < most and links >= LEAST_VOIDS - 1 and given < _ATTEMPTS:
                    given += 1
                    yield seed


def _rank(attempt: Attempt) -> tuple[int, float]:
    return -VERDICTS.index(attempt.verdict), attempt.checks.used


def _evidence(series: Series, frames: np.ndarray, linked: Linked, prior: Prior, scanned: float) -> Evidence:
    cameras, count = linked.solution.cameras, len(series.tilt)
    *_, views = covariance(linked.links, linked.solution, prior)
    variance = np.diagonal(views)[1 : 1 + 2 * count]
    c, s = np.cos(cameras.tilt), np.sin(cameras.tilt)
    # The usual error of a depth: that of a void seen in all views.
    spare = (s**2).sum() - (c * s).sum() ** 2 / (c**2).sum()
    change = np.rad2deg(cameras.tilt - series.tilt)
    apart = np.rad2deg(cameras.axis - scanned)
    return Evidence(
        frames=frames,
        points=linked.count,
        tilt_range_deg=float(np.rad2deg(np.ptp(series.tilt))),
        drift_sigma_px=float(np.sqrt(variance.mean())),
        sigma_z_px=float(linked.solution.sigma_px / np.sqrt(max(spare, 1e-12))),
        angle_change_deg=float(np.sqrt((change**2).mean())),
        axes_apart_deg=float(abs((apart + 90) % 180 - 90)),
    )
