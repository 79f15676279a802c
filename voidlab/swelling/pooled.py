"""From fields of view to a specimen: pooled by the area they show, with the spread between them in the interval.

Counting errors alone say how well a field is known, not the specimen: fields differ by more. Works on what
`measure_swelling` gives of each field.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from voidlab.swelling.sample import SwellingError

# What is said per volume, of 3D before that of an image, and what is said per area.
_DENSITY = (("number_density_3d", "number_density"), ("areal_density",))
_DIAMETER = (("mean_diameter_3d", "mean_diameter"), ("mean_diameter_seen",))
_VOLUME = (("volume_fraction_3d", "volume_fraction"), ("volume_per_area",))
_TAILS = {"low95": 0.025, "low68": 0.16, "high68": 0.84, "high95": 0.975}
_COLUMNS = (
    "value",
    "unit",
    *_TAILS,
    "between_fields",
    "counting",
    "systematic",
    "fields",
    "degrees_of_freedom",
)


@dataclass(frozen=True)
class Field:
    """A field of view: one image, or one tilt series, of a specimen.

    Parameters
    ----------
    name
        Of its dataset.
    estimates : DataFrame
        As `voidlab.swelling.Swelling.estimates`.
    area
        Area of specimen it shows, in ``unit`` squared.
    diameter, inclusion_area : (n,) float
        Of the voids that count, in ``unit`` and its square: see `voidlab.swelling.stereology.inclusion_area`.
    unit
        nm or px.
    sized : (n,) bool
        Which of these diameters are sizes, see `voidlab.tables.size_basis.is_size`; the others count in the density.
    """

    name: str
    estimates: pd.DataFrame
    area: float
    diameter: np.ndarray
    inclusion_area: np.ndarray
    unit: str
    sized: np.ndarray

    @property
    def sized_per_area(self) -> np.ndarray:
        """How many voids per area each of those with a size stands for."""
        return np.asarray(1 / self.inclusion_area[self.sized])

    @property
    def share_sized(self) -> float:
        """Of the density the share of the voids with a size; 1 of no voids."""
        every = float((1 / self.inclusion_area).sum())
        return float(self.sized_per_area.sum()) / every if every else 1.0


@dataclass(frozen=True)
class Mean:
    """A weighted mean, its standard error from the scatter of what was averaged, and how well that one is known.

    ``error`` is NaN, and ``degrees`` 0, where there is one value only; ``dilution`` is the variance of the mean over
    that of a value.
    """

    value: float
    error: float
    degrees: float
    dilution: float = 1.0


@dataclass(frozen=True)
class Spread:
    """How much fields differ: the standard deviation of one over the mean of its specimen; how well that is known."""

    relative: float
    degrees: float


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> Mean:
    """Mean of ``values`` (n,) with ``weights`` (n,), values without weight left out.

    The standard error is unbiased for values that scatter alike, whatever their weights; its degrees of freedom are
    those of Satterthwaite, n − 1 for equal weights and fewer where a few values have most of the weight.

    References
    ----------
    Bell and McCaffrey, Survey Methodology 28, 169 (2002).
    """
    values, weights = (np.asarray(v, np.float64)[np.asarray(weights) > 0] for v in (values, weights))
    count = len(values)
    if not count:
        return Mean(np.nan, np.nan, 0.0)
    share = weights / weights.sum()
    mean = float(share @ values)
    dilution = float(np.sum(share**2))
    if count == 1:
        return Mean(mean, np.nan, 0.0)
    of_residual = 1 - 2 * share + dilution  # its variance, over that of a value
    counts = share**2 / of_residual
    variance = float(counts @ (values - mean) ** 2)
    residuals = np.eye(count) - share  # of the values: row i gives value i less the mean
    form = residuals.T @ (counts[:, None] * residuals)
    degrees = float(np.trace(form) ** 2 / np.sum(form * form.T))
    return Mean(mean, variance**0.5, degrees, dilution)


def pool_fields(fields: Sequence[Field], *, spread: Mapping[str, Spread] | None = None) -> pd.DataFrame:
    """Density, mean diameter and void volume of a specimen from its fields.

    Parameters
    ----------
    fields
        All in one unit.
    spread
        How much fields differ, by quantity, as `common_spread` gives it; None: as these do.

    Returns
    -------
    DataFrame
        Indexed by ``quantity``: ``areal_density, mean_diameter_seen, volume_per_area``, and where every field has a
        thickness ``number_density, mean_diameter, volume_fraction, swelling``. Columns: ``value, unit``, 68 and 95 %
        intervals, the relative standard errors ``between_fields`` (NaN of one field), ``counting`` and
        ``systematic`` (common to all fields: voids missed, diameters, thickness, pixel size), the number of
        ``fields``, and ``degrees_of_freedom`` of the spread between them.

    Notes
    -----
    Densities and volumes are weighted by the area that a field shows, diameters by the voids with a size that it
    stands for. The
    interval holds the spread between fields (Student's t), never less than counting alone, and the systematic errors
    as if they were the same in all fields. Of one field the spread is unknown: its interval is that of the field.

    Raises
    ------
    SwellingError
        If there are no fields, or fields in px beside fields in nm.
    """
    units = {field.unit for field in fields}
    if len(units) != 1:
        found = "no fields" if not fields else "fields in px beside fields in nm"
        raise SwellingError(f"there are {found}; expected one or more, all with a pixel size or all without.")
    known = spread or {}
    rows = {
        name: _pooled(numbers, weights, known.get(name))
        for name, (numbers, weights) in _numbers(fields).items()
    }
    if "volume_fraction" in rows:
        rows["swelling"] = _as_swelling(rows["volume_fraction"])
    if not rows:
        names = ", ".join(field.name for field in fields)
        raise SwellingError(
            f"some of the fields {names} have no density, diameter or volume; run them again."
        )
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(_COLUMNS)).rename_axis("quantity")


def common_spread(specimens: Iterable[Sequence[Field]]) -> dict[str, Spread]:
    """How much fields of a specimen differ, by quantity, from all ``specimens`` together; each the fields of one.

    It holds where fields of all of them differ alike, relative to their mean, and is then known much better than from
    the few fields of one: of twice five fields with 8 degrees of freedom, not 4.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for fields in specimens:
        for name, (numbers, weights) in _numbers(fields).items():
            mean = weighted_mean(numbers["value"].fillna(0).to_numpy(float), _known(numbers, weights))
            if mean.degrees and mean.value > 0:
                variance = mean.error**2 / mean.dilution / mean.value**2
                found.setdefault(name, []).append((variance, mean.degrees))
    spreads = {}
    for name, parts in found.items():
        variance, degrees = np.array(parts).T
        spreads[name] = Spread(float((degrees @ variance) / degrees.sum()) ** 0.5, float(degrees.sum()))
    return spreads


def _numbers(fields: Sequence[Field]) -> dict[str, tuple[pd.DataFrame, np.ndarray]]:
    """The numbers of each quantity that all ``fields`` have, a row for each field, and their weights in the mean."""
    area = np.array([field.area for field in fields])
    sized = area * np.array([field.share_sized for field in fields])
    found: dict[str, tuple[pd.DataFrame, np.ndarray]] = {}
    for density_of, diameter_of, volume_of in zip(_DENSITY, _DIAMETER, _VOLUME, strict=True):
        density, diameter, volume = (_of_all(fields, names) for names in (density_of, diameter_of, volume_of))
        if density.empty or diameter.empty or volume.empty:
            continue
        found[density_of[-1]] = density, area
        found[diameter_of[-1]] = diameter, sized * np.nan_to_num(density["value"].to_numpy(float))
        found[volume_of[-1]] = volume, area
    return found


def _known(numbers: pd.DataFrame, weights: np.ndarray) -> np.ndarray:
    """``weights``, none where nothing was measured."""
    return np.where(numbers["value"].notna().to_numpy(), weights, 0.0)


def pool_sizes(fields: Sequence[Field], edges: np.ndarray) -> pd.DataFrame:
    """Share of the voids with a size in each bin between ``edges``, with 68 % from counting and between fields.

    Returns
    -------
    DataFrame
        A row per bin: ``low, high, voids`` (seen and whole), ``share, share_low68, share_high68``.
    """
    per_area = np.array([
        np.histogram(field.diameter[field.sized], edges, weights=field.sized_per_area)[0] for field in fields
    ]).reshape(len(fields), len(edges) - 1)  # fmt: skip
    counts = (np.histogram(field.diameter[field.sized], edges)[0] for field in fields)
    voids = sum(counts, np.zeros(len(edges) - 1, int))
    density = per_area.sum(axis=1)
    weights = density * np.array([field.area for field in fields])
    with np.errstate(invalid="ignore"):
        shares = per_area / density[:, None]
    means = [weighted_mean(column, weights) for column in shares.T]
    share = np.array([mean.value for mean in means])
    total = max(int(voids.sum()), 1)
    counting = np.sqrt((share * (1 - share) + 0.25 / total) / total)
    half = np.array([_half(mean, error, 0.84) for mean, error in zip(means, counting, strict=True)])
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "voids": voids,
            "share": share,
            "share_low68": (share - half).clip(0, 1),
            "share_high68": (share + half).clip(0, 1),
        }
    )


