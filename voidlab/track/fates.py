"""How each void's track begins and ends, and how far the void itself moves: table ``fates``.

A link that was lost looks like a void that disappears and another that nucleates: read these as upper bounds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import ndimage

from voidlab import tables
from voidlab.measure import circles_touch_edge
from voidlab.tables.listing import number_of
from voidlab.tables.tilts import is_tilted
from voidlab.track.motion import diffusion
from voidlab.track.neighbours import local_displacements


def describe_fates(
    linked: pd.DataFrame,
    frames: pd.DataFrame,
    events: pd.DataFrame,
    shape: tuple[int, int],
    *,
    border_px: float,
    memory: int,
    inside: np.ndarray | None = None,
) -> pd.DataFrame:
    """Origin and fate of every void, its diffusion, and its displacement against its neighbours.

    A void nucleates only where the frames before would have shown it: in what a shift of the view uncovers, all
    voids are new. It is lost only where the frames after would.

    Parameters
    ----------
    linked : DataFrame
        Linked voids: the table ``voids`` with ``particle, x_corrected_px, y_corrected_px``.
    frames, events : DataFrame
        The tables of these names.
    shape
        (H, W) of an image, px.
    border_px
        A circle nearer to the border of a frame, or to what is not ``inside``, may have come from there or left.
    memory
        Frames in which a void may be missing: one first seen so early was there from the start. Before one that
        nucleates, ``memory`` + 1 frames show its place; after one that is lost too.
    inside : ndarray of bool, shape (H, W), optional
        False where the frames show no specimen, as in `voidlab.images.ImageSeries`.
    """
    if linked.empty:
        return tables.empty("fates")
    seen = linked.sort_values(["particle", "frame"], ignore_index=True)
    moving = diffusion(seen, events=events, frames=frames)
    first = seen.drop_duplicates("particle", keep="first").set_index("particle")
    last = seen.drop_duplicates("particle", keep="last").set_index("particle")
    looked = np.sort(frames.loc[frames["status"] == "ok", "frame"].to_numpy(np.int64))
    memory = min(memory, len(looked))
    begins, ends = (np.searchsorted(looked, rows["frame"]) for rows in (first, last))
    fields = _Fields(_drifts(seen, looked), shape, border_px, inside)
    entered = _hidden(first, fields, [begins - step for step in range(memory + 2)])
    left = _hidden(last, fields, [ends + step for step in range(memory + 2)])
    children = set(events["child"]) - set(events["parent_b"])
    parents = set(events["parent_a"]) | (set(events["parent_b"]) - set(events["child"]))
    origin = np.select(
        [begins <= memory, first.index.isin(children), entered],
        ["from the start", "merger", "entered"],
        "nucleated",
    )
    fate = np.select(
        [last.index.isin(parents), ends >= len(looked) - 1 - memory, left],
        ["merged", "to the end", "left"],
        "lost",
    )
    gone = np.isin(fate, ["merged", "lost"])
    next_frame = looked[np.minimum(ends + 1, len(looked) - 1)]
    fates = moving.assign(
        origin=origin,
        nucleation_frame=first["frame"].astype("Int64").where(origin == "nucleated").to_numpy(),
        fate=fate,
        disappearance_frame=pd.Series(next_frame, dtype="Int64").where(gone).to_numpy(),
    )
    local = local_displacements(seen, localisation_px=moving["localisation_px"].to_numpy())
    return tables.select(fates.merge(local, on="particle"), "fates")


def fates_in_words(fates: pd.DataFrame, frames: pd.DataFrame, *, long: np.ndarray) -> str:
    """How many voids nucleated, merged and disappeared, as a sentence; ``long`` marks the rows that count."""
    if is_tilted(frames["tilt_deg"]):
        return "A tilt series is no history: voids come into view and go out of it as the foil tilts."
    rows = fates[long]
    origin, fate = rows["origin"].value_counts(), rows["fate"].value_counts()
    return (
        f"Of {number_of(len(rows), 'void')} with long tracks {origin.get('from the start', 0)} are there from the "
        f"start, {origin.get('nucleated', 0)} nucleate and {origin.get('entered', 0)} may have come into view; "
        f"{fate.get('to the end', 0)} last to the end, {fate.get('merged', 0)} merge, {fate.get('left', 0)} may "
        f"have left and {fate.get('lost', 0)} are lost. A lost link counts as one lost and one nucleated."
    )


@dataclass(frozen=True)
class _Fields:
    """What each frame that was looked at shows of the specimen; ``drift_px`` (frames, 2)."""

    drift_px: np.ndarray
    shape: tuple[int, int]
    border_px: float
    inside: np.ndarray | None

    def hide(self, rows: pd.DataFrame, frames: np.ndarray) -> np.ndarray:
        """Whether the void of each row, at rest, is not seen whole in the frame (``frames``, one for each row)."""
        at = rows[["x_corrected_px", "y_corrected_px"]].to_numpy() + self.drift_px[frames]
        circles = pd.DataFrame(
            {"x_px": at[:, 0], "y_px": at[:, 1], "radius_px": rows["radius_px"].to_numpy()}
        )
        hidden = circles_touch_edge(circles, self.shape, self.border_px)
        if self.inside is None:
            return hidden
        column, row = np.clip(at.round().astype(int), 0, np.array(self.shape[::-1]) - 1).T
        clear = self._clear_px[row, column]
        return np.asarray(hidden | (clear < circles["radius_px"].to_numpy() + self.border_px))

    @cached_property
    def _clear_px(self) -> np.ndarray:
        """How far each pixel (H, W) lies from what is not ``inside``."""
        return np.asarray(ndimage.distance_transform_edt(self.inside))


def _hidden(rows: pd.DataFrame, fields: _Fields, frames: Iterable[np.ndarray]) -> np.ndarray:
    """Whether a void is cut by the edge, or any of the frames, as far as there are such, does not show it whole."""
    last = len(fields.drift_px) - 1
    return np.any(
        [rows["touches_edge"].to_numpy(bool), *(fields.hide(rows, np.clip(at, 0, last)) for at in frames)],
        axis=0,
    )


def _drifts(seen: pd.DataFrame, looked: np.ndarray) -> np.ndarray:
    """Drift (frames, 2) of the frames that were ``looked`` at; between those of its neighbours where no void is."""
    shift = pd.DataFrame(
        {axis: seen[f"{axis}_px"] - seen[f"{axis}_corrected_px"] for axis in "xy"} | {"frame": seen["frame"]}
    )
    known = shift.groupby("frame").median()
    return np.column_stack([np.interp(looked, known.index, known[axis]) for axis in "xy"])
