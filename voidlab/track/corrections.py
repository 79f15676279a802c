"""How edits by hand act on linked voids: tracks deleted, cut and joined; a deleted one keeps its rows, flagged."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from voidlab.project.apply_edits import NoFit, find_void, why_not
from voidlab.project.edits import CutTrack, DeleteTrack, JoinTracks, TrackEdit
from voidlab.project.spots import Spot


def correct_tracks(linked: pd.DataFrame, edits: Sequence[TrackEdit]) -> tuple[pd.DataFrame, list[str]]:
    """Apply ``edits``, in order, to linked voids.

    Parameters
    ----------
    linked : DataFrame
        Linked voids: ``frame, x_px, y_px, radius_px, particle``, and more.

    Returns
    -------
    linked : DataFrame
        With ``particle`` as edited, and ``corrected``; the rows of deleted tracks are there.
    reasons : list of str
        For each edit why it was not applied; empty when it was.
    """
    tracks = _Tracks(linked.assign(corrected="").reset_index(drop=True))
    reasons = [why_not(tracks.apply, edit) for edit in edits]
    return tracks.linked.set_index(linked.index), reasons


def flag_tracks(tracks: pd.DataFrame, linked: pd.DataFrame) -> pd.DataFrame:
    """``tracks`` with ``corrected`` as ``linked``, their linked voids, have it."""
    of = linked.groupby("particle")["corrected"].first()
    return tracks.assign(corrected=tracks["particle"].map(of).fillna("").astype("str"))


class _Tracks:
    """Linked voids while edits are applied to them."""

    def __init__(self, linked: pd.DataFrame) -> None:
        self.linked = linked

    def apply(self, edit: TrackEdit) -> None:
        match edit:
            case DeleteTrack(at=at):
                self._mark(self._through(at), "deleted")
            case CutTrack(at=at):
                self._cut(at)
            case JoinTracks(at=at, to=to):
                self._join(at, to)

    def _through(self, at: Spot) -> np.ndarray:
        """Rows of the track through the void at ``at``."""
        row = find_void(self.linked, at)
        if row is None:
            raise NoFit(f"no track goes through a void of about {at.radius_px:.1f} px radius at {at}")
        return (self.linked["particle"] == self.linked["particle"].iloc[row]).to_numpy()

    def _mark(self, rows: np.ndarray, how: str) -> None:
        self.linked.loc[rows, "corrected"] = how

    def _cut(self, at: Spot) -> None:
        track = self._through(at)
        later = track & (self.linked["frame"] >= at.frame).to_numpy()
        if (later == track).all():
            raise NoFit(f"the track through {at} begins there: nothing to cut off")
        self.linked.loc[later, "particle"] = int(self.linked["particle"].max()) + 1
        self._mark(track, "cut")

    def _join(self, at: Spot, to: Spot) -> None:
        first, second = self._through(at), self._through(to)
        if (first == second).all():
            raise NoFit(f"the voids at {at} and {to} are on one track already")
        both = self.linked.loc[first | second]
        twice = both.loc[both["frame"].duplicated(), "frame"]
        if len(twice):
            raise NoFit(f"both tracks, at {at} and {to}, have a void in frame {twice.iloc[0]}")
        self.linked.loc[first | second, "particle"] = int(both["particle"].min())
        self._mark(first | second, "joined")
