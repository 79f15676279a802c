"""Where two voids become one, or one two, and what that means for the tracks: the larger void goes on.

A linker that looks from frame to frame loses both where the new void's centre, that of the mass of the two, lies
further from either than a void moves in a frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from voidlab.drift.apply import position_columns
from voidlab.tables.catalogue import TABLES
from voidlab.tables.listing import number_of
from voidlab.track.radius_errors import RadiusErrors

EVENT_COLUMNS = {column.name: column.dtype for column in TABLES["events"].columns}
_SURE = 2.0  # standard errors


def find_merges(
    linked: pd.DataFrame,
    *,
    touch_px: float = 4.0,
    memory: int = 2,
    least_frames: int = 3,
    radius_frames: int = 5,
    radius_sigma: float = 0.05,
) -> pd.DataFrame:
    """Find where the track of a void ends because it became one with another.

    A void a has merged with b when the track of a ends, the two circles touched then, and within ``memory`` + 1
    frames there is a child: b going on, or a track that begins where b's ends as well. Its circle holds the centre
    of mass of both, and its radius is nearer to that of a void of both volumes than to that of the larger parent, or
    above. Near the image's border, where a void may just have left, it has to be larger than the larger parent by
    two standard errors, too.

    Parameters
    ----------
    linked : DataFrame
        ``particle, frame, radius_px, touches_edge`` and the positions: corrected ones are used when there.
    touch_px
        Gap between circles that counts as touching.
    memory
        Frames in which a void may be missing.
    least_frames
        Tracks seen in fewer frames are no voids that could merge: false positives come and go beside voids.
    radius_frames
        Measured frames before and after the event whose mean radius is taken.
    radius_sigma
        Relative error of a single radius where the tracks are too few to show it, by their scatter.

    Returns
    -------
    DataFrame
        A row per event, `EVENT_COLUMNS`: ``frame`` is the child's first after the event, ``parent_a`` the void that
        ends, ``child`` may be ``parent_b``; ``x_px, y_px`` is where the child is. ``growth_z`` is how much a void of
        both volumes is larger than the larger parent, in standard errors; ``alone`` whether none of the three merges
        with another in the frames from which their radii are taken.
    """
    seen = linked.dropna(subset=["particle"])
    if len(seen):  # a memory longer than the series is as long as the series
        memory = min(memory, int(seen["frame"].max()) - int(seen["frame"].min()) + 1)
    seen = seen[seen.groupby("particle")["frame"].transform("size") >= least_frames]
    tracks = _Tracks.of(seen)
    rows = [
        _event(tracks, a, b, memory, radius_frames)
        for a, b in _touching(tracks, tracks.ends(), touch_px, memory)
    ]
    table = _with_errors(pd.DataFrame([row for row in rows if row]), tracks, radius_sigma)
    # A void that ends has one heir: the one whose radius fits best.
    off = (table["radius_child_px"] ** 3 - table["radius_a_px"] ** 3 - table["radius_b_px"] ** 3).abs()
    table = table.loc[off.sort_values(kind="stable").index]
    pair = np.sort(table[["parent_a", "parent_b"]].to_numpy(), axis=1)
    twice = pd.DataFrame(pair, index=table.index).duplicated() | table["parent_a"].duplicated()
    table = table[~twice].sort_values(["frame", "parent_a"], ignore_index=True)
    return table.assign(alone=_alone(table, radius_frames + memory))


def find_splits(linked: pd.DataFrame, *, memory: int = 2) -> pd.DataFrame:
    """Find where a void became two: a merger seen backwards in time.

    Parameters
    ----------
    linked, memory
        As for `find_merges`.

    Returns
    -------
    DataFrame
        A row per split: ``frame`` (the parent's last before it), ``parent`` (may be ``child_b``), ``child_a``,
        ``child_b``, ``x_px, y_px`` (of the parent), ``radius_parent_px, radius_a_px, radius_b_px``. Voids rarely do
        this; two that overlap and are found as one for a while look the same.
    """
    backwards = find_merges(linked.assign(frame=-linked["frame"]), memory=memory)
    named = {
        "child": "parent",
        "parent_a": "child_a",
        "parent_b": "child_b",
        "radius_child_px": "radius_parent_px",
    }
    columns = ["frame", "parent", "child_a", "child_b", "x_px", "y_px", "radius_parent_px", "radius_a_px"]
    splits = backwards.rename(columns=named)[[*columns, "radius_b_px"]]
    return splits.assign(frame=-splits["frame"]).sort_values(["frame", "child_a"], ignore_index=True)


def follow_larger(linked: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Let what two voids became have the number of the larger of them.

    Parameters
    ----------
    linked : DataFrame
        ``frame, label, particle``; rows may lack a particle.
    events : DataFrame
        Of `find_merges`, with the same particles.

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


def followed_in_words(linked: pd.DataFrame, followed: pd.DataFrame) -> str:
    """What the tracks as ``linked`` are to the particles that `follow_larger` made of them, as a sentence."""
    tracks, particles = (table["particle"].nunique() for table in (linked, followed))
    if tracks == particles:
        return (
            f"Each of the {number_of(tracks, 'track')} is a particle."
            if tracks != 1
            else "The one track is a particle."
        )
    return f"The {tracks:,} tracks are {number_of(particles, 'particle')}: of two that merge, the larger goes on."


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


@dataclass(frozen=True)
class _Tracks:
    """Columns of linked voids, sorted by particle and frame; ``starts``: rows that begin a track, then the end."""

    particle: np.ndarray
    frame: np.ndarray
    position: np.ndarray
    radius: np.ndarray
    touches: np.ndarray
    starts: np.ndarray
    of_frame: dict[int, np.ndarray]

    @classmethod
    def of(cls, seen: pd.DataFrame) -> _Tracks:
        seen = seen.sort_values(["particle", "frame"], ignore_index=True)
        particle, frame = seen["particle"].to_numpy(np.int64), seen["frame"].to_numpy(np.int64)
        starts = np.flatnonzero(np.diff(particle, prepend=-1) != 0)
        return cls(
            particle,
            frame,
            seen[[*position_columns(seen)]].to_numpy(np.float64),
            seen["radius_px"].to_numpy(np.float64),
            seen["touches_edge"].to_numpy(bool),
            np.append(starts, len(seen)),
            pd.Series(frame).groupby(frame).indices,  # type: ignore[arg-type]
        )

    def ends(self) -> np.ndarray:
        """Last rows of the tracks that end before the series does."""
        last = self.starts[1:] - 1
        result: np.ndarray = last[self.frame[last] < self.frame.max(initial=0)]
        return result

    def rows(self, row: int) -> np.ndarray:
        """All rows of the track of ``row``."""
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        return np.arange(self.starts[number], self.starts[number + 1])

    def near(self, row: int, frame: int, gap: float) -> np.ndarray:
        """Rows of other voids in ``frame`` whose circles come as near as ``gap`` to that of ``row``."""
        rows = self.of_frame.get(frame, np.array([], np.int64))
        away = np.hypot(*(self.position[rows] - self.position[row]).T)
        other = self.particle[rows] != self.particle[row]
        result: np.ndarray = rows[other & (away <= self.radius[row] + self.radius[rows] + gap)]
        return result

    def begins(self, row: int) -> bool:
        """Whether a track begins with ``row``."""
        return bool(self.starts[np.searchsorted(self.starts, row)] == row)


def _touching(tracks: _Tracks, ends: np.ndarray, touch_px: float, memory: int) -> list[tuple[int, int]]:
    """Pairs (row of an end, row of a void that its circle touches in the same frame or the ones just before)."""
    pairs = []
    for end in ends:
        met: set[int] = set()
        # The other may be missing in the frame in which the first was last seen.
        for back in range(memory + 1):
            rows = tracks.near(end, int(tracks.frame[end]) - back, touch_px)
            new = [int(row) for row in rows if tracks.particle[row] not in met]
            met |= set(tracks.particle[new].tolist())
            pairs += [(int(end), row) for row in new]
    return pairs


def _event(tracks: _Tracks, a: int, b: int, memory: int, frames: int) -> dict[str, float] | None:
    """The event in which the voids of rows ``a`` (that ends) and ``b`` become one; None when they do not.

    With how many radii each mean is of, ``count_a`` and so on, and whether the void of ``a`` touches the edge.
    """
    last, radius = int(tracks.frame[a]), tracks.radius
    before_a, of_b = tracks.rows(a), tracks.rows(b)
    first, second = radius[a] ** 3, radius[b] ** 3
    centre = (tracks.position[a] * first + tracks.position[b] * second) / (first + second)
    soon = range(last + 1, last + memory + 2)
    heirs = of_b[np.isin(tracks.frame[of_b], soon)]
    if not len(heirs):
        there = [row for frame in soon for row in tracks.near(a, frame, radius[b])]
        heirs = np.array([row for row in there if tracks.begins(row)], np.int64)
    heirs = heirs[np.hypot(*(tracks.position[heirs] - centre).T) <= radius[heirs]]
    if not len(heirs):
        return None
    child = heirs[np.argmin(tracks.frame[heirs])]
    before_b, of_child = of_b[tracks.frame[of_b] <= last], tracks.rows(child)
    after = of_child[of_child >= child][:frames]
    radii = [radius[rows] for rows in (before_a[-frames:], before_b[-frames:], after)]
    ra, rb, rc = (float(few.mean()) for few in radii)
    if rc < ((ra**3 + rb**3) ** (1 / 3) + max(ra, rb)) / 2:
        return None
    return {
        "frame": tracks.frame[child], "parent_a": tracks.particle[a], "parent_b": tracks.particle[b],
        "child": tracks.particle[child], "x_px": tracks.position[child, 0], "y_px": tracks.position[child, 1],
        "radius_a_px": ra, "radius_b_px": rb, "radius_child_px": rc, "alone": True, "touches": tracks.touches[a],
        **{f"count_{name}": len(few) for name, few in zip("abc", radii, strict=True)},
    }  # fmt: skip


def _with_errors(found: pd.DataFrame, tracks: _Tracks, radius_sigma: float) -> pd.DataFrame:
    """Table ``events`` of what was ``found``, with errors of the radii, without what is not sure near the border."""
    if found.empty:
        return pd.DataFrame(columns=list(EVENT_COLUMNS)).astype(EVENT_COLUMNS)
    piece = stretches(tracks.particle, tracks.frame, found)
    errors = RadiusErrors.of(tracks.particle, tracks.frame, tracks.radius, piece, unknown=radius_sigma)
    a, b, child = (
        errors.of_mean(
            found[name].to_numpy(), found[f"radius_{radius}_px"].to_numpy(), found[count].to_numpy()
        )
        for name, radius, count in (
            ("parent_a", "a", "count_a"),
            ("parent_b", "b", "count_b"),
            ("child", "child", "count_c"),
        )
    )
    first, second = found["radius_a_px"], found["radius_b_px"]
    larger, error = np.maximum(first, second), np.hypot(np.where(first > second, a, b), child)
    both = (first**3 + second**3) ** (1 / 3)
    table = found.assign(sigma_a_px=a, sigma_b_px=b, sigma_child_px=child, growth_z=(both - larger) / error)
    unsure = table["touches"] & (table["radius_child_px"] < larger + _SURE * error)
    return table.loc[~unsure, list(EVENT_COLUMNS)].astype(EVENT_COLUMNS)


def _alone(events: pd.DataFrame, frames: int) -> np.ndarray:
    """Whether no other event within so many frames shares a void with each."""
    who, when = events[["parent_a", "parent_b", "child"]].to_numpy(), events["frame"].to_numpy()
    shared = (who[:, None, :, None] == who[None, :, None, :]).any(axis=(2, 3))
    near = np.abs(when[:, None] - when[None]) <= frames
    alone: np.ndarray = (shared & near).sum(axis=1) <= 1
    return alone
