"""The record of a run, run.json: what each stage made, from what, with which parameters and version.

From it the next run knows which stages may be skipped, and a notebook knows that the tables it reads belong
together.
"""

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import nbformat

from voidlab import __version__
from voidlab.errors import VoidlabError
from voidlab.project import corrections
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.paths import POSITIONS, STAGES, RunPaths
from voidlab.tables.written import digest as digest
from voidlab.tables.written import replacing

_RECORDED = (*STAGES, POSITIONS)


@dataclass(frozen=True)
class Entry:
    """What run.json says of one stage."""

    status: str  # finished or failed
    fingerprint: str
    parameters: dict[str, Any]
    given: list[str]  # names of the parameters that were set for this run only
    inputs: dict[str, str]  # digest of the images and of what each earlier stage made
    outputs: dict[str, str] = field(default_factory=dict)  # file in the run's folder: digest
    key_figures: list[dict[str, str]] = field(default_factory=list)
    decided: dict[str, Any] = field(default_factory=dict)  # what was left to the stage, as contrast: auto
    started: str = ""
    seconds: float = 0.0
    error: str = ""
    voidlab: str = __version__
    python: str = field(default_factory=platform.python_version)


class RecordError(VoidlabError):
    """A run.json that cannot be read."""


def read_stages(paths: RunPaths) -> dict[str, dict[str, Any]]:
    """What run.json says of each stage, word for word: it may be of another version, or written by hand.

    Raises
    ------
    RecordError
        If it cannot be read.
    FileNotFoundError
        If there is none.
    """
    try:
        stages: dict[str, dict[str, Any]] = json.loads(paths.record.read_text(encoding="utf-8"))["stages"]
        if not all(isinstance(entry, dict) for entry in stages.values()):
            raise TypeError("a stage is not a mapping")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(
            f"{paths.record.name} cannot be read ({error}). Run the dataset again to make it anew."
        ) from None
    return stages


def read_record(paths: RunPaths) -> dict[str, Entry]:
    """Entries of the stages in run.json; none when there is no such file or it cannot be read."""
    try:
        stages = read_stages(paths)
        return {name: Entry(**stages[name]) for name in _RECORDED if name in stages}
    except (FileNotFoundError, RecordError, TypeError):
        return {}


def written_ns(paths: RunPaths) -> int | None:
    """When run.json was last written, ns; None when there is none."""
    try:
        return paths.record.stat().st_mtime_ns
    except OSError:
        return None


def write_entry(paths: RunPaths, stage: str, entry: Entry) -> None:
    """Put the entry of ``stage`` into run.json, and keep the others."""
    _write(paths, {**read_record(paths), stage: entry})


def remove_entry(paths: RunPaths, stage: str) -> None:
    """Take the entry of ``stage`` out of run.json, if it is there."""
    entries = read_record(paths)
    if entries.pop(stage, None) is not None:
        _write(paths, entries)


def _write(paths: RunPaths, entries: Mapping[str, Entry]) -> None:
    stages = {name: asdict(entries[name]) for name in _RECORDED if name in entries}
    with replacing(paths.record) as temporary:
        text = json.dumps({"dataset": paths.dataset, "stages": stages}, indent=1, ensure_ascii=False)
        temporary.write_text(text, encoding="utf-8")


def write_failure(paths: RunPaths, stage: str, given: Mapping[str, object], error: str) -> None:
    """Note in run.json that ``stage`` failed, ``given`` these; what is said of earlier results is kept with them."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    attempt = Entry("failed", "", dict(given), list(given), {}, started=now)
    before = read_record(paths).get(stage, attempt)
    write_entry(paths, stage, replace(before, status="failed", error=error))


def outputs_of(paths: RunPaths, files: Iterable[Path]) -> dict[str, str]:
    """Digest of each of the ``files`` that a stage has written, by its place in the run's folder."""
    return {f.relative_to(paths.folder).as_posix(): digest(f) for f in files if f.is_file()}


