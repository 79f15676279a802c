"""Sum up each void's track: interpolated over missed frames, its displacement, radii and growth.

All works on whole columns: there is no loop over voids.
"""

import numpy as np
import pandas as pd
from pydantic import BaseModel

from voidlab import tables
from voidlab.drift.apply import position_columns
from voidlab.tables.listing import are, number_of
from voidlab.tables.size_basis import NOT_A_SIZE, basis_of_particles
from voidlab.tables.tilts import is_tilted
from voidlab.tables.times import seconds_per_frame, times_of
from voidlab.track.growth import robust_slopes
from voidlab.track.link import LinkError
from voidlab.track.mergers import stretches

_GROWTH_MIN_FRAMES = 4


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
    x, y = position_columns(linked)
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
    voids_with_particle: pd.DataFrame,
    *,
    events: pd.DataFrame | None = None,
    frames: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Sum up each void's life: table ``tracks``, a row per particle.

    Parameters
    ----------
    voids_with_particle : DataFrame
        Voids with ``particle``; rows where it is missing do not count. Corrected positions are used when there.
    events : DataFrame, optional
        Mergers, `voidlab.track.mergers.find_merges`: what a void gains at once in one is no growth.
    frames : DataFrame, optional
        The table of this name, whose times growth per second rests on; they need not follow each other evenly.

    Notes
    -----
    Displacements and radii are those of the track interpolated over frames in which the void was not seen; mean
    radius and growth rest on measured rows only. Growth is a robust slope, `track.growth.robust_slopes`: ± one
    error covers 68 %, also where errors of radii last over frames. Rows that touch the edge do not count for it
    where four others are left. A factor that all radii are off by, as through a focus that is off, is one of all
    growth rates: that error stands apart, since no number of tracks makes it smaller. Smallest and largest radius
    and the displacements are not freed of noise: the first is too small, the others too large, by what
    `voidlab/tables/columns.csv` says of them.

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
        *position_columns(voids_with_particle),
        "radius_px",
        "touches_edge",
        *(name for name in ("radius_shared_sigma_px", "size_basis") if name in voids_with_particle),
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
    growth, error, per_s, error_per_s = _growth(seen, events, frames)
    shared = _shared_error(seen, rows)
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
            "growth_shared_sigma_px_per_frame": shared * np.abs(growth),
            "growth_px_per_s": per_s,
            "growth_sigma_px_per_s": error_per_s,
            "growth_shared_sigma_px_per_s": shared * np.abs(per_s),
            "touches_edge": np.logical_or.reduceat(seen["touches_edge"].to_numpy(bool), rows),
            "size_basis": basis_of_particles(seen).sort_index().to_numpy(),
        }
    )
    return tables.check(tracks, "tracks")


def tracks_with_size(tracks: pd.DataFrame, linked: pd.DataFrame) -> pd.DataFrame:
    """The tracks whose radii are sizes in most of their frames; of the others they are those of a fringe."""
    return tracks[(tracks["particle"].map(basis_of_particles(linked)) != NOT_A_SIZE).to_numpy(bool)]


def least_frames(asked: BaseModel, name: str, frames: pd.DataFrame) -> int:
    """Fewest frames of a track that counts as long: the parameter ``name`` of ``asked``, or all of a shorter series.

    What somebody set holds however short the series is.
    """
    least = int(getattr(asked, name))
    if name in asked.model_fields_set:
        return least
    return max(min(least, int((frames["status"] == "ok").sum())), 1)


def left_out_in_words(tracks: pd.DataFrame, sized: pd.DataFrame) -> str:
    """How many tracks have no size, as a sentence."""
    none = len(tracks) - len(sized)
    if not none:
        return "All tracks are of voids with a size."
    return (
        f"{none} of {number_of(len(tracks), 'track')} {are(none)} of voids smaller than the fringe around them, "
        "whose radii are no sizes: they are left out of growth."
    )


