"""The dataset of a watch: which files of a folder are its images, and its parameter file, made from the first."""

import fnmatch
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voidlab.images.find_files import find_files
from voidlab.images.readers import READERS, supported
from voidlab.project import parameters
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.paths import ProjectError, RunPaths, check_name
from voidlab.run.first_parameters import quoted
from voidlab.run.start import lay_out, root_or_here
from voidlab.tables.written import replacing

_NEW = """\
# What differs from the defaults; `voidlab check` finds mistakes. Lengths are in px or nm as their names say.
dataset: {name}
images: {source}
# pixel_size_nm: 0.47                 # width of a pixel; left out: what the images say, else all lengths are in px
# frame_interval_s: 0.5               # time between frames
# sample: {{foil_thickness_nm: 80, foil_sigma_nm: 10}}    # for swelling
"""


@dataclass(frozen=True)
class Watched:
    """What is watched: the dataset, the folder, and which names are images."""

    paths: RunPaths
    dataset: DatasetParameters
    folder: Path
    wanted: Callable[[str], bool]


def open_watched(source: str, name: str) -> Watched:
    """The dataset ``name`` of the images that arrive at ``source``, a folder or a glob; made where there is none.

    Raises
    ------
    ProjectError
        If it is a dataset of other images, or cannot be one.
    ParameterErrors
        If its parameter file has mistakes.
    """
    where = Path(os.path.abspath(os.path.expanduser(source)))  # as the parameter file has it, without "..".
    folder, pattern = (
        (where, "") if where.is_dir() or not _is_pattern(where.name) else (where.parent, where.name)
    )
    paths = RunPaths(root_or_here(), check_name(name))
    if folder.resolve().is_relative_to(paths.folder.resolve()):
        raise ProjectError(
            f"{folder} lies in the report that is to be written, {paths.folder}; watch another."
        )
    if not paths.parameters.exists():
        lay_out(paths.root)
        pattern = pattern or _pattern_of(folder)
        _write(paths, folder / pattern if pattern else folder)
    dataset = parameters.load_parameters(paths.parameters)
    named = Path(os.path.normpath(paths.parameters.parent / os.path.expanduser(dataset.chosen.file)))
    given = folder / pattern if pattern else folder
    if named not in (folder, given) and named.parent != folder:
        raise ProjectError(
            f"'{name}' is a dataset of other images already, {named}, not of {given}. Choose another --name."
        )
    if dataset.chosen.recursive:
        raise ProjectError(
            "images: {recursive: true} cannot be watched: give the one folder that is written to."
        )
    return Watched(paths, dataset, folder, wanted_of(named, folder))


def wanted_of(named: Path, folder: Path) -> Callable[[str], bool]:
    """Whether a name in ``folder`` is that of an image, where the parameters have the images ``named``."""

    def wanted(name: str) -> bool:
        if name.startswith(".") or Path(name).suffix.lower() not in READERS:
            return False
        return named == folder or fnmatch.fnmatchcase(name, named.name)

    return wanted


def _is_pattern(name: str) -> bool:
    return any(letter in name for letter in "*?[")


def _pattern_of(folder: Path) -> str:
    """A glob of the one kind of images that are there already; empty where there are none, or several kinds."""
    if not folder.exists() and not folder.parent.exists():
        raise ProjectError(
            f"there is no folder {folder}, nor the one it would lie in; expected where images arrive."
        )
    if folder.is_file():
        raise ProjectError(f"{folder} is a file; expected the folder that images arrive in.")
    try:
        kinds = {file.suffix for file in find_files(folder, mixed=True)}
    except ValueError:
        return ""
    if len(kinds) > 1:
        raise ProjectError(
            f"{folder} holds images of several kinds: {', '.join(sorted(kinds))}; expected one of {supported()}. Say "
            f"which with a glob, in quotes: '{folder / ('*' + min(kinds))}'"
        )
    return f"*{kinds.pop()}"


def _write(paths: RunPaths, source: Path) -> None:
    relative = Path(os.path.relpath(source, paths.parameters.parent)).as_posix()
    text = _NEW.format(name=quoted(paths.dataset), source=quoted(relative))
    with replacing(paths.parameters) as temporary:
        temporary.write_text(text, encoding="utf-8")
