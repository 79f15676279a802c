"""How voids diffuse: motion told from the error of localisation.

The path length of a void at rest grows with every frame by the noise of its position; nothing here does. All works on
whole columns: there is no loop over voids.
"""

import numpy as np
import pandas as pd

from voidlab.drift.apply import position_columns
from voidlab.tables.times import times_of
from voidlab.track.mergers import stretches

_LEAST_STEPS = 4


def diffusion(
    linked: pd.DataFrame,
    *,
    blur: float = 0.0,
    events: pd.DataFrame | None = None,
    frames: pd.DataFrame | None = None,
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
    frames : DataFrame, optional
        The table of this name, whose times the coefficients per second rest on; they need not follow each other
        evenly.

    Returns
    -------
    DataFrame
        A row per particle: ``particle, steps, diffusion_px2_per_frame`` with its standard error
        ``diffusion_sigma_px2_per_frame``, both per second too where ``frames`` are given (NaN without times), and
        ``localisation_px``, the standard deviation of the error of a position, per axis. NaN below 4 steps. The mean
        over voids at rest is 0: single estimates may be negative.

    Notes
    -----
    The standard error is that of Brownian motion in Gaussian noise. ± one covers 60 to 77 % from 4 steps on, of voids
    at rest and of fast ones; of fewer than 20 steps ± two can hold as few as 83 % of fast ones, whose estimates are
    skewed. Directed motion counts as diffusion. The localisation of a void that moves further in a frame than it is
    mislocated is known badly, and too large in the mean, since a variance is not below 0.

    References
    ----------
    Vestergaard, Blainey and Flyvbjerg, Phys. Rev. E 89, 022726 (2014), doi:10.1103/PhysRevE.89.022726
    """
    seen = linked.dropna(subset=["particle"]).sort_values(["particle", "frame"])
    particle, frame = (seen[name].to_numpy(np.int64) for name in ("particle", "frame"))
    pieces = stretches(particle, frame, events)
    parts = seen.assign(particle=pieces)
    stretch, steps, gap = _steps(parts)
    every, of_row = np.unique(particle, return_inverse=True)
    index = of_row[np.searchsorted(pieces, stretch)]
    follows = stretch[1:] == stretch[:-1]
    count = np.bincount(index, minlength=len(every))
    pairs = np.bincount(index[1:][follows], minlength=len(every))
    passed = np.bincount(index, gap, minlength=len(every))
    squares = np.bincount(index, (steps**2).mean(axis=1), minlength=len(every))
    products = (steps[1:] * steps[:-1]).mean(axis=1)[follows]
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = np.bincount(index[1:][follows], products, minlength=len(every)) / pairs
        length = passed / count  # frames in a mean step
        diffusing = (squares / count / 2 + covariance) / length
        noise = blur * squares / count + (2 * blur - 1) * covariance
        sigma = _standard_error(diffusing * length, squares / count / 2, count) / length
    known = count >= _LEAST_STEPS
    rates = {
        "diffusion_px2_per_frame": np.where(known, diffusing, np.nan),
        "diffusion_sigma_px2_per_frame": np.where(known, sigma, np.nan),
    }
    if frames is not None:
        passed_s = np.bincount(index, _seconds(parts, frames), minlength=len(every))
        in_s = passed / np.where(passed_s > 0, passed_s, np.nan)
        rates |= {name.replace("per_frame", "per_s"): rate * in_s for name, rate in rates.items()}
    error = np.where(known, np.sqrt(np.maximum(noise, 0)), np.nan)
    return pd.DataFrame({"particle": every, "steps": count, **rates, "localisation_px": error})


def _seconds(seen: pd.DataFrame, frames: pd.DataFrame) -> np.ndarray:
    """Time of every step from a row of a particle to its next, s; ``seen`` is sorted by particle and frame."""
    particle, frame = (seen[name].to_numpy(np.int64) for name in ("particle", "frame"))
    return np.diff(times_of(frames, frame))[particle[1:] == particle[:-1]]


def _standard_error(diffusing: np.ndarray, spread: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Standard error of the mean of two axes' coefficients from ``count`` steps, px² per step.

    ``spread``, half the variance of a step, is known better than either of its parts, motion and localisation: the
    error is that for the share of it which is motion. The reference's terms in 1 / count² are for known
    coefficients; of few steps they give too long an error for voids at rest and too short a one for fast ones.
    """
    share = np.clip(diffusing / np.fmax(spread, 1e-300), 0, 1)  # exactly still: 0
    result: np.ndarray = spread * np.sqrt((1 + 2 * share**2) / count + 5 * share**2 / count**2)
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
