"""Frames that stand out of their series: blurred ones, and ones with far fewer or more voids than those around."""

import numpy as np
import pandas as pd

from voidlab.images.binning import block_mean
from voidlab.images.smooth import gaussian
from voidlab.tables.listing import number_of
from voidlab.tables.tilts import is_tilted

_AROUND = 15  # frames that a frame is compared with
_FAR = 6.0  # robust standard deviations
_LEAST_SHARE = 0.15  # of the usual value: less is of no account
_LEAST_COUNT = 20  # voids; of fewer chance alone makes such shares
_LEAST_FRAMES = 6


def sharpness(image: np.ndarray) -> float:
    """How sharp an image (H, W) is: the share of its fine detail (2 px) in its coarse detail (8 px), NaN left out."""
    small, details = image.astype(np.float32, copy=False), []
    for times in (2, 4):
        small = block_mean(small, times, pad=True)
        known = np.isfinite(small)
        if not known.any():
            return np.nan
        values = small if known.all() else np.where(known, small, np.median(small[known]))
        details.append(float((values - gaussian(values, 1.0))[known].std()))
    fine, coarse = details
    return fine / coarse if coarse > 0 else np.nan


def odd_frames(frames: pd.DataFrame, sharpness: np.ndarray) -> dict[int, str]:
    """Number of each frame that stands out, and how: by its count of voids or its sharpness.

    A frame is compared with the median of the 15 around it. Of a tilt series nothing is said: there both change with
    the tilt.

    Parameters
    ----------
    frames : DataFrame
        Table ``frames``.
    sharpness : ndarray of shape (n,)
        Of each frame, NaN where it was not looked at.
    """
    if is_tilted(frames["tilt_deg"]):
        return {}
    count = frames["void_count"].to_numpy(np.float64, na_value=np.nan)
    usual, fewer_or_more = _compared(count)
    as_sharp, other = _compared(sharpness)
    blurred = other & (sharpness < as_sharp)
    said = {}
    for row in np.flatnonzero((fewer_or_more & (usual >= _LEAST_COUNT)) | blurred):
        words = []
        if fewer_or_more[row]:
            words.append(f"{number_of(round(count[row]), 'void')}, around it {usual[row]:,.0f}")
        if blurred[row]:
            words.append("blurred")
        said[int(frames["frame"].iloc[row])] = ", ".join(words)
    return said


def _compared(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The usual value around each frame, and whether its own is far from it."""
    usual = pd.Series(values).rolling(_AROUND, center=True, min_periods=_LEAST_FRAMES).median().to_numpy()
    off = np.abs(values - usual)
    if not np.isfinite(off).any():
        return usual, np.zeros(len(values), bool)
    far = np.fmax(_FAR * 1.4826 * np.nanmedian(off), _LEAST_SHARE * np.abs(usual))
    return usual, np.nan_to_num(off) > np.nan_to_num(far, nan=np.inf)
