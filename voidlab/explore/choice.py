"""Which voids are selected, kept by where they lie: settings and frames change, and with them the rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.path import Path

from voidlab.explore.figure import Point
from voidlab.explore.mouse_tools import pick


@dataclass(frozen=True)
class Choice:
    """Voids of ``frame`` by their centres; of a single one on a track also its ``particle`` (−1: none)."""

    frame: int = 0
    points: tuple[Point, ...] = ()
    particle: int = -1

    def rows(self, frame: int, voids: pd.DataFrame, particles: np.ndarray) -> list[int]:
        """Positions in ``voids``, a table of ``frame``, of the selected voids that are there.

        A single void is followed through the frames: on its track, else where it was. Several are of one frame.
        """
        if self.particle >= 0:
            return np.flatnonzero(particles == self.particle)[:1].tolist()
        if len(self.points) > 1 and frame != self.frame:
            return []
        found = (pick(voids, point) for point in self.points)
        return list(dict.fromkeys(row for row in found if row is not None))


def choose(frame: int, voids: pd.DataFrame, particles: np.ndarray, rows: Sequence[int]) -> Choice:
    """The choice of ``rows`` of ``voids``, a table of ``frame``."""
    points = tuple(tuple(point) for point in voids[["x_px", "y_px"]].iloc[list(rows)].to_numpy().tolist())
    return Choice(frame, points, int(particles[rows[0]]) if len(rows) == 1 else -1)


def in_box(voids: pd.DataFrame, one: Point, other: Point) -> list[int]:
    """Positions of the remaining voids whose centre lies in the box with the corners ``one`` and ``other``."""
    x, y = voids["x_px"].to_numpy(), voids["y_px"].to_numpy()
    (left, right), (top, bottom) = sorted((one[0], other[0])), sorted((one[1], other[1]))
    return _remaining(voids, (x >= left) & (x <= right) & (y >= top) & (y <= bottom))


def in_loop(voids: pd.DataFrame, loop: Sequence[Point]) -> list[int]:
    """Positions of the remaining voids whose centre lies in a ``loop`` drawn by hand."""
    if len(loop) < 3 or voids.empty:
        return []
    return _remaining(voids, Path(np.asarray(loop)).contains_points(voids[["x_px", "y_px"]].to_numpy()))


def between(voids: pd.DataFrame, column: str, low: float, high: float) -> list[int]:
    """Positions of the remaining voids whose ``column`` lies between ``low`` and ``high``, both included."""
    values = voids[column].to_numpy(float)
    return _remaining(voids, (values >= low) & (values <= high))


def _remaining(voids: pd.DataFrame, chosen: np.ndarray) -> list[int]:
    return np.flatnonzero(chosen & (voids["corrected"] != "deleted").to_numpy()).tolist()
