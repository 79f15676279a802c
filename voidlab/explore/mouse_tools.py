"""What a mouse does on the image with each tool: from a press and a release to an edit, or to what is missing."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from voidlab.explore import image_marks
from voidlab.project.apply_edits import spot_of
from voidlab.project.edits import (
    AddVoid,
    CutTrack,
    DeleteTrack,
    DeleteVoid,
    Edit,
    JoinTracks,
    MergeVoids,
    MoveVoid,
    SplitVoid,
)
from voidlab.project.spots import Ellipse, Spot
from voidlab.tables.outlines import axes_of, reach

HELP = {
    "select": "click a void, or draw a box around several; with Shift they are added to those selected",
    "lasso": "draw around voids to select them",
    "move": "drag a void to move it, or its rim to resize it; with Shift the rim goes out that way only: an ellipse",
    "delete": "click a void to delete it",
    "add": "drag from the centre of the new void to its rim",
    "split": "drag a line across a void to split it along the line",
    "merge": "click the first void, then the second, to merge them",
    "cut track": "click a void: its track is cut before this frame",
    "join tracks": "click a void of the first track, then (in any frame) one of the second",
    "delete track": "click a void to delete its track through all frames",
}
_LEAST_RADIUS_PX = 1.0
_LEAST_DRAG_PX = 0.5
_LEAST_REACH_PX = 3.0  # of a small void, to be hit
_RIM_FROM = 0.7  # of the radius: a drag that begins further out takes the rim
# What a drag shows while it lasts.
DRAWN = {"add": "circle", "split": "line", "select": "box", "lasso": "loop", "move": "line"}
DRAWN |= {"ignore": "box", "crop": "box", "scale bar": "line"}
SELECTS = ("select", "lasso")
_ONE_CLICK = {"delete": DeleteVoid, "delete track": DeleteTrack, "cut track": CutTrack}
OF_TRACKS = ("cut track", "join tracks", "delete track")
Point = tuple[float, float]


@dataclass(frozen=True)
class Shown:
    """What lies under the mouse: the frame's number, its voids, and the particle of each (−1: none)."""

    frame: int
    voids: pd.DataFrame
    particles: np.ndarray


def pick(voids: pd.DataFrame, at: Point, *, rim: float = 1.0) -> int | None:
    """Position in ``voids`` of the remaining void under ``at``: of several the smallest; None where there is none.

    A void reaches as far as its outline times ``rim``.
    """
    if voids.empty:
        return None
    dx, dy = at[0] - voids["x_px"].to_numpy(), at[1] - voids["y_px"].to_numpy()
    radius = voids["radius_px"].to_numpy()
    inside = (reach(axes_of(voids), dx, dy) <= rim) | (np.hypot(dx, dy) <= _LEAST_REACH_PX)
    inside &= (voids["corrected"] != "deleted").to_numpy()
    return int(np.argmin(np.where(inside, radius, np.inf))) if inside.any() else None


class Tool:
    """The tool in hand; `use` is told each drag (a click is a drag of no length)."""

    def __init__(self) -> None:
        self.name = "select"
        self._first: Spot | None = None

    def take(self, name: str) -> str:
        """Take another tool in hand; say how it is used."""
        self.name, self._first = name, None
        return (HELP | image_marks.HELP)[name]

    def use(self, shown: Shown, start: Point, end: Point, *, shift: bool = False) -> tuple[Edit | None, str]:
        """The edit that a drag from ``start`` to ``end`` makes, with Shift held or not; or None and what to say."""
        if self.name in SELECTS:
            return None, ""
        if self.name == "add":
            return _added(shown.frame, start, end)
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        where = {"split": middle, "move": start}.get(self.name, end)
        row = pick(shown.voids, where, rim=1.3 if self.name == "move" else 1.0)
        if row is None:
            return None, f"there is no void here; {HELP[self.name]}"
        spot = spot_of(shown.voids.iloc[row])
        if self.name in OF_TRACKS and shown.particles[row] < 0:
            return None, "this void is on no track of the last run: run the dataset again, or choose another"
        if self.name == "move":
            return moved(shown.voids.iloc[row], start, end, one_way=shift)
        return self._edit(spot, start, end)

    def _edit(self, spot: Spot, start: Point, end: Point) -> tuple[Edit | None, str]:
        if self.name in _ONE_CLICK:
            return _ONE_CLICK[self.name](at=spot), ""
        if self.name != "split":
            return self._second(spot)
        if np.hypot(end[0] - start[0], end[1] - start[1]) < 1:
            return None, HELP["split"]
        return SplitVoid(at=spot, line=(*start, *end)), ""

    def _second(self, spot: Spot) -> tuple[Edit | None, str]:
        """Merge and join take two clicks."""
        first, self._first = self._first, None
        if first is None or first == spot or (self.name == "merge" and first.frame != spot.frame):
            self._first = spot
            return None, f"first: the void at {spot}; now click the second"
        if self.name == "merge":
            return MergeVoids(at=(first, spot)), ""
        return JoinTracks(at=first, to=spot), ""


