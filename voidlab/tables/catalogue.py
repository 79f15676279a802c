"""The contract of every table, from ``columns.csv`` and ``tables.csv`` beside this module; and checks against it.

Nobody else decides what a column is called or means; other modules take the names from here. Tables are tidy
(a row per image, void, pair or track), hold pixels, and may be empty.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import pandas_dtype

from voidlab.errors import VoidlabError
from voidlab.tables.contract import Column, Table
from voidlab.tables.outlines import ELLIPSE


class TableError(VoidlabError):
    """A table that breaks its contract."""


def _rows(file: str) -> csv.DictReader[str]:
    return csv.DictReader(files("voidlab.tables").joinpath(file).read_text("utf-8").splitlines())


# Of every table, and of every exported file that is not a table as well.
COLUMNS: dict[str, tuple[Column, ...]] = {
    name: tuple(Column(row["column"], row["dtype"], row["unit"], row["meaning"]) for row in rows)
    for name, rows in groupby(_rows("columns.csv"), lambda row: row["table"])
}
TABLES: dict[str, Table] = {
    row["table"]: Table(
        row["table"], row["stage"], tuple(row["key"].split()), row["row"], COLUMNS[row["table"]]
    )
    for row in _rows("tables.csv")
}

_PER_S = [
    f"{what}_per_s"
    for what in (
        "growth_px",
        "growth_sigma_px",
        "growth_shared_sigma_px",
        "diffusion_px2",
        "diffusion_sigma_px2",
    )
]
_SIZES = [
    "radius_sigma_px",
    "radius_shared_sigma_px",
    "edge_radius_px",
    "fringe_px",
    *ELLIPSE,
    "growth_shared_sigma_px_per_frame",
]
_MAY_BE_MISSING: dict[str, Any] = {
    "corrected": "",
    "loop_count": pd.NA,
    "dot_count": pd.NA,
    "focus": "",
    "size_basis": "",
} | dict.fromkeys([*_PER_S, *_SIZES], float("nan"))


def empty(name: str) -> pd.DataFrame:
    """Empty table ``name`` with all its columns, typed."""
    return pd.DataFrame({c.name: pd.Series(dtype=c.dtype) for c in TABLES[name].columns})


def check(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Copy of ``table`` cast to the dtypes of table ``name``; order and extra columns are kept as they are.

    Columns of what was not done may be missing, and are added, empty: ``corrected``, the ``focus`` of a pair, counts
    of loops and dots, what radii rest on, rates per second where times are not known.

    Raises
    ------
    TableError
        If a column is missing or cannot be cast, or a key stands twice.
    """
    contract = TABLES[name]
    names = set(contract.names).difference(table.columns)
    table = table.assign(**{column: value for column, value in _MAY_BE_MISSING.items() if column in names})
    missing = [c for c in contract.names if c not in table]
    if missing:
        raise TableError(
            f"table '{name}' lacks the column(s) {', '.join(missing)}; "
            f"it has {', '.join(map(str, table.columns))}."
        )
    table = cast(table, name)
    twice = table.duplicated(list(contract.key))
    if twice.any():
        row = table.loc[twice, list(contract.key)].iloc[0].to_dict()
        raise TableError(
            f"table '{name}' has {int(twice.sum())} row(s) whose key stands twice, the first: {row}."
        )
    return table


def cast(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Copy of ``table`` with those of its columns that table ``name`` knows cast to their dtypes.

    Raises
    ------
    TableError
        If a column cannot be cast.
    """
    table = table.copy()
    there = dict(zip(table.columns, table.dtypes, strict=True))
    for column in TABLES[name].columns:
        # Of most it is: that is known in a tenth of the time in which it is cast to what it is.
        if column.name in there and there[column.name] != _dtype(column.dtype):
            try:
                table[column.name] = table[column.name].astype(column.dtype)  # type: ignore[call-overload]
            except (TypeError, ValueError) as error:
                raise TableError(
                    f"column '{column.name}' of table '{name}' should hold {column.dtype}, "
                    f"but holds {table[column.name].dtype}: {error}."
                ) from None
    return table


@cache
def _dtype(name: str) -> Any:
    return pandas_dtype(name)


def used_drift(drift: pd.DataFrame, views: pd.DataFrame) -> pd.DataFrame:
    """The drift that the tracks rest on: that of ``views`` where a tilt series was reconstructed, else ``drift``.

    Returns
    -------
    DataFrame
        ``drift`` with the values of ``views``; NaN, and flagged "not connected", in frames that were left out there.
    """
    if views.empty:
        return drift
    of_view = views.set_index("frame").reindex(drift["frame"])
    names = ["drift_x_px", "drift_y_px", "drift_sigma_px"]
    found = drift.assign(**{name: of_view[name].to_numpy() for name in names})
    unknown, zero = found["drift_x_px"].isna(), (found[names[:2]] == 0).all(axis=1)
    flag = np.select([unknown, zero], ["not connected", "reference"], "")
    return found.assign(flag=pd.Series(flag, index=found.index, dtype="str"))


def kept(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that count: all but those deleted by hand."""
    return table[table["corrected"] != "deleted"] if "corrected" in table else table


def select(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The columns of table ``name`` out of a wider ``table``, such as one that earlier steps added columns to."""
    return check(table, name)[TABLES[name].names]
