"""The drift of the void masks against that of the images: what they differ by is an error of either."""

import numpy as np
import pandas as pd

OTHER = {"masks": "images", "images": "masks"}
_XY = ["drift_x_px", "drift_y_px"]
_SIGMA = "drift_sigma_px"
_BEYOND = 2.0  # times the stated variance: by chance in one frame of seven


def differences(drift: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
    """Difference (n, 2), px, of two tables ``drift`` of the same frames, less what all frames have in common."""
    apart = drift[_XY].to_numpy(np.float64) - other[_XY].to_numpy(np.float64)
    known = np.isfinite(apart).all(axis=1)
    return np.asarray(apart - (np.median(apart[known], axis=0) if known.any() else 0))


def with_other_source(drift: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """``drift`` with a standard error that holds what it differs from the drift of the ``other`` source.

    The scatter of the pairs of frames does not tell what they have in common, such as a blurred frame whose voids are
    all found a little to one side. What two sources differ by beyond their own errors is added, per axis.

    Parameters
    ----------
    drift, other : DataFrame
        Tables ``drift`` of the same frames, from void masks and from images.
    """
    own, others = (table[_SIGMA].to_numpy(np.float64) for table in (drift, other))
    apart = (differences(drift, other) ** 2).mean(axis=1)
    stated = own**2 + others**2
    beyond = np.nan_to_num(np.where(apart > _BEYOND * stated, apart - stated, 0))
    return drift.assign(**{_SIGMA: np.sqrt(own**2 + beyond)})


def differences_in_words(drift: pd.DataFrame, other: pd.DataFrame) -> str:
    """By how much the two sources differ, and in which frame most."""
    length = np.hypot(*differences(drift, other).T)
    if not np.isfinite(length).any():
        return "The drift of the other source is not known."
    worst = int(np.nanargmax(length))
    return (
        f"Drift from void masks and from images differ by {np.nanmedian(length):.2f} px (median), most in frame "
        f"{drift['frame'].iloc[worst]}: {length[worst]:.2f} px. What is beyond their errors is in the standard error."
    )
