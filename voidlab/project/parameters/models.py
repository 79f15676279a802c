"""What can be set of a dataset and its stages: name, type, range, unit, meaning, default; a model per stage."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from voidlab.project.parameters.values import (
    Kind,
    as_tuple,
    check_box,
    check_boxes,
    check_rising,
    in_full,
    in_order,
    in_yaml,
)
from voidlab.project.paths import STAGES

IN_NM = {"min_radius_px": "min_diameter_nm", "max_radius_px": "max_diameter_nm"}  # said in either unit
SAMPLE, MICROSCOPE = "sample", "microscope"
SECTIONS = (*STAGES, SAMPLE, MICROSCOPE)  # of a parameter file: keys that hold keys of their own


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _parameter(default: object, meaning: str, unit: str = "", **bounds: Any) -> Any:
    """A parameter that may be left out; ``bounds`` as `pydantic.Field` takes them."""
    return Field(default, description=meaning, json_schema_extra={"unit": unit} if unit else None, **bounds)


class ImagesChoice(_Model):
    """Images of a file that holds several kinds, or of a folder and those in it."""

    file: str = Field(min_length=1, description="glob, folder or file, relative to the parameter file")
    series: int | None = _parameter(None, "series of a TIFF, from 0", ge=0)
    channel: int | None = _parameter(None, "channel of a TIFF, from 0", ge=0)
    slice: int | None = _parameter(None, "slice of a TIFF, from 0", ge=0)
    signal: str | None = _parameter(None, "title of a set of images in EMD or DM", min_length=1)
    recursive: bool = _parameter(False, "also look in the folders of the folder")


class FocusPair(_Model):
    """Two images of one field, under focus and over it."""

    under: str = Field(
        min_length=1, description="file of the image under focus, relative to the parameter file"
    )
    over: str = Field(min_length=1, description="file of the image over focus")


class SegmentParameters(_Model):
    """What the stage segment needs to know."""

    segmenter: str = _parameter(
        "voids", "voids (trained network), classical, or a file with a network of your own", min_length=1
    )
    trust_model: bool = _parameter(
        False, "run a network in a .pt2 file, which is a program: only from a source you trust"
    )
    contrast: Literal["auto", "bright", "dark"] = _parameter(
        "auto", "voids are brighter or darker than the matrix"
    )
    kinds: Annotated[
        tuple[Kind, ...], BeforeValidator(as_tuple), Field(min_length=1), AfterValidator(in_order)
    ] = _parameter(
        ("void",), "what is detected: void, loop, dot; loops and dots need one of voidlab's networks"
    )
    intensity_range: (
        Annotated[tuple[float, float], BeforeValidator(as_tuple), AfterValidator(check_rising)] | None
    ) = _parameter(None, "stored values that become 0 and 1: [low, high]; left out: read off the images")
    threshold: float = _parameter(0.5, "lowest confidence at which a detection counts", gt=0, lt=1)
    min_radius_px: float = _parameter(
        2.5,
        "smallest radius kept; below 2.5 px the image is looked at twice as large, too",
        "px",
        ge=1,
        le=1000,
    )
    max_radius_px: Annotated[float, Field(gt=1, le=4000)] | Literal["auto"] = _parameter(
        "auto", "largest radius looked for; auto: a quarter of the image's shorter side", "px"
    )
    min_diameter_nm: float | None = _parameter(
        None, "smallest diameter kept, in place of min_radius_px", "nm", gt=0, le=100_000
    )
    max_diameter_nm: float | None = _parameter(
        None, "largest diameter looked for, in place of max_radius_px", "nm", gt=0, le=100_000
    )
    use_series: bool = _parameter(
        False, "images of a series confirm each other: voids seen once go, voids missed once come"
    )
    edge_buffer_px: int = _parameter(
        8, "voids this close to the image border count as touching the edge", "px", ge=0
    )

    arithmetic: Literal["auto", "float32", "bfloat16"] = _parameter(
        "auto", "what the network computes in; auto: bfloat16 where the processor has it, twice as fast"
    )

    def model_file(self, folder: Path) -> Path | None:
        """File of the segmenter, relative to ``folder``; None for one of this package."""
        return None if Path(self.segmenter).suffix == "" else folder / self.segmenter


class DriftParameters(_Model):
    """What the stage drift needs to know."""

    source: Literal["masks", "images"] = _parameter(
        "masks", "what is correlated: void masks or the images themselves"
    )
    reference_frame: int | None = _parameter(
        None, "frame whose drift is zero; left out: the lowest tilt, else the first frame"
    )
    pairs: Literal["auto", "all"] = _parameter(
        "auto", "which pairs: all, or (auto) a planned subset above 64 frames"
    )


class PairParameters(_Model):
    """What the stage pair needs to know."""

    reach_px: Annotated[float, Field(gt=0, le=1000)] | Literal["auto"] = _parameter(
        "auto",
        "furthest that the two images of a void may lie apart; auto: half its radius, at least 3",
        "px",
    )


class TrackParameters(_Model):
    """What the stage track needs to know."""

    linker: Literal["auto", "trackpy", "assign", "tilt"] = _parameter(
        "auto", "linking method; auto: tilt where that works, else assign (trackpy where the foil tilts)"
    )
    search_range_px: Annotated[float, Field(gt=0, le=1000)] | Literal["auto"] = _parameter(
        "auto",
        "furthest a void may move between frames; auto: as density and motion allow",
        "px",
    )
    memory: int = _parameter(
        2, "frames a void may be missing and still be the same", "frames", ge=0, le=10_000
    )
    link_edge_voids: bool = _parameter(False, "also link voids that touch the image border")
    shown_min_frames: int = _parameter(6, "shortest track that is drawn", "frames", ge=1)
    flip_depth: bool = _parameter(
        False, "tilt series: flip the sign of all depths and tilts, which images cannot determine"
    )


class ReconstructParameters(_Model):
    """What the stage reconstruct needs to know."""

    shown_min_views: int = _parameter(3, "fewest views of a void that is drawn", "views", ge=2)


class ExportParameters(_Model):
    """What the stage export needs to know."""

    min_frames: int = _parameter(8, "shortest track that goes into void-2d-coordinates.csv", "frames", ge=1)
    pixel_size_error: float = _parameter(0.02, "relative standard error of the pixel size", ge=0, le=0.5)
    diameter_error: Annotated[float, Field(ge=0, le=0.5)] | Literal["auto"] = _parameter(
        "auto",
        "relative systematic error of all diameters; auto: as radii were measured",
    )
    void_shape: Literal["sphere", "cube", "truncated octahedron"] = _parameter(
        "sphere", "sphere, cube or truncated octahedron: how a projected area converts to a volume"
    )
    swelling_frame: int | None = _parameter(
        None, "frame used for density, sizes and swelling; left out: the lowest tilt, else the last"
    )
    other_programs: bool | Literal["auto"] = _parameter(
        "auto",
        "files for ImageJ, TrackMate, GEFF, napari and others; auto: up to 20,000 voids",
    )


class SampleParameters(_Model):
    """What is known of the specimen, with any keys of the user's own; only the stage export rests on it."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, str | float | int | bool] = Field(init=False)

    name: str | None = _parameter(
        None, "name of the specimen: its fields of view, a dataset each, have the same", min_length=1
    )
    material: str | None = _parameter(None, "what the specimen is made of, such as Ni", min_length=1)
    temperature_c: float | None = _parameter(
        None, "temperature of the irradiation or annealing", "°C", ge=-273.15, le=4000
    )
    foil_thickness_nm: float | None = _parameter(
        None, "thickness of the foil; left out: that of a good tilt series, else none", "nm", ge=1, le=100_000
    )
    foil_sigma_nm: float | None = _parameter(
        None, "standard error of the foil thickness, required with it", "nm", ge=0
    )
    dose_dpa: float | None = _parameter(None, "dose at time 0, or in the first image", "dpa", ge=0)
    dose_dpa_per_s: float | None = _parameter(None, "dose rate; counts from time 0", "dpa/s", gt=0)
    dose_dpa_per_frame: float | None = _parameter(None, "dose from one image to the next", "dpa/frame", gt=0)


