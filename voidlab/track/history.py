"""All that follows from linked voids: tracks, fates, mergers."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.track.corrections import flag_tracks
from voidlab.track.fates import describe_fates
from voidlab.track.mergers import find_merges, find_splits
from voidlab.track.summary import summarize_tracks


@dataclass(frozen=True)
class History:
    """What linked voids tell of their tracks; without the tracks that were deleted by hand.

    Parameters
    ----------
    linked
        Linked voids.
    tracks, fates, events
        The tables of these names.
    splits
        Where one void seems to become two, see `voidlab.track.mergers.find_splits`.
    all_tracks
        Table ``tracks`` with those that were deleted by hand, flagged.
    """

    linked: pd.DataFrame
    tracks: pd.DataFrame
    fates: pd.DataFrame
    events: pd.DataFrame
    splits: pd.DataFrame
    all_tracks: pd.DataFrame


def describe_tracks(
    linked: pd.DataFrame,
    frames: pd.DataFrame,
    shape: tuple[int, int],
    *,
    border_px: float,
    memory: int,
    inside: np.ndarray | None = None,
) -> History:
    """Find the mergers of linked voids, sum up each track, and tell its beginning and end.

    Parameters
    ----------
    linked
        Linked voids at their corrected positions; with ``corrected`` where there are corrections by hand.
    frames
        The table of this name.
    shape
        (H, W) of an image, px.
    border_px, memory, inside
        See `voidlab.track.fates.describe_fates`.
    """
    here = tables.kept(linked)
    events = find_merges(here, memory=memory)
    tracks = summarize_tracks(linked, events=events, frames=frames)
    if "corrected" in linked:
        tracks = flag_tracks(tracks, linked)
    return History(
        linked=here,
        tracks=tables.kept(tracks),
        fates=describe_fates(here, frames, events, shape, border_px=border_px, memory=memory, inside=inside),
        events=events,
        splits=find_splits(here, memory=memory),
        all_tracks=tracks,
    )
