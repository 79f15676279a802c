"""Start a project: lay out its folders, write a dataset's first parameter file, make the demo, open JupyterLab."""

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from voidlab import images, tables
from voidlab.images.errors import UNRELATED
from voidlab.images.find_files import find_files
from voidlab.images.label_stack import open_labels
from voidlab.project import corrections, lock, record
from voidlab.project.corrections import VoidEdit
from voidlab.project.paths import STAGES, ProjectError, RunPaths, check_name, find_root
from voidlab.run.first_parameters import first_parameters, quoted
from voidlab.run.images import refuse_own_report
from voidlab.run.notebook_copies import lay_out_copy, notes_on_copies
from voidlab.run.positions_found import refuse_positions
from voidlab.segment import edited_labels
from voidlab.tables.written import replacing
from voidlab.terminal import as_typed

_NOTEBOOKS = (*STAGES, "explore", "live", "positions")

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
# frame_pattern: 'frame_(\\d+)'         # where the frame number stands in the file names
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
        said = f"{error}{_or_each(source, name, str(error))}"
        if not paths.parameters.exists() and _is_there(source):
            said = _to_put_right(paths, source, said)
        raise images.ImagesError(said) from None


def _or_each(source: str, name: str, error: str) -> str:
    """The sentence on unrelated micrographs, where an ``error`` with several files leaves open that they are such."""
    if "--each" in error or "cannot read" in error:
        return ""
    try:
        files = find_files(source, mixed=True)
    except images.ImagesError:
        return ""
    if len(files) < 2:
        return ""
    command = f"voidlab init {as_typed(source)} --name {as_typed(name)} --each"
    return f" If these are unrelated micrographs, make a dataset of each: {command}"


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
    text = first_parameters(paths.dataset, _relative(paths, source), series, sample)
    with replacing(paths.parameters) as temporary:  # a disk that is full must not leave an empty one
        temporary.write_text(text, encoding="utf-8")
    notes = [*series.notes, *_doubts_of_names(series)]
    return paths, "\n".join([series.describe(), *(f"  note: {note}" for note in notes)])


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
    text = _TO_PUT_RIGHT.format(
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
    for name in _NOTEBOOKS:
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


def train_network(
    folder: Path | None,
    *,
    name: str | None,
    contrast: str | None,
    steps: int | None,
    seed: int,
    shipped: str | None,
    without: Path | None = None,
    log: Callable[[str], None],
) -> str:
    """Train a network into ``parameters/NAME.safetensors``, or make the shipped one; say what came of it.

    ``shipped`` is "from nothing" or "further" to make the network that comes with the package; ``contrast``, of the
    labelled voids, is "bright" (the default) or "dark". The shipped one is trained on the images of the folder
    ``without`` too, in which there are no voids.

    Raises
    ------
    ProjectError
        If the name is missing, cannot be used, or is taken, or that network is being trained already.
    LabelledError
        If ``folder`` holds no labelled images.
    """
    from voidlab.segment import model_file
    from voidlab.training import train as training

    if shipped:
        if name or contrast:
            raise ProjectError(
                f"--{shipped.replace(' ', '-')} makes the network that comes with voidlab anew: leave out --name and "
                f"--contrast. For a network of your own leave out --{shipped.replace(' ', '-')}."
            )
        with _being_trained(model_file.SHIPPED):
            training.make_weights(
                model_file.SHIPPED,
                also=folder,
                without=without,
                images=5000,
                steps=steps or 13_000,
                seed=seed,
                further=shipped == "further",
                log=log,
            )
        return f"wrote {model_file.SHIPPED}"
    if without is not None:
        raise ProjectError(
            "--without-voids is for the network that comes with voidlab. For one of your own lay a NAME_labels.csv "
            "with a header only, x_px,y_px,r_px, beside each image without voids in the folder of labelled images."
        )
    if folder is None or name is None:
        raise ProjectError("say which labelled images to train on, and --name for the new network.")
    root = find_root()
    weights = root / "parameters" / f"{check_name(name)}.safetensors"
    if weights.exists():
        raise ProjectError(f"{weights} is there already; choose another --name, or remove it and its .json.")
    dark = contrast == "dark"
    with _being_trained(weights):
        card = training.fine_tune(folder, weights, dark=dark, steps=steps or 400, seed=seed, log=log)
    said, scores = "", card["scores"]
    if scores:
        said = (
            f"on images kept aside: F1 {scores['f1_before']:.3f} → {scores['f1']:.3f}, "
            f"radii {100 * scores['radius_bias_before']:+.1f} → {100 * scores['radius_bias']:+.1f} %\n"
        )
    return f"{said}wrote {os.path.relpath(weights)}\nuse it with\n  segment: {{segmenter: {weights.name}}}"


@contextmanager
def _being_trained(weights: Path) -> Iterator[None]:
    """Hold the training of ``weights``: two at once would go on from each other's states."""
    file = weights.with_name(f".{weights.stem}.training.lock")
    said = f"{weights.name} is being trained by {{}}; wait for it, or choose another --name. If it is gone, remove "
    with lock.locked(file, lambda holder: ProjectError(f"{said.format(holder)}{file.name}.holder.")):
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def take_edited_labels(name: str, labels: Path) -> tuple[RunPaths, list[VoidEdit]]:
    """Compare edited ``labels`` with labels.tif of the dataset and keep the differences as corrections.

    Raises
    ------
    ProjectError
        If the dataset's results are not there or are older than its corrections.
    ImagesError
        If ``labels`` cannot be read or do not fit the dataset.
    """
    paths = RunPaths.find(name)
    reason = record.why_not_usable(paths, "segment", paths.labels)
    if not reason and "segment" in record.out_of_date(paths):
        reason = "stage 'segment' was run before the last corrections"
    if reason:
        raise ProjectError(
            f"{reason}. Run the dataset first: voidlab run {os.path.relpath(paths.parameters)}"
        )
    frames, voids = tables.load(paths, "frames"), tables.load(paths, "voids")
    edits = edited_labels.edits_of_series(frames, voids, open_labels(paths.labels), open_labels(labels))
    corrections.append_edit(paths.corrections, edits)
    return paths, edits


def open_lab(
    name: str | None, options: Sequence[str] = (), log: Callable[[str], None] = lambda line: None
) -> int:
    """Open JupyterLab at the project's root, on the explorer when a dataset is named; give its exit code.

    ``options`` are those of JupyterLab, such as ``--no-browser``; they outweigh the place it opens at. ``log`` is
    called with a line for the user where a notebook is of an older voidlab.
    """
    root = find_root()
    lay_out(root)
    opened = ["--LabApp.default_url=/lab/tree/notebooks"]
    environment = dict(os.environ)
    if name is not None:
        paths = RunPaths(root, name)
        if not paths.parameters.exists():
            known = ", ".join(sorted(p.stem for p in paths.parameters.parent.glob("*.yaml"))) or "none"
            raise ProjectError(f"no dataset '{name}': {paths.parameters} is missing; there are {known}.")
        opened = [str(root / "notebooks" / "explore.ipynb")]
        environment["VOIDLAB_DATASET"] = name
    for note in notes_on_copies(RunPaths(root, name or "any"), _NOTEBOOKS):
        log(f"note: {note}")
    command = [sys.executable, "-m", "jupyterlab", *opened, f"--ServerApp.root_dir={root}", *options]
    return subprocess.call(command, env=environment, cwd=root)
