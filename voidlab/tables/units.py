"""From px to nm: columns of tables, and the unit of a number that somebody reads."""

import re
from dataclasses import astuple, dataclass
from typing import Protocol

import pandas as pd

from voidlab.tables.catalogue import COLUMNS, TABLES

_LENGTH = r"_px2?(?:_|$)"


class HasPixelSize(Protocol):
    """Anything that knows how wide a pixel is (None when unknown)."""

    @property
    def pixel_size_nm(self) -> float | None: ...


def unit_of(calibration: HasPixelSize) -> tuple[float, str]:
    """Factor from px to the unit that lengths are given in, and its name: nm where the pixel size is known."""
    return (1.0, "px") if calibration.pixel_size_nm is None else (calibration.pixel_size_nm, "nm")


@dataclass(frozen=True)
class _Uncalibrated:
    pixel_size_nm: float | None = None


IN_PX = _Uncalibrated()


def length(px: float, calibration: HasPixelSize, digits: int = 2) -> str:
    """A length as it is read, with its unit; of a very small one two digits."""
    size, unit = unit_of(calibration)
    value = px * size
    return f"{value:.2g} {unit}" if 0 < abs(value) < 0.1 else f"{value:.{digits}f} {unit}"


def to_nm(table: pd.DataFrame, calibration: HasPixelSize) -> pd.DataFrame:
    """Copy of ``table`` with a column in nm behind the last column for each column in px.

    ``x_px`` gives ``x_nm``, ``area_px`` ``area_nm2``, ``growth_px_per_frame`` ``growth_nm_per_frame``.
    Without a calibration nothing is added: a pixel size is never guessed.
    """
    size = calibration.pixel_size_nm
    if size is None:
        return table.copy()
    lengths = [c for c in table.columns if re.search(_LENGTH, str(c))]
    added = {nm_name(name): table[name] * (size**2 if _is_area(name) else size) for name in lengths}
    return table.assign(**added)


def nm_name(name: str) -> str:
    """Name of the column in nm that goes with the column in px called ``name``."""
    return "area_nm2" if name == "area_px" else re.sub(r"_px(2?)(_|$)", r"_nm\1\2", name)


def _is_area(name: str) -> bool:
    return name == "area_px" or "_px2" in name


def data_dictionary(calibration: HasPixelSize) -> pd.DataFrame:
    """Every column of every table and exported file: table, column, dtype, unit, meaning; those in nm, too."""
    rows = [(table, *astuple(column)) for table, columns in COLUMNS.items() for column in columns]
    known = pd.DataFrame(rows, columns=["table", "column", "dtype", "unit", "meaning"])
    if calibration.pixel_size_nm is None:
        return known
    lengths = known[known["column"].str.contains(_LENGTH)]
    nm = lengths.assign(
        column=lengths["column"].map(nm_name),
        unit=lengths["unit"].str.replace("px", "nm"),
        meaning=lengths["meaning"] + f" (1 px = {calibration.pixel_size_nm:g} nm)",
    )
    of_tables = known["table"].isin(TABLES)
    return pd.concat([known[of_tables], nm, known[~of_tables]], ignore_index=True)
