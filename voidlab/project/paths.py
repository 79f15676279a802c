"""Where the files of a dataset's run lie, computed from its name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from voidlab.errors import VoidlabError
from voidlab.tables.tilts import is_tilted

STAGES = ("segment", "drift", "pair", "track", "reconstruct", "export")
POSITIONS = "positions"  # the one notebook of a dataset without images

# Letters and digits of any language, space, dot, dash, underscore: a name that is one folder everywhere.
_NAME = re.compile(r"\w(?:[\w .-]*[\w-])?")
# What else lies in reports/, and what Windows takes for a device.
_TAKEN = re.compile(
    r"(?:index|campaign)(?: .*)?\.html|campaign|(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE
)


class ProjectError(VoidlabError):
    """A project folder or dataset name that voidlab cannot work with."""


def stages_for(tilts_deg: Iterable[float], linker: str, *, pair: bool = False) -> tuple[str, ...]:
    """The stages that apply to a series: a single image has no drift and no tracks, depths need three tilts or more.

    Parameters
    ----------
    tilts_deg
        Tilt of each image, degrees; NaN when unknown. Empty: of a series that is not known yet.
    linker
        The parameter ``track.linker``.
    pair
        Whether it is a focus pair: its voids are matched, not tracked.
    """
    if pair:
        return ("segment", "drift", "pair", "export")
    tilts = list(tilts_deg)
    if len(tilts) == 1:
        return (STAGES[0], STAGES[-1])
    known = [tilt for tilt in tilts if tilt == tilt]
    in_depth = linker in ("auto", "tilt") and len(set(known)) >= 3 and is_tilted(known)
    some = {"pair": False, "reconstruct": in_depth}
    return tuple(stage for stage in STAGES if some.get(stage, True))


def find_root(start: Path | None = None) -> Path:
    """Nearest folder, from ``start`` (default: the working folder) upwards, that holds ``parameters/``.

    Raises
    ------
    ProjectError
        If there is none.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "parameters").is_dir():
            return _nameable(folder)
    raise ProjectError(
        f"no folder 'parameters' in {start} or above it. Start voidlab inside a project, "
        "or make one here with: voidlab init SOURCE --name NAME"
    )


def _nameable(folder: Path) -> Path:
    try:
        str(folder).encode("utf-8")
    except UnicodeEncodeError:
        raise ProjectError(
            f"the folder {folder} has a name that is not UTF-8, which notebooks and tables cannot hold; rename it."
        ) from None
    return folder


def check_name(dataset: str) -> str:
    """Give ``dataset`` back if it can name a folder.

    Raises
    ------
    ProjectError
        If it cannot.
    """
    if not _NAME.fullmatch(dataset) or len(dataset) > 100:
        raise ProjectError(
            f"'{dataset}' cannot name a dataset: use letters, digits, spaces, '.', '-' and '_', "
            "start with a letter or digit, at most 100 characters."
        )
    if _TAKEN.fullmatch(dataset):
        raise ProjectError(
            f"'{dataset}' cannot name a dataset: a folder of that name would be in the way of another file. "
            "Choose another name."
        )
    return dataset


def packaged_notebook(stage: str) -> Path:
    """The notebook of a stage that came with voidlab: inside a wheel, or beside the package in a checkout."""
    package = Path(str(files("voidlab")))
    inside = package / "notebooks"
    folder = inside if inside.is_dir() else package.parent / "notebooks"
    return folder / f"{stage}.ipynb"


def file_that_is_meant(given: Path) -> Path:
    """The parameter file that was meant by ``given``, which may be the bare name of a dataset."""
    if given.suffix == ".yaml" or len(given.parts) != 1 or given.is_file():
        return given
    try:
        named = RunPaths.find(str(given)).parameters
    except ProjectError:
        return given
    return Path(os.path.relpath(named)) if named.exists() or not given.exists() else given


@dataclass(frozen=True)
class RunPaths:
    """Every file of the run of ``dataset`` in the project at ``root``."""

    root: Path
    dataset: str

    def __post_init__(self) -> None:
        check_name(self.dataset)

    @classmethod
    def find(cls, dataset: str, start: Path | None = None) -> RunPaths:
        """Paths of ``dataset`` in the project around ``start`` (default: the working folder)."""
        return cls(find_root(start), dataset)

    @property
    def parameters(self) -> Path:
        return self.root / "parameters" / f"{self.dataset}.yaml"

    @property
    def corrections(self) -> Path:
        """The edits by hand; there is no such file before the first."""
        return self.root / "parameters" / f"{self.dataset}.corrections.jsonl"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def folder(self) -> Path:
        return self.reports / self.dataset

    @property
    def index(self) -> Path:
        return self.folder / "index.html"

    @property
    def labels(self) -> Path:
        return self.folder / "labels.tif"

    @property
    def kept_frames(self) -> Path:
        """What came of each image, kept so that no image is looked at twice; see `voidlab.run.frame_cache`."""
        return self.folder / ".frames"

    @property
    def exports(self) -> Path:
        return self.folder / "exports"

    @property
    def record(self) -> Path:
        return self.folder / "run.json"

    def table(self, name: str) -> Path:
        return self.folder / "tables" / f"{name}.parquet"

    def source(self, stage: str) -> Path:
        """The notebook of a stage as the project has it, else as the package brings it."""
        own = self.root / "notebooks" / f"{stage}.ipynb"
        return own if own.exists() else packaged_notebook(stage)

    def notebook(self, stage: str) -> Path:
        """The executed notebook."""
        return self.folder / f"{stage}.ipynb"

    def html(self, stage: str) -> Path:
        return self.folder / f"{stage}.html"

    def log(self, stage: str) -> Path:
        return self.folder / "logs" / f"{stage}.log"
