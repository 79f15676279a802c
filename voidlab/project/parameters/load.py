"""Parameters of a dataset from its YAML file, which says what differs from the defaults, and back into it.

Every mistake in the file is reported at once, with its line and, for a misspelt key, the near name.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from voidlab.project.parameters import problems as mistakes
from voidlab.project.parameters import yaml_file
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.parameters.yaml_file import ParameterErrors
from voidlab.tables.written import replacing


def load_parameters(path: Path, given: Mapping[str, Mapping[str, object]] | None = None) -> DatasetParameters:
    """Read the parameters of a dataset from ``path``; ``given[stage][key]`` outweighs the file.

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
        if isinstance(values.setdefault(stage, {}), dict):
            values[stage] = {**values[stage], **keys}
    wrong: list[ErrorDetails] = []
    usable: DatasetParameters | None
    try:
        usable = DatasetParameters.model_validate(values)
    except ValidationError as errors:
        wrong = mistakes.one_per_key(errors.errors())
        usable = _without(values, map(mistakes.keys_of, wrong))
    problems = [mistakes.explain(error, document, path, outweighed) for error in wrong]
    if usable is not None:
        problems += mistakes.check_together(usable, path, document)
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


def write_values(path: Path, stage: str, values: Mapping[str, object]) -> list[str]:
    """Put ``values`` of ``stage`` into the YAML file ``path``; comments, order and all else stay as they are.

    Returns
    -------
    list of str
        A line for each value that changed.

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


def difference(path: Path, stage: str, values: Mapping[str, object]) -> str:
    """What `write_values`, which fails alike, would change in the file, line by line; empty when nothing."""
    text, _ = _with_values(path, stage, values)
    before = path.read_text(encoding="utf-8-sig")
    lines = (before.splitlines(), text.splitlines())
    return "\n".join(difflib.unified_diff(*lines, path.name, path.name, n=1, lineterm=""))


def _with_values(path: Path, stage: str, values: Mapping[str, object]) -> tuple[str, list[str]]:
    """Text of the YAML file with ``values``, and a line for each that changed."""
    load_parameters(path, {stage: values})
    section = yaml_file.plain_values(yaml_file.read_yaml(path)).get(stage) or {}
    changed = {key: value for key, value in values.items() if section.get(key) != value}
    changes = [f"{stage}.{key}: {section.get(key, 'default')} → {value}" for key, value in changed.items()]
    return yaml_file.set_values(path.read_text(encoding="utf-8-sig"), stage, changed), changes
