"""What can be set of a dataset and its stages: name, type, range, unit, meaning, default; a model per stage."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from voidlab.project.paths import STAGES


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
    ] = "voids"
    trust_model: Annotated[
        bool,
        Field(description="run a network in a .pt2 file, which is a program: only from a source you trust"),
    ] = False
    contrast: Annotated[
        Literal["auto", "bright", "dark"], Field(description="voids are brighter or darker than the matrix")
    ] = "auto"
    threshold: Annotated[
        float, Field(gt=0, lt=1, description="lowest confidence at which a detection counts as a void")
    ] = 0.5
    min_radius_px: Annotated[
        float, Field(ge=1, le=1000, description="smallest radius kept", json_schema_extra=_PX)
    ] = 2.5
    max_radius_px: Annotated[
        float, Field(gt=1, le=1000, description="largest radius searched for", json_schema_extra=_PX)
    ] = 80.0
    edge_buffer_px: Annotated[
        int,
        Field(
            ge=0,
            description="voids this close to the image border count as touching the edge",
            json_schema_extra=_PX,
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
            description="regions to ignore, such as a scale bar: [left, top, width, height] each",
            json_schema_extra=_PX,
        ),
        AfterValidator(_boxes),
    ] = []


class TrackParameters(_Model):
    """What the stage track needs to know."""

    linker: Annotated[
        Literal["auto", "trackpy", "assign", "tilt"],
        Field(
            description="linking method; auto: tilt where that works, else trackpy; assign: for dense voids"
        ),
    ] = "auto"
    search_range_px: Annotated[
        float,
        Field(
            gt=0,
            le=1000,
            description="largest distance a void may move between frames",
            json_schema_extra=_PX,
        ),
    ] = 20.0
    memory: Annotated[
        int,
        Field(
            ge=0,
            description="frames a void may be missing and still be the same",
            json_schema_extra=_unit("frames"),
        ),
    ] = 2
    link_edge_voids: Annotated[bool, Field(description="also link voids that touch the image border")] = False
    shown_min_frames: Annotated[
        int, Field(ge=1, description="shortest track that is drawn", json_schema_extra=_unit("frames"))
    ] = 6
    flip_depth: Annotated[
        bool,
        Field(
            description="tilt series: flip the sign of all depths and tilts, which images cannot determine"
        ),
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
            ge=0, description="standard error of the foil thickness, required with it", json_schema_extra=_NM
        ),
    ] = None
    pixel_size_error: Annotated[
        float, Field(ge=0, le=0.5, description="relative standard error of the pixel size")
    ] = 0.02
    diameter_error: Annotated[
        float,
        Field(ge=0, le=0.5, description="systematic error of all diameters, as a relative standard error"),
    ] = 0.08
    void_shape: Annotated[
        Literal["sphere", "cube", "truncated octahedron"],
        Field(description="sphere, cube or truncated octahedron: how a projected area converts to a volume"),
    ] = "sphere"
    swelling_frame: Annotated[
        int | None,
        Field(
            description="frame used for density, sizes and swelling; left out: the lowest tilt, else the last"
        ),
    ] = None
    dose_dpa_per_s: Annotated[
        float | None, Field(gt=0, description="dose rate", json_schema_extra=_unit("dpa/s"))
    ] = None
    dose_dpa_per_frame: Annotated[
        float | None,
        Field(gt=0, description="dose from one image to the next", json_schema_extra=_unit("dpa/frame")),
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


def range_of(model: type[BaseModel], name: str) -> tuple[float, float]:
    """Smallest and largest value that the parameter ``name`` may take; −inf or inf where it has no bound."""
    limits = {"ge": -np.inf, "gt": -np.inf, "le": np.inf, "lt": np.inf}
    for bound in model.model_fields[name].metadata:
        limits |= {key: getattr(bound, key) for key in limits if hasattr(bound, key)}
    return max(limits["ge"], limits["gt"]), min(limits["le"], limits["lt"])


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
