"""When two voids become one: the events in the tracks, and what is conserved in them, volume or surface area.

Empty voids conserve their volume: r³ adds up. Gas bubbles in equilibrium, whose pressure is 2 γ / r, conserve their
gas: r² adds up. Of two equal voids the one has 1.26, the other 1.41 times their radius.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from voidlab.tables.catalogue import TABLES

EVENT_COLUMNS = {column.name: column.dtype for column in TABLES["events"].columns}
_ALARM = 0.01
_SURE = 2.0  # standard errors


@dataclass(frozen=True)
class Conservation:
    """What the events say of the law.

    Parameters
    ----------
    events : DataFrame
        The events with the child's radius after each law (``volume_px, area_px``), how many standard errors the
        measured one is off (``volume_z, area_z``) and ``log_likelihood_ratio``: above 0 for volume.
    log_likelihood_ratio
        Sum over the events, natural logarithm; 0 without events.
    volume_probability
        Probability that volume is conserved, if one of the two is and both were as likely before.
    fit
        Probability of residuals as large as those of the better law, or larger; NaN without events.
    verdict
        ``volume``, ``area``, ``undecided`` (probabilities from 5 to 95 %) or ``neither`` (fit below 1 %).
    """

    events: pd.DataFrame
    log_likelihood_ratio: float
    volume_probability: float
    fit: float
    verdict: str


def find_merges(
    linked: pd.DataFrame,
    *,
    touch_px: float = 4.0,
    memory: int = 2,
    least_frames: int = 3,
    radius_frames: int = 5,
    radius_sigma: float = 0.05,
    x: str = "x_px",
    y: str = "y_px",
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
        ``particle, frame, radius_px, touches_edge`` and the positions ``x`` and ``y``, less the drift.
    touch_px
        Gap between circles that counts as touching.
    memory
        Frames in which a void may be missing.
    least_frames
        Tracks seen in fewer frames are no voids that could merge: false finds come and go beside voids.
    radius_frames
        Measured frames before and after the event whose mean radius is taken.
    radius_sigma
        Relative error of a single radius. The error of a mean is the larger of this and what they scatter, divided by
        the root of their number.

    Returns
    -------
    DataFrame
        A row per event, `EVENT_COLUMNS`: ``frame`` is the child's first after the event, ``parent_a`` the void that
        ends, ``child`` may be ``parent_b``; ``x_px, y_px`` is where the child is. ``growth_z`` is how much a void of
        both volumes is larger than the larger parent, in standard errors; ``alone`` whether none of the three merges
        with another in the frames from which their radii are taken.
    """
    seen = linked.dropna(subset=["particle"])
    seen = seen[seen.groupby("particle")["frame"].transform("size") >= least_frames]
    tracks = _Tracks.of(seen, x, y)
    rows = [
        _event(tracks, a, b, memory, radius_frames, radius_sigma)
        for a, b in _touching(tracks, tracks.ends(), touch_px, memory)
    ]
    table = pd.DataFrame([row for row in rows if row], columns=list(EVENT_COLUMNS)).astype(EVENT_COLUMNS)
    # A void that ends has one heir: the one whose radius fits best.
    off = (table["radius_child_px"] ** 3 - table["radius_a_px"] ** 3 - table["radius_b_px"] ** 3).abs()
    table = table.loc[off.sort_values(kind="stable").index]
    pair = np.sort(table[["parent_a", "parent_b"]].to_numpy(), axis=1)
    twice = pd.DataFrame(pair, index=table.index).duplicated() | table["parent_a"].duplicated()
    table = table[~twice].sort_values(["frame", "parent_a"], ignore_index=True)
    return table.assign(alone=_alone(table, radius_frames + memory))


def find_splits(linked: pd.DataFrame, *, x: str = "x_px", y: str = "y_px", memory: int = 2) -> pd.DataFrame:
    """Find where a void became two: a merger seen backwards in time.

    Parameters
    ----------
    linked, x, y, memory
        As for `find_merges`.

    Returns
    -------
    DataFrame
        A row per split: ``frame`` (the parent's last before it), ``parent`` (may be ``child_b``), ``child_a``,
        ``child_b``, ``x_px, y_px`` (of the parent), ``radius_parent_px, radius_a_px, radius_b_px``. Voids rarely do
        this; two that overlap and are found as one for a while look the same.
    """
    backwards = find_merges(linked.assign(frame=-linked["frame"]), memory=memory, x=x, y=y)
    named = {
        "child": "parent",
        "parent_a": "child_a",
        "parent_b": "child_b",
        "radius_child_px": "radius_parent_px",
    }
    columns = ["frame", "parent", "child_a", "child_b", "x_px", "y_px", "radius_parent_px", "radius_a_px"]
    splits = backwards.rename(columns=named)[[*columns, "radius_b_px"]]
    return splits.assign(frame=-splits["frame"]).sort_values(["frame", "child_a"], ignore_index=True)


def law_in_words(events: pd.DataFrame, frames: pd.DataFrame) -> str:
    """What the events say of what is conserved, volume or area, as a sentence."""
    if frames["tilt_deg"].notna().any():
        return f"{len(events)} times two voids look like one. In a tilt series one may just hide the other: no law."
    clear = clear_events(events)
    if clear.empty:
        return f"{len(events)} voids merged; none so clearly that volume could be told from area."
    law = compare_laws(clear)
    said = {
        "volume": "volume is conserved (r³ adds up), as for empty voids",
        "area": "area is conserved (r² adds up), as for gas bubbles at equilibrium",
        "undecided": "they do not tell volume (r³ adds up) from area (r² adds up)",
        "neither": "neither volume nor area adds up: look at the radii",
    }[law.verdict]
    return (
        f"{len(events)} voids merged; in {len(clear)} that are clear, {said}. Log-likelihood ratio, volume to area: "
        f"{law.log_likelihood_ratio:+.1f}; probability of volume {law.volume_probability:.3f}."
    )


