"""Typed parameters of a dataset and its stages: name, type, range, unit, meaning, default; read from YAML.

One model per stage. A YAML file says what differs from the defaults; every mistake in it is reported at once,
with its line and, for a misspelt key, the near name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

from voidlab import yaml_edit
from voidlab.paths import STAGES, ProjectError, check_name, replacing


def _unit(name: str) -> dict[str, Any]:
    return {"unit": name}


_PX = _unit("px")
_NM = _unit("nm")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _boxes(boxes: list[list[int]]) -> list[list[int]]:
    for box in boxes:
        if len(box) != 4 or min(box[:2]) < 0 or min(box[2:]) < 1:
            raise ValueError(
                f"{box}: a box is [left, top, width, height] in px, from 0, at least 1 wide and high"
            )
    return boxes


class SegmentParameters(_Model):
    """What the stage segment needs to know."""

    segmenter: Annotated[
        str,
        Field(
            min_length=1,
            description="voids (trained network), classical, or a file with a network of your own",
        ),
    ] = "classical"
    trust_model: Annotated[
        bool, Field(description="run a network in a .pt2 file, which is a program, of somebody you trust")
    ] = False
    contrast: Annotated[
        Literal["auto", "bright", "dark"], Field(description="voids are brighter or darker than the matrix")
    ] = "auto"
    threshold: Annotated[
        float, Field(gt=0, lt=1, description="confidence from which a find counts as a void")
    ] = 0.5
    min_radius_px: Annotated[
        float, Field(ge=1, le=1000, description="smallest radius kept", json_schema_extra=_PX)
    ] = 2.5
    max_radius_px: Annotated[
        float, Field(gt=1, le=1000, description="largest radius looked for", json_schema_extra=_PX)
    ] = 80.0
    edge_buffer_px: Annotated[
        int,
        Field(
            ge=0, description="voids this near to the image's border touch the edge", json_schema_extra=_PX
        ),
    ] = 8

    def model_file(self, folder: Path) -> Path | None:
        """File of the segmenter, relative to ``folder``; None for one of this package."""
        return None if Path(self.segmenter).suffix == "" else folder / self.segmenter


class DriftParameters(_Model):
    """What the stage drift needs to know."""

    source: Annotated[
        Literal["masks", "images"],
        Field(description="what is correlated: void masks or the images themselves"),
    ] = "masks"
    reference_frame: Annotated[
        int | None,
        Field(description="frame whose drift is zero; left out: the lowest tilt, else the first frame"),
    ] = None
    pairs: Annotated[
        Literal["auto", "all"],
        Field(description="which pairs: all, or (auto) a planned subset above 64 frames"),
    ] = "auto"
    ignore_boxes_px: Annotated[
        list[list[int]],
        Field(
            description="parts not looked at, as a scale bar: [left, top, width, height] each",
            json_schema_extra=_PX,
        ),
        AfterValidator(_boxes),
    ] = []


class TrackParameters(_Model):
    """What the stage track needs to know."""

    linker: Annotated[
        Literal["auto", "trackpy", "assign", "tilt"],
        Field(description="what links: auto is tilt where that works, else trackpy; assign for crowds"),
    ] = "auto"
    search_range_px: Annotated[
        float,
        Field(gt=0, le=1000, description="furthest a void may move between frames", json_schema_extra=_PX),
    ] = 20.0
    memory: Annotated[
        int,
        Field(
            ge=0,
            description="frames a void may be missing and still be the same",
            json_schema_extra=_unit("frames"),
        ),
    ] = 2
    link_edge_voids: Annotated[bool, Field(description="link voids that touch the image's border too")] = (
        False
    )
    shown_min_frames: Annotated[
        int, Field(ge=1, description="shortest track that is drawn", json_schema_extra=_unit("frames"))
    ] = 6
    flip_depth: Annotated[
        bool,
        Field(description="tilt series: turn the sign of all depths and tilts, which images cannot tell"),
    ] = False


class ReconstructParameters(_Model):
    """What the stage reconstruct needs to know."""

    shown_min_views: Annotated[
        int,
        Field(ge=2, description="fewest views of a void that is drawn", json_schema_extra=_unit("views")),
    ] = 3


class ExportParameters(_Model):
    """What the stage export needs to know."""

    min_frames: Annotated[
        int,
        Field(
            ge=1,
            description="shortest track that goes into void-2d-coordinates.csv",
            json_schema_extra=_unit("frames"),
        ),
    ] = 8
    foil_thickness_nm: Annotated[
        float | None,
        Field(
            ge=1,
            le=100_000,
            description="thickness of the foil; left out: voids per area only, no swelling",
            json_schema_extra=_NM,
        ),
    ] = None
    foil_sigma_nm: Annotated[
        float | None,
        Field(
            ge=0, description="standard error of the foil's thickness, given with it", json_schema_extra=_NM
        ),
    ] = None
    pixel_size_error: Annotated[
        float, Field(ge=0, le=0.5, description="standard error of the pixel size, as a share of it")
    ] = 0.02
    diameter_error: Annotated[
        float,
        Field(ge=0, le=0.5, description="standard error that all diameters have in common, as a share"),
    ] = 0.05
    void_shape: Annotated[
        Literal["sphere", "cube", "truncated octahedron"],
        Field(description="sphere, cube or truncated octahedron: what volume a projected area stands for"),
    ] = "sphere"
    swelling_frame: Annotated[
        int | None,
        Field(description="frame whose voids are summed up; left out: the lowest tilt, else the last"),
    ] = None
    dose_dpa_per_s: Annotated[
        float | None, Field(gt=0, description="dose rate", json_schema_extra=_unit("dpa/s"))
    ] = None
    dose_dpa_per_frame: Annotated[
        float | None,
        Field(gt=0, description="dose from an image to the next", json_schema_extra=_unit("dpa/frame")),
    ] = None
    other_programs: Annotated[
        bool, Field(description="write files for ImageJ, TrackMate, GEFF and the Cell Tracking Challenge")
    ] = True


class DatasetParameters(_Model):
    """A dataset: which images, what is known of them, and the parameters of its stages."""

    dataset: Annotated[str, Field(description="name of the dataset: the name of this file")]
    images: Annotated[str, Field(min_length=1, description="glob, folder or stack, relative to this file")]
    frame_pattern: Annotated[
        str | None, Field(description="regular expression with one group: the frame number in the file name")
    ] = None
    frame_step: Annotated[int, Field(ge=1, description="file-name numbers from one frame to the next")] = 1
    pixel_size_nm: Annotated[
        float | None,
        Field(
            ge=0.005,
            le=20,
            description="width of a pixel; left out: from the file, else pixels",
            json_schema_extra=_NM,
        ),
    ] = None
    tilt_angles_deg: Annotated[
        list[float] | str | None,
        Field(
            description="angles in frame order, or a .rawtlt/.tlt/.csv file", json_schema_extra=_unit("deg")
        ),
    ] = None
    times_s: Annotated[
        list[float] | None, Field(description="times in frame order", json_schema_extra=_unit("s"))
    ] = None
    frame_interval_s: Annotated[
        float | None, Field(gt=0, description="time between frames", json_schema_extra=_unit("s"))
    ] = None
    excluded_frames: Annotated[list[int], Field(description="frame numbers to leave out")] = []
    segment: SegmentParameters = SegmentParameters()
    drift: DriftParameters = DriftParameters()
    track: TrackParameters = TrackParameters()
    reconstruct: ReconstructParameters = ReconstructParameters()
    export: ExportParameters = ExportParameters()

    def stage(self, name: str) -> _Model:
        """Parameters of stage ``name``."""
        parameters: _Model = getattr(self, name)
        return parameters

    def of_images(self) -> dict[str, Any]:
        """What is said of the images: everything but the stages."""
        return self.model_dump(mode="json", exclude=set(STAGES))


@dataclass(frozen=True)
class Problem:
    """A mistake in a parameter file: where, and what to do."""

    file: str
    line: int | None
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line is not None else self.file
        return f"{where}: {self.text}"


class ParameterErrors(ValueError):
    """All the mistakes found in a parameter file; ``usable``: its parameters without them, where that makes sense."""

    def __init__(self, problems: Iterable[Problem], usable: DatasetParameters | None = None) -> None:
        self.problems = list(problems)
        self.usable = usable
        super().__init__("\n".join(map(str, self.problems)))


def load(path: Path, given: Mapping[str, Mapping[str, object]] | None = None) -> DatasetParameters:
    """Read the parameters of a dataset from ``path``; ``given[stage][key]`` outweighs the file.

    Raises
    ------
    ParameterErrors
        With every mistake found: unreadable YAML, unknown key, wrong type, value out of range.
    """
    document = _read_yaml(path)
    values = _plain(document)
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
        wrong = _one_per_key(errors.errors())
        usable = _without(values, map(_keys, wrong))
    problems = [_explain(error, document, path, outweighed) for error in wrong]
    if usable is not None:
        problems += _check_together(usable, path, document)
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
    return _line(_read_yaml(path), keys)


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
    """What `write_values` would change in the file, line by line; empty when nothing.

    Raises
    ------
    ParameterErrors
        If the file would no longer be right.
    """
    text, changes = _with_values(path, stage, values)
    before = path.read_text(encoding="utf-8-sig").splitlines() if changes else []
    after = text.splitlines() if changes else []
    lines = difflib.unified_diff(before, after, path.name, path.name, n=1, lineterm="")
    return "\n".join(lines)


def _with_values(path: Path, stage: str, values: Mapping[str, object]) -> tuple[str, list[str]]:
    """Text of the YAML file with ``values``, and a line for each that changed."""
    load(path, {stage: values})
    section = _plain(_read_yaml(path)).get(stage) or {}
    changed = {key: value for key, value in values.items() if section.get(key) != value}
    changes = [f"{stage}.{key}: {section.get(key, 'default')} → {value}" for key, value in changed.items()]
    return yaml_edit.set_values(path.read_text(encoding="utf-8-sig"), stage, changed), changes


def range_of(model: type[BaseModel], name: str) -> tuple[float, float]:
    """Smallest and largest value that the parameter ``name`` may take; −inf or inf where it has no bound."""
    limits = {"ge": -np.inf, "gt": -np.inf, "le": np.inf, "lt": np.inf}
    for bound in model.model_fields[name].metadata:
        limits |= {key: getattr(bound, key) for key in limits if hasattr(bound, key)}
    return max(limits["ge"], limits["gt"]), min(limits["le"], limits["lt"])


def read_value(text: str) -> Any:
    """Value that ``text`` stands for in YAML: a number, true or false, a list or text."""
    try:
        return _plain(YAML(typ="rt").load(text))
    except YAMLError:
        return text


def describe(parameters: BaseModel, given: Iterable[str] = ()) -> pd.DataFrame:
    """Table of ``parameters``: name, value, unit, meaning, and where the value comes from."""
    given = set(given)
    rows = [
        {
            "name": name,
            "value": "" if getattr(parameters, name) is None else str(getattr(parameters, name)),
            "unit": unit_of(type(parameters), name),
            "meaning": field.description or "",
            "source": "this run"
            if name in given
            else "YAML"
            if name in parameters.model_fields_set
            else "default",
        }
        for name, field in type(parameters).model_fields.items()
    ]
    return pd.DataFrame(rows)


def unit_of(model: type[BaseModel], name: str) -> str:
    """Unit of the parameter ``name`` of ``model``; empty when it has none."""
    extra = model.model_fields[name].json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def _read_yaml(path: Path) -> CommentedMap:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.yaml")], 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ParameterErrors([Problem(str(path), None, f"no such file{hint}")]) from None
    except IsADirectoryError:
        raise ParameterErrors(
            [Problem(str(path), None, "is a folder; expected a file such as parameters/NAME.yaml")]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterErrors([Problem(str(path), None, f"cannot be read as text: {error}")]) from None
    try:
        aliases = [e.start_mark.line + 1 for e in YAML(typ="rt").parse(text) if isinstance(e, AliasEvent)]
        # An alias can stand for a billion others; nothing here needs one.
        document = None if aliases else YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else None
        what = str(error.problem or error.context or "it cannot be parsed").split("\n")[0]
        raise ParameterErrors([Problem(path.name, line, _friendly_yaml(what))]) from None
    except RecursionError:
        raise ParameterErrors(
            [Problem(path.name, None, "is nested far deeper than parameters are")]
        ) from None
    except (YAMLError, ValueError) as error:
        raise ParameterErrors([Problem(path.name, None, f"is not YAML: {error}")]) from None
    if aliases:
        raise ParameterErrors(
            [Problem(path.name, aliases[0], "anchors and aliases (&, *) are not read here")]
        )
    if not isinstance(document, CommentedMap):
        raise ParameterErrors(
            [Problem(path.name, 1, "must be lines 'key: value', such as 'images: ../data/x/*.tif'")]
        )
    return document


def _friendly_yaml(problem: str) -> str:
    if "\\t" in problem or "'\t'" in problem:
        return "a tab stands where YAML allows only spaces; indent with spaces"
    return f"is not valid YAML: {problem}"


def _plain(node: Any) -> Any:
    """Builtin values in place of ruamel's, which pydantic's strict mode refuses."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _one_per_key(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """One error for each key: a union gives one for every member."""
    first: dict[tuple[Any, ...], ErrorDetails] = {}
    for error in errors:
        first.setdefault(_keys(error), error)
    return list(first.values())


def _keys(error: ErrorDetails) -> tuple[str, ...]:
    """Key path of an error, without what pydantic adds below a parameter (list index, member of a union)."""
    depth = 2 if error["loc"][0] in STAGES else 1
    return tuple(str(part) for part in error["loc"][:depth])


def _line(document: CommentedMap, keys: Iterable[str]) -> int | None:
    line, node = None, document
    for key in keys:
        if not isinstance(node, CommentedMap) or key not in node:
            break
        line, node = node.lc.key(key)[0] + 1, node[key]
    return line


def _explain(
    error: ErrorDetails, document: CommentedMap, path: Path, given: Mapping[str, Mapping[str, object]]
) -> Problem:
    keys = _keys(error)
    name = ".".join(keys)
    if len(keys) == 2 and keys[1] in given.get(keys[0], {}):
        return Problem(name, None, _reason(error, given[keys[0]][keys[1]], keys))
    value: Any = document
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    if error["type"] in ("extra_forbidden", "missing"):
        return Problem(path.name, _line(document, keys), f"{name}: {_reason(error, value, keys)}")
    return Problem(path.name, _line(document, keys), f"{name} = {value!r}: {_reason(error, value, keys)}")


def _reason(error: ErrorDetails, value: object, keys: tuple[str, ...]) -> str:
    """What is wrong with ``value``, in words a microscopist would use."""
    context = error.get("ctx", {})
    reasons = {
        "missing": "is required",
        "less_than_equal": f"must be ≤ {context.get('le')}",
        "less_than": f"must be < {context.get('lt')}",
        "greater_than_equal": f"must be ≥ {context.get('ge')}",
        "greater_than": f"must be > {context.get('gt')}",
        "literal_error": f"must be one of {context.get('expected')}",
        "bool_type": "must be true or false",
        "int_type": "must be a whole number",
        "float_type": "must be a number",
        "string_type": "must be text",
        "list_type": "must be a list",
        "model_type": "must be a list of 'key: value'",
    }
    if error["type"] == "extra_forbidden":
        return _unknown(keys)
    if keys[0] == "tilt_angles_deg":
        return "must be a list of numbers in degrees, or the name of a file with an angle on each line"
    return reasons.get(error["type"], error["msg"])


def _unknown(keys: tuple[str, ...]) -> str:
    model = (
        DatasetParameters if len(keys) == 1 else type(getattr(DatasetParameters.model_construct(), keys[0]))
    )
    known = list(model.model_fields)
    near = difflib.get_close_matches(keys[-1], known, 1)
    if near:
        return f"unknown key; did you mean '{near[0]}'?"
    stages = [
        s for s in STAGES if keys[-1] in type(getattr(DatasetParameters.model_construct(), s)).model_fields
    ]
    if stages and stages[0] != keys[0]:
        return f"unknown key here; it belongs under '{stages[0]}:'"
    return f"unknown key; known are {', '.join(known)}"


def _check_together(parameters: DatasetParameters, path: Path, document: CommentedMap) -> Iterable[Problem]:
    """Mistakes that only show when parameters are seen together."""
    try:
        check_name(parameters.dataset)
    except ProjectError as error:
        yield Problem(path.name, _line(document, ["dataset"]), str(error))
    if parameters.dataset != path.stem:
        yield Problem(
            path.name,
            _line(document, ["dataset"]),
            f"dataset = '{parameters.dataset}': must be '{path.stem}', the name of the file",
        )
    segment = parameters.segment
    if segment.max_radius_px <= segment.min_radius_px:
        yield Problem(
            path.name,
            _line(document, ["segment", "max_radius_px"]) or _line(document, ["segment", "min_radius_px"]),
            f"segment.max_radius_px = {segment.max_radius_px}: "
            f"must be > min_radius_px = {segment.min_radius_px}",
        )
    yield from _check_sample(parameters.export, path, document)
    if parameters.times_s is not None and parameters.frame_interval_s is not None:
        yield Problem(path.name, _line(document, ["times_s"]), "give times_s or frame_interval_s, not both")


def _check_sample(export: ExportParameters, path: Path, document: CommentedMap) -> Iterable[Problem]:
    """Mistakes in what is said of the foil and the dose."""
    thickness, sigma = export.foil_thickness_nm, export.foil_sigma_nm
    if (thickness is None) != (sigma is None):
        given, missing = ("foil_thickness_nm", "foil_sigma_nm")[:: 1 if sigma is None else -1]
        hint = " (thickness by EELS: about 20 % of it)" if sigma is None else ""
        yield Problem(
            path.name,
            _line(document, ["export", given]),
            f"export.{given} needs export.{missing} beside it{hint}",
        )
    elif thickness is not None and sigma is not None and sigma > thickness / 2:
        yield Problem(
            path.name,
            _line(document, ["export", "foil_sigma_nm"]),
            f"export.foil_sigma_nm = {sigma:g}: must be ≤ half of foil_thickness_nm = {thickness:g}",
        )
    if export.dose_dpa_per_s is not None and export.dose_dpa_per_frame is not None:
        yield Problem(
            path.name,
            _line(document, ["export", "dose_dpa_per_frame"]),
            "give export.dose_dpa_per_s or export.dose_dpa_per_frame, not both",
        )
