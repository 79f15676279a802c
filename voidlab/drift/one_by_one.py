"""Drift while the images come in: each void mask against some before it, and now and then all pairs together.

Provisional: what a whole series tells, `estimate_drift` tells better. Memory does not grow with the images but for a
few numbers of each; the binned masks lie in a temporary file.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.drift.binned_frames import GrowingMasks
from voidlab.drift.correlate import MIN_OVERLAP, Correlator, Shift
from voidlab.drift.pairs import overlapping, partners_before, without_blank
from voidlab.drift.solve import solve_drift

_COLUMNS = ["frame_a", "frame_b", "dx_px", "dy_px", "sigma_px", "peak", "peak_ratio"]
_LOST_PX = 3.0  # that partners disagree by in the median: a small void
_CLEAR = 1.2  # times the second peak: of masks that have nothing in common the first is hardly higher


@dataclass(frozen=True)
class Placed:
    """Drift of a mask, px, by the median of its ``partners``; how far these disagree, px, and the median of how
    much higher the peak of the correlation is than the second.

    ``shifts`` are those from each partner's row, as measured.
    """

    x_px: float
    y_px: float
    apart_px: float
    peak_ratio: float
    shifts: Mapping[int, Shift]

    @property
    def is_lost(self) -> bool:
        """Whether it is not known where it lies: its partners disagree, or none has a clear peak with it."""
        return bool(self.shifts) and (self.apart_px > _LOST_PX or self.peak_ratio < _CLEAR)


class DriftOneByOne:
    """Drift of void masks of ``shape`` (H, W), in the order in which they are added; the first one's is 0."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._masks = GrowingMasks(shape)
        self._correlator = Correlator(self._masks)
        self._drift: list[tuple[float, float]] = []
        self._pairs: list[tuple[float, ...]] = []  # of numbers alone: a table is made of them at once

    def __len__(self) -> int:
        return len(self._drift)

    def add(self, mask: np.ndarray, known: Mapping[int, Shift] | None = None) -> Placed:
        """Place one more ``mask`` (H, W); shifts ``known`` from rows before it are not measured again."""
        row = self._masks.append(mask)
        known = known or {}
        partners = [
            a for a in partners_before(row) if not self._masks.blank[a] and not self._masks.blank[row]
        ]
        shifts = {a: known[a] if a in known else self._correlator.shift(a, row) for a in partners}
        before = self._drift[-1] if self._drift else (0.0, 0.0)
        x, y, apart, ratio = *before, 0.0, 0.0
        if shifts:
            places = np.array(
                [(self._drift[a][0] + s.dx_px, self._drift[a][1] + s.dy_px) for a, s in shifts.items()]
            )
            x, y = np.median(places, axis=0).tolist()
            apart = float(np.median(np.hypot(*(places - (x, y)).T)))
            ratio = float(np.median([shift.peak_ratio for shift in shifts.values()]))
        self._drift.append((x, y))
        self._pairs += [
            (a, row, shift.dx_px, shift.dy_px, shift.sigma_px, shift.peak, shift.peak_ratio)
            for a, shift in shifts.items()
        ]
        return Placed(x, y, apart, ratio, shifts)

    def _partners(self, row: int, near: tuple[float, float]) -> list[int]:
        """Rows to measure ``row`` against, whose drift is likely ``near`` (x, y): they show some of the same."""
        blank = self._masks.blank
        pairs = without_blank(
            np.array([(a, row) for a in partners_before(row)], np.int64).reshape(-1, 2), blank
        )
        drift = np.array([*self._drift, near])
        return pairs[overlapping(pairs, drift, self._masks.full_shape, MIN_OVERLAP), 0].tolist()

    def provisional(self) -> np.ndarray:
        """Drift of all masks, (n, 2) px, each as it was placed."""
        return np.array(self._drift, np.float64).reshape(-1, 2)

    def solve(self) -> np.ndarray:
        """Drift of all masks, (n, 2) px, from all pairs together; where these say nothing, as it was placed."""
        if not self._pairs:
            return self.provisional()
        table = pd.DataFrame(np.array(self._pairs), columns=_COLUMNS).astype({"frame_a": int, "frame_b": int})
        unsolved = {"weight": 1.0, "residual_px": 0.0, "remeasured": False}
        solved = solve_drift(tables.check(table.assign(**unsolved), "pairs"), len(self), errors=False)
        return np.where(solved.connected[:, None], solved.drift_px, self.provisional())

    def close(self) -> None:
        """Remove the temporary file."""
        self._masks.close()
