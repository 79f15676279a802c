"""Start a project: lay out its folders, write a dataset's first parameter file, make the demo."""

import os
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

from voidlab import images
from voidlab.images.errors import UNRELATED
from voidlab.images.find_files import find_files
from voidlab.project.paths import STAGES, ProjectError, RunPaths, check_name, find_root
from voidlab.run.first_parameters import first_parameters, line_of_pair, quoted
from voidlab.run.images import refuse_own_report
from voidlab.run.notebook_copies import lay_out_copy
from voidlab.run.pair_by_name import how_to_ask, under_and_over
from voidlab.run.positions_found import refuse_positions
from voidlab.tables.written import replacing
from voidlab.terminal import as_typed

NOTEBOOKS = (*STAGES, "explore", "live", "positions")

_DEMO = """\
# A simulated tilt series: known truth, so that every number in its report can be checked.
dataset: demo
images: ../data/demo/tilt*.tif          # relative to this file
pixel_size_nm: 0.47
tilt_angles_deg: ../data/demo/tilt.rawtlt
export: {min_frames: 8}
"""

_COULD_NOT = "# These images could not be opened as a series:"
_TO_PUT_RIGHT = (
    _COULD_NOT
    + """
# {reason}
# Put right what follows, then run `voidlab check`; it says what is still wrong.
dataset: {name}
images: {source}
{pair}# frame_pattern: 'frame_(\\d+)'         # where the frame number stands in the file names
"""
)


def init_dataset(source: str, name: str | None) -> tuple[RunPaths, str]:
    """Write ``parameters/NAME.yaml`` for the images at ``source``; make the project's folders if there is none.

    Returns
    -------
    tuple
        The paths of the dataset, and what to know of the images found.

    Raises
    ------
    ProjectError
        If the name cannot be used or its file is there already; or if ``source`` holds positions, not images.
    ImagesError
        If ``source`` holds no images, or images in the report of ``name``; or images that are no series as they are:
        the parameter file is written all the same, to be put right.
    """
    refuse_positions(source, name)
    if name is None:
        raise ProjectError("give the dataset a name with --name NAME, or make one of each image with --each.")
    try:
        return write_first(source, check_name(name))
    except images.ImagesError as error:
        paths = RunPaths(root_or_here(), name)
        _, how = ("", []) if "size" in str(error) else _maybe_pair(paths, _files_of(source))
        said = " ".join([str(error), *how]) + _or_each(source, name, str(error))
        if not paths.parameters.exists() and _is_there(source):
            said = _to_put_right(paths, source, said)
        raise images.ImagesError(said) from None


def _or_each(source: str, name: str, error: str) -> str:
    """The sentence on unrelated micrographs, where an ``error`` with several files leaves open that they are such."""
    if "--each" in error or "cannot read" in error:
        return ""
    if len(_files_of(source)) < 2:
        return ""
    command = f"voidlab init {as_typed(source)} --name {as_typed(name)} --each"
    return f" If these are unrelated micrographs, make a dataset of each: {command}"


def _files_of(source: str) -> list[Path]:
    try:
        return list(find_files(source, mixed=True))
    except images.ImagesError:
        return []


def write_first(
    source: str, name: str, *, sample: str = "", pixel_size_nm: float | None = None
) -> tuple[RunPaths, str]:
    """Write the parameter file of `init_dataset` where the images are a series; ``sample`` is the specimen's name."""
    series = images.open_series(source, pixel_size_nm=pixel_size_nm)
    root = root_or_here()
    paths = RunPaths(root, check_name(name))
    refuse_own_report(paths, series)
    if paths.parameters.exists() and not _is_to_put_right(paths.parameters):
        raise ProjectError(f"{paths.parameters} is there already; choose another --name, or edit that file.")
    lay_out(root)
    known = series.frames[["tilt_deg", "time_s"]].notna().to_numpy().any()
    pair, how = ((), []) if known or series.stack is not None else _maybe_pair(paths, series.files)
    text = first_parameters(paths.dataset, _relative(paths, source), series, sample, pair)
    with replacing(paths.parameters) as temporary:  # a disk that is full must not leave an empty one
        temporary.write_text(text, encoding="utf-8")
    notes = [*series.notes, *_doubts_of_names(series), *how]
    return paths, "\n".join([series.describe(), *(f"  note: {note}" for note in notes)])


