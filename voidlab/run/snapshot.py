"""The parameter file as it was when a run began: all its stages use that, whatever is written into it meanwhile."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path

from voidlab.errors import VoidlabError
from voidlab.project import parameters
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.parameters.yaml_file import ParameterErrors
from voidlab.project.paths import RunPaths
from voidlab.tables.written import replacing

_VARIABLE = "VOIDLAB_PARAMETER_FILE"  # tells the kernel of a stage which file


class ChangedMeanwhile(VoidlabError):
    """A parameter file that was changed between its check and the run."""


def take_snapshot(
    paths: RunPaths, checked: DatasetParameters, overrides: Mapping[str, Mapping[str, object]]
) -> Path:
    """Copy the parameter file into the run's folder, for all stages of a run.

    Raises
    ------
    ChangedMeanwhile
        If it no longer says what was ``checked``.
    """
    copy = paths.folder / ".running" / paths.parameters.name
    with replacing(copy) as temporary:
        temporary.write_bytes(paths.parameters.read_bytes())
    try:
        same = parameters.load_parameters(copy, overrides) == checked
    except ParameterErrors:
        same = False
    if not same:
        raise ChangedMeanwhile(f"{paths.parameters.name} was changed since it was checked; run it again.")
    return copy


def environment(snapshot: Path) -> dict[str, str]:
    """Environment of a kernel that is to read ``snapshot`` in place of the parameter file."""
    return {**_keeping_memory(), **os.environ, _VARIABLE: str(snapshot)}


def _keeping_memory() -> dict[str, str]:
    """Settings with which the C library keeps memory that was freed for the next array, where it is glibc.

    The maps of a 4096² image are else given back and asked for again, page by page: a seventh of all processor time.
    Of such an image a kernel then holds 2.4 GB in place of 1.8; of 1024² nothing changes.
    """
    if platform.libc_ver()[0] != "glibc":
        return {}
    return dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(2**30))


def parameter_file(paths: RunPaths) -> Path:
    """The file to read the dataset's parameters from: in a run its snapshot, else the parameter file itself."""
    snapshot = Path(os.environ.get(_VARIABLE, ""))
    own = snapshot.parent.parent == paths.folder and snapshot.name == paths.parameters.name
    return snapshot if own and snapshot.exists() else paths.parameters


def changed_since(paths: RunPaths, snapshot: Path) -> bool:
    """Whether the parameter file has other content than the ``snapshot``."""
    try:
        return paths.parameters.read_bytes() != snapshot.read_bytes()
    except OSError:
        return True
