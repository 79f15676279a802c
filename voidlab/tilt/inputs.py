"""What a reconstruction is given: detections and angles, put in order, and what cannot be used set aside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from voidlab.tables.kinds import VOID
from voidlab.tables.listing import name_first, number_of
from voidlab.tilt.solver.link import Series

_NEEDED = ("frame", "label", "x_px", "y_px", "radius_px")
_STEEPEST_DEG = 80.0
_LEAST_RANGE_DEG = 2.0
_SAME_TILT_DEG = 0.5
LEAST_VOIDS = 5

Angles = Mapping[int, float] | Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Given:
    """Voids and angles as they were given, and what of them can be used.

    ``angles``: tilt of every frame, degrees, by ascending frame; ``rows`` of ``voids`` to use, ordered by frame and
    label; ``frames`` to use by ascending tilt; ``corners`` (2, 2): least and greatest x, y of the field; ``notes``:
    what is left out and why.
    """

    voids: pd.DataFrame
    angles: pd.Series
    rows: np.ndarray
    frames: np.ndarray
    corners: np.ndarray
    notes: list[str]

    @property
    def origin(self) -> tuple[float, float]:
        """x, y of the middle of the field, px."""
        x, y = self.corners.mean(axis=0)
        return float(x), float(y)

    def refusal(self) -> str:
        """Why nothing can be reconstructed; empty when it can be tried."""
        if len(self.angles) and not np.isfinite(self.angles).any():
            return "no tilt angle is known"
        if len(self.frames) < 3:
            return (
                f"{number_of(len(self.frames), 'usable view')}: it takes three, two to place a void and a third "
                "to tell right from wrong"
            )
        tilts = self.angles[self.frames].to_numpy()
        span = float(np.ptp(tilts))
        if span < _LEAST_RANGE_DEG:
            return f"the tilts span only {span:.1f}°: no depth can be seen"
        if 1 + int((np.diff(tilts) > _SAME_TILT_DEG).sum()) < 3:
            return "only two different tilts: it takes a third to tell right links from wrong"
        return ""

    def series(self) -> Series:
        """The detections to use, views by ascending tilt."""
        order = np.argsort(self.frames)
        voids = self.voids.iloc[self.rows]
        radius = voids["radius_px"].to_numpy(np.float64)
        return Series(
            view=order[np.searchsorted(self.frames[order], voids["frame"].to_numpy(np.int64))],
            xy=voids[["x_px", "y_px"]].to_numpy(np.float64) - self.origin,
            radius=radius,
            tilt=np.deg2rad(self.angles[self.frames].to_numpy()),
            corners=self.corners - self.origin,
            tolerance=max(2.5, 0.35 * float(np.median(radius))),
        )

    def by_frame(self, values: np.ndarray) -> np.ndarray:
        """Values (views, m) of the used frames in the order of all; NaN for those left out."""
        spread = np.full((len(self.angles), values.shape[1]), np.nan)
        spread[np.searchsorted(self.angles.index.to_numpy(), self.frames)] = values
        return spread


def prepare(voids: pd.DataFrame, tilt_angles_deg: Angles, shape: tuple[int, int] | None) -> Given:
    """Put voids and angles in order; raises as `voidlab.tilt.reconstruct` says."""
    missing = [name for name in _NEEDED if name not in voids]
    if missing:
        raise ValueError(f"the table of voids lacks the column(s) {', '.join(missing)}.")
    angles = _angles(voids, tilt_angles_deg)
    rows, frames, notes = _usable(voids, angles)
    corners = _corners(voids.iloc[rows], shape)
    return Given(voids, angles, rows, frames, corners, notes)


def _angles(voids: pd.DataFrame, given: Angles) -> pd.Series:
    """Tilt of every frame, ascending; NaN when unknown."""
    frames = np.unique(voids["frame"].to_numpy(np.int64))
    if isinstance(given, pd.Series):
        given = given.to_dict()
    if isinstance(given, Mapping):
        every = np.union1d(frames, np.array([int(frame) for frame in given], np.int64))
        values = [given.get(int(frame), np.nan) for frame in every]
        return pd.Series(np.array([np.nan if v is None else v for v in values], np.float64), index=every)
    sequence = np.asarray(given, np.float64).reshape(-1)
    if len(sequence) != len(frames):
        raise ValueError(
            f"{len(sequence)} tilt angles for {len(frames)} frames with voids; give one for each, or a mapping from "
            "frame to angle."
        )
    return pd.Series(sequence, index=frames)


def _usable(voids: pd.DataFrame, angles: pd.Series) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Rows to use, in one order whatever the caller's; their frames by ascending tilt; what is left out and why."""
    notes = []
    finite = np.isfinite(voids[["x_px", "y_px", "radius_px"]].to_numpy(np.float64)).all(axis=1)
    finite &= voids["radius_px"].to_numpy(np.float64) > 0
    if not finite.all():
        notes.append(
            f"{number_of(int((~finite).sum()), 'void')} without a finite position or radius left out"
        )
    if "kind" in voids:  # loops and dots are not missing: no note
        finite &= (voids["kind"] == VOID).to_numpy()
    count = voids.loc[finite, "frame"].value_counts().reindex(angles.index, fill_value=0)
    unknown, steep = ~np.isfinite(angles), angles.abs() > _STEEPEST_DEG
    few = (count < LEAST_VOIDS) & ~unknown & ~steep
    for which, why in (
        (unknown, "tilt angle unknown"),
        (steep, f"tilted by more than {_STEEPEST_DEG:.0f}°"),
        (few, f"fewer than {LEAST_VOIDS} voids"),
    ):
        if which.any():
            notes.append(f"frame {name_first(angles.index[which].tolist(), 10)} left out: {why}")
    good = angles[~(unknown | steep | few)]
    frames = good.sort_values(kind="stable").index.to_numpy(np.int64)
    rows = np.flatnonzero(finite & voids["frame"].isin(frames).to_numpy())
    keys = [voids[name].to_numpy()[rows] for name in ("y_px", "x_px", "label", "frame")]
    return rows[np.lexsort(keys)], frames, notes


def _corners(voids: pd.DataFrame, shape: tuple[int, int] | None) -> np.ndarray:
    """Least and greatest x, y of the field."""
    if shape is not None:
        return np.array([[0.0, 0.0], [shape[1] - 1.0, shape[0] - 1.0]])
    xy = voids[["x_px", "y_px"]].to_numpy(np.float64)
    return np.vstack([xy.min(axis=0), xy.max(axis=0)]) if len(xy) else np.zeros((2, 2))
