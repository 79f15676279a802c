"""The contract of every table: columns, dtypes, units, meaning; and how a table is read, checked, written.

Nobody else decides what a column is called or means; other modules take the names from here. Tables are tidy
(a row per image, void, pair or track), hold pixels, and may be empty.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from voidlab.project.paths import RunPaths, replacing
from voidlab.tables.contract import (
    CORRECTED_TRACK,
    CORRECTED_VOID,
    FRAME,
    LABEL,
    PARTICLE,
    Column,
    Table,
    table_of,
)
from voidlab.tables.finding_tables import FINDING_TABLES
from voidlab.tables.tilt_tables import TILT_TABLES

__all__ = ["TABLES", "Column", "HasPixelSize", "Table", "TableError"]


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        table_of(
            "frames",
            "segment",
            "an image",
            "frame",
            FRAME,
            ("path", "str", "", "file of the image, as the series was given it"),
            ("tilt_deg", "float64", "deg", "tilt angle; empty when unknown"),
            ("time_s", "float64", "s", "time of the image; empty when unknown"),
            ("status", "str", "", "ok, unreadable, blank or excluded"),
            ("void_count", "Int64", "", "voids found; empty when the image was not looked at"),
            ("void_fraction", "float64", "", "area of the voids / area of the image"),
        ),
        table_of(
            "voids",
            "segment",
            "a void in a frame",
            "frame label",
            FRAME,
            LABEL,
            ("x_px", "float64", "px", "centre, to the right of the centre of the top-left pixel"),
            ("y_px", "float64", "px", "centre, down from the centre of the top-left pixel"),
            (
                "radius_px",
                "float64",
                "px",
                "radius of the full circle, also where the void is overlapped or cut",
            ),
            ("area_px", "float64", "px²", "labelled pixels"),
            ("kind", "str", "", "void, unless a segmenter was asked for other classes"),
            ("confidence", "float64", "", "how sure the segmenter is, 0 to 1"),
            ("touches_edge", "bool", "", "lies within the edge buffer of the image's border"),
            CORRECTED_VOID,
        ),
        table_of(
            "drift",
            "drift",
            "an image",
            "frame",
            FRAME,
            (
                "drift_x_px",
                "float64",
                "px",
                "how far the content lies to the right of where the reference frame has it",
            ),
            (
                "drift_y_px",
                "float64",
                "px",
                "how far the content lies below where the reference frame has it",
            ),
            ("drift_sigma_px", "float64", "px", "standard error of the drift, per axis"),
            ("pairs_kept", "int64", "", "frame pairs that the drift of this frame rests on"),
            (
                "flag",
                "str",
                "",
                "empty when good, else why not: few pairs, interpolated, not connected, fixed pattern; or reference",
            ),
        ),
        table_of(
            "pairs",
            "drift",
            "a pair of images",
            "frame_a frame_b",
            ("frame_a", "int64", "", "number of the first image"),
            ("frame_b", "int64", "", "number of the second image"),
            ("dx_px", "float64", "px", "measured drift of b minus drift of a, to the right"),
            ("dy_px", "float64", "px", "measured drift of b minus drift of a, down"),
            ("sigma_px", "float64", "px", "standard error of the measured shift, per axis"),
            ("peak", "float64", "", "how alike the images are where they overlap, 0 to 1"),
            ("peak_ratio", "float64", "", "height of the correlation peak over that of the second one"),
            ("weight", "float64", "", "weight in the solution, 0 (rejected) to 1"),
            ("residual_px", "float64", "px", "distance between the measured shift and the solution"),
            ("remeasured", "bool", "", "measured again near the solution, since it disagreed at first"),
        ),
        table_of(
            "links",
            "track",
            "a linked void in a frame",
            "frame label",
            FRAME,
            LABEL,
            PARTICLE,
            ("x_corrected_px", "float64", "px", "centre less the drift of its frame, to the right"),
            ("y_corrected_px", "float64", "px", "centre less the drift of its frame, down"),
            CORRECTED_TRACK,
        ),
        table_of(
            "tracks",
            "track",
            "a void through all frames",
            "particle",
            PARTICLE,
            ("start_frame", "int64", "", "first frame in which the void was seen"),
            ("end_frame", "int64", "", "last frame in which the void was seen"),
            ("total_frames", "int64", "", "frames from the first to the last, both counted"),
            ("inferred_frames", "int64", "", "frames between them in which the void was not seen"),
            ("mean_radius_px", "float64", "px", "mean radius where the void was seen"),
            ("min_radius_px", "float64", "px", "smallest radius"),
            ("max_radius_px", "float64", "px", "largest radius"),
            ("net_displacement_px", "float64", "px", "distance between the first and the last position"),
            ("max_displacement_px", "float64", "px", "largest distance from the first position"),
            (
                "path_length_px",
                "float64",
                "px",
                "sum of the steps; for a still void it is localisation noise",
            ),
            (
                "growth_px_per_frame",
                "float64",
                "px/frame",
                "robust slope of the measured radii, less what mergers add at once; empty below 4 frames",
            ),
            ("growth_sigma_px_per_frame", "float64", "px/frame", "standard error of the growth"),
            ("touches_edge", "bool", "", "touched the border in at least one frame"),
            CORRECTED_TRACK,
        ),
        *TILT_TABLES,
        *FINDING_TABLES,
    )
}


class HasPixelSize(Protocol):
    """Anything that knows how wide a pixel is (None when unknown)."""

    @property
    def pixel_size_nm(self) -> float | None: ...


class TableError(ValueError):
    """A table that breaks its contract."""


def empty(name: str) -> pd.DataFrame:
    """Empty table ``name`` with all its columns, typed."""
    return pd.DataFrame({c.name: pd.Series(dtype=c.dtype) for c in TABLES[name].columns})


def check(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Copy of ``table`` cast to the dtypes of table ``name``; order and extra columns are kept as they are.

    A column that has a default is added where it is missing.

    Raises
    ------
    TableError
        If a column is missing or cannot be cast, or a key stands twice.
    """
    contract = TABLES[name]
    unsaid = {c.name: c.default for c in contract.columns if c.default is not None and c.name not in table}
    table = table.assign(**unsaid)
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
    for column in TABLES[name].columns:
        if column.name in table:
            try:
                table[column.name] = table[column.name].astype(column.dtype)  # type: ignore[call-overload]
            except (TypeError, ValueError) as error:
                raise TableError(
                    f"column '{column.name}' of table '{name}' should hold {column.dtype}, "
                    f"but holds {table[column.name].dtype}: {error}."
                ) from None
    return table


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


