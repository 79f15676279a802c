"""DM3, DM4, SER and EMD through rosettasciio, which comes with the extra ``em``."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from voidlab.errors import install_extra
from voidlab.images.errors import ImagesError
from voidlab.images.pixel_size import PixelSize, unit_nm
from voidlab.images.readers.base import ImageFile

_MODULES = {".dm3": "digitalmicrograph", ".dm4": "digitalmicrograph", ".ser": "tia", ".emd": "emd"}


def open_em(path: Path) -> ImageFile:
    """Read the header of a file of an electron microscope; its images stay where they are."""
    library = _library(path.suffix.lower())
    logging.getLogger("rsciio").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tags that are not needed here
        # Of Velox files the images only: their spectra need yet another library.
        only = {"select_type": "images"} if path.suffix.lower() == ".emd" else {}
        try:
            contents = library.file_reader(str(path), lazy=True, **only)
        except ImportError as error:
            raise ImagesError(f"{path} cannot be read without another package. {error}") from None
    images = [content for content in contents if _why_no_image(content) == ""]
    if not images:
        found = "; ".join(_why_no_image(content) for content in contents) or "nothing"
        raise ImagesError(f"{path} holds no image or stack of images, but {found}.")
    chosen = images[0]
    notes = []
    if len(images) > 1:
        names = ", ".join(f"'{content['metadata']['General'].get('title', '?')}'" for content in images)
        notes.append(f"{path.name} holds {len(images)} sets of images, {names}: the first is used.")
    data, (*leading, y, x) = chosen["data"], chosen["axes"]
    count = data.shape[0] if leading else 1
    return ImageFile(
        path,
        (data.shape[-2], data.shape[-1]),
        count,
        partial(_decode, data),
        _pixel_size(x, y),
        "file header",
        tuple(notes),
        _tilts(chosen, leading, count),
        _along(leading, ("s", "sec"), count),
    )


@cache
def _library(suffix: str) -> ModuleType:
    try:
        return import_module(f"rsciio.{_MODULES[suffix]}")
    except ImportError as error:
        raise ImagesError(
            f"{suffix} files are read with rosettasciio, which is not installed ({error}): {install_extra('em')}"
        ) from None


def _decode(data: Any, index: int) -> np.ndarray:
    image = np.asarray(data[index] if data.ndim == 3 else data)
    return image.astype(image.dtype.newbyteorder("="), copy=False)


def _why_no_image(content: Mapping[str, Any]) -> str:
    """What a set of data is when it is no image and no stack of images; empty when it is one."""
    data, axes = content["data"], content["axes"]
    if data.dtype.kind not in "biuf":
        return f"{data.dtype} values of shape {data.shape}"
    if data.ndim not in (2, 3) or min(data.shape[-2:]) < 2:
        return f"data of shape {data.shape}"
    units = [str(axis.get("units") or "") for axis in axes[-2:]]
    if any(unit.startswith("1 /") or unit.startswith("1/") for unit in units):
        return f"a diffraction pattern (in {units[0]})"
    if any("eV" in unit for unit in units):
        return "a spectrum"
    return ""


def _pixel_size(x: Mapping[str, Any], y: Mapping[str, Any]) -> PixelSize:
    widths = [_nm(axis) for axis in (x, y)]
    return PixelSize() if widths[0] is None or widths[1] is None else PixelSize.of(widths[0], widths[1])


def _nm(axis: Mapping[str, Any]) -> float | None:
    unit, scale = unit_nm(axis.get("units")), axis.get("scale")
    return None if unit is None or scale is None else float(scale) * unit


def _tilts(content: Mapping[str, Any], leading: Sequence[Mapping[str, Any]], count: int) -> tuple[float, ...]:
    """Tilt of each image: from the axis of a stack, or of a single image the angle of the stage."""
    stage = content["metadata"].get("Acquisition_instrument", {}).get("TEM", {}).get("Stage", {})
    if not leading and "tilt_alpha" in stage:
        return (float(stage["tilt_alpha"]),)
    return _along(leading, ("deg", "°", "degree", "degrees"), count)


def _along(leading: Sequence[Mapping[str, Any]], units: Sequence[str], count: int) -> tuple[float, ...]:
    """Values along the axis of a stack when it has one of these units."""
    if not leading or str(leading[0].get("units") or "").lower() not in units:
        return ()
    axis = leading[0]
    return tuple(float(axis.get("offset") or 0) + float(axis["scale"]) * i for i in range(count))
