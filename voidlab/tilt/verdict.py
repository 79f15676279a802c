"""Good, check or do not use: what the checks of a reconstruction mean, with the reasons in words."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from voidlab.tables.listing import name_first, number_of
from voidlab.tables.verdict import CHECK, DO_NOT_USE, GOOD
from voidlab.tilt.checks import Checks

_SMALL_RANGE_DEG = 10.0
_FEW_VIEWS = 5
_FEW_VOIDS = 20
_DRIFT_SIGMA_PX = 0.1
_ANGLES_OFF_DEG = 1.0
_AXES_APART_DEG = 15.0
_LEFT_OUT_ERROR = 1.5
# Below the first a figure fails, below the second it is worth a look.
_LEFT_OUT = (0.35, 0.55)
_GAP = (0.6, 0.85)
_USED = (0.4, 0.6)
_COVERAGE = (0.45, 0.6)


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on beside the `Checks`; angles in degrees."""

    frames: np.ndarray  # numbers of the views, in the order of their tilts
    points: int
    tilt_range_deg: float
    drift_sigma_px: float
    sigma_z_px: float
    angle_change_deg: float
    axes_apart_deg: float


def assess(checks: Checks, evidence: Evidence) -> tuple[str, list[str]]:
    """Verdict and its reasons; a good one has none."""
    failures: list[str] = []
    doubts: list[str] = []
    for value, (least, fair), text in (
        (checks.used, _USED, "only {:.0%} of the detections could be linked"),
        (checks.coverage, _COVERAGE, "a void is linked in only {:.0%} of the views that show its place"),
    ):
        if value < fair:
            (failures if value < least else doubts).append(text.format(value))
    frames = [f"frame {frame}" for frame in evidence.frames]
    gaps = [f"frames {a} to {b}" for a, b in pairwise(evidence.frames)]
    for shares, (least, fair), names, text in (
        (checks.left_out, _LEFT_OUT, frames, "only {} of the voids are where other views have them"),
        (checks.gap_links, _GAP, gaps, "only {} of the voids that should be are linked across"),
    ):
        for bad, into in ((shares < least, failures), ((shares >= least) & (shares < fair), doubts)):
            if bad.any():
                into.append(_where(names, shares, bad, text))
    if checks.duplicates > 0.1:
        doubts.append(f"{checks.duplicates:.0%} of the points lie in the same place as another")
    off = np.flatnonzero(checks.left_out_error > _LEFT_OUT_ERROR)
    if len(off):
        some = name_first([frames[row] for row in off], 3)
        doubts.append(
            f"{some}: the voids lie {np.nanmax(checks.left_out_error):.1f} times as far as their errors allow "
            "from where other views have them"
        )
    doubts += _doubts(evidence)
    if failures:
        return DO_NOT_USE, failures + doubts
    return (CHECK, doubts) if doubts else (GOOD, [])


def _doubts(evidence: Evidence) -> list[str]:
    """What leaves a reconstruction usable, but less sure than it looks."""
    doubts = []
    if evidence.tilt_range_deg < _SMALL_RANGE_DEG:
        doubts.append(
            f"the tilts span only {evidence.tilt_range_deg:.1f}°: depths are known to ± {evidence.sigma_z_px:.1f} px"
        )
    if len(evidence.frames) < _FEW_VIEWS:
        doubts.append(
            f"only {number_of(len(evidence.frames), 'view')}: a wrong link is hard to tell from a right one"
        )
    if evidence.points < _FEW_VOIDS:
        doubts.append(f"only {number_of(evidence.points, 'void')} could be placed in depth")
    if evidence.drift_sigma_px > _DRIFT_SIGMA_PX:
        doubts.append(f"the drift is known to ± {evidence.drift_sigma_px:.2f} px only")
    if evidence.angle_change_deg > _ANGLES_OFF_DEG:
        doubts.append(f"the tilts fit best when changed by {evidence.angle_change_deg:.1f}° (rms)")
    if evidence.axes_apart_deg > _AXES_APART_DEG:
        doubts.append(
            "two estimates of the tilt axis, from stretching and from the points, differ by "
            f"{evidence.axes_apart_deg:.0f}°"
        )
    return doubts


def _where(names: list[str], shares: np.ndarray, bad: np.ndarray, text: str) -> str:
    """Where a share is too small, the worst first, and how small."""
    worst = np.argsort(np.where(bad, shares, np.inf), kind="stable")[: int(bad.sum())]
    low, high = (max(float(shares[row]), 0.0) for row in (worst[0], worst[-1]))
    share = f"{low:.0%}" if f"{low:.0%}" == f"{high:.0%}" else f"{low:.0%} to {high:.0%}"
    return f"{name_first([names[row] for row in worst], 3)}: {text.format(share)}"
