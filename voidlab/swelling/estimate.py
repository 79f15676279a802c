"""From voids in an image to number density, mean size and swelling of the material, with intervals and budget.

Works on arrays and tables. Without a pixel size or a foil thickness what can be said is said in px or per area, with
a sentence on what is missing. Overlap in projection and voids too faint to be found are not corrected here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from voidlab.swelling.notes import Note, notes_on
from voidlab.swelling.sample import Sample, SwellingError
from voidlab.swelling.stereology import foil_series, inclusion_area, shape_factor
from voidlab.tables.kinds import only_voids
from voidlab.tables.size_basis import is_size

SOURCES = ("statistical", "detection", "size", "thickness", "scale")
_QUANTILES = {"low95": 0.025, "low68": 0.16, "high68": 0.84, "high95": 0.975}
_MOST_WIDTHS = 2.0  # foil thicknesses; a wider void is a mistake in the thickness or its unit
_MOST_WEIGHTS = 4_000_000  # held at once
_OF_DIAMETERS = ("mean_diameter", "mean_diameter_seen", "median_diameter_seen")
_ROUNDING = 1e-12  # of a value, by which sums of the same numbers differ


@dataclass(frozen=True)
class Swelling:
    """Estimates, the voids they rest on, and warnings.

    Parameters
    ----------
    estimates : DataFrame
        Indexed by ``quantity``: ``value, unit``, 68 and 95 % intervals ``low95, low68, high68, high95``, and the
        relative standard error from each source alone: ``statistical`` (how many voids of which sizes happen to be in
        the image), ``detection`` (voids missed, and what is none), ``size``, ``thickness``, ``scale``. What cannot be
        said is NaN.
    counted : DataFrame
        The voids that count, with ``area_px2``, in which the centre of one of its size may lie. Those smaller than
        their fringe (``size_basis``) count in density and volume, and in no diameter.
    notes
        Sentences, each a `Note`: what is missing, what was corrected and by how much.
    """

    estimates: pd.DataFrame
    counted: pd.DataFrame
    notes: tuple[Note, ...]


def measure_swelling(voids: pd.DataFrame, sample: Sample, *, draws: int = 2000, seed: int = 0) -> Swelling:
    """Number density, mean size, volume fraction and swelling from the voids of an image.

    Parameters
    ----------
    voids : DataFrame
        ``x_px, y_px, radius_px`` of the voids of one image; with ``kind``, only voids count.
    draws
        Monte-Carlo draws for the intervals.

    Notes
    -----
    ``volume_fraction`` f is void volume / foil volume, ``swelling`` is f / (1 − f). Both, ``number_density`` and
    ``mean_diameter`` are corrected for voids that the surfaces cut; what ends in ``_uncorrected`` or ``_seen`` is
    not. In a draw every void weighs as much as a waiting time of a Poisson process, with half a void more (Jeffreys'
    prior), and size, thickness and scale are off by log-normal factors. Detections that are none, or voids that were
    missed, are in the intervals of densities alone: those missed are mostly small, and the sums of volumes are hardly
    off by them.

    Raises
    ------
    SwellingError
        If there are voids of several frames, numbers that are not finite, or a void more than twice as wide as the
        foil is thick.
    """
    circles = _circles(voids)
    x, y, radius = circles.T
    area = inclusion_area(x, y, radius, sample.shape, margin_px=sample.margin_px, valid=sample.valid)
    counted = only_voids(voids)[area > 0].assign(area_px2=area[area > 0])
    sample = sample.with_sizes_of(counted)
    diameter, area = 2 * circles[area > 0, 2], area[area > 0]
    widths, sized = diameter / (sample.thickness_px or 1.0), is_size(counted)
    if sample.thickness_px is not None:
        _check_widths(widths, sample)
    series = {power: _series(widths, power, sample) for power in (0, 1, 3)}
    powers = widths[:, None] ** np.arange(max(power + len(terms) for power, terms in series.items()))
    powers = np.hstack([powers, powers * sized[:, None]]) / area[:, None]
    random = np.random.default_rng(seed)
    drawn, medians = _draw(powers, diameter, sized, area, sample, random, draws)
    sums, median = powers.sum(axis=0)[None], _median(diameter[sized], 1 / area[None, sized])
    errors = {name: sigma * random.standard_normal(draws) for name, sigma in sample.errors.items()}
    if sample.detection is not None and len(counted):
        errors["detection"] = np.log(sample.detection.draw(random, draws))
    point = _quantities(sums, median, sample, series, {})
    # No interval: the largest of those seen says nothing of how much larger others are.
    point["max_diameter_seen"] = np.array([diameter[sized].max() if sized.any() else np.nan]) * sample.pixel
    full = _quantities(drawn, medians, sample, series, errors)
    alone = {"statistical": _quantities(drawn, medians, sample, series, {})}
    alone |= {
        name: _quantities(sums, median, sample, series, {name: errors.get(name, np.zeros(1))})
        for name in SOURCES
        if name not in alone
    }
    estimates = _table(point, full, alone, sample.unit)
    if counted.empty:  # of voids that were not seen nothing is known but that they are few
        density = estimates.index.isin(["areal_density", "number_density", "number_density_uncorrected"])
        estimates.loc[~density, [*_QUANTILES, *SOURCES]] = np.nan
        estimates.loc[density, ["low95", "low68"]] = 0.0
    if np.count_nonzero(sized) == 1:  # how much diameters scatter, no single one tells
        estimates.loc[estimates.index.isin(_OF_DIAMETERS), [*_QUANTILES, "statistical"]] = np.nan
    return Swelling(estimates, counted, tuple(notes_on(voids, counted, widths, estimates, sample)))


def _quantities(
    sums: np.ndarray,
    median: np.ndarray,
    sample: Sample,
    series: dict[int, np.ndarray],
    errors: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """All quantities for sums over the voids of (diameter / thickness)^n / area, n in columns, a row per draw.

    The second half of the columns are the sums over those whose radius is a size.
    """
    sums, of_sizes = np.split(sums, 2, axis=1)
    size, thicker, scale, voids = (
        np.exp(errors.get(name, np.zeros(1))) for name in ("size", "thickness", "scale", "detection")
    )
    pixel = sample.pixel * scale
    volume = np.pi / 6 * shape_factor(sample.void_shape, sample.beam)
    unit = sample.thickness_px or 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {
            "areal_density": voids * sums[:, 0] / pixel**2,
            "volume_per_area": volume * sums[:, 3] * (unit * size) ** 3 * pixel,
            "mean_diameter_seen": of_sizes[:, 1] / of_sizes[:, 0] * unit * size * pixel,
            "median_diameter_seen": median * size * pixel,
        }
        if sample.foil is None or sample.thickness_px is None:
            return found
        thickness = unit * thicker / (scale if sample.foil.unit == "nm" else 1.0)
        stretch = unit * size / thickness

        def total(power: int, sums: np.ndarray = sums) -> np.ndarray:
            terms = series[power]
            factors = stretch[:, None] ** np.arange(power, power + len(terms))
            result: np.ndarray = (sums[:, power : power + len(terms)] * factors) @ terms
            return result

        number, wide, cubes = total(0), total(1), total(3)
        mean = wide / number
        fraction = volume * thickness**2 * cubes
        return found | {
            "number_density": voids * number / thickness / pixel**3,
            "number_density_uncorrected": voids * sums[:, 0] / thickness / pixel**3,
            "mean_diameter": total(1, of_sizes) / total(0, of_sizes) * thickness * pixel,
            "volume_fraction": fraction,
            "volume_fraction_uncorrected": volume * thickness**2 * sums[:, 3] * stretch**3,
            "swelling": np.where(fraction < 1, fraction / (1 - fraction), np.nan),
            "surface_cut_share": np.minimum(2 * mean / (1 + mean), 1),
        }


def _draw(
    powers: np.ndarray,
    diameter: np.ndarray,
    sized: np.ndarray,
    area: np.ndarray,
    sample: Sample,
    random: np.random.Generator,
    draws: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of ``powers`` over voids, and medians of diameters of the ``sized``, had others come into the image."""
    if not len(diameter):
        sums = np.zeros((draws, powers.shape[1]))
        sums[:, 0] = random.gamma(0.5, size=draws) / sample.area_px
        return sums, np.full(draws, np.nan)
    parts, medians = [], []
    step = max(_MOST_WEIGHTS // len(diameter), 1)
    for start in range(0, draws, step):
        rows = np.arange(min(step, draws - start))
        weights = random.standard_exponential((len(rows), len(diameter)))
        weights[rows, random.integers(len(diameter), size=len(rows))] += random.gamma(0.5, size=len(rows))
        parts.append(weights @ powers)
        medians.append(_median(diameter[sized], (weights / area)[:, sized]))
    return np.concatenate(parts), np.concatenate(medians)


def _median(diameter: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted median of the diameters for each row of weights."""
    if not len(diameter):
        return np.full(len(weights), np.nan)
    order = np.argsort(diameter)
    below = np.cumsum(weights[:, order], axis=1)
    half: np.ndarray = diameter[order][(below >= below[:, -1:] / 2).argmax(axis=1)]
    return half


def median_diameter_seen(
    voids: pd.DataFrame, shape: tuple[int, int], *, margin_px: float = 0.0, valid: np.ndarray | None = None
) -> tuple[float, int]:
    """The ``median_diameter_seen`` of `measure_swelling` in px, NaN without any, and how many voids it is of.

    Parameters
    ----------
    shape, margin_px, valid
        See `voidlab.swelling.stereology.inclusion_area`.
    """
    x, y, radius = _circles(voids).T
    area = inclusion_area(x, y, radius, shape, margin_px=margin_px, valid=valid)
    counts = (area > 0) & is_size(only_voids(voids))
    return float(_median(2 * radius[counts], 1 / area[None, counts])[0]), int(counts.sum())


def _series(widths: np.ndarray, power: int, sample: Sample) -> np.ndarray:
    spread = np.sqrt(sum(sigma**2 for sigma in sample.errors.values()))
    return foil_series(power, widths.max(initial=0) * np.exp(4 * spread) if sample.thickness_px else 0.0)


def _table(
    point: dict[str, np.ndarray],
    full: dict[str, np.ndarray],
    alone: dict[str, dict[str, np.ndarray]],
    length: str,
) -> pd.DataFrame:
    """Estimates with their intervals and budget, from their draws with all errors and with each error alone."""
    rows = {
        name: {
            "value": float(value[0]),
            "unit": _unit(name, length),
            **_intervals(full.get(name)),
            **{source: _relative(alone[source].get(name), float(value[0])) for source in SOURCES},
        }
        for name, value in point.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")


def _intervals(drawn: np.ndarray | None) -> dict[str, float]:
    if drawn is None or not np.isfinite(drawn).any():
        return dict.fromkeys(_QUANTILES, np.nan)
    ends = np.nanquantile(drawn, list(_QUANTILES.values()))
    return dict(zip(_QUANTILES, ends.tolist(), strict=True))


def _relative(drawn: np.ndarray | None, value: float) -> float:
    if drawn is None or not np.isfinite(drawn).all() or not value:
        return float("nan")
    if np.ptp(drawn) <= _ROUNDING * abs(value):
        return 0.0
    return float(np.std(drawn) / value)


def _unit(quantity: str, length: str) -> str:
    if "diameter" in quantity or quantity == "volume_per_area":
        return length
    if quantity == "areal_density":
        return f"{length}⁻²"
    return f"{length}⁻³" if quantity.startswith("number") else ""


def _circles(voids: pd.DataFrame) -> np.ndarray:
    """Centres and radii (n, 3) of the voids."""
    frames = voids["frame"].unique() if "frame" in voids else ()
    if len(frames) > 1:
        raise SwellingError(
            f"these are the voids of {len(frames)} frames, which would count as so many times the density; give "
            "those of one frame, or use voidlab.swelling.measure_series."
        )
    circles = only_voids(voids)[["x_px", "y_px", "radius_px"]].to_numpy(np.float64)
    wrong = int((~np.isfinite(circles).all(axis=1) | ~(circles[:, 2] > 0)).sum())
    if wrong:
        raise SwellingError(f"{wrong} of {len(circles)} voids have no finite position or no radius above 0.")
    return circles


def _check_widths(widths: np.ndarray, sample: Sample) -> None:
    if widths.max(initial=0) > _MOST_WIDTHS:
        raise SwellingError(
            f"the widest void is {widths.max():.2g} times as wide as the foil is thick ({sample.thickness_px:.4g} "
            f"px); expected at most {_MOST_WIDTHS:g}. Check the thickness and its unit, or leave that void out."
        )
