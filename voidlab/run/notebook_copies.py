"""A project's own copies of the notebooks: which are of an older voidlab, and what to do about them.

A copy carries, in its metadata, which voidlab laid it out and what its cells were. What a person typed into its
parameters cell is no change.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from voidlab import __version__
from voidlab.project import fingerprints
from voidlab.project.paths import RunPaths, packaged_notebook
from voidlab.tables.written import replacing

_LAID_OUT = "voidlab"  # key of the metadata
# What Python says where a notebook calls for what there is no more, or not in this way.
_DOES_NOT_GO_TOGETHER = {
    "AttributeError", "ImportError", "KeyError", "ModuleNotFoundError", "NameError", "TypeError",
}  # fmt: skip


def lay_out_copy(name: str, target: Path) -> None:
    """Copy notebook ``name`` of this voidlab to ``target``."""
    source = packaged_notebook(name)
    content = json.loads(source.read_text(encoding="utf-8"))
    content["metadata"][_LAID_OUT] = {"version": __version__, "cells": fingerprints.notebook_digest(source)}
    with replacing(target) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def notes_on_copies(paths: RunPaths, names: Iterable[str]) -> list[str]:
    """Which of the project's notebooks were laid out by another voidlab than this, and what to do."""
    return [note for name in names if (note := _note_on(paths.source(name), packaged_notebook(name)))]


def why_it_failed(paths: RunPaths, name: str, kind: str, reason: str) -> str:
    """The ``reason`` why notebook ``name`` failed, with what to do where it is another one than this voidlab's."""
    file = paths.source(name)
    if kind not in _DOES_NOT_GO_TOGETHER or not _differs(file, packaged_notebook(name)):
        return reason
    return (
        f"{os.path.relpath(file)} does not go with voidlab {__version__} ({reason}): this copy is of an older "
        f"voidlab, or was changed by hand. Rename it and run again: then the notebook of voidlab {__version__} is "
        "used. What you changed you find under the new name."
    )


def _note_on(own: Path, packaged: Path) -> str:
    laid_out = _laid_out(own)
    if laid_out is None or not _differs(own, packaged):
        return ""
    version, cells = laid_out
    if cells == fingerprints.notebook_digest(packaged):  # changed by hand, from what this voidlab has
        return ""
    found = (
        f"{os.path.relpath(own)} is a copy that an older voidlab laid out ({version}; this is {__version__})"
    )
    if cells == fingerprints.notebook_digest(own):
        return f"{found}, and not the notebook that this one has. Delete it to have that one used."
    return (
        f"{found}, changed by hand since. Rename it to have the notebook of this one used, and make your changes "
        "in that."
    )


def _differs(own: Path, packaged: Path) -> bool:
    try:
        return fingerprints.notebook_digest(own) != fingerprints.notebook_digest(packaged)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # no notebook, which is told elsewhere
        return False


def _laid_out(own: Path) -> tuple[str, str] | None:
    """By which voidlab a copy was laid out, and what its cells were; None where that is not known."""
    try:
        told = json.loads(own.read_text(encoding="utf-8"))["metadata"][_LAID_OUT]
        return str(told["version"]), str(told["cells"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
