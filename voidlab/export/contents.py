"""The list of what was exported, contents.csv: what each file is for, and how big it is."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

CONTENTS = "contents.csv"
HOLDS_NOTHING = "holds nothing: it is of a series of images"


def list_files(folder: Path, written: Iterable[tuple[str, int, str]]) -> pd.DataFrame:
    """List of files or folders that were ``written`` into ``folder``, each a name, its rows, and what it is for.

    Returns
    -------
    DataFrame
        ``file, rows, bytes, what``.
    """
    rows = [(name, count, size_of(folder / name), what) for name, count, what in written]
    return pd.DataFrame(rows, columns=["file", "rows", "bytes", "what"])


def meanings(folder: Path) -> dict[str, str]:
    """What each entry of the folder ``exports`` is for, as its list says; empty without one."""
    try:
        listed = pd.read_csv(folder / CONTENTS)
        return dict(zip(listed["file"].astype(str), listed["what"].astype(str), strict=True))
    except (OSError, ValueError, KeyError):
        return {}


def archive_name(name: str) -> str:
    """What the ZIP of the dataset ``name`` is called."""
    return f"{name}-results.zip"


def size_of(path: Path) -> int:
    """Bytes in a file, or in all files of a folder; 0 while there is none."""
    return sum(file.stat().st_size for file in files_in(path))


def files_in(path: Path) -> list[Path]:
    """The file itself, or all files of a folder."""
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
