"""TIFF: single images and stacks, compressed or not, with the pixel sizes of ImageJ, OME and the bare tags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile

from voidlab.images.errors import ImagesError
from voidlab.images.pixel_size import PixelSize, unit_nm, usual
from voidlab.images.readers.base import ImageFile, gray, plane
from voidlab.images.readers.pictures import decode_with_pillow

# Compressions that tifffile leaves to a package not needed here otherwise: fax, LZW, JPEG.
_PILLOW_COMPRESSIONS = (2, 3, 4, 5, 6, 7)


@dataclass(frozen=True)
class _Layout:
    """How the pixels of a TIFF page are stored and what their values mean."""

    dtype: np.dtype
    shape: tuple[int, ...]
    samples_first: bool
    white_is_zero: bool
    palette: np.ndarray | None

    @classmethod
    def of(cls, page: tifffile.TiffPage) -> _Layout:
        kind = page.photometric
        palette = page.colormap if kind == tifffile.PHOTOMETRIC.PALETTE else None
        dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
        first = page.axes.startswith("S")
        return cls(dtype, page.shape, first, kind == tifffile.PHOTOMETRIC.MINISWHITE, palette)

    def gray(self, image: np.ndarray) -> np.ndarray:
        """``image`` with its palette applied, white the highest value, and colours made luminance."""
        if self.palette is not None:
            return gray(np.moveaxis(self.palette[:, image], 0, -1))
        if self.white_is_zero and image.dtype.kind in "bu":
            image = ~image
        return gray(np.moveaxis(image, 0, -1) if self.samples_first else image)


def open_tiff(path: Path) -> ImageFile:
    """Read the header of a TIFF, whatever its name ends in."""
    with tifffile.TiffFile(path) as tif:
        pixel_size = _pixel_size(tif)
        # One file of an OME set: its description counts the images of all files, not its own.
        if (tif.ome_metadata or "").count("FileName=") <= len(tif.pages):
            return _tiff_images(path, tif, pixel_size)
    with tifffile.TiffFile(path, is_ome=False) as tif:
        return _tiff_images(path, tif, pixel_size)


def _tiff_images(path: Path, tif: tifffile.TiffFile, pixel_size: PixelSize) -> ImageFile:
    series = tif.series[0]
    page, layout = series.keyframe, _Layout.of(series.keyframe)
    count, notes = _count_images(path, series)
    start = series.dataoffset
    stated = int((tif.imagej_metadata or {}).get("images", 1))
    if count == 1 and stated > 1 and page.is_final:
        # Of an ImageJ stack that is cut short the images still lie one behind the other.
        start = page.dataoffsets[0]
        count = max(1, min(stated, (path.stat().st_size - start) // page.nbytes))
    if stated > count or _is_cut_short(tif):
        notes.append(f"{path.name} is cut short: only its first images, {count}, are used. Copy it again.")
    if start is not None:
        decode = partial(_decode_plane, path, start, layout)
    elif len(series.pages) == count:
        decode = partial(_decode_page, path, [(p.index, p.offset) for p in series.pages if p is not None])
    else:
        raise ImagesError(f"{path} keeps its images as blocks; expected pages. Save it as a stack in Fiji.")
    shape = (page.imagelength, page.imagewidth)
    return ImageFile(path, shape, count, decode, pixel_size, "TIFF metadata", tuple(notes))


def _is_cut_short(tif: tifffile.TiffFile) -> bool:
    """Whether the last page that was found points to one that is not there, or is itself not all there."""
    where = tif.pages.next_page_offset
    tif.filehandle.seek(where or 0)
    pointer = tif.filehandle.read(tif.tiff.offsetsize)
    return any(pointer) or len(pointer) < tif.tiff.offsetsize


def _count_images(path: Path, series: tifffile.TiffPageSeries) -> tuple[int, list[str]]:
    """How many images are in the stack, and warnings.

    Raises
    ------
    ImagesError
        If there is more than one axis to count along.
    """
    leading = {a: n for a, n in zip(series.axes, series.shape, strict=True) if a not in "YXS" and n > 1}
    if len(leading) > 1:
        found = ", ".join(f"{axis} ({size})" for axis, size in leading.items())
        raise ImagesError(
            f"{path} has several axes besides the image's own, {found}; expected one. "
            "Save the channel and slice that show the voids as a stack of its own."
        )
    notes = [f"{path.name} has {leading['C']} channels: each is a frame here."] if "C" in leading else []
    return math.prod(leading.values()), notes


def _decode_plane(path: Path, start: int, layout: _Layout, index: int) -> np.ndarray:
    """Image ``index`` of a TIFF whose uncompressed images lie one behind the other from byte ``start``."""
    return layout.gray(plane(path, start, layout.dtype, layout.shape, index))


def _decode_page(path: Path, pages: Sequence[tuple[int, int]], index: int) -> np.ndarray:
    """Image ``index`` of a TIFF with ``pages``, each its number in the file and the byte where it begins."""
    number, start = pages[index]
    with tifffile.TiffFile(path) as tif:
        tif.filehandle.seek(start)
        page = tifffile.TiffPage(tif, number)
        if page.compression not in _PILLOW_COMPRESSIONS:
            return _Layout.of(page).gray(page.asarray())
    return decode_with_pillow(path, number)


def _pixel_size(tif: tifffile.TiffFile) -> PixelSize:
    """Width of a pixel as the metadata of a TIFF give it: ImageJ's, OME's, Gatan's, then the bare resolution tags."""
    for widths in (_imagej_nm(tif), _ome_nm(tif), _gatan_nm(tif)):
        if widths is not None:
            return PixelSize.of(*widths)
    bare = _tags_nm(tif)
    # Bare tags beyond what is usual are those of a printer.
    return PixelSize.of(*bare) if bare is not None and usual(bare[0]) else PixelSize()


def _imagej_nm(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    unit = unit_nm((tif.imagej_metadata or {}).get("unit"))
    pixels = _resolution(tif)
    return None if unit is None or pixels is None else (unit / pixels[0], unit / pixels[1])


def _ome_nm(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    try:
        root = ElementTree.fromstring(tif.ome_metadata or "<none/>")
    except ElementTree.ParseError:
        return None
    pixels = root.find(".//{*}Pixels")
    if pixels is None:
        return None
    x, y = (_ome_width(pixels, axis) for axis in "XY")
    return None if x is None else (x, x if y is None else y)


def _ome_width(pixels: ElementTree.Element, axis: str) -> float | None:
    unit = unit_nm(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
    try:
        return None if unit is None else float(pixels.get(f"PhysicalSize{axis}", "")) * unit
    except ValueError:
        return None


def _gatan_nm(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    """What DigitalMicrograph writes into tags of its own."""
    tags = tif.pages.first.tags
    units = [unit_nm(tags.valueof(code)) for code in (65003, 65004)]
    scales = [tags.valueof(code) for code in (65009, 65010)]
    if not all(units) or not all(isinstance(scale, float) for scale in scales):
        return None
    return scales[0] * units[0], scales[1] * units[1]


def _tags_nm(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    # 72 per inch and the like are written by every program and mean nothing.
    if tif.pages.first.tags.valueof("ResolutionUnit") != 3:
        return None
    pixels = _resolution(tif)
    return None if pixels is None else (1e7 / pixels[0], 1e7 / pixels[1])


def _resolution(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    """Pixels per unit along x and y."""
    found = [tif.pages.first.tags.valueof(name) for name in ("XResolution", "YResolution")]
    if not all(isinstance(value, tuple) and value[0] and value[1] for value in found):
        return None
    x, y = (float(np.float64(value[0]) / value[1]) for value in found)
    return x, y
