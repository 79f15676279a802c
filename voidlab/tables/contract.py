"""What a table and a column are; `voidlab.tables.catalogue` has them all."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column: its name, pandas dtype, unit and meaning."""

    name: str
    dtype: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """A table: which stage writes it, its key (the columns naming a row), what a row is, and its columns."""

    name: str
    stage: str
    key: tuple[str, ...]
    row: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Column names in their usual order."""
        return [column.name for column in self.columns]
