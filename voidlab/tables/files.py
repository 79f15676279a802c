"""Tables on disk: Parquet files, written whole or not at all, and checked when they are read."""

from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa

from voidlab.tables.catalogue import TABLES, TableError, check
from voidlab.tables.written import replacing_own


class HasTables(Protocol):
    """Anything that knows where the file of a table lies."""

    def table(self, name: str) -> Path: ...


def write(table: pd.DataFrame, name: str, path: Path) -> None:
    """Check ``table``, sort it by its key and write it to ``path`` (Parquet), all of it or nothing."""
    table = check(table, name).sort_values(list(TABLES[name].key), ignore_index=True)
    with replacing_own(path) as temporary:
        table.to_parquet(temporary, index=False)


def read(path: Path, name: str) -> pd.DataFrame:
    """Read table ``name`` from ``path`` and check it.

    Raises
    ------
    FileNotFoundError
        If there is no such file; the message names the stage that writes it.
    TableError
        If it is damaged, or no such table.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"no table '{name}' at {path}. The stage '{TABLES[name].stage}' writes it: run that stage first."
        )
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError, TypeError, KeyError) as error:  # as pyarrow's own errors are
        what = str(error).split("\n")[0][:200]
        raise TableError(
            f"table '{name}' cannot be read: {what}. {path} is empty, cut short or damaged: run the stage "
            f"'{TABLES[name].stage}' again."
        ) from None
    pa.default_memory_pool().release_unused()  # as much as the table takes, else kept for the next
    return check(table, name)


def load(paths: HasTables, name: str) -> pd.DataFrame:
    """Read table ``name`` of the run at ``paths``."""
    return read(paths.table(name), name)