def write(table: pd.DataFrame, name: str, path: Path) -> None:
    """Check ``table``, sort it by its key and write it to ``path`` (Parquet), all of it or nothing."""
    table = check(table, name).sort_values(list(TABLES[name].key), ignore_index=True)
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)


def read(path: Path, name: str) -> pd.DataFrame:
    """Read table ``name`` from ``path`` and check it.

    Raises
    ------
    FileNotFoundError
        If there is no such file; the message names the stage that writes it.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"no table '{name}' at {path}. The stage '{TABLES[name].stage}' writes it: run that stage first."
        )
    return check(pd.read_parquet(path), name)


def load(paths: RunPaths, name: str) -> pd.DataFrame:
    """Read table ``name`` of the run at ``paths``."""
    return read(paths.table(name), name)


def to_nm(table: pd.DataFrame, calibration: HasPixelSize) -> pd.DataFrame:
    """Copy of ``table`` with a column in nm behind the last column for each column in px.

    ``x_px`` gives ``x_nm``, ``area_px`` ``area_nm2``, ``growth_px_per_frame`` ``growth_nm_per_frame``.
    Without a calibration nothing is added: a pixel size is never guessed.
    """
    size = calibration.pixel_size_nm
    if size is None:
        return table.copy()
    lengths = [c for c in table.columns if re.search(r"_px2?(_|$)", str(c))]
    added = {nm_name(name): table[name] * (size**2 if _is_area(name) else size) for name in lengths}
    return table.assign(**added)


def nm_name(name: str) -> str:
    """Name of the column in nm that goes with the column in px called ``name``."""
    return "area_nm2" if name == "area_px" else re.sub(r"_px(2?)(_|$)", r"_nm\1\2", name)


def _is_area(name: str) -> bool:
    return name == "area_px" or "_px2" in name


def data_dictionary() -> pd.DataFrame:
    """Every column of every table: table, column, dtype, unit, meaning."""
    rows = [
        (table.name, column.name, column.dtype, column.unit, column.meaning)
        for table in TABLES.values()
        for column in table.columns
    ]
    return pd.DataFrame(rows, columns=["table", "column", "dtype", "unit", "meaning"])
