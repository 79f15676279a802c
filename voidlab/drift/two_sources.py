"""The drift of the void masks against that of the images: what they differ by is an error of either."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from voidlab.drift.estimate import estimate_drift, flag_large_errors
from voidlab.tables.tilts import is_tilted
from voidlab.tables.units import IN_PX, HasPixelSize, length

_OTHER = {"masks": "images", "images": "masks"}
_XY = ["drift_x_px", "drift_y_px"]
_SIGMA = "drift_sigma_px"
_BEYOND = 2.0  # times the stated variance: by chance in one frame of seven


def measure_drift(
    images_of: Callable[[str], Sequence[np.ndarray]],
    source: str,
    frames: pd.DataFrame,
    *,
    calibration: HasPixelSize = IN_PX,
    **how: Any,
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Drift of one source, with an error that holds what the other source differs from it.

    In a tilt series voids move by their depth, in masks otherwise than in images: there the two are not compared.

    Parameters
    ----------
    images_of : callable
        Gives the images (n of (H, W)) of a source: "masks" or "images".
    source : str
        The one whose drift it is.
    frames : DataFrame
        Table ``frames``, a row per image.
    calibration
        For the words on what the sources differ by: in nm where the pixel size is known.
    **how
        Of `estimate_drift`.

    Returns
    -------
    drift, pairs : DataFrame
        Tables, in px.
    compared : str
        By how much the two sources differ.
    """
    measured = estimate_drift(images_of(source), **how)
    drift, pairs = measured.table(frames["frame"]), measured.pairs_table(frames["frame"])
    if is_tilted(frames["tilt_deg"]):
        return drift, pairs, "A tilt series: the drifts of void masks and of images are not compared."
    other = estimate_drift(images_of(_OTHER[source]), **how).table(frames["frame"])
    words = differences_in_words(drift, other, calibration)
    drift = with_other_source(drift, other)
    flags = flag_large_errors(drift["flag"].tolist(), drift[_SIGMA].to_numpy(np.float64))
    return drift.assign(flag=pd.Series(flags, dtype="str")), pairs, words


def differences(drift: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
    """Difference (n, 2), px, of two tables ``drift`` of the same frames, less what all frames have in common.

    Two have nothing in common: the one at rest differs by nothing, the other by all of it.
    """
    apart = drift[_XY].to_numpy(np.float64) - other[_XY].to_numpy(np.float64)
    if len(apart) == 2:
        return apart
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


def differences_in_words(drift: pd.DataFrame, other: pd.DataFrame, calibration: HasPixelSize = IN_PX) -> str:
    """By how much the two sources differ, and in which frame most."""
    apart = np.hypot(*differences(drift, other).T)
    if not np.isfinite(apart).any():
        return "The drift of the other source is not known."
    worst = int(np.nanargmax(apart))
    said = most = length(apart[worst], calibration)
    if len(drift) > 2:
        usual = length(np.nanmedian(apart), calibration)
        said = f"{usual} (median), most in frame {drift['frame'].iloc[worst]}: {most}"
    return (
        f"Drift from void masks and from images differ by {said}. What is beyond their errors is in the "
        "standard error."
    )
