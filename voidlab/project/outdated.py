"""Whether what a run recorded still holds: for the parameters, images, corrections and earlier results of now.

From it the next run knows which stages may be skipped, and a notebook knows that the tables it reads belong
together.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from voidlab.project import corrections
from voidlab.project.fingerprints import digest, digest_of, digest_of_corrections, fingerprint
from voidlab.project.parameters.load import load_parameters
from voidlab.project.parameters.models import DatasetParameters, by_section, model_of
from voidlab.project.parameters.yaml_file import ParameterErrors
from voidlab.project.paths import STAGES, RunPaths
from voidlab.project.record import SHOWN_IN_MOVIE, Entry, read_record, shows_what_is_recorded


def is_old_movie(paths: RunPaths, movie: Path) -> bool:
    """Whether the ``movie`` shows other results than are there now, or nobody knows which."""
    return not shows_what_is_recorded(paths, movie) or bool(set(out_of_date(paths)) & set(SHOWN_IN_MOVIE))


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
        now = digest_of_corrections(paths, stage)
    except (corrections.CorrectionsError, OSError):
        return False  # the next run says so; an index page still has to be written
    return entry.inputs.get("corrections", "") != now


def _older_inputs(entries: Mapping[str, Entry], stage: str) -> list[str]:
    inputs = entries[stage].inputs
    return [e for e in inputs if e in entries and digest_of(entries[e].outputs) != inputs[e]]
