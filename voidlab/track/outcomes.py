"""What became of every detection: in a track, alone, or left out and why; ways of linking compared."""

from collections.abc import Mapping

import numpy as np
import pandas as pd


def find_outcomes(voids: pd.DataFrame, linked: pd.DataFrame) -> pd.DataFrame:
    """Outcome of every detection after linking.

    Parameters
    ----------
    voids : DataFrame
        Table ``voids``: all that was found, edge voids and those deleted by hand too.
    linked : DataFrame
        ``frame, label, particle`` of those that a linker was given; ``particle`` may be missing.

    Returns
    -------
    DataFrame
        A row per detection, in the order of ``voids``: ``frame, label, particle`` (missing when in no track),
        ``outcome`` (linked, single or rejected) and ``reason`` (empty when linked).

    Raises
    ------
    ValueError
        If a linked void is none of ``voids``, or stands twice.
    """
    keys = ["frame", "label"]
    known, given = pd.MultiIndex.from_frame(voids[keys]), pd.MultiIndex.from_frame(linked[keys])
    strange, twice = int((~given.isin(known)).sum()), int(given.duplicated().sum())
    if strange or twice:
        raise ValueError(
            f"of {len(linked)} linked voids {strange} are none of the {len(voids)} found, and {twice} stand twice."
        )
    particle = pd.Series(linked["particle"].astype("Int64").array, index=given)
    of_row = pd.Series(particle.reindex(known).array, index=voids.index, dtype="Int64")
    size = of_row.map(of_row.value_counts()).fillna(0).astype(int)
    by_hand = (
        (voids["corrected"] == "deleted").to_numpy() if "corrected" in voids else np.zeros(len(voids), bool)
    )
    in_track = of_row.notna().to_numpy()
    reason = np.select(
        [in_track & (size > 1), in_track, by_hand, ~known.isin(given) & voids["touches_edge"].to_numpy(bool)],
        ["", "nothing near enough before or after", "deleted by hand", "touches the border"],
        "given to no track",
    )
    outcome = np.select([in_track & (size > 1), in_track], ["linked", "single"], "rejected")
    return voids[keys].assign(particle=of_row, outcome=outcome, reason=reason)


def count_outcomes(accounts: pd.DataFrame) -> pd.DataFrame:
    """Detections per outcome and reason, which add up to all of them."""
    counts = accounts.groupby(["outcome", "reason"], sort=True).size().rename("detections").reset_index()
    share = 100 * counts["detections"] / max(len(accounts), 1)
    return counts.assign(share=[f"{value:.1f} %" for value in share])


def compare_linking(linked: Mapping[str, pd.DataFrame], *, long: int) -> pd.DataFrame:
    """How many tracks, single detections and long tracks each way of linking the same voids gives."""
    rows = {}
    for name, voids in linked.items():
        size = voids.groupby("particle").size()
        span = voids.groupby("particle")["frame"].agg(lambda frames: frames.max() - frames.min() + 1)
        rows[name] = {
            "detections": len(voids),
            "tracks": len(size),
            "single detections": int((size == 1).sum()),
            "detections per track": round(float(size.mean()), 1) if len(size) else 0.0,
            f"tracks of {long} frames or more": int((span >= long).sum()),
            "longest, frames": int(span.max()) if len(span) else 0,
        }
    return pd.DataFrame.from_dict(rows, orient="index")
