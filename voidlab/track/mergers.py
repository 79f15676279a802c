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
        Of `voidlab.track.conservation.find_merges`, with the same particles.

    Returns
    -------
    DataFrame
        ``linked``, rows and order as given, its particles numbered anew by first frame, then by first label. The
        events have other numbers in them then: find them again.
    """
    order = np.lexsort((linked["label"].to_numpy(), linked["frame"].to_numpy()))
    order = order[linked["particle"].notna().to_numpy()[order]]
    frame, before = (linked[name].iloc[order].to_numpy(np.int64) for name in ("frame", "particle"))
    now = before.copy()
    rows_of = {
        number: np.asarray(found) for number, found in pd.Series(before).groupby(before).indices.items()
    }
    rows_now = dict(rows_of)
    # Where three merge at once the largest goes on: it comes last.
    larger = events[["radius_a_px", "radius_b_px"]].max(axis=1)
    for event in events.assign(larger=larger).sort_values(["frame", "larger"]).to_dict("records"):
        heir, parent = (
            rows_of[event[name]]
            for name in ("child", "parent_a" if event["radius_a_px"] > event["radius_b_px"] else "parent_b")
        )
        heir = heir[frame[heir] >= event["frame"]]
        old, number = now[heir[0]], now[parent[frame[parent] < event["frame"]][-1]]
        # A void stands once in a frame: one that is seen beside the child did not become it.
        others = np.setdiff1d(rows_now[number], heir)
        if not np.isin(frame[others], frame[heir]).any():
            now[heir] = number
            rows_now[old] = np.setdiff1d(rows_now[old], heir)
            rows_now[number] = np.append(others, heir)
    particle = pd.array([pd.NA] * len(linked), dtype="Int64")
    particle[order] = pd.factorize(now)[0]
    return linked.assign(particle=particle.astype("int64") if len(order) == len(linked) else particle)


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