class MicroscopeParameters(_Model):
    """How the images were taken; the radii of voids rest on it."""

    mode: Literal["bright field", "dark field", "HAADF"] | None = _parameter(
        None,
        "in HAADF and dark field voids are dark and have no fringe; left out: from the file, else bright field",
    )
    voltage_kv: float | None = _parameter(
        None,
        "acceleration voltage; left out: from the file, else 200 kV is assumed",
        "kV",
        ge=20,
        le=3000,
    )
    defocus_nm: float | None = _parameter(
        None,
        "defocus known to 10 %, minus: under focus; left out: from the fringes themselves",
        "nm",
        ge=-50_000,
        le=50_000,
    )


class DatasetParameters(_Model):
    """A dataset: which images, what is known of them, and the parameters of its stages."""

    dataset: str = Field(description="name of the dataset: the name of this file")
    images: Annotated[str, Field(min_length=1)] | ImagesChoice = Field(
        description="glob, folder or stack, relative to this file; of several kinds in it {file: …, series: 1} or "
        "channel, slice, signal; {file: …, recursive: true}: with the folders in it"
    )
    focus_pair: FocusPair | None = _parameter(
        None, "in place of images, two of one field: {under: FILE, over: FILE}, under focus and over it"
    )
    frame_pattern: str | None = _parameter(
        None,
        "regular expression: a group around the frame number in the file name; of several, one after the other",
    )
    frame_step: int = _parameter(1, "file-name numbers from one frame to the next", ge=1)
    pixel_size_nm: float | None = _parameter(
        None, "width of a pixel; left out: from the file, else pixels", "nm", ge=0.005, le=200
    )
    tilt_angles_deg: list[float] | str | None = _parameter(
        None, "angles in frame order, or a .rawtlt, .tlt, .mdoc or .csv file", "deg"
    )
    times_s: list[float] | None = _parameter(None, "times in frame order", "s")
    frame_interval_s: float | None = _parameter(None, "time between frames", "s", ge=1e-9, le=1e9)
    excluded_frames: Annotated[list[int], BeforeValidator(in_full)] = _parameter(
        [], "frame numbers to leave out; ranges such as 10-20 too"
    )
    ignore_boxes_px: Annotated[list[list[int]], AfterValidator(check_boxes)] = _parameter(
        [], "what is no specimen, such as a scale bar or vacuum: [left, top, width, height] each", "px"
    )
    crop_px: Annotated[list[int], AfterValidator(check_box)] | None = _parameter(
        None, "the part of the images that counts: [left, top, width, height]; left out: all", "px"
    )
    segment: SegmentParameters = SegmentParameters()
    drift: DriftParameters = DriftParameters()
    pair: PairParameters = PairParameters()
    track: TrackParameters = TrackParameters()
    reconstruct: ReconstructParameters = ReconstructParameters()
    export: ExportParameters = ExportParameters()
    sample: SampleParameters = SampleParameters()
    microscope: MicroscopeParameters = MicroscopeParameters()

    @model_validator(mode="before")
    @classmethod
    def _images_of_pair(cls, values: object) -> object:
        """The file under focus stands for the images of a pair where one is asked for."""
        pair = values.get("focus_pair") if isinstance(values, dict) and "images" not in values else None
        under = pair.get("under") if isinstance(pair, dict) else None
        return {**values, "images": under} if isinstance(values, dict) and under else values

    @property
    def chosen(self) -> ImagesChoice:
        """Which images, also where only their file is named."""
        return ImagesChoice(file=self.images) if isinstance(self.images, str) else self.images

    def stage(self, name: str) -> _Model:
        """Parameters of stage ``name``."""
        parameters: _Model = getattr(self, name)
        return parameters

    def deciding(self, stage: str) -> dict[str, Any]:
        """All parameters that the ``stage`` rests on, by name, but for those of the images."""
        parts = [self.stage(section).model_dump(mode="json") for section in sections_of(stage)]
        return {key: value for part in parts for key, value in part.items()}

    def of_images(self) -> dict[str, Any]:
        """What is said of the images: everything but the stages, the sample and the microscope."""
        return self.model_dump(mode="json", exclude=set(SECTIONS))


