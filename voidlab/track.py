"""From voids to tracks: link the voids of all frames with trackpy, and sum up each void's life.

Everything after the linking works on whole columns: there is no loop over voids.
"""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from scipy.stats import t as student
from trackpy.linking import SubnetOversizeException, link

from voidlab import tables

_GROWTH_MIN_FRAMES = 4
_TUKEY = 4.685  # 95 % efficient for normal residuals


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
        If positions are not finite, or if voids are too dense for the search range.

    References
    ----------
    Crocker and Grier, J. Colloid Interface Sci. 179, 298 (1996), doi:10.1006/jcis.1996.0217
    """
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
    logger = logging.getLogger("trackpy")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        linked = link(plain, search_range_px, pos_columns=positions, memory=memory)
    finally:
        logger.setLevel(level)
    return linked.sort_index()["particle"].to_numpy()


def _too_dense(voids: pd.DataFrame, x: str, y: str, search_range_px: float) -> str:
    apart = [
        cKDTree(rows[[x, y]].to_numpy()).query(rows[[x, y]].to_numpy(), k=2)[0][:, 1]
        for _, rows in voids.groupby("frame")
        if len(rows) > 1
    ]
    nearest = float(np.median(np.concatenate(apart)))
    return (
        f"search_range_px = {search_range_px:g} reaches past too many neighbours to tell voids apart: the median "
        f"distance to the nearest void in a frame is {nearest:.1f} px. Try search_range_px = {nearest / 2:.1f} or "
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
    """
    x, y = _position_columns(linked)
    seen = _sorted(linked)
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
    reweighted least squares with Tukey's weights, its error the standard error of that fit.
    """
    if voids_with_particle["particle"].isna().all():
        return tables.empty("tracks")
    dense = interpolate_tracks(voids_with_particle)
    seen = _sorted(voids_with_particle)
    starts = _starts(dense["particle"])
    ends = np.append(starts[1:], len(dense)) - 1
    x, y, radius = (dense[c].to_numpy() for c in ("x_px", "y_px", "radius_px"))
    length = ends - starts + 1
    from_start = np.hypot(x - np.repeat(x[starts], length), y - np.repeat(y[starts], length))
    steps = np.hypot(np.diff(x, prepend=x[:1]), np.diff(y, prepend=y[:1]))
    steps[starts] = 0
    rows = _starts(seen["particle"])
    measured = np.diff(np.append(rows, len(seen)))
    growth, error = _growth(seen, rows)
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


def _growth(seen: pd.DataFrame, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Robust slope of radius over frame of every track at once, and its standard error; NaN below four rows."""
    counts = np.diff(np.append(starts, len(seen)))
    track = np.repeat(np.arange(len(starts)), counts)
    frame, radius = seen["frame"].to_numpy(np.float64), seen["radius_px"].to_numpy(np.float64)
    frame = frame - np.repeat(frame[starts], counts)
    weight = np.ones(len(seen))
    for sweep in range(20):
        slope, level, spread = _weighted_line(frame, radius, weight, starts, counts)
        residual = radius - np.repeat(level, counts) - np.repeat(slope, counts) * frame
        scale = np.maximum(_median_of(np.abs(residual), track, starts, counts) * 1.4826, 1e-9)
        # Two of the residuals went into the line, and the median of a few runs low.
        scale *= np.sqrt(counts / np.maximum(counts - 2, 1)) * counts / (counts - 0.8)
        ratio = np.abs(residual) / np.repeat(scale, counts)
        # A convex start first: Tukey's weights alone can settle on the outliers.
        huber = np.minimum(1, 1.345 / np.maximum(ratio, 1e-9))
        weight = huber if sweep < 5 else np.clip(1 - (ratio / _TUKEY) ** 2, 0, None) ** 2
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


def _median_of(values: np.ndarray, track: np.ndarray, starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Median of ``values`` within each track."""
    ordered = values[np.lexsort((values, track))]
    return (ordered[starts + (counts - 1) // 2] + ordered[starts + counts // 2]) / 2


def _sorted(linked: pd.DataFrame) -> pd.DataFrame:
    """The linked rows in order of particle and frame."""
    rows = linked[linked["particle"].notna()]
    return rows.sort_values(["particle", "frame"], ignore_index=True)


def _starts(particle: pd.Series) -> np.ndarray:
    """Row at which each track begins, in a table sorted by particle."""
    numbers = particle.to_numpy(np.int64)
    return np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)])


def _position_columns(voids: pd.DataFrame) -> tuple[str, str]:
    corrected = ("x_corrected_px", "y_corrected_px")
    return corrected if set(corrected) <= set(voids.columns) else ("x_px", "y_px")
