"""How far to look for a void in the next frame: as far as voids move, but not past too many of their neighbours.

How far they move is told without linking them: by the voids of the next frame that lie near those of this one, less
those that lie near a void in its own frame. What is left are the voids themselves.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from voidlab.drift.apply import position_columns
from voidlab.track.link import LinkError

USUAL_PX = 20.0  # where voids lie far apart and hardly move
_LEAST_PX = 5.0  # what centres and drift of an image may be off by
_MOST_PX = 200.0
_STEPS = 240
_FRAMES = 200  # pairs of frames looked at
_ALL_BUT = 0.98  # share of the voids seen again that a reach holds
_MARGIN = 2.5  # for the fastest, and for those that were missing for a frame
_HARDLY_ANY = 0.005  # neighbours on average: so few do no harm
_NEIGHBOURS = 1.0  # on average within the range at most: more, and which is which is a guess
_SEEN_AGAIN = 0.3  # of the voids at least, else their motion is not known


@dataclass(frozen=True)
class SearchRange:
    """The largest distance that a void may move between frames, px, and why it is that.

    ``reach_px`` is what 98 % of the voids that are seen again move at most, ``nearest_px`` the median distance to the
    nearest void in a frame; NaN where unknown. ``warning`` says what to check, and is empty else.
    """

    px: float
    why: str
    reach_px: float = float("nan")
    nearest_px: float = float("nan")
    warning: str = ""


def search_range_of(voids: pd.DataFrame, asked: float | str) -> SearchRange:
    """The search range that was ``asked`` for, px, or where that is "auto" the one chosen by `choose_search_range`.

    One that was set is taken as it is, with a warning where more than one other void lies within it on average.

    Raises
    ------
    LinkError
        If it is neither.
    """
    if asked == "auto":
        return choose_search_range(voids)
    if isinstance(asked, str) or not 0 < asked < np.inf:
        raise LinkError(f"search_range_px = {asked}: expected a length above 0 px, or auto.")
    px, why = float(asked), "set in the parameters"
    usual, others = choose_search_range(voids), _others_within(voids, px)
    if others <= _NEIGHBOURS or px <= usual.px:
        return SearchRange(px, why, usual.reach_px, usual.nearest_px)
    warning = (
        f"{px:g} px were set, but the nearest void in a frame is {usual.nearest_px:.1f} px away (median), and "
        f"{others:.1f} others lie within {px:g} px on average: which of them is the same void in the next frame is a "
        f"guess. Set track.search_range_px to {usual.px:g}, or leave it out"
    )
    return SearchRange(px, why, usual.reach_px, usual.nearest_px, warning)


def choose_search_range(voids: pd.DataFrame) -> SearchRange:
    """The search range that the density and the motion of voids allow.

    Parameters
    ----------
    voids : DataFrame
        ``frame`` and the positions, px: corrected ones are used when there.

    Returns
    -------
    SearchRange
        The most of: two and a half times what nearly all voids move at most; 5 px; up to 20 px where hardly any
        neighbours lie so near. But no more than the radius that holds one neighbour on average. Where motion is not
        known, half the distance to the nearest void, up to 20 px.
    """
    places = _places(voids)
    frames = np.unique(voids["frame"].to_numpy())
    nearest = _nearest(places)
    if not np.isfinite(nearest):
        return SearchRange(USUAL_PX, "no frame has two voids, which would tell how dense they lie")
    edges = np.linspace(0, min(_MOST_PX, 6 * nearest), _STEPS + 1)[1:]
    beside, again = _counts(places, frames, edges)
    most = float(edges[np.searchsorted(beside, _NEIGHBOURS).clip(0, _STEPS - 1)])
    usual = min(nearest / 2, USUAL_PX, most)
    apart = f"the nearest void in a frame is {nearest:.1f} px away (median)"
    if again is None:
        return SearchRange(
            usual, f"{apart}; no two frames in a row tell how far voids move", nearest_px=nearest
        )
    seen = again - beside
    within = edges <= most
    share = float(seen[within].max())
    if share < _SEEN_AGAIN:
        warning = (
            f"only {max(share, 0):.0%} of the voids are seen again within {most:.1f} px in the next frame: they move "
            "further than they lie apart, or the drift is wrong; tracks are then guesses. Look at the drift, raise "
            "the frame rate, or set track.search_range_px"
        )
        return SearchRange(usual, apart, nearest_px=nearest, warning=warning)
    reach = float(edges[np.argmax(seen >= _ALL_BUT * share)])
    free = float(edges[np.searchsorted(beside, _HARDLY_ANY).clip(0, _STEPS - 1)])
    px = min(max(_LEAST_PX, _MARGIN * reach, min(free, USUAL_PX)), most)
    moves = f"voids move up to {reach:.1f} px from frame to frame (98 %, after drift correction)"
    warning = ""
    if reach > 0.8 * most and share < 0.9:
        warning = f"{moves}, about as far as they lie apart ({nearest:.1f} px): tracks are to be checked"
    return SearchRange(round(float(px), 1), f"{moves}, and {apart}", reach, nearest, warning)


def _places(voids: pd.DataFrame) -> list[np.ndarray]:
    """Positions (n, 2) of the voids of each frame, in order."""
    columns = [*position_columns(voids)]
    return [rows[columns].to_numpy(np.float64) for _, rows in voids.groupby("frame", sort=True)]


def _others_within(voids: pd.DataFrame, px: float) -> float:
    """How many other voids of its frame lie within ``px`` of a void, on average."""
    beside, _ = _counts(_places(voids), np.unique(voids["frame"].to_numpy()), np.array([px]))
    return float(beside[0])


def _nearest(places: list[np.ndarray]) -> float:
    """Median distance to the nearest void of the same frame; NaN where no frame has two."""
    found = [cKDTree(place).query(place, k=2)[0][:, 1] for place in places if len(place) > 1]
    return float(np.median(np.concatenate(found))) if found else float("nan")


def _counts(
    places: list[np.ndarray], frames: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Mean numbers of others within each distance of a void: in its own frame, and in the next (None without one)."""
    rows = np.flatnonzero(np.diff(frames) == 1)
    some = (
        rows[np.linspace(0, len(rows) - 1, min(len(rows), _FRAMES)).round().astype(int)] if len(rows) else []
    )
    beside, again, count = np.zeros(len(edges)), np.zeros(len(edges)), 0
    for row in some:
        here, then = cKDTree(places[row]), cKDTree(places[row + 1])
        beside += here.count_neighbors(here, edges) - len(places[row])
        again += here.count_neighbors(then, edges)
        count += len(places[row])
    if count:
        return beside / count, again / count
    for place in places:
        tree = cKDTree(place)
        beside += tree.count_neighbors(tree, edges) - len(place)
        count += len(place)
    return beside / max(count, 1), None
