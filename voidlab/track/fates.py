"""How each void's track begins and ends, and how far the void itself moves: table ``fates``.

A link that was lost looks like a void that disappears and another that nucleates: read these as upper bounds.
"""

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.measure import circles_touch_edge
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
) -> pd.DataFrame:
    """Origin and fate of every void, its diffusion, and its displacement against its neighbours.

    Parameters
    ----------
    linked : DataFrame
        Linked voids: the table ``voids`` with ``particle, x_corrected_px, y_corrected_px``.
    frames, events : DataFrame
        The tables of these names.
    shape
        (H, W) of an image, px.
    border_px
        A track that begins or ends with its circle nearer to the border may have come from outside or left.
    memory
        Frames in which a void may be missing: one first seen so early was there from the start.
    """
    if linked.empty:
        return tables.empty("fates")
    seen = linked.sort_values(["particle", "frame"], ignore_index=True)
    moving = diffusion(seen, events=events)
    first = seen.drop_duplicates("particle", keep="first").set_index("particle")
    last = seen.drop_duplicates("particle", keep="last").set_index("particle")
    looked = np.sort(frames.loc[frames["status"] == "ok", "frame"].to_numpy(np.int64))
    begins, ends = (np.searchsorted(looked, rows["frame"]) for rows in (first, last))
    children = set(events["child"]) - set(events["parent_b"])
    parents = set(events["parent_a"]) | (set(events["parent_b"]) - set(events["child"]))
    origin = np.select(
        [begins <= memory, first.index.isin(children), _near_border(first, shape, border_px)],
        ["from the start", "merger", "entered"],
        "nucleated",
    )
    fate = np.select(
        [last.index.isin(parents), ends >= len(looked) - 1 - memory, _near_border(last, shape, border_px)],
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
    if frames["tilt_deg"].notna().any():
        return "A tilt series is no history: voids come into view and go out of it as the foil tilts."
    rows = fates[long]
    origin, fate = rows["origin"].value_counts(), rows["fate"].value_counts()
    return (
        f"Of {len(rows)} voids with long tracks {origin.get('from the start', 0)} are there from the start, "
        f"{origin.get('nucleated', 0)} nucleate and {origin.get('entered', 0)} may have come over the border; "
        f"{fate.get('to the end', 0)} last to the end, {fate.get('merged', 0)} merge, {fate.get('left', 0)} may "
        f"have left and {fate.get('lost', 0)} are lost. A lost link counts as one lost and one nucleated."
    )


def _near_border(rows: pd.DataFrame, shape: tuple[int, int], border_px: float) -> np.ndarray:
    return circles_touch_edge(rows, shape, border_px) | rows["touches_edge"].to_numpy(bool)
