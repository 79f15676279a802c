"""How sizes are distributed: a histogram by a stated rule, by number and by the share of the swelling."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import betaincinv

_LEAST_PX = 0.5  # of a diameter


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


@dataclass(frozen=True)
class BinWidth:
    """How wide the size bins are, in ``unit``, and the sentence that says why."""

    width: float
    rule: str


def size_distribution(
    diameter: np.ndarray,
    *,
    pixel: float = 1.0,
    unit: str = "px",
    weight: np.ndarray | None = None,
    bins: BinWidth | None = None,
) -> SizeDistribution:
    """Histogram of void diameters as they are seen.

    Parameters
    ----------
    diameter : (n,) float
        In ``unit``.
    pixel
        Width of a pixel in ``unit``, see `bin_width`.
    weight : (n,) float
        How many voids each stands for, such as 1 / `voidlab.swelling.stereology.inclusion_area`; None: one.
    bins
        How wide the bins are; None: as `bin_width` gives it for these diameters.

    References
    ----------
    Freedman and Diaconis, Z. Wahrscheinlichkeitstheorie verw. Gebiete 57, 453 (1981), doi:10.1007/BF01025868
    """
    diameter = np.asarray(diameter, np.float64)
    weight = np.ones(len(diameter)) if weight is None else np.asarray(weight, np.float64)
    chosen = bins or bin_width(diameter, pixel=pixel, unit=unit)
    width = chosen.width
    first = np.floor(diameter.min(initial=np.inf) / width) if len(diameter) else 0
    count = int(np.floor(diameter.max() / width) - first) + 1 if len(diameter) else 0
    place = (np.floor(diameter / width) - first).astype(np.int64)
    voids = np.bincount(place, minlength=count)
    number = np.bincount(place, weight, minlength=count)
    volume = np.bincount(place, weight * diameter**3, minlength=count)
    total = max(number.sum(), np.finfo(float).tiny)
    low, high = (_share(tail, voids, number) for tail in (0.025, 0.975))
    edges = (first + np.arange(count + 1)) * width
    table = pd.DataFrame(
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
    table["cumulative_share"] = table["share"].cumsum()
    table["cumulative_volume_share"] = table["volume_share"].cumsum()
    return SizeDistribution(table, chosen.rule)


def _share(tail: float, voids: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Quantile of the share of each bin: of so many ``voids`` (Jeffreys' prior), that stand for so many."""
    others = voids.sum() - voids
    middle = number.sum() / max(voids.sum(), 1)
    each = np.where(voids > 0, number / np.maximum(voids, 1), middle)
    other = np.where(others > 0, (number.sum() - number) / np.maximum(others, 1), middle)
    odds = betaincinv(voids + 0.5, others + 0.5, tail)
    return np.asarray(odds * each / (odds * each + (1 - odds) * other))


def bin_width(diameter: np.ndarray, *, images: int = 1, pixel: float = 1.0, unit: str = "px") -> BinWidth:
    """Width of size bins from all diameters of a series, the same wherever its sizes are shown.

    The rule of Freedman and Diaconis for as many voids as an image has, with the shortest half of the diameters in
    place of the interquartile range: the same for one group of sizes; of two groups, it is as wide as one of them.

    Parameters
    ----------
    diameter : (n,) float
        In ``unit``, of the voids of all ``images``.
    pixel
        Width of a pixel in ``unit``: no bin is narrower than half of one, about twice what the diameter of one void
        scatters by from image to image; nor than the step in which the diameters are told, such as whole pixels.
    """
    count = len(diameter) / max(images, 1)
    if len(diameter) < 2:
        few = 2 * pixel
        return BinWidth(few, f"Size bins are {few:.3g} {unit} wide: two pixels, for want of two voids.")
    ordered = np.sort(diameter)
    half = len(ordered) // 2
    wanted = 2 * float((ordered[half:] - ordered[: len(ordered) - half]).min()) / count ** (1 / 3)
    named = "the rule of Freedman and Diaconis on the shortest half of the diameters"
    steps = np.diff(np.unique(ordered))
    told = float(steps.min()) if len(steps) else 0.0
    least, why = max((_LEAST_PX * pixel, "half a pixel"), (told, "the step in which diameters are told"))
    if wanted > least:
        return BinWidth(wanted, f"Size bins are {wanted:.3g} {unit} wide, by {named}.")
    rule = f"Size bins are {least:.3g} {unit} wide: {why}, as {named} gives less ({wanted:.3g} {unit})."
    return BinWidth(least, rule)