def growth_in_words(tracks: pd.DataFrame, frames: pd.DataFrame | None = None) -> str:
    """How many voids grow or shrink beyond their errors, and what all of them have in common, as a sentence.

    ``frames`` is the table of this name: in a tilt series nothing grows.
    """
    if frames is not None and is_tilted(frames["tilt_deg"]):
        return (
            "In a tilt series nothing has the time to grow: a radius that changes with the tilt is that of a void "
            "of another shape, or one that others hide."
        )
    known = tracks.dropna(subset=["growth_px_per_frame", "growth_sigma_px_per_frame"])
    if known.empty:
        return "No track is long enough for a growth rate."
    factor = shared_error_of_growth(known)
    shared = (
        f" All growth rates share a further error of ± {factor:.0%}, that of the radii." if factor > 0 else ""
    )
    rate = growth_rate_per(known)
    growth, sigma = known[f"growth_px_per_{rate}"], known[f"growth_sigma_px_per_{rate}"]
    share = 100 * (growth / known["mean_radius_px"]).median()
    said = f"{share:+.2f}" if rate == "frame" else f"{share:+.3g}"
    return (
        f"Of {number_of(len(known), 'void')} {int((growth > 2 * sigma).sum())} grow and "
        f"{int((growth < -2 * sigma).sum())} shrink by more than two standard errors. The median void changes "
        f"by {said} % per {rate}: what all have in common may be growth, or a focus or contrast that changes, "
        f"which radii cannot tell apart.{shared}"
    )


def growth_rate_per(tracks: pd.DataFrame) -> str:
    """What growth is told per, "s" or "frame": the time where it is known, the same in numbers and figures."""
    return "s" if "growth_px_per_s" in tracks and tracks["growth_px_per_s"].notna().any() else "frame"


def shared_error_of_growth(tracks: pd.DataFrame) -> float:
    """Relative error that all growth rates share, of the median track; NaN where it is not known."""
    if "growth_shared_sigma_px_per_frame" not in tracks:
        return float("nan")
    growth = tracks["growth_px_per_frame"].abs()
    return float((tracks["growth_shared_sigma_px_per_frame"] / growth.where(growth > 0)).median())


def _growth(
    seen: pd.DataFrame, events: pd.DataFrame | None, frames: pd.DataFrame | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Growth of every track and its error, per frame and per second, from rows sorted by particle and frame."""
    starts = _starts(seen["particle"])
    inside = ~seen["touches_edge"].to_numpy(bool)
    enough = np.add.reduceat(inside.astype(np.int64), starts) >= _GROWTH_MIN_FRAMES
    # A radius at the edge is less sure; it counts in tracks that have too few others.
    rows = inside | ~np.repeat(enough, np.diff(np.append(starts, len(seen))))
    particle, frame = (seen[name].to_numpy(np.int64) for name in ("particle", "frame"))
    piece = stretches(particle, frame, events)
    measured = particle[rows], frame[rows], seen["radius_px"].to_numpy(np.float64)[rows], piece[rows]
    growth, error = robust_slopes(*measured)
    times_s = times_of(frames, frame[rows])
    step_s, even = seconds_per_frame(frame[rows], times_s)
    if even or not step_s > 0:
        unit = step_s if step_s > 0 else np.nan
        return growth, error, growth / unit, error / unit
    over_time = robust_slopes(*measured, time=times_s / step_s)
    return growth, error, over_time[0] / step_s, over_time[1] / step_s


def _shared_error(seen: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """Relative error of its radii that each track shares with all others; NaN where it is not known."""
    if "radius_shared_sigma_px" not in seen:
        return np.full(len(rows), np.nan)
    radius, shared = (seen[name].to_numpy(np.float64) for name in ("radius_px", "radius_shared_sigma_px"))
    known = np.isfinite(shared)
    off, size = (np.add.reduceat(np.where(known, values, 0.0), rows) for values in (shared, radius))
    return np.asarray(np.where(size > 0, off / np.where(size > 0, size, 1.0), np.nan))


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
