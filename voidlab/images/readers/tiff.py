"""TIFF: single images and stacks, compressed or not, with the pixel sizes of ImageJ, OME and the bare tags."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile
from tifffile import PHOTOMETRIC

from voidlab.images.errors import ImagesError
from voidlab.images.pixel_size import PixelSize
from voidlab.images.readers.base import (
    NO_CHOICE,
    Choice,
    ImageFile,
    check_real,
    check_size,
    gray,
    plane,
    turned_upright,
)
from voidlab.images.readers.tiff_metadata import pixel_size_of, taken, times_of
from voidlab.images.readers.tiff_pages import check_compression, read_page
from voidlab.images.readers.tiff_parts import bytes_of, check_parts
from voidlab.images.readers.tiff_series import choose_images, choose_series, leading_axes

# What it notices of a damaged file is said here, in one sentence, and not in the middle of a progress line.
logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)

# Ways to keep colours: the first sample is the lightness; no reader here knows how to make it of them.
_LIGHTNESS_FIRST = (PHOTOMETRIC.YCBCR, PHOTOMETRIC.CIELAB, PHOTOMETRIC.ICCLAB)
_MOST_SAMPLES = 4  # gray, RGB, with alpha or as inks
_PAGES_LOOKED_AT = 16
_BLOCKS_BYTES, _ALIGNED_BYTES = (512, 4096), 16  # that programs fill up behind an image
_HEADER_BYTES = 8
_UNKNOWN_COLOURS = (PHOTOMETRIC.LOGL, PHOTOMETRIC.LOGLUV, PHOTOMETRIC.ITULAB)


@dataclass(frozen=True)
class _Layout:
    """How the pixels of a TIFF page are stored and what their values mean."""

    dtype: np.dtype
    shape: tuple[int, ...]
    samples_first: bool
    colours: int  # photometric interpretation
    palette: np.ndarray | None

    @classmethod
    def of(cls, page: tifffile.TiffPage) -> _Layout:
        kind = page.photometric
        palette = page.colormap if kind == PHOTOMETRIC.PALETTE else None
        dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
        return cls(dtype, page.shape, page.axes.startswith("S"), int(kind), palette)

    def gray(self, image: np.ndarray) -> np.ndarray:
        """``image`` with its palette applied, white the highest value, and colours made luminance."""
        if self.palette is not None:
            return gray(np.moveaxis(self.palette[:, image], 0, -1))
        if self.colours == PHOTOMETRIC.MINISWHITE:
            if image.dtype == np.uint64:  # next to 2**64 a float has no room for small differences
                image = image.astype(np.float64)
            image = -image if image.dtype.kind == "f" else ~image
        image = np.moveaxis(image, 0, -1) if self.samples_first else image
        if image.ndim == 3 and self.colours in _LIGHTNESS_FIRST:
            return image[..., 0]
        return gray(_of_inks(image) if self.colours == PHOTOMETRIC.SEPARATED else image)


def _of_inks(image: np.ndarray) -> np.ndarray:
    """Red, green and blue of cyan, magenta, yellow and black: much ink is dark."""
    if image.dtype.kind != "u" or image.ndim != 3 or image.shape[2] < 4:
        raise ValueError("its colours are inks other than cyan, magenta, yellow and black; save it as gray")
    most = np.iinfo(image.dtype).max
    paper = most - image[..., :4].astype(np.float32)
    rgb: np.ndarray = paper[..., :3] * (paper[..., 3:] / most)
    return rgb


def open_tiff(path: Path, choice: Choice = NO_CHOICE) -> ImageFile:
    """Read the header of a TIFF, whatever its name ends in; of several series the longest, unless one is chosen."""
    with tifffile.TiffFile(path) as tif:
        described = _Described.by_ome(path, tif)
        if described.trusted:
            return _tiff_images(path, tif, choice, _Described(notes=described.notes))
        described = replace(described, pixel_size=pixel_size_of(tif))
    with tifffile.TiffFile(path, is_ome=False) as tif:
        return _tiff_images(path, tif, choice, described)


@dataclass(frozen=True)
class _Described:
    """What the OME description of a file says of its images; not ``trusted``: these are read by themselves."""

    trusted: bool = True
    images: int = 1
    notes: tuple[str, ...] = ()
    pixel_size: PixelSize | None = None

    @classmethod
    def by_ome(cls, path: Path, tif: tifffile.TiffFile) -> _Described:
        """Whether the description is of this file alone, and promises no more than is in it."""
        if not tif.ome_metadata:
            return cls()
        try:
            root = ElementTree.fromstring(tif.ome_metadata)
            described = list(root.iterfind(".//{*}Pixels"))
            images = sum(_planes(pixels) for pixels in described)
            sizes = {(int(pixels.get("SizeX", 0)), int(pixels.get("SizeY", 0))) for pixels in described}
        except (ElementTree.ParseError, ValueError):
            return cls(trusted=False)
        own = root.get("UUID")
        parts = [each for each in root.iterfind(".//{*}UUID") if each.text != own or own is None]
        others = [name for name in (each.get("FileName") for each in parts) if name not in (None, path.name)]
        if others:
            note = (
                f"The OME description of {path.name} speaks of pixels in other files, such as {others[0]}: those in "
                f"{path.name} itself are used."
            )
            return cls(False, notes=(note,))
        pages = [page for page in tif.pages[:_PAGES_LOOKED_AT] if isinstance(page, tifffile.TiffPage)]
        there = {(page.imagewidth, page.imagelength) for page in pages}
        trusted = images <= len(tif.pages) and sizes <= there
        alike = all((page.imagewidth, page.imagelength) in sizes for page in pages)
        return cls(trusted, images, _on_more(path, images, len(tif.pages)) if trusted and alike else ())


def _on_more(path: Path, described: int, there: int) -> tuple[str, ...]:
    """What to know where an OME description speaks of fewer images than ``there`` are."""
    if not 0 < described < there:
        return ()
    said = f"The OME description of {path.name} speaks of {described} of the {there} images in it"
    return (f"{said}: only these are used.",)


def _planes(pixels: ElementTree.Element) -> int:
    """How many pages an OME description promises; several samples of a colour are one."""
    channels, *others = (int(pixels.get(f"Size{axis}", 1)) for axis in "CZT")
    samples = [int(each.get("SamplesPerPixel", 1)) for each in pixels.iterfind(".//{*}Channel")]
    return math.prod(others) * max(1, channels // max([1, *samples]))


def _tiff_images(
    path: Path,
    tif: tifffile.TiffFile,
    choice: Choice,
    described: _Described | None = None,
) -> ImageFile:
    described = described or _Described()
    at, said = choose_series(path, tif.series, choice)
    series = tif.series[at]
    page, layout = series.keyframe, _Layout.of(series.keyframe)
    _check_values(path, layout)
    check_compression(path, page)
    _check_bytes(page, one_behind_the_other=series.dataoffset is not None, most=series.nbytes)
    rows, axis, notes = choose_images(path, series, choice)
    count, notes = math.prod(n for n in leading_axes(series).values()), [*said, *notes]
    start = series.dataoffset
    stated = max(described.images, int((tif.imagej_metadata or {}).get("images", 1)))
    if count == 1 and stated > 1 and page.is_final and len(tif.series) == 1:
        # Of an ImageJ stack that is cut short the images still lie one behind the other.
        start = page.dataoffsets[0]
        count = max(1, min(stated, (path.stat().st_size - start) // page.nbytes))
    if start is not None:
        whole = _left(path, start) // page.nbytes
        if 0 < whole < count:
            count, stated = whole, count
    if (stated > count and len(tif.series) == 1) or _is_cut_short(tif):
        notes.append(f"{path.name} is cut short: only its first images, {count}, are used. Copy it again.")
    if start is not None:
        decode = partial(_decode_plane, path, start, layout)
    elif len(series.pages) == count:
        decode = partial(_decode_page, path, [(p.index, p.offset) for p in series.pages if p is not None])
    else:
        raise ImagesError(f"{path} keeps its images as blocks; expected pages. Save it as a stack in Fiji.")
    shape = (page.imagelength, page.imagewidth)
    notes += described.notes
    if layout.colours == PHOTOMETRIC.MINISWHITE and layout.dtype.kind == "f":
        notes.append(
            f"{path.name} says that its lowest value is white: its values are used with the other sign, so that high "
            "is bright. Save it as black-is-zero if that is wrong."
        )
    if rows is not None:
        there = range(rows.start, min(rows.stop, count), rows.step)
        decode, count = partial(_decode_row, decode, there), len(there)
    times, unused = times_of(tif, at, axis, count)
    pixel_size = described.pixel_size or pixel_size_of(tif, at)
    file = ImageFile(
        path,
        shape,
        count,
        decode,
        pixel_size,
        "TIFF metadata",
        tuple(notes),
        times_s=times,
        times_note=unused and f"{path.name}: {unused}.",
        microscope=taken(tif),
        bits=page.bitspersample,
        inverted=layout.colours == PHOTOMETRIC.MINISWHITE,
    )
    if start is not None and not _left(path, start) // page.nbytes:
        check_size(file)
        size = layout.dtype.itemsize
        raise ValueError(f"image 0 has {_left(path, start) // size} of {page.nbytes // size} values")
    return turned_upright(file, page.tags.valueof("Orientation"))


def _left(path: Path, start: int) -> int:
    return max(0, path.stat().st_size - start)


def _decode_row(decode: Callable[[int], np.ndarray], rows: Sequence[int], index: int) -> np.ndarray:
    return decode(rows[index])


def _check_values(path: Path, layout: _Layout) -> None:
    """Raise ImagesError where the values of a pixel are none that become a grey scale."""
    check_real(path, layout.dtype)
    if layout.colours in _UNKNOWN_COLOURS:
        kind = PHOTOMETRIC(layout.colours).name
        raise ImagesError(f"{path} holds colours of the kind {kind}; expected gray or RGB. Save it as gray.")
    samples = math.prod(layout.shape[:1] if layout.samples_first else layout.shape[2:])
    if samples > _MOST_SAMPLES:
        raise ImagesError(f"{path} says that a pixel has {samples} values; expected gray, RGB or RGBA.")


def _check_bytes(page: tifffile.TiffPage, *, one_behind_the_other: bool = False, most: int = 0) -> None:
    """Raise ValueError where the bytes that are stored cannot be those of the image that the header describes.

    Decoders fill what is missing with zeros, and take bytes of another width or depth for an image in disorder.
    """
    if not page.imagewidth or not page.imagelength:
        raise ValueError(f"its header says {page.imagewidth} × {page.imagelength} px")
    strips, expected = len(page.dataoffsets), math.prod(page.chunked)
    empty = sum(1 for size in page.databytecounts if not size)
    if not one_behind_the_other and (strips < expected or empty):
        raise ValueError(f"{strips - empty} of the {expected} parts of an image are in it")
    check_parts(page)
    if min(page.dataoffsets, default=_HEADER_BYTES) < _HEADER_BYTES:
        raise ValueError(f"its pixels would begin at byte {min(page.dataoffsets)}, in the header")
    stored = sum(page.databytecounts)
    if page.compression == tifffile.COMPRESSION.NONE and _is_more(stored, max(_packed(page), most), page):
        size = f"{page.imagewidth} × {page.imagelength} px of {page.bitspersample} bit"
        raise ValueError(f"its header says {size}, {page.nbytes:,} bytes, but {stored:,} bytes are stored")


def _packed(page: tifffile.TiffPage) -> int:
    """Bytes of an image as they are stored without compression: those of 4 bit lie two to a byte, tiles are whole."""
    if page.is_tiled:
        return bytes_of(page, 0)[1] * math.prod(page.chunked)
    if page.bitspersample % 8 == 0:
        return int(page.nbytes)
    return int(-(-page.imagewidth * page.samplesperpixel * page.bitspersample // 8) * page.imagelength)


def _is_more(stored: int, expected: int, page: tifffile.TiffPage) -> bool:
    """Whether more bytes are stored than an image has, other than what programs fill up the last block with."""
    more = stored - expected
    filled = any(stored == -(-expected // block) * block for block in _BLOCKS_BYTES)
    return more > _ALIGNED_BYTES and not (filled and more % page.imagelength)


def _is_cut_short(tif: tifffile.TiffFile) -> bool:
    """Whether the last page that was found points to one that is not there, or is itself not all there."""
    where = tif.pages.next_page_offset
    tif.filehandle.seek(where or 0)
    pointer = tif.filehandle.read(tif.tiff.offsetsize)
    return any(pointer) or len(pointer) < tif.tiff.offsetsize


def _decode_plane(path: Path, start: int, layout: _Layout, index: int) -> np.ndarray:
    """Image ``index`` of a TIFF whose uncompressed images lie one behind the other from byte ``start``."""
    return layout.gray(plane(path, start, layout.dtype, layout.shape, index))


def _decode_page(path: Path, pages: Sequence[tuple[int, int]], index: int) -> np.ndarray:
    """Image ``index`` of a TIFF with ``pages``, each its number in the file and the byte where it begins."""
    number, start = pages[index]
    with tifffile.TiffFile(path) as tif:
        tif.filehandle.seek(start)
        page = tifffile.TiffPage(tif, number)
        _check_bytes(page)
        return read_page(path, number, page, _Layout.of(page).gray)
