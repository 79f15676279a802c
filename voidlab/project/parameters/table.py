"""The table of all parameters as Markdown, made from the models: what ``docs/parameters.md`` holds."""

from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from voidlab.project.parameters.models import (
    SECTIONS,
    DatasetParameters,
    FocusPair,
    ImagesChoice,
    limits_of,
    model_of,
    range_of,
    unit_of,
)

_INTRODUCTION = """\
# Parameters

Everything that can be set in `parameters/NAME.yaml`. A file gives only what differs from the defaults; `images` is
the one parameter it must hold. The parameters of a stage stand under the name of the stage, what is known of the
specimen under `sample`, of the microscope under `microscope`:

    images: ../data/gold/tilt*.tif
    pixel_size_nm: 0.47
    segment:
      threshold: 0.6
    sample: {name: A7, material: Ni, foil_thickness_nm: 100, foil_sigma_nm: 10, ion: He}

Under `sample` any key of your own (`ion`, `dose`, `temperature`, …) with text, a number, true or false is a column of
the table over datasets that `voidlab compare` makes.

`voidlab check parameters/NAME.yaml` names every mistake with its line. For one run only, `voidlab run
parameters/NAME.yaml --set segment.threshold=0.6` does the same.

(Made by `voidlab parameters > docs/parameters.md`; change the models, not this page.)
"""
_HEAD = ("name", "meaning", "unit", "type and range", "default")
_TYPES = {
    ImagesChoice: "{file: …, …}",
    FocusPair: "{under: …, over: …}",
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
}


def parameter_table() -> str:
    """All parameters in Markdown: what describes the images, then a table for each stage and for the sample."""
    images = [name for name in DatasetParameters.model_fields if name not in SECTIONS]
    parts = [_INTRODUCTION, "## The images", _table(DatasetParameters, images)]
    for section in SECTIONS:
        parts += [f"## {section}", _table(model_of(section), model_of(section).model_fields)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _table(model: type[BaseModel], names: Iterable[str]) -> str:
    rows = [_HEAD, tuple("---" for _ in _HEAD)]
    for name in names:
        field = model.model_fields[name]
        kind = _type(field.annotation)
        if bounds := _bounds(model, name):
            kind += f", {bounds}"
        rows.append((f"`{name}`", field.description or "", unit_of(model, name), kind, _default(name, field)))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _type(annotation: Any) -> str:
    """Plain words for a type: "whole number", "auto, bright or dark", "list of numbers"."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        *most, last = inner
        return f"{', '.join(most)} or {last}" if most else last
    if origin in (Union, UnionType):
        return " or ".join(_type(part) for part in inner if part is not NoneType)
    if origin in (list, tuple):
        word = _type(inner[0])
        if get_origin(inner[0]) is Literal:
            return f"list of {word}"
        return "list of " + (word.replace("list", "lists", 1) if word.startswith("list") else f"{word}s")
    return _type(inner[0]) if origin is Annotated else _TYPES[annotation]


def _bounds(model: type[BaseModel], name: str) -> str:
    """Plain words for the range: "0 to 0.5", "above 0, below 1", "1 or more"; empty when all values will do."""
    low, high = range_of(model, name)
    above, below = (any(hasattr(b, key) for b in limits_of(model, name)) for key in ("gt", "lt"))
    if np.isinf(low):
        return ""
    if np.isinf(high):
        return f"above {low:g}" if above else f"{low:g} or more"
    if not above and not below:
        return f"{low:g} to {high:g}"
    return f"{'above' if above else 'from'} {low:g}, {'below' if below else 'up to'} {high:g}"


def _default(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return "the file's name" if name == "dataset" else "must be given"
    if field.default is None:
        return "left out"
    if isinstance(field.default, bool):
        return str(field.default).lower()
    if isinstance(field.default, tuple):
        return f"[{', '.join(map(str, field.default))}]"
    return f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
