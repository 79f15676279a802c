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
from scipy.stats import t as student
from trackpy.linking import SubnetOversizeException, link

from voidlab import tables

_GROWTH_MIN_FRAMES = 4
_TUKEY = 4.685  # 95 % efficient for normal residuals
_CONVEX_SWEEPS = 5


class LinkError(ValueError):
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


def summarize_tracks(voids_with_particle: pd.DataFrame) -> pd.DataFrame:
    """Sum up each void's life: table ``tracks``, a row per particle.

    Parameters
    ----------
    voids_with_particle : DataFrame
        Voids with ``particle``; rows where it is missing do not count. Corrected positions are used when there.

    Notes
    -----
    Displacements and radii are those of the track interpolated over frames in which the void was not seen; mean
    radius and growth rest on measured rows only. Growth is the slope of radius over frame by iteratively
    reweighted least squares with Tukey's weights [1]_, its error the standard error of that fit [2]_, taking the
    errors of the radii as independent, times Student's factor for few rows: ± one error covers 68 %. Rows that
    touch the edge do not count for growth where four others are left.

    Raises
    ------
    LinkError
        If a particle stands twice in a frame.

    References
    ----------
    .. [1] Beaton and Tukey, Technometrics 16, 147 (1974), doi:10.1080/00401706.1974.10489171
    .. [2] Huber, Ann. Statist. 1, 799 (1973), doi:10.1214/aos/1176342503
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
    fitted = _rows_for_growth(seen, rows, measured)
    growth, error = _growth(fitted, _starts(fitted["particle"]))
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


def _rows_for_growth(seen: pd.DataFrame, starts: np.ndarray, counts: np.ndarray) -> pd.DataFrame:
    """The rows without those at the edge, whose radius is less sure, in tracks that have enough others."""
    inside = ~seen["touches_edge"].to_numpy(bool)
    enough = np.add.reduceat(inside.astype(np.int64), starts) >= _GROWTH_MIN_FRAMES
    return seen[inside | ~np.repeat(enough, counts)]


def _growth(seen: pd.DataFrame, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Robust slope of radius over frame of every track at once, and its standard error; NaN below four rows."""
    counts = np.diff(np.append(starts, len(seen)))
    track = np.repeat(np.arange(len(starts)), counts)
    frame, radius = seen["frame"].to_numpy(np.float64), seen["radius_px"].to_numpy(np.float64)
    frame = frame - np.repeat(frame[starts], counts)
    weight = np.ones(len(seen))
    for sweep in range(25):
        slope, level, spread = _weighted_line(frame, radius, weight, starts, counts)
        residual = radius - np.repeat(level, counts) - np.repeat(slope, counts) * frame
        if sweep <= _CONVEX_SWEEPS:  # later the scale stands, so that the line can settle
            scale = _scale(np.abs(residual), track, starts, counts)
        ratio = np.abs(residual) / np.repeat(scale, counts)
        # A convex start first: Tukey's weights alone can settle on the outliers.
        huber = np.minimum(1, 1.345 / np.maximum(ratio, 1e-9))
        weight = huber if sweep < _CONVEX_SWEEPS else np.clip(1 - (ratio / _TUKEY) ** 2, 0, None) ** 2
    slope, level, spread = _weighted_line(frame, radius, weight, starts, counts)
    residual = radius - np.repeat(level, counts) - np.repeat(slope, counts) * frame
    error = _slope_error(residual, scale, spread, starts, counts)
    # Few rows know their own scatter badly: Student's factor makes ± one error cover 68 % all the same.
    error *= student.ppf(0.8413, np.maximum(counts - 2, 1))
    known = counts >= _GROWTH_MIN_FRAMES
    return np.where(known, slope, np.nan), np.where(known, error, np.nan)


def _weighted_line(
    frame: np.ndarray, radius: np.ndarray, weight: np.ndarray, starts: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slope and level at frame 0 of the weighted line through each track, and its weighted spread of frames."""
    total = np.add.reduceat(weight, starts)
    mean_frame = np.add.reduceat(weight * frame, starts) / np.maximum(total, 1e-12)
    mean_radius = np.add.reduceat(weight * radius, starts) / np.maximum(total, 1e-12)
    off = frame - np.repeat(mean_frame, counts)
    spread = np.add.reduceat(weight * off**2, starts)
    slope = np.add.reduceat(weight * off * radius, starts) / np.maximum(spread, 1e-12)
    return slope, mean_radius - slope * mean_frame, spread


def _slope_error(
    residual: np.ndarray, scale: np.ndarray, spread: np.ndarray, starts: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Standard error of a robust slope (Huber's asymptotic variance), all tracks at once."""
    ratio = residual / np.repeat(scale, counts)
    inside = np.abs(ratio) < _TUKEY
    part = (1 - (ratio / _TUKEY) ** 2) * inside
    influence, derivative = ratio * part**2, (part**2 - 4 * (ratio / _TUKEY) ** 2 * part)
    mean_square = np.add.reduceat(influence**2, starts) / np.maximum(counts - 2, 1)
    mean_slope = np.maximum(np.add.reduceat(derivative, starts) / counts, 0.1)
    # The spread of frames that the weights leave, scaled back to that of all rows.
    full = spread * counts / np.maximum(np.add.reduceat(part**2, starts), 1e-9)
    return scale * np.sqrt(mean_square) / mean_slope / np.sqrt(np.maximum(full, 1e-12))


def _scale(size: np.ndarray, track: np.ndarray, starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Standard deviation of each track's residuals from their median ``size``; never zero."""
    median = _median_of(size, track, starts, counts)
    # Radii of whole pixels can lie on the line more often than not, which does not make the line certain.
    mean = np.add.reduceat(size, starts) / counts
    scale = np.maximum(np.where(median > 1e-9, median * 1.4826, mean * 1.2533), 1e-9)
    # Two of the residuals went into the line, and the median of a few runs low.
    return scale * np.sqrt(counts / np.maximum(counts - 2, 1)) * counts / (counts - 0.8)


def _median_of(values: np.ndarray, track: np.ndarray, starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Median of ``values``, which are not negative, within each track."""
    # Track and value in one number sort a dozen times as fast as two do; NaN would end up behind the last track and
    # shift the others.
    values = np.nan_to_num(values)
    bound = 2 * float(values.max(initial=0)) + 1e-300
    ordered = np.sort(track + values / bound)
    low, high = (ordered[starts + middle] for middle in ((counts - 1) // 2, counts // 2))
    return ((low + high) / 2 - np.arange(len(starts))) * bound


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
