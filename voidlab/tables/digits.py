"""Numbers for people to read: no more digits than their errors allow."""

import re
from collections.abc import Collection

import numpy as np
import pandas as pd

_OF_ERROR = 2  # significant digits of an error, and so the last place of what it is of
_WITHOUT = 4  # significant digits of a number without an error beside it,
_PLACES = 2  # but at least so many decimals: of a length in px or nm these may matter
_DIGITS = 15  # that a float has for sure
_INTERVAL = ("low68", "high68")
_OF_TABLES = 7  # significant digits in CSV files of tables: more than any measurement here has
_WHOLE = ("time_s",)  # of a long series a time has more digits than seven
_EXACT = 22  # powers of ten up to this one are floats without error


def as_errors_allow(table: pd.DataFrame, *, keep: Collection[str] = ()) -> pd.DataFrame:
    """``table`` with its fractional numbers rounded, but for the columns to ``keep``, for a file that people read.

    A number with a standard error beside it, as ``growth_px_per_frame`` with ``growth_sigma_px_per_frame``, or a
    68 % interval, ``low68`` and ``high68``, ends at the second significant digit of that error, as the error does.
    Others have four significant digits, or two decimals where these are more.
    """
    made = table.copy()
    for name in map(str, table.columns):
        if pd.api.types.is_float_dtype(table[name].dtype) and name not in keep:
            made[name] = rounded(table[name].to_numpy(float), _error_of(table, name))
    return made


def as_tables_need(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` with its fractional numbers to seven significant digits, for files that programs and people read."""
    made = table.copy()
    for name in map(str, table.columns):
        if table[name].dtype == np.float64 and name not in _WHOLE:
            made[name] = _significant(table[name].to_numpy())
    return made


def _significant(values: np.ndarray) -> np.ndarray:
    """``values`` to as many significant digits as tables have."""
    result, places = values.copy(), _OF_TABLES - 1 - _magnitude(values)
    for place in np.unique(places):
        here = (places == place) & np.isfinite(values)
        if place > _EXACT:  # tiny, and few: scaled by an inexact power of ten the last digits would be noise
            result[here] = [float(f"{value:.{_OF_TABLES - 1}e}") for value in values[here]]
        else:
            result[here] = np.round(values[here], int(place))
    return result


def rounded(values: np.ndarray, error: np.ndarray | None = None) -> np.ndarray:
    """``values`` to the second significant digit of their ``error``; where there is none, to a few digits."""
    values = np.asarray(values, float)
    places = np.maximum(_WITHOUT - 1 - _magnitude(values), _PLACES)
    if error is not None:
        known = np.isfinite(error) & (error > 0)
        places = np.where(known, _OF_ERROR - 1 - _magnitude(np.where(known, error, 1.0)), places)
    result = values.copy()
    for place in np.unique(places):
        # Beyond the digits that a number has, scaling it up and down would change the last of them.
        here = (places == place) & np.isfinite(values) & (place + _magnitude(values) < _DIGITS)
        result[here] = np.round(values[here], int(place))
    return result


def _magnitude(values: np.ndarray) -> np.ndarray:
    """Power of ten of the first significant digit; 0 of 0 and of what is no number."""
    usable = np.isfinite(values) & (values != 0)
    return np.floor(np.log10(np.abs(np.where(usable, values, 1.0)))).astype(int)


def _error_of(table: pd.DataFrame, name: str) -> np.ndarray | None:
    """The standard error of the column ``name``, or of an error that error; None without one."""
    if "sigma" in name:
        return table[name].to_numpy(float)
    if name == "value" or re.fullmatch(r"(low|high)\d\d", name):
        if set(_INTERVAL) <= set(table.columns):
            return (table["high68"] - table["low68"]).to_numpy(float) / 2
        return None
    for error in (re.sub(r"_(px|nm|deg)", r"_sigma_\1", name, count=1), f"sigma_{name}"):
        if error != name and error in table:
            return table[error].to_numpy(float)
    return None
