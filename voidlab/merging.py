"""What a merger means for the tracks: the larger void goes on, the smaller one ends in it.

A linker that looks from frame to frame loses both where the new void's centre, that of the mass of the two, lies
further from either than a void moves in a frame.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def follow_larger(linked: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Let what two voids became have the number of the larger of them.

    Parameters
    ----------
    linked : DataFrame
        ``frame, label, particle``; rows may lack a particle.
    events : DataFrame
        Of `voidlab.coalescence.find_merges`, with the same particles.

    Returns
    -------
    DataFrame
        ``linked``, rows and order as given, its particles numbered anew by first frame, then by first label. The
        events have other numbers in them then: find them again.
    """
    rows = linked.sort_values(["frame", "label"], kind="stable").dropna(subset=["particle"])
    frame, before = rows["frame"].to_numpy(np.int64), rows["particle"].to_numpy(np.int64)
    now = before.copy()
    # Where three merge at once the largest goes on: it comes last.
    larger = events[["radius_a_px", "radius_b_px"]].max(axis=1)
    for event in events.assign(larger=larger).sort_values(["frame", "larger"]).to_dict("records"):
        heir = (before == event["child"]) & (frame >= event["frame"])
        parent = event["parent_a" if event["radius_a_px"] > event["radius_b_px"] else "parent_b"]
        lived = np.flatnonzero((before == parent) & (frame < event["frame"]))
        number = now[lived[-1]]
        # A void stands once in a frame: one that is seen beside the child did not become it.
        if not np.isin(frame[(now == number) & ~heir], frame[heir]).any():
            now[heir] = number
    particle = pd.Series(pd.factorize(now)[0], index=rows.index)
    whole = len(rows) == len(linked)
    return linked.assign(particle=particle.reindex(linked.index).astype("int64" if whole else "Int64"))


def stretches(particle: np.ndarray, frame: np.ndarray, events: pd.DataFrame | None) -> np.ndarray:
    """Number of the stretch of a track that each row lies in: tracks are cut where another void merges into them.

    Parameters
    ----------
    particle, frame : ndarray of shape (n,), integer
        Sorted by particle and frame.
    events : DataFrame or None
        ``frame, child`` of the mergers; None: no track is cut.

    Returns
    -------
    ndarray of shape (n,), integer
        Rising with the rows.
    """
    begins = np.diff(particle, prepend=particle[:1] - 1) != 0
    if events is not None and len(events) and len(particle):
        low, span = frame.min(), np.ptp(frame) + 2
        when = np.clip(events["frame"].to_numpy(np.int64) - low, 0, span - 1)
        child = events["child"].to_numpy(np.int64)
        row = np.searchsorted(particle * span + frame - low, child * span + when)
        known = row < len(particle)
        row, child = row[known], child[known]
        begins[row[particle[row] == child]] = True
    return np.cumsum(begins)
