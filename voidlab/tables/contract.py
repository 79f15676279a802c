"""What a table and a column are, and the columns that several tables have; `voidlab.tables` has the tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column: its name, pandas dtype, unit and meaning; ``default`` fills it where nothing was said."""

    name: str
    dtype: str
    unit: str
    meaning: str
    default: str | None = None


@dataclass(frozen=True)
class Table:
    """A table: which stage writes it, what a row is, its key (the columns naming a row) and its columns."""

    name: str
    stage: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Column names in their usual order."""
        return [column.name for column in self.columns]


def table_of(name: str, stage: str, row: str, key: str, *columns: tuple[str, ...]) -> Table:
    return Table(name, stage, row, tuple(key.split()), tuple(Column(*column) for column in columns))


FRAME = ("frame", "int64", "", "number of the image: the one in its file name, or its index in a stack")
LABEL = ("label", "int64", "", "number of the void in its frame, from 1: its pixel value in labels.tif")
PARTICLE = ("particle", "int64", "", "number of the void through all frames")
CORRECTED_VOID = (
    "corrected",
    "str",
    "",
    "by hand: added, split, merged, redrawn or deleted (the row then does not count); else empty",
    "",
)
CORRECTED_TRACK = (
    "corrected",
    "str",
    "",
    "by hand: cut, joined or deleted (the row then does not count); else empty",
    "",
)