def model_of(section: str) -> type[BaseModel]:
    """The model of the parameters of a stage, of the sample or of the microscope."""
    return type(DatasetParameters.model_fields[section].default)


def sections_of(stage: str) -> tuple[str, ...]:
    """The sections of the parameter file that the ``stage`` rests on: its own, and what is known beside it."""
    beside = {"segment": (MICROSCOPE,), "export": (SAMPLE,)}
    return (stage, *beside.get(stage, ()))


def by_section(stage: str, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """``values`` given to the notebook of ``stage``, by the sections they belong to; the unknown to its own."""
    parts: dict[str, dict[str, Any]] = {section: {} for section in sections_of(stage)}
    for key, value in values.items():
        known = (section for section in parts if key in model_of(section).model_fields)
        parts[next(known, stage)][key] = value
    return parts


def limits_of(model: type[BaseModel], name: str) -> list[Any]:
    """Limits of the parameter ``name``, each with ``ge``, ``gt``, ``le`` or ``lt``; of a union too."""
    field = model.model_fields[name]
    given = [
        *field.metadata,
        *(m for part in get_args(field.annotation) for m in getattr(part, "__metadata__", ())),
    ]
    return [limit for one in given for limit in getattr(one, "metadata", [one])]


def range_of(model: type[BaseModel], name: str) -> tuple[float, float]:
    """Smallest and largest value that the parameter ``name`` may take; −inf or inf where it has no bound."""
    limits = {"ge": -np.inf, "gt": -np.inf, "le": np.inf, "lt": np.inf}
    for bound in limits_of(model, name):
        limits |= {key: getattr(bound, key) for key in limits if hasattr(bound, key)}
    return max(limits["ge"], limits["gt"]), min(limits["le"], limits["lt"])


def describe(parameters: BaseModel, given: Collection[str] = ()) -> pd.DataFrame:
    """Table of ``parameters``: name, value, unit, meaning, and where the value comes from."""
    rows = []
    for name, field in type(parameters).model_fields.items():
        value = getattr(parameters, name)
        words = "" if value is None else in_yaml(value)
        source = "this run" if name in given else "YAML" if name in parameters.model_fields_set else "default"
        if IN_NM.get(name) and getattr(parameters, IN_NM[name], None) is not None:
            words, source = f"by {IN_NM[name]}", ""
        rows.append((name, words, unit_of(type(parameters), name), field.description or "", source))
    own = "your own, a column of the table over datasets"
    rows += [(name, str(value), "", own, "YAML") for name, value in (parameters.model_extra or {}).items()]
    return pd.DataFrame(rows, columns=["name", "value", "unit", "meaning", "source"])


def unit_of(model: type[BaseModel], name: str) -> str:
    """Unit of the parameter ``name`` of ``model``; empty when it has none."""
    extra = model.model_fields[name].json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""
