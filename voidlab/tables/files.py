"""Tables on disk: Parquet files, written whole or not at all, and checked when they are read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pandas as pd

from voidlab.tables.catalogue import TABLES, check


class HasTables(Protocol):
    """Anything that knows where the file of a table lies."""

    def table(self, name: str) -> Path: ...


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to: on success it becomes ``path`` in one step, else it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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


def load(paths: HasTables, name: str) -> pd.DataFrame:
    """Read table ``name`` of the run at ``paths``."""
    return read(paths.table(name), name)