def inputs_of(paths: RunPaths, stage: str, images: str) -> dict[str, str]:
    """Digests of what ``stage`` reads: the images, what each earlier stage made, its corrections by hand if any."""
    entries = read_record(paths)
    earlier = [name for name in STAGES[: STAGES.index(stage)] if name in entries]
    inputs = {"images": images, **{name: digest_of(entries[name].outputs) for name in earlier}}
    by_hand = _digest_of_corrections(paths, stage)
    return {**inputs, "corrections": by_hand} if by_hand else inputs


def _digest_of_corrections(paths: RunPaths, stage: str) -> str:
    content = corrections.content_for(paths.corrections, stage)
    return digest_of(content) if content else ""


def fingerprint(paths: RunPaths, parameters: DatasetParameters, stage: str, inputs: Mapping[str, str]) -> str:
    """Digest of all that decides what ``stage`` makes: parameters, inputs, notebook and version."""
    return digest_of(
        {
            "parameters": parameters.deciding(stage),
            "images": parameters.of_images(),
            "inputs": dict(inputs),
            "notebook": _notebook_digest(paths.source(stage)),
            "model": _model_digest(paths, parameters) if stage == "segment" else "",
            "voidlab": f"{__version__} {_code_digest()}",
        }
    )


def is_current(paths: RunPaths, stage: str, wanted: str) -> bool:
    """Whether ``stage`` finished with the fingerprint ``wanted`` and what it made is there, unchanged."""
    entry = read_record(paths).get(stage)
    return (
        entry is not None
        and entry.status == "finished"
        and entry.fingerprint == wanted
        and all(digest(paths.folder / name) == value for name, value in entry.outputs.items())
    )


def why_not_usable(paths: RunPaths, stage: str, file: Path) -> str:
    """Why ``file`` made by ``stage`` must not be used; empty when it may."""
    entries = read_record(paths)
    entry = entries.get(stage)
    name = file.relative_to(paths.folder).as_posix()
    if entry is None or name not in entry.outputs:
        return f"stage '{stage}' has not finished"
    if entry.outputs[name] != digest(file):
        return (
            f"{name} is not the one that stage '{stage}' recorded: it was changed, or a run was interrupted"
        )
    older = _older_inputs(entries, stage)
    return f"stage '{stage}' was run on an older result of stage '{older[0]}'" if older else ""


def out_of_date(paths: RunPaths) -> list[str]:
    """Stages whose results rest on corrections or results of earlier stages that are no longer the present ones."""
    entries = read_record(paths)
    return [s for s in entries if _older_inputs(entries, s) or _other_corrections(paths, s, entries[s])]


def _other_corrections(paths: RunPaths, stage: str, entry: Entry) -> bool:
    try:
        now = _digest_of_corrections(paths, stage)
    except (corrections.CorrectionsError, OSError):
        return False  # the next run says so; an index page still has to be written
    return entry.inputs.get("corrections", "") != now


def _older_inputs(entries: Mapping[str, Entry], stage: str) -> list[str]:
    inputs = entries[stage].inputs
    return [e for e in inputs if e in entries and digest_of(entries[e].outputs) != inputs[e]]


def digest_of_files(files: Iterable[Path]) -> str:
    """Digest of the names and contents of ``files``."""
    return digest_of([(file.name, digest(file)) for file in files])


def digest_of(content: object) -> str:
    """Digest of anything JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _notebook_digest(notebook: Path) -> str:
    """Digest of a notebook's cells; outputs and the parameters cell, which people type in, do not count."""
    cells = nbformat.read(os.fspath(notebook), as_version=4).cells
    decisive = [cell for cell in cells if "parameters" not in cell.get("metadata", {}).get("tags", [])]
    return digest_of([(cell.cell_type, cell.source) for cell in decisive])


def _model_digest(paths: RunPaths, parameters: DatasetParameters) -> str:
    """Digest of the user's network and of what describes it."""
    file = parameters.segment.model_file(paths.parameters.parent)
    return digest_of_files([file, file.with_suffix(".json")]) if file else ""


@cache
def _code_digest() -> str:
    """Digest of the whole package, wherever in it this module lies: changed code makes every stage run again."""
    package = Path(str(files("voidlab")))
    decisive = (*package.rglob("*.py"), *package.rglob("weights/*"), *package.rglob("*.csv"))
    return digest_of([(file.relative_to(package).as_posix(), digest(file)) for file in sorted(decisive)])
