"""Parameters of a dataset from its YAML file, which says what differs from the defaults, and back into it.

Every mistake in the file is reported at once, with its line and, for a misspelt key, the near name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from voidlab.project.parameters import yaml_file
from voidlab.project.parameters.models import DatasetParameters, model_of
from voidlab.project.parameters.problems import check_together, explain, keys_of, one_per_key
from voidlab.project.parameters.yaml_file import ParameterErrors, Problem
from voidlab.tables.written import replacing


@dataclass(frozen=True)
class Change:
    """A value that is, or would be, changed in a parameter file, each as text."""

    name: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.name}: {self.before} → {self.after}"


def load_parameters(path: Path, given: Mapping[str, Mapping[str, object]] | None = None) -> DatasetParameters:
    """Read the parameters of a dataset from ``path``; ``given[stage][key]`` outweighs the file.

    The stage "" stands for what belongs to no stage, such as ``pixel_size_nm``.

    Raises
    ------
    ParameterErrors
        With every mistake found: unreadable YAML, unknown key, wrong type, value out of range.
    """
    document = yaml_file.read_yaml(path)
    values = yaml_file.plain_values(document)
    values.setdefault("dataset", path.stem)
    outweighed = {stage: dict(keys) for stage, keys in (given or {}).items()}
    for stage, keys in outweighed.items():
        if not stage:
            values |= keys
        elif isinstance(values.setdefault(stage, {}), dict):
            values[stage] = {**values[stage], **keys}
    wrong: list[ErrorDetails] = []
    usable: DatasetParameters | None
    try:
        usable = DatasetParameters.model_validate(values)
    except ValidationError as errors:
        wrong = one_per_key(errors.errors())
        usable = _without(values, map(keys_of, wrong))
    problems = [explain(error, document, path, outweighed) for error in wrong]
    if usable is not None:
        problems += check_together(usable, path, document)
    if problems or usable is None:
        raise ParameterErrors(problems, usable)
    return usable


def _without(values: Mapping[str, Any], wrong: Iterable[tuple[str, ...]]) -> DatasetParameters | None:
    """The parameters without those that are ``wrong``; None when the images are among these."""
    kept = {key: dict(value) if isinstance(value, dict) else value for key, value in values.items()}
    for *section, key in wrong:
        (kept[section[0]] if section else kept).pop(key, None)
    try:
        return DatasetParameters.model_validate(kept)
    except ValidationError:
        return None


def line_of(path: Path, *keys: str) -> int | None:
    """Line (from 1) on which the key ``keys`` stands in the YAML file ``path``; None when it is not there."""
    return yaml_file.line_of(yaml_file.read_yaml(path), keys)


def write_values(path: Path, stage: str, values: Mapping[str, object]) -> list[Change]:
    """Put ``values`` of ``stage`` into the YAML file ``path``; comments, order and all else stay as they are.

    Returns
    -------
    list of Change
        Of each value that is another now.

    Raises
    ------
    ParameterErrors
        If the file would no longer be right; it is then left as it was.
    """
    text, changes = _with_values(path, stage, values)
    if changes:
        newline = "\r\n" if b"\r\n" in path.read_bytes() else "\n"
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline=newline)
    return changes


def changes_of(path: Path, stage: str, values: Mapping[str, object]) -> list[Change]:
    """What `write_values`, which fails alike, would change in the file."""
    return _with_values(path, stage, values)[1]


def _with_values(path: Path, stage: str, values: Mapping[str, object]) -> tuple[str, list[Change]]:
    """Text of the YAML file with ``values``, and each that changed."""
    load_parameters(path, {stage: values})
    file = yaml_file.plain_values(yaml_file.read_yaml(path))
    section = (file.get(stage) or {}) if stage else file
    changed = {key: value for key, value in values.items() if section.get(key) != value}
    changes = [_change(stage, key, section.get(key), value) for key, value in changed.items()]
    text = yaml_file.set_values(path.read_text(encoding="utf-8-sig"), stage, changed)
    wanted = {**file, **changed} if not stage else {**file, stage: {**section, **changed}}
    if yaml_file.values_in(text) != wanted:
        keys = ", ".join(change.name for change in changes)
        raise ParameterErrors([Problem(path.name, None, f"{keys}: cannot be set in this layout; type it")])
    return text, changes


def _change(stage: str, key: str, before: object, after: object) -> Change:
    """The change of a parameter; what the file does not say is the default."""
    fields = (model_of(stage) if stage else DatasetParameters).model_fields
    known = before if before is not None else fields[key].default if key in fields else None
    words = "none" if known in (None, []) else str(known)
    default = " (default)" if before is None and known not in (None, []) else ""
    return Change(f"{stage}.{key}" if stage else key, words + default, str(after))
