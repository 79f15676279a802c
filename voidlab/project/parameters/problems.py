"""What is wrong with the values of a parameter file, in words a microscopist would use."""

import difflib
import reprlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import ErrorDetails
from ruamel.yaml.comments import CommentedMap

from voidlab.project.parameters.models import (
    IN_NM,
    SAMPLE,
    SECTIONS,
    DatasetParameters,
    SampleParameters,
    model_of,
)
from voidlab.project.parameters.yaml_file import Problem, line_of, plain_values
from voidlab.project.paths import ProjectError, check_name

_NOT_OF_PAIRS = {
    "excluded_frames",
    "frame_interval_s",
    "frame_pattern",
    "frame_step",
    "tilt_angles_deg",
    "times_s",
}
# Columns of the tables that put specimens side by side, beside which those of the sample stand.
TAKEN = {
    "area", "areal_density", "between_fields", "counting", "counts", "dataset", "degrees_of_freedom",
    "fields", "frame", "high", "high68", "high95", "length_unit", "low", "low68", "low95", "mean_diameter",
    "mean_diameter_seen", "number_density", "quantity", "reason", "share", "share_high68", "share_low68",
    "specimen", "swelling", "systematic", "unit", "value", "verdict", "voids", "voids_without_size",
    "volume_fraction", "volume_per_area",
}  # fmt: skip
LARGEST = 2**53  # whole numbers above are not kept to the last digit
_OWN = {"dose", "temperature"}  # under sample, in whatever unit: near our names, but meant


def one_per_key(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """One error for each key: a union gives one for every member."""
    first: dict[tuple[Any, ...], ErrorDetails] = {}
    for error in errors:
        first.setdefault(keys_of(error), error)
    return list(first.values())


def keys_of(error: ErrorDetails) -> tuple[str, ...]:
    """Key path of an error, without what pydantic adds below a parameter (list index, member of a union)."""
    depth = 2 if error["loc"][0] in SECTIONS else 1
    return tuple(str(part) for part in error["loc"][:depth])


def explain(
    error: ErrorDetails, document: CommentedMap, path: Path, given: Mapping[str, Mapping[str, object]]
) -> Problem:
    """The mistake ``error`` in the file ``path``, or in what outweighs it (``given``)."""
    keys = keys_of(error)
    name = ".".join(keys)
    if keys[-1] in given.get(keys[0] if len(keys) == 2 else "", {}):
        return Problem(name, None, _reason(error, keys))
    value: Any = document
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    shown = reprlib.repr(plain_values(value))
    what = name if error["type"] in ("extra_forbidden", "missing") else f"{name} = {shown}"
    return Problem(path.name, line_of(document, keys), f"{what}: {_reason(error, keys)}")


def _reason(error: ErrorDetails, keys: tuple[str, ...]) -> str:
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
        "tuple_type": "must be a list",
        "too_short": f"must hold {context.get('min_length')} or more",
        "model_type": "must be a list of 'key: value'",
    }
    if error["type"] == "extra_forbidden":
        return _unknown(keys)
    if keys[-1] == "max_radius_px":
        return "must be auto, or a number above 1 and up to 4000"
    if keys[0] == "images" and error["type"] != "missing":
        return (
            "must be a glob, folder or file, or {file: …} with one or more of series, channel, slice (from 0), "
            "signal (a title), recursive (true or false)"
        )
    if keys[0] == "focus_pair":
        return "must be {under: FILE, over: FILE}, two images of one field"
    if keys[0] == SAMPLE and keys[-1] not in SampleParameters.model_fields:
        return "must be text, a number, true or false"
    if keys[-1] == "intensity_range":
        return "must be two numbers as stored in the images, [low, high], the second larger than the first"
    if keys[-1] == "search_range_px":
        return "must be auto, or a number above 0 and up to 1000"
    if keys[0] == "tilt_angles_deg":
        return "must be a list of numbers in degrees, or the name of a file with an angle on each line"
    return reasons.get(error["type"], error["msg"])


def _unknown(keys: tuple[str, ...], *, alike: float = 0.6) -> str:
    known = (DatasetParameters if len(keys) == 1 else model_of(keys[0])).model_fields
    near = difflib.get_close_matches(keys[-1], known, 1, alike)
    if near:
        return f"unknown key; did you mean '{near[0]}'?"
    if keys[-1] in DatasetParameters.model_fields:
        return "unknown key here; it belongs at the top, under no stage"
    sections = [section for section in SECTIONS if keys[-1] in model_of(section).model_fields]
    if sections and sections[0] != keys[0]:
        return f"unknown key here; it belongs under '{sections[0]}:'"
    return f"unknown key; known are {', '.join(known)}"


