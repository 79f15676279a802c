"""Readers of image files, one per format: how many images a file holds, of which shape, and how to decode one.

A new format is a function and a row in ``READERS``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import tifffile

from voidlab import metadata
from voidlab.metadata import ImageReadError, ImagesError, PixelSize

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
# Compressions that tifffile leaves to a package not needed here otherwise: fax, LZW, JPEG.
_PILLOW_COMPRESSIONS = (2, 3, 4, 5, 6, 7)


@dataclass(frozen=True)
class ImageFile:
    """A file whose header was read: how many images of which shape, and how to decode one."""

    path: Path
    shape: tuple[int, int]
    count: int
    decode: Callable[[int], np.ndarray]
    pixel_size: PixelSize = field(default_factory=PixelSize)
    pixel_source: str = "unknown"
    notes: tuple[str, ...] = ()

    def read(self, index: int) -> np.ndarray:
        """Image ``index``, (H, W), values as stored."""
        with _naming(self.path):
            return self.decode(index)


def open_file(path: Path) -> ImageFile:
    with _naming(path):
        if path.stat().st_size == 0:
            raise ImageReadError(f"cannot read {path}: the file is empty (0 bytes). Copy it again.")
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            raise ImageReadError(f"cannot read {path}: expected one of {supported()}.")
        return reader[1](path)


def supported() -> str:
    """Suffixes of the files that can be read."""
    return ", ".join(READERS)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn what a decoder raises into an error that names the file."""
    try:
        yield
    except ImagesError:
        raise
    except Exception as error:  # on damaged files decoders raise anything, SyntaxError and struct.error too
        raise ImageReadError(
            f"cannot read {path}: {error}. The file may be damaged or cut short: copy it again, or leave it out."
        ) from error


def _open_picture(path: Path) -> ImageFile:
    with path.open("rb") as stream:
        height, width = iio.improps(stream, plugin="pillow").shape[:2]
    return ImageFile(path, (height, width), 1, lambda _: _decode_with_pillow(path, 0))


def _decode_with_pillow(path: Path, index: int) -> np.ndarray:
    with path.open("rb") as stream:
        return _gray(iio.imread(stream, plugin="pillow", index=index))


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
            return _gray(np.moveaxis(self.palette[:, image], 0, -1))
        if self.white_is_zero and image.dtype.kind in "bu":
            image = ~image
        return _gray(np.moveaxis(image, 0, -1) if self.samples_first else image)


def open_tiff(path: Path) -> ImageFile:
    """Read the header of a TIFF, whatever its name ends in."""
    with tifffile.TiffFile(path) as tif:
        pixel_size = metadata.tiff_pixel_size(tif)
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
    """How many images are in the stack, and what to mind.

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
    pixels = math.prod(layout.shape)
    offset = start + index * pixels * layout.dtype.itemsize
    values = np.fromfile(path, layout.dtype, pixels, offset=offset)
    if values.size != pixels:
        raise ValueError(f"image {index} has {values.size} of {pixels} values")
    native = layout.dtype.newbyteorder("=")
    return layout.gray(values.reshape(layout.shape).astype(native, copy=False))


def _decode_page(path: Path, pages: Sequence[tuple[int, int]], index: int) -> np.ndarray:
    """Image ``index`` of a TIFF with ``pages``, each its number in the file and the byte where it begins."""
    number, start = pages[index]
    with tifffile.TiffFile(path) as tif:
        tif.filehandle.seek(start)
        page = tifffile.TiffPage(tif, number)
        if page.compression not in _PILLOW_COMPRESSIONS:
            return _Layout.of(page).gray(page.asarray())
    return _decode_with_pillow(path, number)


def _gray(image: np.ndarray) -> np.ndarray:
    """``image`` as (H, W): luminance of RGB, alpha ignored, black and white as 0 and 1."""
    if image.dtype == bool:
        image = image.astype(np.uint8)
    if image.ndim == 2:
        return image
    if image.ndim != 3 or image.shape[2] > 4:
        raise ValueError(f"it holds an array of shape {image.shape}; expected gray, RGB or RGBA")
    if image.shape[2] < 3:
        return image[..., 0]
    luminance: np.ndarray = image[..., :3].astype(np.float32) @ _LUMINANCE
    return luminance


def size_text(shape: Sequence[int]) -> str:
    """Width × height of an image of ``shape`` (H, W)."""
    return f"{shape[1]} × {shape[0]} px"


# A format is a row: what it is called, and what reads the header of such a file.
READERS: dict[str, tuple[str, Callable[[Path], ImageFile]]] = {
    ".png": ("PNG", _open_picture),
    ".jpg": ("JPEG", _open_picture),
    ".jpeg": ("JPEG", _open_picture),
    ".tif": ("TIFF", open_tiff),
    ".tiff": ("TIFF", open_tiff),
}
