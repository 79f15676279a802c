"""Estimates worded for people: what a quantity is called, in which unit it is read, with its intervals and budget."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from voidlab.images.headers import Calibration
from voidlab.project.parameters.models import SampleParameters
from voidlab.swelling.estimate import SOURCES

_NAMES = {
    "swelling": "swelling, f / (1 − f)",
    "volume_fraction": "volume fraction f",
    "number_density": "number density",
    "areal_density": "voids per area",
    "volume_per_area": "void volume per area",
    "mean_diameter": "mean diameter",
    "swelling_3d": "swelling, from 3D",
    "volume_fraction_3d": "volume fraction f, from 3D",
    "number_density_3d": "number density, from 3D",
    "mean_diameter_3d": "mean diameter, from 3D",
    "layer_thickness_3d": "thickness of the layer with voids, from 3D",
    "mean_diameter_seen": "mean diameter as seen",
    "median_diameter_seen": "median diameter as seen",
    "max_diameter_seen": "largest diameter seen",
    "surface_cut_share": "voids cut by a surface",
    "number_density_uncorrected": "number density, uncorrected",
    "volume_fraction_uncorrected": "volume fraction, uncorrected",
}
# Unit of the estimates: factor to, and name of, the unit people read them in.
_READ = {"nm⁻³": (1e6, "×10²¹ m⁻³"), "nm⁻²": (1e6, "µm⁻²"), "px⁻²": (1e6, "per 10⁶ px²"), "": (100.0, "%")}
_SOURCE_NAMES = ("counting", "missed or false", "diameters", "thickness", "pixel size")
_NO_BREAK = "\u00a0"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def facts_of_sample(sample: SampleParameters, calibration: Calibration) -> pd.DataFrame:
    """Table to be read of what is known of the specimen: each fact with its value and who says so."""
    thick, sigma = sample.foil_thickness_nm, sample.foil_sigma_nm
    words: dict[str, object] = {
        "specimen": sample.name,
        "material": sample.material,
        "temperature": _with_unit(sample.temperature_c, "°C"),
        "foil thickness": None if thick is None else f"{thick:g} ± {sigma:g} nm",
        "dose at time 0, or in the first image": _with_unit(sample.dose_dpa, "dpa"),
        "dose rate": _with_unit(sample.dose_dpa_per_s, "dpa/s"),
        "dose per image": _with_unit(sample.dose_dpa_per_frame, "dpa"),
        **(sample.model_extra or {}),
    }
    rows = [(fact, value, "sample") for fact, value in words.items() if value is not None]
    pixel = _with_unit(calibration.pixel_size_nm, "nm")
    return pd.DataFrame(
        [*rows, ("pixel size", pixel or "not given", calibration.source)], columns=["fact", "value", "source"]
    )


def _with_unit(value: float | None, unit: str) -> str | None:
    return None if value is None else f"{value:g} {unit}"


@dataclass(frozen=True)
class Reading:
    """Name of a quantity, and the factor to and name of the unit in which people read it."""

    name: str
    factor: float
    unit: str


def reading(quantity: str, unit: str) -> Reading:
    """How the ``quantity`` that is given in ``unit`` is read."""
    factor, read = _READ.get(unit, (1.0, unit))
    return Reading(_NAMES.get(quantity, quantity.replace("_", " ")), factor, read)


def label_of(quantity: str) -> str:
    """What a key figure of the ``quantity`` is called."""
    name = _NAMES[quantity]
    return name[0].upper() + name[1:]


def readable(estimates: pd.DataFrame) -> pd.DataFrame:
    """Table to be read: a row per quantity with its value, intervals, and the error from each source alone, in %.

    Parameters
    ----------
    estimates : DataFrame
        As `voidlab.swelling.Swelling.estimates`.
    """
    rows = {}
    for quantity in [name for name in _NAMES if name in estimates.index]:
        row: Any = estimates.loc[quantity]
        read = reading(quantity, row["unit"])
        rows[read.name] = {
            "value": format_number(row["value"] * read.factor),
            "unit": read.unit,
            "68 %": format_interval(row["low68"], row["high68"], read.factor),
            "95 %": format_interval(row["low95"], row["high95"], read.factor),
            **{name: _percent(row[source]) for source, name in zip(SOURCES, _SOURCE_NAMES, strict=True)},
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.Index([name.replace(" ", _NO_BREAK) for name in table.index], name="quantity")
    return table


def format_number(value: float) -> str:
    """Three digits; powers of ten where there are many."""
    if not np.isfinite(value):
        return "–"
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        digits = 2 if value == 0 else max(2 - int(np.floor(np.log10(abs(value)))), 0)
        return f"{value:.{digits}f}"
    power = int(np.floor(np.log10(abs(value))))
    return f"{value / 10.0**power:.2f} × 10{str(power).translate(_SUPERSCRIPT)}".replace(" ", _NO_BREAK)


def format_interval(low: float, high: float, factor: float) -> str:
    """``low`` to ``high`` times ``factor``; a dash when unknown, as where both are 0 because there are no voids."""
    if not (np.isfinite(low) and np.isfinite(high)) or low == high == 0:
        return "–"
    return f"{format_number(low * factor)} to {format_number(high * factor)}".replace(" ", _NO_BREAK)


def _percent(share: float) -> str:
    if not np.isfinite(share) or share == 0:
        return "–"
    return f"±{_NO_BREAK}{100 * share:.1f}{_NO_BREAK}%" if share >= 0.0005 else f"<{_NO_BREAK}0.1{_NO_BREAK}%"
