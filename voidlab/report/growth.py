"""How fast the diameters of voids grow, as a key figure with its standard error."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from voidlab.report.key_figures import Figure, figure
from voidlab.tables.listing import number_of
from voidlab.tables.tilts import is_tilted
from voidlab.tables.units import HasPixelSize, unit_of
from voidlab.track.summary import growth_rate_per, shared_error_of_growth


def of_growth(
    tracks: pd.DataFrame, frames: pd.DataFrame, calibration: HasPixelSize, *, shown: int
) -> list[Figure]:
    """How fast the diameters grow; nothing of a tilt series, in which nothing has the time to."""
    rate = growth_rate_per(tracks)
    column = f"growth_px_per_{rate}"
    long = tracks[(tracks["total_frames"] >= shown) & tracks[column].notna()]
    if is_tilted(frames["tilt_deg"]) or len(long) < 2:
        return []
    size, unit = unit_of(calibration)
    # Slopes of short tracks are wild, and often many: each counts as long as it was seen.
    weight = long["total_frames"].to_numpy(float)
    low, middle, high = _weighted_quantiles(
        2 * size * long[column].to_numpy(float), weight, (0.25, 0.5, 0.75)
    )
    error = 1.253 * (high - low) / 1.349 * np.sqrt(np.sum(weight**2)) / weight.sum()
    factor = np.nan_to_num(shared_error_of_growth(long))
    value = f"{_with_error(middle, float(np.hypot(error, factor * middle)))} {unit}/{rate}"
    shares = f", with the ± {factor:.0%} that all radii share" if factor else ""
    which = f"{number_of(len(long), 'track')} of {number_of(shown, 'frame')} or more"
    meaning = f"of the diameter; median of {which}, each as often as it was seen"
    return [figure("Growth", value, f"{meaning}, and its standard error{shares}")]


def _weighted_quantiles(values: np.ndarray, weights: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Quantiles of ``values`` each of which counts as ``weights`` say."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return np.interp(shares, (total - weights[order] / 2) / total[-1], values[order])


def _with_error(value: float, error: float) -> str:
    """``value`` ± ``error``, signed; decimals down to the first digit of the error, or the second after a 1 or 2."""
    if not error > 0:
        return f"{value:+.2g}".replace("-", "−")
    first = int(np.floor(np.log10(error)))
    leading = error / 10.0**first
    decimals = max(-first + (leading < 3), 0)
    return f"{value:+.{decimals}f} ± {error:.{decimals}f}".replace("-", "−", 1)