def _maybe_pair(paths: RunPaths, files: Sequence[Path]) -> tuple[tuple[str, ...], list[str]]:
    """Of two files that under focus and that over it, as the parameter file names them, and how to ask for a pair."""
    if len(files) != 2:
        return (), []
    under, over, is_said = under_and_over(files)
    said = how_to_ask(os.path.relpath(paths.parameters), is_said=is_said)
    return (_relative(paths, str(under)), _relative(paths, str(over))), [said]


def _doubts_of_names(series: images.ImageSeries) -> list[str]:
    """The sentence that files may be no series, where their names differ in words, too."""
    known = series.frames[["tilt_deg", "time_s"]].notna().to_numpy().any()
    words = {re.sub(r"[\W\d_]+", " ", file.stem.lower()).strip(): file.name for file in series.files}
    if known or len(words) < 2 or UNRELATED in " ".join(series.notes):
        return []
    first, second = list(words.values())[:2]
    return [f"The names differ in words, too, such as '{first}' and '{second}'. {UNRELATED}"]


def _is_there(source: str) -> bool:
    """Whether ``source`` names anything, be it no series of images."""
    path = _absolute(source)
    return path.exists() or (path.parent.is_dir() and any(path.parent.glob(path.name)))


def _is_to_put_right(yaml: Path) -> bool:
    """Whether a parameter file is one that `_to_put_right` wrote, in which nothing was set since."""
    lines = yaml.read_bytes().decode("utf-8", "replace").splitlines()
    said = [line.split(":")[0] for line in lines if line.strip() and not line.startswith("#")]
    return lines[:1] == [_COULD_NOT] and said == ["dataset", "images"]


def _to_put_right(paths: RunPaths, source: str, error: str) -> str:
    """Write a parameter file for images that cannot be opened as they are; the ``error``, and where to mend it."""
    lay_out(paths.root)
    pair, _ = _maybe_pair(paths, _files_of(source))
    text = _TO_PUT_RIGHT.format(
        pair=line_of_pair(*pair) if pair else "",
        reason="\n# ".join(textwrap.wrap(error, 100)),
        name=quoted(paths.dataset),
        source=quoted(_relative(paths, source)),
    )
    with replacing(paths.parameters) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
    shown = os.path.relpath(paths.parameters)
    return f"{error}\nwrote {shown} all the same: put it right there, then: voidlab check {as_typed(shown)}"


def root_or_here() -> Path:
    """The project around the working folder, else the working folder."""
    try:
        return find_root()
    except ProjectError:
        return Path.cwd()


def _absolute(source: str) -> Path:
    """``source`` from the root of the disk; a quoted ``~`` is the home that the shell would have made of it."""
    return Path(os.path.expanduser(source)).absolute()


def _relative(paths: RunPaths, source: str) -> str:
    """``source`` as the parameter file names it."""
    return Path(os.path.relpath(_absolute(source), paths.parameters.parent)).as_posix()


def lay_out(root: Path) -> None:
    """Make the folders of a project at ``root``; notebooks that are there already are left as they are."""
    for folder in ("parameters", "data", "notebooks", "reports"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in NOTEBOOKS:
        own = root / "notebooks" / f"{name}.ipynb"
        if not own.exists():
            lay_out_copy(name, own)


def make_demo() -> RunPaths:
    """Simulate the demo tilt series into the project around the working folder, or into a new one there."""
    from voidlab import simulate

    root = root_or_here()
    lay_out(root)
    paths = RunPaths(root, "demo")
    if not paths.parameters.exists():
        paths.parameters.write_text(_DEMO, encoding="utf-8")
    simulate.write_demo(root / "data" / "demo", simulate.tilt_series(seed=0))
    return paths
