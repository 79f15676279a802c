"""From voids to tracks: link the voids of all frames with trackpy, and sum up each void's life.

Everything after the linking works on whole columns: there is no loop over voids.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from trackpy.linking import SubnetOversizeException, link

from voidlab import tables
from voidlab.errors import VoidlabError
from voidlab.track.growth import robust_slopes
from voidlab.track.mergers import stretches

_GROWTH_MIN_FRAMES = 4


class LinkError(VoidlabError):
    """Voids that cannot be linked as asked, with what would do."""


def linkable(voids: pd.DataFrame, *, link_edge_voids: bool = False) -> pd.DataFrame:
    """The voids to link: those away from the edge, whose centre and radius are whole, or all of them."""
    return voids if link_edge_voids else voids[~voids["touches_edge"]]


def link_voids(voids: pd.DataFrame, *, search_range_px: float, memory: int = 2) -> pd.DataFrame:
    """Link the voids of all frames into tracks with trackpy.

    Parameters
    ----------
    voids : DataFrame
        Table ``voids``; ``x_corrected_px``, ``y_corrected_px`` are used when there, else ``x_px``, ``y_px``.
    search_range_px : float
        Furthest a void may move from a frame to the next, px.
    memory : int
        Frames a void may be missing and still be the same.

    Returns
    -------
    DataFrame
        ``voids``, rows and order as given, with ``particle`` added: tracks are numbered by their first frame,
        then by their first label, whatever the order of the rows.

    Raises
    ------
    LinkError
        If positions are not finite, if voids are too dense for the search range, or if the search range is not
        positive or the memory negative.

    References
    ----------
    Crocker and Grier, J. Colloid Interface Sci. 179, 298 (1996), doi:10.1006/jcis.1996.0217
    """
    if not (np.isfinite(search_range_px) and search_range_px > 0) or memory < 0:
        raise LinkError(
            f"search_range_px = {search_range_px:g}, memory = {memory}: the search range has to be above 0 px, "
            "the memory 0 frames or more."
        )
    if voids.empty:
        return voids.assign(particle=pd.Series(dtype="int64"))
    x, y = _position_columns(voids)
    lost = int((~np.isfinite(voids[[x, y]].to_numpy())).any(axis=1).sum())
    if lost:
        raise LinkError(
            f"{lost} of {len(voids)} voids have no finite position ({x}, {y}); leave them out first."
        )
    # In one order whatever the caller's: trackpy's answer depends on it where two links cost the same.
    order = np.lexsort((voids["label"].to_numpy(), voids["frame"].to_numpy()))
    ordered = voids.iloc[order]
    try:
        with warnings.catch_warnings():
            # trackpy 0.7 still uses what pandas 3 deprecates; nothing in its answer hangs on it.
            warnings.simplefilter("ignore")
            linked = _trackpy(ordered, [y, x], search_range_px, memory)
    except SubnetOversizeException:
        raise LinkError(_too_dense(ordered, x, y, search_range_px)) from None
    particle = np.empty(len(voids), np.int64)
    particle[order] = pd.factorize(linked)[0]
    return voids.assign(particle=particle)


def _trackpy(voids: pd.DataFrame, positions: list[str], search_range_px: float, memory: int) -> np.ndarray:
    """Particle of each of the ``voids``, which are sorted by frame."""
    plain = voids[["frame", *positions]].reset_index(drop=True)
    # trackpy goes through missing frames one by one; after the memory has run out, one more changes nothing.
    step = np.diff(plain["frame"].to_numpy(np.int64), prepend=plain["frame"].iloc[0])
    plain["frame"] = np.cumsum(np.minimum(step, memory + 2))
    logger = logging.getLogger("trackpy")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        linked = link(
            plain, search_range_px, pos_columns=positions, memory=memory, link_strategy=_least_total_cost
        )
    finally:
        logger.setLevel(level)
    return linked.sort_index()["particle"].to_numpy()


def _least_total_cost(
    before: set[Any], after: set[Any], search_range: float, max_size: int
) -> tuple[list[Any], list[Any]]:
    """Links between voids that compete for one another: least sum of squared distances, the range for a lost one.

    The links are those of trackpy's own search, whose time grows exponentially (a minute for 25 voids on a grid),
    and depend on no order in memory where two answers cost the same.
    """
    if len(before) <= 1 and len(after) == 1:
        return [*before] or [None], [*after]
    if len(before) > max_size:
        raise SubnetOversizeException
    sources, targets = (sorted(points, key=lambda point: point.uuid) for points in (before, after))
    column = {target: number for number, target in enumerate(targets)}
    cost = np.full((len(sources), len(targets) + len(sources)), np.inf)
    cost[:, len(targets) :] = (search_range + 1e-7) ** 2  # trackpy's tree lets links be that much longer
    for row, source in enumerate(sources):
        for target, distance in source.forward_cands:
            cost[row, column[target]] = distance**2
    found = [targets[number] if number < len(targets) else None for number in linear_sum_assignment(cost)[1]]
    born = [target for target in targets if target not in found]
    return [*sources, *[None] * len(born)], [*found, *born]


def _too_dense(voids: pd.DataFrame, x: str, y: str, search_range_px: float) -> str:
    apart = [
        cKDTree(rows[[x, y]].to_numpy()).query(rows[[x, y]].to_numpy(), k=2)[0][:, 1]
        for _, rows in voids.groupby("frame")
        if len(rows) > 1
    ]
    nearest = float(np.median(np.concatenate(apart)))
    # Below the range that failed, also where most voids lie far apart and a few in clusters.
    fewer = min(nearest, search_range_px) / 2
    return (
        f"search_range_px = {search_range_px:g} reaches past too many neighbours to tell voids apart: the median "
        f"distance to the nearest void in a frame is {nearest:.1f} px. Try search_range_px = {fewer:.3g} or "
        "less; if voids really move further, remove the drift first or raise the frame rate."
    )


def interpolate_tracks(linked: pd.DataFrame) -> pd.DataFrame:
    """Every track in every frame from its first to its last, on straight lines where it was not seen.

    Parameters
    ----------
    linked : DataFrame
        Voids with ``particle``; corrected positions are used when there.

    Returns
    -------
    DataFrame
        ``particle, frame, x_px, y_px, radius_px, touches_edge, label, inferred``, sorted by particle and frame.
        An inferred row has no label, and touches the edge if one of its two neighbours does.

    Raises
    ------
    LinkError
        If a particle stands twice in a frame.
    """
    x, y = _position_columns(linked)
    seen = _sorted(linked)
    twice = int(seen.duplicated(["particle", "frame"]).sum())
    if twice:
        raise LinkError(f"{twice} rows give a particle a second void in the same frame; a track holds one.")
    particle, frame = seen["particle"].to_numpy(np.int64), seen["frame"].to_numpy(np.int64)
    # How many frames each row stands for: until the next row of its track.
    stands = np.ones(len(seen), np.int64)
    if len(seen) > 1:
        follows = particle[1:] == particle[:-1]
        stands[:-1][follows] = np.diff(frame)[follows]
    row = np.repeat(np.arange(len(seen)), stands)
    step = np.arange(len(row)) - np.repeat(np.cumsum(stands) - stands, stands)
    after = np.where(step > 0, row + 1, row)
    share = step / stands[row]
    dense = {"particle": particle[row], "frame": frame[row] + step}
    for name, column in (("x_px", x), ("y_px", y), ("radius_px", "radius_px")):
        values = seen[column].to_numpy(np.float64)
        dense[name] = values[row] + (values[after] - values[row]) * share
    touches = seen["touches_edge"].to_numpy(bool)
    dense["touches_edge"] = touches[row] | touches[after]
    labels = pd.array(seen["label"].to_numpy(np.int64)[row], dtype="Int64")
    labels[step > 0] = pd.NA
    return pd.DataFrame(dense).assign(label=labels, inferred=step > 0)


def summarize_tracks(
    voids_with_particle: pd.DataFrame, *, events: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Sum up each void's life: table ``tracks``, a row per particle.

    Parameters
    ----------
    voids_with_particle : DataFrame
        Voids with ``particle``; rows where it is missing do not count. Corrected positions are used when there.
    events : DataFrame, optional
        Mergers, `voidlab.track.conservation.find_merges`: what a void gains at once in one is no growth.

    Notes
    -----
    Displacements and radii are those of the track interpolated over frames in which the void was not seen; mean
    radius and growth rest on measured rows only. Growth is a robust slope, `track.growth.robust_slopes`: ± one
    error covers 68 %. Rows that touch the edge do not count for it where four others are left.

    Raises
    ------
    LinkError
        If a particle stands twice in a frame.
    """
    if voids_with_particle["particle"].isna().all():
        return tables.empty("tracks")
    needed = [
        "particle",
        "frame",
        "label",
        *_position_columns(voids_with_particle),
        "radius_px",
        "touches_edge",
    ]
    seen = _sorted(voids_with_particle[needed])
    dense = interpolate_tracks(seen)
    starts = _starts(dense["particle"])
    ends = np.append(starts[1:], len(dense)) - 1
    x, y, radius = (dense[c].to_numpy() for c in ("x_px", "y_px", "radius_px"))
    length = ends - starts + 1
    from_start = np.hypot(x - np.repeat(x[starts], length), y - np.repeat(y[starts], length))
    steps = np.hypot(np.diff(x, prepend=x[:1]), np.diff(y, prepend=y[:1]))
    steps[starts] = 0
    rows = _starts(seen["particle"])
    measured = np.diff(np.append(rows, len(seen)))
    growth, error = _growth(seen, events)
    frame = dense["frame"].to_numpy()
    tracks = pd.DataFrame(
        {
            "particle": dense["particle"].to_numpy()[starts],
            "start_frame": frame[starts],
            "end_frame": frame[ends],
            "total_frames": length,
            "inferred_frames": length - measured,
            "mean_radius_px": np.add.reduceat(seen["radius_px"].to_numpy(np.float64), rows) / measured,
            "min_radius_px": np.minimum.reduceat(radius, starts),
            "max_radius_px": np.maximum.reduceat(radius, starts),
            "net_displacement_px": from_start[ends],
            "max_displacement_px": np.maximum.reduceat(from_start, starts),
            "path_length_px": np.add.reduceat(steps, starts),
            "growth_px_per_frame": growth,
            "growth_sigma_px_per_frame": error,
            "touches_edge": np.logical_or.reduceat(seen["touches_edge"].to_numpy(bool), rows),
        }
    )
    return tables.check(tracks, "tracks")


