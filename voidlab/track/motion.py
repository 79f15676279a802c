"""How voids move: true diffusion told from the error of localisation, and motion against the neighbours.

The path length of a void at rest grows with every frame by the noise of its position; nothing here does. All works on
whole columns: there is no loop over voids.
"""

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from voidlab.drift.apply import position_columns
from voidlab.track.mergers import stretches

_LEAST_STEPS = 4
_LEAST_NEIGHBOURS = 3


def diffusion(
    linked: pd.DataFrame,
    *,
    blur: float = 0.0,
    events: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Diffusion coefficient and localisation noise of every void, by the covariance of successive steps.

    A step that is too long by an error of localisation is followed by one that is too short; the covariance of
    neighbouring steps is minus the variance of that error. What is left of the steps' variance is motion.

    Parameters
    ----------
    linked : DataFrame
        ``particle, frame`` and the measured positions, px: corrected ones are used when there. A void may be
        missing in frames.
    blur
        How much of a step happens while the image is taken: 0 for a short exposure, 1/6 for one as long as the time
        between frames.
    events : DataFrame, optional
        Mergers, `voidlab.track.mergers.find_merges`: the step to the common centre in one is no diffusion.

    Returns
    -------
    DataFrame
        A row per particle: ``particle, steps, diffusion_px2_per_frame`` with its standard error
        ``diffusion_sigma_px2_per_frame``, and ``localisation_px``, the standard deviation of the error of a position,
        per axis. NaN below 4 steps. The mean over voids at rest is 0: single estimates may be negative.

    Notes
    -----
    The standard error is that of Brownian motion in Gaussian noise. Directed motion counts as diffusion.

    References
    ----------
    Vestergaard, Blainey and Flyvbjerg, Phys. Rev. E 89, 022726 (2014), doi:10.1103/PhysRevE.89.022726
    """
    seen = linked.dropna(subset=["particle"]).sort_values(["particle", "frame"])
    particle, frame = (seen[name].to_numpy(np.int64) for name in ("particle", "frame"))
    pieces = stretches(particle, frame, events)
    stretch, steps, gap = _steps(seen.assign(particle=pieces))
    every, of_row = np.unique(particle, return_inverse=True)
    index = of_row[np.searchsorted(pieces, stretch)]
    follows = stretch[1:] == stretch[:-1]
    count = np.bincount(index, minlength=len(every))
    pairs = np.bincount(index[1:][follows], minlength=len(every))
    frames = np.bincount(index, gap, minlength=len(every))
    squares = np.bincount(index, (steps**2).mean(axis=1), minlength=len(every))
    products = (steps[1:] * steps[:-1]).mean(axis=1)[follows]
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = np.bincount(index[1:][follows], products, minlength=len(every)) / pairs
        length = frames / count  # frames in a mean step
        diffusing = (squares / count / 2 + covariance) / length
        noise = blur * squares / count + (2 * blur - 1) * covariance
        sigma = _standard_error(diffusing * length, noise, count, blur) / length
    known = count >= _LEAST_STEPS
    return pd.DataFrame(
        {
            "particle": every,
            "steps": count,
            "diffusion_px2_per_frame": np.where(known, diffusing, np.nan),
            "diffusion_sigma_px2_per_frame": np.where(known, sigma, np.nan),
            "localisation_px": np.where(known, np.sqrt(np.maximum(noise, 0)), np.nan),
        }
    )


def _standard_error(diffusing: np.ndarray, noise: np.ndarray, count: np.ndarray, blur: float) -> np.ndarray:
    """Standard error of the mean of two axes' coefficients from ``count`` steps, px² per step."""
    moving = np.maximum(diffusing, 0)
    still = np.maximum(noise, 0) - 2 * blur * moving
    variance = (6 * moving**2 + 4 * moving * still + 2 * still**2) / count
    variance += 4 * (moving + still) ** 2 / count**2
    result: np.ndarray = np.sqrt(variance / 2)
    return result


def pooled_diffusion(of_voids: pd.DataFrame) -> tuple[float, float]:
    """Mean diffusion coefficient of many voids and its standard error, px²/frame; each weighs as much as its steps.

    Parameters
    ----------
    of_voids : DataFrame
        Rows of what `diffusion` gives, such as of voids of about one size.
    """
    known = of_voids.dropna(subset=["diffusion_px2_per_frame"])
    if known.empty:
        return np.nan, np.nan
    steps = known["steps"].to_numpy(np.float64)
    share = steps / steps.sum()
    mean = float(np.sum(share * known["diffusion_px2_per_frame"].to_numpy()))
    # From the errors of the single ones: voids that differ in truth are no error of their mean.
    return mean, float(np.sqrt(np.sum((share * known["diffusion_sigma_px2_per_frame"].to_numpy()) ** 2)))


def local_motion(linked: pd.DataFrame, *, neighbours: int = 8) -> pd.DataFrame:
    """Add positions that move only as the void moves against its neighbours.

    From every step of a void the median step of the nearest other voids over the same frames is taken: what moves
    them together, such as drift that is left, bending or swelling of the foil, is gone. A void that stands alone
    (fewer than 3 others over these frames) keeps its steps.

    Returns
    -------
    DataFrame
        ``linked``, rows and order as given, with ``x_local_px, y_local_px`` (a void's first position is kept) and
        ``neighbours`` (the others its step into that frame was compared with; 0 for the first). NaN where the row has
        no particle.
    """
    place = position_columns(linked)
    seen = linked.reset_index(drop=True).dropna(subset=["particle"])[["particle", "frame", *place]]
    seen = seen.sort_values(["particle", "frame"])
    _, steps, gap = _steps(seen)
    first = np.diff(seen["particle"].to_numpy(np.int64), prepend=-1) != 0
    arriving, leaving = np.flatnonzero(~first), np.flatnonzero(~first) - 1
    position = seen[[*place]].to_numpy(np.float64)
    frame = seen["frame"].to_numpy(np.int64)
    common, others = np.zeros_like(steps), np.zeros(len(steps), np.int64)
    same_frames = pd.DataFrame({"frame": frame[leaving], "gap": gap}).groupby(["frame", "gap"]).indices
    for rows in same_frames.values():
        if len(rows) > _LEAST_NEIGHBOURS:
            common[rows] = _common_step(position[leaving[rows]], steps[rows], neighbours)
            others[rows] = min(neighbours, len(rows) - 1)
    local = position.copy()
    local[arriving] = steps - common
    # Sums from each void's first position on.
    run = np.cumsum(local, axis=0)
    starts = np.flatnonzero(first)
    before = (run - local)[starts]
    local = run - np.repeat(before, np.diff(np.append(starts, len(seen))), axis=0)
    compared = np.zeros(len(seen))
    compared[arriving] = others
    columns = {"x_local_px": local[:, 0], "y_local_px": local[:, 1], "neighbours": compared}
    added = pd.DataFrame(columns, index=seen.index).reindex(range(len(linked)))
    return linked.assign(**{str(name): added[name].to_numpy() for name in added})


def _common_step(position: np.ndarray, steps: np.ndarray, neighbours: int) -> np.ndarray:
    """Median step of the nearest others of each void; the steps are all over the same frames."""
    nearest = cKDTree(position).query(position, k=min(neighbours, len(position) - 1) + 1)[1]
    itself = nearest == np.arange(len(position))[:, None]
    itself[~itself.any(axis=1), -1] = True  # as many others lie on the very same place
    others = nearest[~itself].reshape(len(position), -1)
    result: np.ndarray = np.median(steps[others], axis=1)
    return result


def _steps(linked: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Particle, step (n, 2) and number of frames of every step from a row of a particle to its next."""
    seen = linked.dropna(subset=["particle"]).sort_values(["particle", "frame"])
    particle, frame = seen["particle"].to_numpy(np.int64), seen["frame"].to_numpy(np.int64)
    position = seen[[*position_columns(seen)]].to_numpy(np.float64)
    same = particle[1:] == particle[:-1]
    gap = np.diff(frame)[same]
    if (gap <= 0).any():
        raise ValueError(f"{int((gap <= 0).sum())} rows give a particle a second void in the same frame.")
    return particle[1:][same], np.diff(position, axis=0)[same], gap