def _of_all(fields: Sequence[Field], names: Sequence[str]) -> pd.DataFrame:
    """The first of ``names`` that a field has, a row for each field; empty where a field has none of them."""
    chosen = [next((name for name in names if name in field.estimates.index), None) for field in fields]
    if None in chosen:
        return pd.DataFrame()
    rows = [field.estimates.loc[name] for field, name in zip(fields, chosen, strict=True)]
    return pd.DataFrame(rows).reset_index(drop=True)


def _pooled(of_fields: pd.DataFrame, weights: np.ndarray, spread: Spread | None) -> dict[str, object]:
    """One number of a specimen from that of its fields, a row each."""
    known = _known(of_fields, weights) > 0
    columns = ["value", "statistical", "high68", "detection", "size", "thickness", "scale"]
    numbers = of_fields[columns].to_numpy(float)[known]
    own = of_fields.loc[known, list(_TAILS)].to_numpy(float)
    mean = weighted_mean(numbers[:, 0], weights[known])
    row = {"unit": of_fields["unit"].iloc[0], "value": mean.value, "fields": int(known.sum())}
    if not known.any():
        return {**dict.fromkeys(_COLUMNS, np.nan), **row, "degrees_of_freedom": 0.0}
    if spread is not None:
        mean = Mean(
            mean.value, spread.relative * mean.value * mean.dilution**0.5, spread.degrees, mean.dilution
        )
    share = weights[known] / weights[known].sum()
    # Of a field without voids the upper end says how many may have been missed.
    of_count = np.where(
        np.isfinite(numbers[:, 1]), numbers[:, 1] * numbers[:, 0], np.nan_to_num(numbers[:, 2])
    )
    counting = float(np.sqrt(np.sum((share * of_count) ** 2)))
    if np.isnan(numbers[:, 1:3]).all():  # each of a single void, whose diameter tells no scatter
        counting = np.nan
    parts = np.sqrt(np.nansum(numbers[:, 3:] ** 2, axis=1)) * numbers[:, 0]
    systematic = float(share @ parts)
    ends = {
        name: max(mean.value + np.sign(tail - 0.5) * np.hypot(
            _half(mean, counting, max(tail, 1 - tail)), ndtri(max(tail, 1 - tail)) * systematic
        ), 0.0)
        for name, tail in _TAILS.items()
    }  # fmt: skip
    if len(own) == 1 and spread is None and np.isfinite(own).all():
        ends = dict(zip(_TAILS, own[0].tolist(), strict=True))  # the same as on its page
    scale = mean.value or np.nan
    return {
        **row, **ends, "between_fields": mean.error / scale, "counting": counting / scale,
        "systematic": systematic / scale, "degrees_of_freedom": mean.degrees,
    }  # fmt: skip


def _half(mean: Mean, counting: float, tail: float) -> float:
    """Half an interval: from the spread between fields, or from counting where that is more or nothing else known."""
    of_count = float(ndtri(tail)) * counting
    if not mean.degrees:
        return of_count
    return max(float(stdtrit(mean.degrees, tail)) * mean.error, of_count)


def _as_swelling(fraction: dict[str, object]) -> dict[str, object]:
    """Swelling f / (1 − f) from the row of the volume fraction f."""
    row = dict(fraction)
    for name in ("value", *_TAILS):
        share = float(fraction[name])  # type: ignore[arg-type]
        row[name] = share / (1 - share) if share < 1 else np.nan
    longer = 1 / (1 - float(fraction["value"]))  # type: ignore[arg-type]
    for name in ("between_fields", "counting", "systematic"):
        row[name] = float(fraction[name]) * longer  # type: ignore[arg-type]
    return row