def check_together(parameters: DatasetParameters, path: Path, document: CommentedMap) -> Iterable[Problem]:
    """Mistakes that only show when parameters are seen together."""
    both = "images" in document and "focus_pair" in document
    found = (*_of_dataset(parameters, path.stem), *_of_sample(parameters.sample), *_of_pair(parameters, both))
    for keys, text in found:
        yield Problem(path.name, line_of(document, keys.split(".")), text)


def _of_dataset(parameters: DatasetParameters, stem: str) -> Iterable[tuple[str, str]]:
    """Mistakes in the dataset, the key each stands at and what is wrong; ``stem`` is the name of its file."""
    name, segment = parameters.dataset, parameters.segment
    try:
        check_name(name)
    except ProjectError as error:
        yield "dataset", str(error)
    if name != stem:
        yield "dataset", f"dataset = '{name}': must be '{stem}', the name of the file"
    low, high = segment.min_radius_px, segment.max_radius_px
    if high != "auto" and high <= low:
        yield "segment.max_radius_px", f"segment.max_radius_px = {high}: must be > min_radius_px = {low}"
    for px, nm in IN_NM.items():
        size_px, size_nm = getattr(segment, px), getattr(segment, nm)
        if size_nm is not None and px in segment.model_fields_set:
            yield (
                f"segment.{nm}",
                f"segment.{nm} = {size_nm:g} and segment.{px} = {size_px} say the same twice: give one of them",
            )
    if "void" not in segment.kinds and parameters.drift.source == "masks":
        why = "without voids there are no masks to correlate; expected drift.source = images, or void among the kinds"
        yield "segment.kinds", f"segment.kinds = [{', '.join(segment.kinds)}]: {why}"
    if parameters.times_s is not None and parameters.frame_interval_s is not None:
        yield "times_s", "give times_s or frame_interval_s, not both"


def _of_pair(parameters: DatasetParameters, both: bool) -> Iterable[tuple[str, str]]:
    """What a focus pair cannot be together with; ``both``: images are given beside it."""
    pair, microscope = parameters.focus_pair, parameters.microscope
    if pair is None:
        return
    if both:
        yield "focus_pair", "give images or focus_pair, not both"
    if Path(pair.under) == Path(pair.over):
        yield "focus_pair", f"focus_pair: under and over are the same file, {pair.under}"
    for key in sorted(_NOT_OF_PAIRS & parameters.model_fields_set):
        yield (
            key,
            f"{key} is not for a focus_pair: its two images are frames 1 (over focus) and 2 (under focus)",
        )
    if microscope.mode not in (None, "bright field"):
        yield (
            "microscope.mode",
            f"microscope.mode = {microscope.mode}: only in bright field has focus such a sign",
        )
    if microscope.defocus_nm is not None:
        yield (
            "microscope.defocus_nm",
            "microscope.defocus_nm: one defocus does not hold for both images of a focus_pair",
        )
    if parameters.segment.contrast != "auto":
        said = f"segment.contrast = {parameters.segment.contrast}"
        yield (
            "segment.contrast",
            f"{said}: of a focus_pair voids are bright in one image and dark in the other",
        )


def _of_sample(sample: SampleParameters) -> Iterable[tuple[str, str]]:
    for key in sorted(set(sample.model_extra or {}) - _OWN):
        # A key of the user's own; one that is nearly ours, or ours elsewhere, is a slip that would go unnoticed.
        reason = _unknown((SAMPLE, key), alike=0.8)
        if "known are" not in reason:
            yield f"{SAMPLE}.{key}", f"{SAMPLE}.{key}: {reason}"
    for key, value in (sample.model_extra or {}).items():
        if key in TAKEN or not key.strip():
            yield (
                f"{SAMPLE}.{key}",
                f"{SAMPLE}: '{key}' names a column of our own, or none; choose another key",
            )
        if isinstance(value, int) and abs(value) > LARGEST:
            what = "must be at most 2^53; in quotes it is text"
            yield f"{SAMPLE}.{key}", f"{SAMPLE}.{key} = {reprlib.repr(value)}: {what}"
    thickness, sigma = sample.foil_thickness_nm, sample.foil_sigma_nm
    if (thickness is None) != (sigma is None):
        given, missing = ("foil_thickness_nm", "foil_sigma_nm")[:: 1 if sigma is None else -1]
        hint = " (thickness by EELS: about 20 % of it)" if sigma is None else ""
        yield f"sample.{given}", f"sample.{given} needs sample.{missing} beside it{hint}"
    elif thickness is not None and sigma is not None and sigma > thickness / 2:
        what = f"must be ≤ half of foil_thickness_nm = {thickness:g}"
        yield "sample.foil_sigma_nm", f"sample.foil_sigma_nm = {sigma:g}: {what}"
    if sample.dose_dpa_per_s is not None and sample.dose_dpa_per_frame is not None:
        what = "give sample.dose_dpa_per_s or sample.dose_dpa_per_frame, not both"
        yield "sample.dose_dpa_per_frame", what