def _added(frame: int, centre: Point, rim: Point) -> tuple[Edit | None, str]:
    radius = float(np.hypot(rim[0] - centre[0], rim[1] - centre[1]))
    if radius < _LEAST_RADIUS_PX:
        return None, HELP["add"]
    x, y, r = (round(value, 2) for value in (*centre, radius))
    return AddVoid(at=Spot(frame=frame, x_px=x, y_px=y, radius_px=r)), ""


def moved(void: pd.Series, start: Point, end: Point, *, one_way: bool = False) -> tuple[MoveVoid | None, str]:
    """The edit that a drag on ``void`` makes: near its rim another size, else another place.

    What is drawn by hand is an edge, so that a moved void has the radius of its edge. A size goes with the shape,
    but ``one_way``: there the rim goes out, or in, where it was dragged to, and stays across.
    """
    x, y, edge = (float(void[name]) for name in ("x_px", "y_px", "edge_radius_px"))
    if np.hypot(end[0] - start[0], end[1] - start[1]) < _LEAST_DRAG_PX:
        return None, HELP["move"]
    axes = axes_of(void.to_frame().T)
    takes_rim = reach(axes, np.array(start[0] - x), np.array(start[1] - y)) > _RIM_FROM
    if axes[0, 0] == axes[0, 1]:
        axes[0, :2] = edge
    if takes_rim:
        dx, dy = end[0] - x, end[1] - y
        if one_way:
            axes = _stretched(axes, (start[0] - x, start[1] - y), (dx, dy))
        else:
            axes[0, :2] *= reach(axes, np.array(dx), np.array(dy))
            axes[0, :2] *= max(1.0, _LEAST_RADIUS_PX / axes[0, 1])
    else:
        x, y = x + end[0] - start[0], y + end[1] - start[1]
    major, minor, turned = np.round(axes[0], 2).tolist()
    ellipse = (
        Ellipse(semi_major_px=major, semi_minor_px=minor, orientation_deg=turned) if major > minor else None
    )
    to = Spot(
        frame=int(void["frame"]),
        x_px=round(x, 2),
        y_px=round(y, 2),
        radius_px=round(float(np.sqrt(axes[0, 0] * axes[0, 1])), 2),
    )
    return MoveVoid(at=spot_of(void), to=to, ellipse=ellipse), ""


def _stretched(axes: np.ndarray, start: Point, end: Point) -> np.ndarray:
    """``axes`` (1, 3) of which the one nearer to ``start`` now ends at ``end``, both from the centre."""
    (major, minor, turned), length = axes[0], max(float(np.hypot(*end)), _LEAST_RADIUS_PX)
    off = np.arctan2(start[1], start[0]) - np.deg2rad(turned)
    across = minor if abs(np.cos(off)) >= abs(np.sin(off)) else major
    along = float(np.rad2deg(np.arctan2(end[1], end[0]))) + (0 if length >= across else 90)
    return np.array([[max(length, across), min(length, across), 90 - (90 - along) % 180]])
