"""DM3, DM4, SER and EMD through rosettasciio, which comes with the extra ``em``."""

import logging
import re
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
from voidlab.images.readers.base import NO_CHOICE, Choice, ImageFile, size_text
from voidlab.images.readers.em_metadata import stage_tilt, taken
from voidlab.images.readers.emd_axes import (
    berkeley_images,
    check_own_pixels,
    is_even,
    values_along,
    why_no_steps,
)

# Titles of detectors, and of maps such as C, Fe-EELS, Ni K.
_DETECTOR = re.compile(
    r"ADF|DF|BF|STEM|TEM|Ceta|Falcon|camera|detector|CCD|OneView|K2|K3|SE\b", re.IGNORECASE
)
_MAP = re.compile(r"[A-Z][a-z]?(?:[- _](?:EELS|EDS|EDX|[KLM][a-zα-ω\d]*))?(?: .*map.*)?|.*\bmaps?\b.*")
_MODULES = {".dm3": "digitalmicrograph", ".dm4": "digitalmicrograph", ".ser": "tia", ".emd": "emd"}


def open_em(path: Path, choice: Choice = NO_CHOICE) -> ImageFile:
    """Read the header of a file of an electron microscope; its images stay where they are.

    Of several sets of images that of a detector is taken before maps of elements, of these the HAADF one.

    Raises
    ------
    ImagesError
        If it holds no image, or not the one chosen, or a package is missing.
    """
    library = _library(path.suffix.lower())
    logging.getLogger("rsciio").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tags that are not needed here
        try:
            if path.suffix.lower() == ".emd":
                contents = _velox_images(path) if is_velox(path) else berkeley_images(path)
            else:
                contents = library.file_reader(str(path), lazy=True)
        except ImportError as error:
            raise ImagesError(f"{path} cannot be read without another package. {error}") from None
    contents = [_columns_last(content) for content in contents]
    images = [content for content in contents if _why_no_image(content) == ""]
    if not images:
        found = "; ".join(_why_no_image(content) for content in contents) or "nothing"
        raise ImagesError(f"{path} holds no image or stack of images, but {found}.")
    titles = [str(content["metadata"]["General"].get("title") or "?") for content in images]
    place, notes = _choose(path, images, titles, choice)
    chosen = images[place]
    data, (*leading, y, x) = chosen["data"], chosen["axes"]
    notes += why_no_steps(path, chosen["axes"])
    count = data.shape[0] if leading else 1
    return ImageFile(
        path,
        (data.shape[-2], data.shape[-1]),
        count,
        partial(_decode, data),
        _pixel_size(x, y),
        "file header",
        tuple(notes),
        _tilts(path, chosen, leading, count),
        _along(leading, ("s", "sec"), count),
        taken(path, titles[place], chosen["original_metadata"]),
        bits=8 * data.dtype.itemsize,
    )


def _columns_last(content: dict[str, Any]) -> dict[str, Any]:
    """``content`` with rows and columns last, where its axes have names.

    Of an EMD the library takes the first axis for x; others write images row by row, and name the axes so.
    """
    names = [str(axis.get("name") or "").lower()[-1:] for axis in content["axes"]]
    if names.count("x") != 1 or names.count("y") != 1 or names[-2:] == ["y", "x"]:
        return content
    order = sorted(range(len(names)), key=lambda place: (names[place] == "x", names[place] == "y"))
    axes = [content["axes"][place] for place in order]
    return {**content, "data": content["data"].transpose(order), "axes": axes}


def is_velox(path: Path) -> bool:
    """Whether the file is an EMD of Velox, which keeps maps and spectra beside its images."""
    if path.suffix.lower() != ".emd":
        return False
    import h5py

    with h5py.File(path, "r") as file:
        check_own_pixels(path, file)
        return "Version" in file and "Data" in file


def _velox_images(path: Path) -> list[dict[str, Any]]:
    """The images in an EMD of Velox; its spectra, which need yet another library, are not looked at."""
    import h5py
    from rsciio.emd._emd_velox import FeiEMDReader

    class Images(FeiEMDReader):
        def _read_data(self, select_type: str | None) -> None:
            self.load_images, self.load_SI, self.load_single_spectrum = True, False, False
            self._read_images()

    reader = Images(lazy=True, select_type="images")
    reader.read_file(h5py.File(path, "r"))
    return list(reader.dictionaries)


def _choose(
    path: Path, images: Sequence[Mapping[str, Any]], titles: Sequence[str], choice: Choice
) -> tuple[int, list[str]]:
    """Place of the set of images that was chosen or seems to be meant, and what to know of it."""
    listed = ", ".join(
        f"'{title}' ({_count(content)} of {size_text(content['data'].shape[-2:])})"
        for title, content in zip(titles, images, strict=True)
    )
    if choice.signal is not None:
        wanted = [i for i, title in enumerate(titles) if title.lower() == choice.signal.lower()]
        if len(wanted) != 1:
            found = "is not" if not wanted else f"is {len(wanted)} times"
            raise ImagesError(f"images: signal: '{choice.signal}' {found} in {path.name}; it holds {listed}.")
        return wanted[0], []
    if len(images) == 1:
        return 0, []
    best = max(range(len(images)), key=lambda i: (_likely(titles[i]), _count(images[i]), -i))
    return best, [
        f"{path.name} holds {len(images)} sets of images, {listed}: '{titles[best]}' is used. Another is chosen with "
        f"images: {{file: {path.name}, signal: NAME}}."
    ]


def _likely(title: str) -> int:
    """How likely a set of this title shows the specimen: a detector more than a map of an element, HAADF most."""
    if "HAADF" in title.upper():
        return 3
    if _DETECTOR.search(title):
        return 2
    return 0 if _MAP.fullmatch(title) else 1


def _count(content: Mapping[str, Any]) -> int:
    return int(content["data"].shape[0]) if content["data"].ndim == 3 else 1


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
    return None if unit is None or scale is None or not is_even(axis) else float(scale) * unit


def _tilts(
    path: Path, content: Mapping[str, Any], leading: Sequence[Mapping[str, Any]], count: int
) -> tuple[float, ...]:
    """Tilt of each image: from the axis of a stack, or of a single image the angle of the stage."""
    if leading:
        return _along(leading, ("deg", "°", "degree", "degrees"), count)
    tilt = stage_tilt(path, content["original_metadata"])
    return () if tilt is None else (tilt,)


def _along(leading: Sequence[Mapping[str, Any]], units: Sequence[str], count: int) -> tuple[float, ...]:
    """Values along the axis of a stack when it has one of these units."""
    if not leading or str(leading[0].get("units") or "").lower() not in units:
        return ()
    axis = leading[0]
    if (values := values_along(axis)) is not None:
        return values
    return tuple(float(axis.get("offset") or 0) + float(axis["scale"]) * i for i in range(count))
