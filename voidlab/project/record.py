"""The record of a run, run.json: what each stage made, from what, with which parameters and version.

From it the next run knows which stages may be skipped, and a notebook knows that the tables it reads belong
together.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from voidlab import __version__
from voidlab.errors import VoidlabError
from voidlab.project import corrections
from voidlab.project.parameters.load import load_parameters
from voidlab.project.parameters.models import DatasetParameters, by_section, model_of
from voidlab.project.parameters.yaml_file import ParameterErrors
from voidlab.project.paths import POSITIONS, STAGES, RunPaths
from voidlab.project.record_entry import Entry as Entry
from voidlab.project.record_entry import entry_of
from voidlab.tables.reading import read_text
from voidlab.tables.written import digest as digest
from voidlab.tables.written import replacing

_RECORDED = (*STAGES, POSITIONS)
_SHOWN_IN_MOVIE = STAGES[: STAGES.index("export")]


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
        stages: dict[str, dict[str, Any]] = json.loads(read_text(paths.record))["stages"]
        if not all(isinstance(entry, dict) for entry in stages.values()):
            raise TypeError("a stage is not a mapping")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RecordError(
            f"{paths.record.name} cannot be read ({error}). Run the dataset again to make it anew."
        ) from None
    return stages


def read_record(paths: RunPaths) -> dict[str, Entry]:
    """Entries of the stages in run.json; none when there is no such file or it cannot be read."""
    try:
        stages = read_stages(paths)
        return {name: entry_of(stages[name]) for name in _RECORDED if name in stages}
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


def write_movie(paths: RunPaths, movie: Path) -> None:
    """Note in run.json which results the ``movie`` shows: those that are there now."""
    shown = {**_movies(paths), _name(paths, movie): _fingerprints(read_record(paths))}
    _write(paths, read_record(paths), shown)


def is_old_movie(paths: RunPaths, movie: Path) -> bool:
    """Whether the ``movie`` shows other results than are there now, or nobody knows which."""
    entries = read_record(paths)
    shown = _movies(paths).get(_name(paths, movie))
    outdated = set(out_of_date(paths)) & set(_SHOWN_IN_MOVIE)
    return shown is None or shown != _fingerprints(entries) or bool(outdated)


def _fingerprints(entries: Mapping[str, Entry]) -> dict[str, str]:
    return {name: entries[name].fingerprint for name in _SHOWN_IN_MOVIE if name in entries}


def _movies(paths: RunPaths) -> dict[str, Any]:
    try:
        movies = json.loads(read_text(paths.record)).get("movies", {})
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}
    return movies if isinstance(movies, dict) else {}


def _name(paths: RunPaths, file: Path) -> str:
    return file.relative_to(paths.folder).as_posix()


def _write(paths: RunPaths, entries: Mapping[str, Entry], movies: Mapping[str, object] | None = None) -> None:
    stages = {name: asdict(entries[name]) for name in _RECORDED if name in entries}
    content = {"dataset": paths.dataset, "stages": stages, "movies": movies or _movies(paths)}
    with replacing(paths.record) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


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
            "notebook": notebook_digest(paths.source(stage)),
            "model": _model_digest(paths, parameters) if stage == "segment" else "",
            "voidlab": f"{__version__} {code_digest()}",
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


def why_outdated(paths: RunPaths, stage: str, parameters: DatasetParameters, images: str) -> str:
    """Why what ``stage`` made does not rest on these parameters and images; empty when it does, or never ran.

    A parameter that was set for that run only counts as what it was set to. ``images`` is the digest of the images.
    """
    entry = read_record(paths).get(stage)
    if entry is None or not entry.fingerprint:
        return ""
    if entry.inputs.get("images") != images:
        return f"the images are no longer those that stage '{stage}' was run on: some were replaced, added or removed"
    return _other_parameters(stage, entry, parameters)


def is_of_another_version(paths: RunPaths, stage: str, parameters: DatasetParameters) -> bool:
    """Whether what ``stage`` made, from the present images and parameters, is of other code, notebook or network."""
    entry = read_record(paths)[stage]
    try:
        ran = _with_values(parameters, by_section(stage, entry.parameters))
    except ValidationError:
        return True
    return fingerprint(paths, ran, stage, entry.inputs) != entry.fingerprint


def with_parameters_set(paths: RunPaths, stage: str, parameters: DatasetParameters) -> DatasetParameters:
    """``parameters`` with what earlier stages were given for their run only: their results rest on it."""
    entries = read_record(paths)
    for name in STAGES[: STAGES.index(stage)]:
        ran = (
            {key: entries[name].parameters.get(key) for key in entries[name].given} if name in entries else {}
        )
        values = {
            section: {**parameters.stage(section).model_dump(exclude_unset=True), **given}
            for section, given in by_section(name, ran).items()
        }
        try:
            parameters = _with_values(parameters, values)
        except ValidationError:
            continue  # set by another version; what was made with it is found to be out of date
    return parameters


def _with_values(parameters: DatasetParameters, values: Mapping[str, Mapping[str, Any]]) -> DatasetParameters:
    """``parameters`` with other sections, each made of its ``values``."""
    made = {section: model_of(section).model_validate(of) for section, of in values.items()}
    return parameters.model_copy(update=made)


def _other_parameters(stage: str, entry: Entry, parameters: DatasetParameters) -> str:
    """Which parameters are others than ``stage`` ran with, in words; empty when none."""
    if not entry.of_images:
        return f"stage '{stage}' was run by an older version of voidlab"
    now = parameters.deciding(stage)
    now |= {key: entry.parameters[key] for key in entry.given if key in entry.parameters}
    pairs = [("", entry.of_images, parameters.of_images()), (f"{stage}.", entry.parameters, now)]
    said = [
        f"{prefix}{key} {_value(before, key)}, now {_value(after, key)}"
        for prefix, before, after in pairs
        for key in {**before, **after}
        if key not in before or key not in after or before[key] != after[key]
    ]
    return f"stage '{stage}' was run with other parameters ({'; '.join(said)})" if said else ""


def _value(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key, "not recorded")
    text = "not set" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def out_of_date(paths: RunPaths) -> list[str]:
    """Stages whose results rest on parameters, images, corrections or earlier results that are not the present ones.

    The images are not read for it: those of the first stage that is recorded count as the present ones.
    """
    entries = read_record(paths)
    now = present_parameters(paths)
    images = next((entry.inputs.get("images") for entry in entries.values()), None)
    return [
        stage
        for stage, entry in entries.items()
        if _older_inputs(entries, stage)
        or _other_corrections(paths, stage, entry)
        or entry.inputs.get("images") != images
        or (now is not None and stage in STAGES and _other_parameters(stage, entry, now))
    ]


def present_parameters(paths: RunPaths) -> DatasetParameters | None:
    """The parameters of the YAML file; None when there is none, or it is wrong, which the next run says."""
    try:
        return load_parameters(paths.parameters) if paths.parameters.exists() else None
    except ParameterErrors:
        return None


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


def notebook_digest(notebook: Path) -> str:
    """Digest of a notebook's cells; outputs and the parameters cell, which people type in, do not count."""
    # Not by nbformat, which takes a second to import: every kernel does this.
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    decisive = [cell for cell in cells if "parameters" not in cell.get("metadata", {}).get("tags", [])]
    return digest_of([(cell["cell_type"], "".join(cell["source"])) for cell in decisive])


def _model_digest(paths: RunPaths, parameters: DatasetParameters) -> str:
    """Digest of the user's network and of what describes it."""
    file = parameters.segment.model_file(paths.parameters.parent)
    return digest_of_files([file, file.with_suffix(".json")]) if file else ""


@cache
def code_digest(*rooms: str) -> str:
    """Digest of the package's code and data, or of those of some of its ``rooms``.

    Of the whole package, wherever in it this module lies: changed code makes every stage run again.
    """
    package = Path(str(files("voidlab")))
    kinds = ("*.py", "weights/*", "*.csv")
    decisive = sorted(file for kind in kinds for file in package.rglob(kind))
    named = [(file.relative_to(package), file) for file in decisive]
    return digest_of(
        [(name.as_posix(), digest(file)) for name, file in named if not rooms or name.parts[0] in rooms]
    )
