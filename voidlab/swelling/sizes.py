"""How sizes are distributed: a histogram by a stated rule, by number and by the share of the swelling."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import beta


@dataclass(frozen=True)
class SizeDistribution:
    """A histogram of diameters and the rule of its bins.

    Parameters
    ----------
    bins : DataFrame
        A row per bin: ``low, high`` (its ends), ``voids``, ``share`` (of the number) with its 95 % interval
        ``share_low95, share_high95``, ``volume_share`` (of the sum of the cubes, that is of the swelling),
        ``cumulative_share, cumulative_volume_share``.
    rule
        How wide the bins are, and why.
    """

    bins: pd.DataFrame
    rule: str


def size_distribution(
    diameter: np.ndarray, *, pixel: float = 1.0, unit: str = "px", weight: np.ndarray | None = None
) -> SizeDistribution:
    """Histogram of void diameters as they are seen.

    Parameters
    ----------
    diameter : (n,) float
        In ``unit``.
    pixel
        Width of a pixel in ``unit``: no bin is narrower than two.
    weight : (n,) float
        How many voids each stands for, such as 1 / `voidlab.swelling.stereology.inclusion_area`; None: one.

    References
    ----------
    Freedman and Diaconis, Z. Wahrscheinlichkeitstheorie verw. Gebiete 57, 453 (1981), doi:10.1007/BF01025868
    """
    diameter = np.asarray(diameter, np.float64)
    weight = np.ones(len(diameter)) if weight is None else np.asarray(weight, np.float64)
    width, rule = _width(diameter, pixel, unit)
    first = np.floor(diameter.min(initial=np.inf) / width) if len(diameter) else 0
    count = int(np.floor(diameter.max() / width) - first) + 1 if len(diameter) else 0
    place = (np.floor(diameter / width) - first).astype(np.int64)
    voids = np.bincount(place, minlength=count)
    number = np.bincount(place, weight, minlength=count)
    volume = np.bincount(place, weight * diameter**3, minlength=count)
    total = max(number.sum(), np.finfo(float).tiny)
    low, high = (_share(tail, voids, number) for tail in (0.025, 0.975))
    edges = (first + np.arange(count + 1)) * width
    bins = pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "voids": voids,
            "share": number / total,
            "share_low95": np.where(voids > 0, low, 0.0),
            "share_high95": np.where(voids < len(diameter), high, 1.0),
            "volume_share": volume / max(volume.sum(), np.finfo(float).tiny),
        }
    )
    bins["cumulative_share"] = bins["share"].cumsum()
    bins["cumulative_volume_share"] = bins["volume_share"].cumsum()
    return SizeDistribution(bins, rule)


def _share(tail: float, voids: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Quantile of the share of each bin: of so many ``voids`` (Jeffreys' prior), that stand for so many."""
    others = voids.sum() - voids
    middle = number.sum() / max(voids.sum(), 1)
    each = np.where(voids > 0, number / np.maximum(voids, 1), middle)
    other = np.where(others > 0, (number.sum() - number) / np.maximum(others, 1), middle)
    odds = beta.ppf(tail, voids + 0.5, others + 0.5)
    return np.asarray(odds * each / (odds * each + (1 - odds) * other))


def _width(diameter: np.ndarray, pixel: float, unit: str) -> tuple[float, str]:
    """Width of a bin and the sentence that says why."""
    least = 2 * pixel
    if len(diameter) < 2:
        return least, f"Size bins are {least:.3g} {unit} wide: two pixels, as there are fewer than two voids."
    low, high = np.quantile(diameter, [0.25, 0.75])
    wanted = 2 * (high - low) / len(diameter) ** (1 / 3)
    if wanted > least:
        return float(wanted), f"Size bins are {wanted:.3g} {unit} wide, by the rule of Freedman and Diaconis."
    said = (
        f"Size bins are {least:.3g} {unit} wide: two pixels, as the rule of Freedman and Diaconis gives less"
    )
    return least, f"{said} ({wanted:.3g} {unit})."