def _growth(seen: pd.DataFrame, events: pd.DataFrame | None) -> tuple[np.ndarray, np.ndarray]:
    """Growth of every track and its error, from rows sorted by particle and frame."""
    starts = _starts(seen["particle"])
    inside = ~seen["touches_edge"].to_numpy(bool)
    enough = np.add.reduceat(inside.astype(np.int64), starts) >= _GROWTH_MIN_FRAMES
    # A radius at the edge is less sure; it counts in tracks that have too few others.
    rows = inside | ~np.repeat(enough, np.diff(np.append(starts, len(seen))))
    particle, frame = (seen[name].to_numpy(np.int64) for name in ("particle", "frame"))
    piece = stretches(particle, frame, events)
    return robust_slopes(
        particle[rows], frame[rows], seen["radius_px"].to_numpy(np.float64)[rows], piece[rows]
    )


def _sorted(linked: pd.DataFrame) -> pd.DataFrame:
    """The linked rows in order of particle and frame."""
    rows = linked[linked["particle"].notna()]
    particle, frame = (rows[name].to_numpy(np.int64) for name in ("particle", "frame"))
    if not len(rows):
        return rows.reset_index(drop=True)
    place = (particle - particle.min()) * (np.ptp(frame) + 1) + frame - frame.min()
    if (np.diff(place) >= 0).all():
        return rows.reset_index(drop=True)
    return rows.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def _starts(particle: pd.Series) -> np.ndarray:
    """Row at which each track begins, in a table sorted by particle."""
    numbers = particle.to_numpy(np.int64)
    return np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)])


def _position_columns(voids: pd.DataFrame) -> tuple[str, str]:
    corrected = ("x_corrected_px", "y_corrected_px")
    return corrected if set(corrected) <= set(voids.columns) else ("x_px", "y_px")
