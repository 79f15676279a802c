"""Drift while the images come in: each void mask against some before it, and now and then all pairs together.

Provisional: what a whole series tells, `estimate_drift` tells better. Memory does not grow with the images but for a
few numbers of each; the binned masks lie in a temporary file.
"""

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.drift.binned_frames import GrowingMasks
from voidlab.drift.correlate import Correlator, Shift
from voidlab.drift.pairs import partners_before
from voidlab.drift.solve import solve_drift

_COLUMNS = ["frame_a", "frame_b", "dx_px", "dy_px", "sigma_px", "peak", "peak_ratio"]
_AGREE_PX = 3.0  # a small void
# How many times as high the first peak is as the second: of masks that have nothing in common hardly higher, 1.1 in
# the median and 1.6 in one of a hundred pairs; of those that have half of a field in common 3.
_CLEAR, _SURE, _ENOUGH = 1.2, 1.7, 10.0


@dataclass(frozen=True)
class Placed:
    """Drift of a mask, px, by those of its partners that agree; where none does it stays where the last was, lost.

    ``shifts`` are those from each partner's row, as measured.
    """

    x_px: float
    y_px: float
    is_lost: bool
    shifts: Mapping[int, Shift]


@dataclass(frozen=True)
class DriftSoFar:
    """Drift of the masks up to a moment, (n, 2) px, each as it was placed, and the ``pairs`` (m, 7) it rests on."""

    placed_px: np.ndarray
    pairs: np.ndarray

    def solve(self) -> np.ndarray:
        """Drift of all masks, (n, 2) px, from all pairs together; where these say nothing, as it was placed."""
        if not len(self.pairs):
            return self.placed_px
        table = pd.DataFrame(self.pairs, columns=_COLUMNS).astype({"frame_a": int, "frame_b": int})
        unsolved = {"weight": 1.0, "residual_px": 0.0, "remeasured": False}
        solved = solve_drift(
            tables.check(table.assign(**unsolved), "pairs"), len(self.placed_px), errors=False
        )
        return np.where(solved.connected[:, None], solved.drift_px, self.placed_px)


class DriftOneByOne:
    """Drift of void masks, in the order in which they are added; the first one's is 0.

    Parameters
    ----------
    shape
        (H, W) of the masks.
    mask_of
        Gives the mask of a row that was taken up, None where it is not there any more.
    """

    def __init__(
        self, shape: tuple[int, int], mask_of: Callable[[int], np.ndarray | None] = lambda row: None
    ) -> None:
        self._masks = GrowingMasks(shape)
        self._correlator = Correlator(self._masks)
        self._mask_of = mask_of
        # Numbers one behind the other, as a table is made of them at once and there are fifteen pairs of a mask.
        self._drift, self._pairs = array("d"), array("d")

    def __len__(self) -> int:
        return len(self._masks)

    def is_blank(self, row: int) -> bool:
        """Whether there is nothing to see in a mask."""
        return self._masks.is_blank(row)

    def add(self, mask: np.ndarray, known: Mapping[int, Shift] | None = None) -> Placed:
        """Place one more ``mask`` (H, W); shifts ``known`` from rows before it are not measured again."""
        row = self._masks.append(mask)
        known = known or {}
        shifts: dict[int, Shift] = {}
        for a in [] if self.is_blank(row) else partners_before(row):
            if a in known:
                shifts[a] = known[a]
            elif self._can_be_seen(a):
                shifts[a] = self._correlator.shift(a, row)
        place = self._by_partners(shifts) if shifts else None
        x, y = place or self._place_of(row - 1)
        self._keep(row, (x, y), shifts)
        return Placed(x, y, bool(shifts) and place is None, shifts)

    def take_up(self, place: tuple[float, float], is_blank: bool, shifts: Mapping[int, Shift]) -> None:
        """Add a mask that was placed before, by these ``shifts``; it is fetched when another is compared with it."""
        self._keep(self._masks.append_unseen(is_blank=is_blank), place, {} if is_blank else shifts)

    def so_far(self) -> DriftSoFar:
        """What is known of all masks; it stays as it is when more are added."""
        return DriftSoFar(
            np.array(self._drift, np.float64).reshape(-1, 2),
            np.array(self._pairs, np.float64).reshape(-1, len(_COLUMNS)),
        )

    def provisional(self) -> np.ndarray:
        """Drift of all masks, (n, 2) px, each as it was placed."""
        return self.so_far().placed_px

    def solve(self) -> np.ndarray:
        """Drift of all masks, (n, 2) px, see `DriftSoFar.solve`."""
        return self.so_far().solve()

    def _by_partners(self, shifts: Mapping[int, Shift]) -> tuple[float, float] | None:
        """Where a mask lies by those of its partners that agree and are clear; None where none are.

        The others may show nothing of what it shows, as the field has moved on since, or has jumped.
        """
        places = np.array([np.add(self._place_of(a), (s.dx_px, s.dy_px)) for a, s in shifts.items()])
        ratios = np.minimum([shift.peak_ratio for shift in shifts.values()], _ENOUGH)
        agree = np.hypot(*(places[:, None] - places).transpose(2, 0, 1)) <= _AGREE_PX
        best = agree[(agree @ (ratios - 1)).argmax()]
        alone = best.sum() == 1 < len(places)
        if np.median(ratios[best]) < (_SURE if alone else _CLEAR):
            return None
        x, y = np.median(places[best], axis=0).tolist()
        return x, y

    def _place_of(self, row: int) -> tuple[float, float]:
        return (self._drift[2 * row], self._drift[2 * row + 1]) if row >= 0 else (0.0, 0.0)

    def _can_be_seen(self, row: int) -> bool:
        """Whether there is something to see in a mask; one that was taken up is fetched."""
        if self._masks.is_unseen(row) and not self.is_blank(row):
            mask = self._mask_of(row)
            self._masks.put(row, np.zeros(self._masks.full_shape, bool) if mask is None else mask)
        return not self.is_blank(row)

    def _keep(self, row: int, place: tuple[float, float], shifts: Mapping[int, Shift]) -> None:
        """Keep where a mask lies, and those of its ``shifts`` that say something of it."""
        self._drift.extend(place)
        for a, shift in shifts.items():
            off = np.subtract(place, self._place_of(a)) - (shift.dx_px, shift.dy_px)
            if np.hypot(*off) > _AGREE_PX and shift.peak_ratio < _SURE:
                continue
            numbers = (shift.dx_px, shift.dy_px, shift.sigma_px, shift.peak, shift.peak_ratio)
            self._pairs.extend((a, row, *numbers))

    def close(self) -> None:
        """Remove the temporary file."""
        self._masks.close()
