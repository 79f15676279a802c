"""What `voidlab init` says where there are no images but positions that another tool found."""

import json
import os
from collections import Counter
from pathlib import Path

from voidlab.project.paths import ProjectError
from voidlab.terminal import as_typed

_TABLES = (".json", ".jsonl", ".csv")
_MOST_READ = 64_000_000  # bytes of a line: that of an image may hold many voids


def refuse_positions(source: str, name: str | None) -> None:
    """Say which command takes ``source``, where that is a table of positions, or a folder that holds only tables.

    Raises
    ------
    ProjectError
        If it is.
    """
    path = Path(os.path.expanduser(source))
    files = sorted(path.iterdir()) if path.is_dir() else [path] if path.is_file() else []
    files = [file for file in files if not file.name.startswith(".")]
    if not files or any(not file.is_file() or file.suffix.lower() not in _TABLES for file in files):
        return
    found = [file for file in files if _holds_positions(file)]
    what = f"{source} is a table" if path.is_file() else f"{source} holds no images but {_tally(files)}"
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    if found:
        what = f"{found[0].name}{more} holds positions of voids, no images"
    file = as_typed(os.path.relpath(found[0])) if found else "FILE"
    raise ProjectError(
        f"{what}. Positions and radii that another tool found, a line of JSON per image, are tracked with\n"
        f"  voidlab positions {file} --name {as_typed(name or 'NAME')} --size WIDTH HEIGHT\n"
        "where WIDTH and HEIGHT are those of the images, px."
    )


def _holds_positions(file: Path) -> bool:
    """Whether the first line is one of positions and radii."""
    try:
        with file.open("rb") as stream:
            first = json.loads(stream.readline(_MOST_READ))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and {"positions", "radii"} <= set(first)


def _tally(files: list[Path]) -> str:
    return ", ".join(
        f"{count} {suffix}" for suffix, count in Counter(file.suffix for file in files).most_common()
    )