def clear_events(events: pd.DataFrame, *, least_growth: float = 3.0) -> pd.DataFrame:
    """The events of `find_merges` that a law can be tested on.

    Two voids only, and a growth that would be seen for certain: of the others only those that happen to look large
    were found, which would speak for the area law.
    """
    return events[events["alone"] & (events["growth_z"] >= least_growth)].reset_index(drop=True)


def compare_laws(events: pd.DataFrame) -> Conservation:
    """Test over all events whether volume (r³ adds) or area (r² adds) is conserved.

    Parameters
    ----------
    events : DataFrame
        ``radius_a_px, radius_b_px, radius_child_px`` and their standard errors ``sigma_a_px, …``, such as
        `find_merges` and `clear_events` give, or measured by hand.

    Raises
    ------
    ValueError
        If a radius or a standard error is not above 0.
    """
    a, b, child = (events[f"radius_{name}_px"].to_numpy(np.float64) for name in ("a", "b", "child"))
    errors = [events[f"sigma_{name}_px"].to_numpy(np.float64) for name in ("a", "b", "child")]
    wrong = int(
        sum((~(np.isfinite(v) & (v > 0)) for v in (a, b, child, *errors)), np.zeros(len(a), bool)).sum()
    )
    if wrong:
        raise ValueError(
            f"{wrong} of {len(events)} events have a radius or standard error that is not above 0."
        )
    after, z, likelihood = {}, {}, {}
    for law, power in (("volume", 3), ("area", 2)):
        expected = (a**power + b**power) ** (1 / power)
        variance = errors[2] ** 2
        for radius, error in ((a, errors[0]), (b, errors[1])):
            variance = variance + ((radius / expected) ** (power - 1) * error) ** 2
        after[f"{law}_px"] = expected
        z[law] = (child - expected) / np.sqrt(variance)
        likelihood[law] = -(z[law] ** 2 + np.log(variance)) / 2
    ratio = likelihood["volume"] - likelihood["area"]
    total = float(ratio.sum())
    probability = float(1 / (1 + np.exp(np.clip(-total, -700, 700))))
    better = z["volume" if total >= 0 else "area"]
    fit = float(chi2.sf(np.sum(better**2), len(better))) if len(better) else np.nan
    said = events.assign(**after, volume_z=z["volume"], area_z=z["area"], log_likelihood_ratio=ratio)
    return Conservation(said, total, probability, fit, _verdict(probability, fit))


def _verdict(probability: float, fit: float) -> str:
    if fit < _ALARM:
        return "neither"
    if probability > 0.95:
        return "volume"
    return "area" if probability < 0.05 else "undecided"


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
    def of(cls, seen: pd.DataFrame, x: str, y: str) -> _Tracks:
        seen = seen.sort_values(["particle", "frame"], ignore_index=True)
        particle, frame = seen["particle"].to_numpy(np.int64), seen["frame"].to_numpy(np.int64)
        starts = np.flatnonzero(np.diff(particle, prepend=-1) != 0)
        return cls(
            particle,
            frame,
            seen[[x, y]].to_numpy(np.float64),
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
        for back in range(
            memory + 1
        ):  # the other may be missing in the frame in which the first was last seen
            rows = tracks.near(end, int(tracks.frame[end]) - back, touch_px)
            new = [int(row) for row in rows if tracks.particle[row] not in met]
            met |= set(tracks.particle[new].tolist())
            pairs += [(int(end), row) for row in new]
    return pairs


def _event(
    tracks: _Tracks, a: int, b: int, memory: int, frames: int, sigma: float
) -> dict[str, float] | None:
    """The event in which the voids of rows ``a`` (that ends) and ``b`` become one; None when they do not."""
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
    (ra, sa), (rb, sb), (rc, sc) = (
        _mean_radius(radius[rows], sigma) for rows in (before_a[-frames:], before_b[-frames:], after)
    )
    both, (larger, error) = (ra**3 + rb**3) ** (1 / 3), max((ra, sa), (rb, sb))
    if rc < (both + larger) / 2 or (tracks.touches[a] and rc < larger + _SURE * np.hypot(error, sc)):
        return None
    return {
        "frame": tracks.frame[child], "parent_a": tracks.particle[a], "parent_b": tracks.particle[b],
        "child": tracks.particle[child], "x_px": tracks.position[child, 0], "y_px": tracks.position[child, 1],
        "radius_a_px": ra, "radius_b_px": rb, "radius_child_px": rc, "sigma_a_px": sa, "sigma_b_px": sb,
        "sigma_child_px": sc, "growth_z": (both - larger) / np.hypot(error, sc), "alone": True,
    }  # fmt: skip


def _alone(events: pd.DataFrame, frames: int) -> np.ndarray:
    """Whether no other event within so many frames shares a void with each."""
    who, when = events[["parent_a", "parent_b", "child"]].to_numpy(), events["frame"].to_numpy()
    shared = (who[:, None, :, None] == who[None, :, None, :]).any(axis=(2, 3))
    near = np.abs(when[:, None] - when[None]) <= frames
    alone: np.ndarray = (shared & near).sum(axis=1) <= 1
    return alone


def _mean_radius(radius: np.ndarray, sigma: float) -> tuple[float, float]:
    """Mean of a few radii and its standard error."""
    mean = float(radius.mean())
    scatter = float(radius.std(ddof=1)) if len(radius) > 2 else 0.0
    return mean, max(scatter, sigma * mean) / np.sqrt(len(radius))
