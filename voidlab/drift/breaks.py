"""Where a series shows another field from one frame to the next: turned, mirrored, at another magnification or place.

A drift shifts; it cannot put such frames upon one another, and the shifts found across are those of chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from voidlab.drift.apply import position_columns

_NEAR = 4  # frames across: a single blurred or blank frame is passed over
_LEAST_SIDE = 2  # frames on either side; a single one at an end has a large error of its own
_LEAST_PAIRS = 3
_AROUND = 30  # frames on either side that tell what is usual
_ALIKE = 0.75  # of the usual likeness of frames as far apart in the series

_LEAST_VOIDS = 8
_REACH_PX = 5.0  # within which a void is the same as in the frame before
_ROUNDS = 6
_LEAST_TURN_PX, _LEAST_IN_ALL_PX = 1.0, 3.0  # at the rim of the field
_SURE = 6.0  # standard errors


@dataclass(frozen=True)
class Break:
    """From ``frame`` on; ``likeness`` across it, over that of other frames as far apart."""

    frame: int
    likeness: float


def find_breaks(pairs: pd.DataFrame) -> list[Break]:
    """Frames from which on those before are hardly found again, by the table ``pairs``.

    Of all pairs of frames within four of each other that lie across, the most alike counts: a series in which frames
    change step by step has no break, nor has one in which a single frame is bad.
    """
    numbers = np.unique(pairs[["frame_a", "frame_b"]].to_numpy())
    if len(numbers) < 2 * _LEAST_SIDE:
        return []
    early, late = (np.searchsorted(numbers, pairs[side].to_numpy()) for side in ("frame_a", "frame_b"))
    early, late = np.minimum(early, late), np.maximum(early, late)
    apart = late - early
    near = apart <= _NEAR
    early, late, apart, peak = early[near], late[near], apart[near], pairs["peak"].to_numpy(float)[near]
    found = []
    for cut in range(_LEAST_SIDE, len(numbers) - _LEAST_SIDE + 1):
        around = np.flatnonzero((early >= cut - _AROUND) & (late < cut + _AROUND))
        across = (early[around] < cut) & (late[around] >= cut)
        if across.sum() < _LEAST_PAIRS or across.all():
            continue
        usual, likeness = np.nan, 0.0
        for lag in range(1, _NEAR + 1):
            here = apart[around] == lag
            if (here & ~across).any():
                usual = float(np.median(peak[around][here & ~across]))
            likeness = max(likeness, *(peak[around][here & across] / max(usual, 1e-12)), 0.0)
        if likeness < _ALIKE:
            found.append(Break(int(numbers[cut]), likeness))
    return found


@dataclass(frozen=True)
class Turn:
    """A field of voids that is turned by ``rotation_deg`` (clockwise as shown) and magnified ``zoom`` times, from
    ``frame`` on or (None) over the whole series; ``rim_px``: by how much that moves its rim.
    """

    frame: int | None
    rotation_deg: float
    zoom: float
    rim_px: float

    @classmethod
    def of(cls, factor: complex, frame: int | None, rim_px: float) -> Turn:
        return cls(frame, float(np.degrees(np.angle(factor))), abs(factor), abs(factor - 1) * rim_px)


def find_turns(placed: pd.DataFrame) -> list[Turn]:
    """Where all voids lie turned or magnified about the middle from one frame to the next, or from first to last.

    No drift takes that away; `find_breaks` sees only what is more. Of a series at one tilt: voids in depth move
    otherwise. Fields of fewer than eight voids tell nothing.

    Parameters
    ----------
    placed : DataFrame
        ``frame`` and drift-corrected positions of the voids, px. Those at the edge do not count, where
        ``touches_edge`` is there.
    """
    if "touches_edge" in placed:
        placed = placed[~placed["touches_edge"]]
    every = placed[[*position_columns(placed)]].to_numpy(np.float64)
    middle = every.mean(axis=0) if len(every) else np.zeros(2)
    seen = placed["frame"].to_numpy(np.int64)
    frames = np.unique(seen).tolist()
    points = [(every[seen == frame] - middle) @ (1, 1j) for frame in frames]
    if len(frames) < 2 * _LEAST_SIDE:
        return []
    rim_px = float(np.quantile(np.hypot(*(every - middle).T), 0.95))
    found, total, variance = [], 1 + 0j, 0.0
    for frame, before, after in zip(frames[1:], points[:-1], points[1:], strict=True):
        factor, sigma = _step(before, after)
        if not np.isfinite(sigma):
            continue
        total, variance = total * factor, variance + sigma**2
        turn = Turn.of(factor, frame, rim_px)
        if turn.rim_px > max(_LEAST_TURN_PX, _SURE * sigma * rim_px):
            found.append(turn)
    whole = Turn.of(total, None, rim_px)
    if not found and whole.rim_px > max(_LEAST_IN_ALL_PX, _SURE * float(np.sqrt(variance)) * rim_px):
        found.append(whole)
    return found


def _step(before: np.ndarray, after: np.ndarray) -> tuple[complex, float]:
    """How voids at ``before`` (complex) are turned and magnified in ``after``; its standard error, NaN if unknown."""
    unknown = complex("nan"), float("nan")
    if min(len(before), len(after)) < _LEAST_VOIDS:
        return unknown
    there = cKDTree(np.column_stack([after.real, after.imag]))
    factor, shift = 1 + 0j, 0j
    for _ in range(_ROUNDS):
        guess = factor * before + shift
        apart, target = there.query(np.column_stack([guess.real, guess.imag]))
        rows = np.flatnonzero(apart <= _REACH_PX)
        # The nearest of those that would be the same.
        rows = rows[np.argsort(apart[rows], kind="stable")]
        rows = rows[np.unique(target[rows], return_index=True)[1]]
        if len(rows) < max(_LEAST_VOIDS, min(len(before), len(after)) / 3):
            return unknown
        old, new = before[rows], after[target[rows]]
        off = abs(new - factor * old - shift)
        kept = off <= 3 * max(float(np.median(off)), 1e-6)
        old, new = old[kept], new[kept]
        centre = old.mean()
        spread = float((abs(old - centre) ** 2).sum())
        if spread == 0:
            return unknown
        factor = complex((np.conj(old - centre) * (new - new.mean())).sum() / spread)
        shift = complex(new.mean() - factor * centre)
    variance = float((abs(new - factor * old - shift) ** 2).sum()) / max(len(old) - 2, 1)
    return factor, float(np.sqrt(variance / spread))
