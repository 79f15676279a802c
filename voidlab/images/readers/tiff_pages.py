"""Values of a compressed TIFF page as they are stored: LZW and Deflate with every kind of predictor.

What needs more than that, such as ZSTD or JPEG 2000, is left to imagecodecs, which comes with the extra ``codecs``.
"""

import importlib.util
import io
import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import tifffile
from tifffile import COMPRESSION

from voidlab.errors import install_extra
from voidlab.images.errors import ImagesError
from voidlab.images.readers.base import turn
from voidlab.images.readers.pictures import decode_with_pillow
from voidlab.images.readers.tiff_parts import check_size, check_unpacked

# Fax and JPEG: 8 bit or less, which pillow reads as they are.
_PILLOW = (
    COMPRESSION.CCITTRLE,
    COMPRESSION.CCITT_T4,
    COMPRESSION.CCITT_T6,
    COMPRESSION.OJPEG,
    COMPRESSION.JPEG,
)
_BY_TIFFFILE = (COMPRESSION.NONE, COMPRESSION.PACKBITS)
_DEFLATE = (COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE)
_HORIZONTAL, _FLOATING_POINT = 2, 3


def has_imagecodecs() -> bool:
    """Whether the package for all other compressions is installed."""
    return importlib.util.find_spec("imagecodecs") is not None


def check_compression(path: Path, page: tifffile.TiffPage) -> None:
    """Raise ImagesError where a page is compressed in a way that needs imagecodecs, and that is not installed."""
    if has_imagecodecs() or page.compression in (*_PILLOW, *_BY_TIFFFILE) or _own(page):
        return
    try:
        name = COMPRESSION(page.compression).name
    except ValueError:
        name = f"method {int(page.compression)}"
    raise ImagesError(
        f"{path} is compressed with {name}, which is read with imagecodecs, and that is not installed: "
        f"{install_extra('codecs')} Or save the images without compression."
    )


def read_page(
    path: Path, number: int, page: tifffile.TiffPage, to_gray: Callable[..., np.ndarray]
) -> np.ndarray:
    """Page ``number`` of the file at ``path``, made gray by ``to_gray`` where pillow has not done so."""
    check_compression(path, page)
    if not _own(page):
        for part, stored in enumerate(_stored(page)):
            check_unpacked(page, part, stored)
    if page.compression in _PILLOW:
        # Pillow turns a TIFF as its orientation says; all others are turned later.
        return turn(decode_with_pillow(path, number), page.tags.valueof("Orientation", 1), back=True)
    if _own(page) and page.compression not in _BY_TIFFFILE:  # imagecodecs cuts or fills up what does not fit
        return to_gray(_values(page))
    return to_gray(page.asarray())


def _own(page: tifffile.TiffPage) -> bool:
    """Whether the values can be had without imagecodecs."""
    whole = (
        page.dtype is not None and page.bitspersample == 8 * page.dtype.itemsize
    ) or page.bitspersample == 1
    known = page.compression in (COMPRESSION.LZW, COMPRESSION.LZMA, *_DEFLATE)
    return known and whole and page.predictor in (1, _HORIZONTAL, _FLOATING_POINT) and page.imagedepth == 1


def _values(page: tifffile.TiffPage) -> np.ndarray:
    """Values of a page that `_own` is true of, in the shape that tifffile gives."""
    if page.bitspersample == 1:
        return _bits(page)
    together = page.planarconfig == 1 or page.samplesperpixel == 1
    samples, planes = (page.samplesperpixel, 1) if together else (1, page.samplesperpixel)
    tall, wide = (
        (page.tilelength, page.tilewidth)
        if page.is_tiled
        else (min(page.rowsperstrip, page.imagelength), page.imagewidth)
    )
    down, across = -(-page.imagelength // tall), -(-page.imagewidth // wide)
    dtype = np.dtype(page.dtype)
    found = np.zeros((planes, down * tall, across * wide, samples), dtype)
    for k, stored in enumerate(_stored(page)):
        plane, y, x = k // (down * across), k // across % down * tall, k % across * wide
        rows = tall if page.is_tiled else min(tall, page.imagelength - y)
        size = rows * wide * samples * dtype.itemsize
        flat = np.frombuffer(_unpacked(page, stored, size), np.uint8)
        check_size(k, flat.size, (size, tall * wide * samples * dtype.itemsize))
        block = _unpredicted(flat[:size].reshape(rows, -1), page, samples)
        found[plane, y : y + rows, x : x + wide] = block.reshape(rows, wide, samples)
    found = found[:, : page.imagelength, : page.imagewidth]
    values = found[0] if together else found[..., 0]
    return values[..., 0] if page.samplesperpixel == 1 else values


def _bits(page: tifffile.TiffPage) -> np.ndarray:
    """Black and white of a page in strips, a bit per pixel."""
    if page.is_tiled or page.samplesperpixel != 1:
        raise ValueError("its bits are kept in tiles or as colours; save it as 8 bit gray")
    bytes_wide, rows = -(-page.imagewidth // 8), min(page.rowsperstrip, page.imagelength)
    strips = []
    for k, stored in enumerate(_stored(page)):
        here = min(rows, page.imagelength - k * rows)
        flat = np.frombuffer(_unpacked(page, stored, here * bytes_wide), np.uint8)
        check_size(k, flat.size, (here * bytes_wide, rows * bytes_wide))
        strips.append(flat[: here * bytes_wide])
    packed = np.concatenate(strips).reshape(page.imagelength, bytes_wide)
    return np.unpackbits(packed, axis=1)[:, : page.imagewidth].astype(bool)


def _stored(page: tifffile.TiffPage) -> list[bytes]:
    file = page.parent.filehandle
    parts = []
    for start, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        file.seek(start)
        parts.append(file.read(size))
    return parts


def _unpacked(page: tifffile.TiffPage, stored: bytes, size: int) -> bytes:
    if page.compression == COMPRESSION.LZW:
        if has_imagecodecs() and page.fillorder == 1:  # it tells where there is more than should be
            return bytes(importlib.import_module("imagecodecs").lzw_decode(stored))
        return _lzw(stored, size, page.fillorder)
    if page.compression == COMPRESSION.LZMA:
        return lzma.decompress(stored)
    return zlib.decompress(stored)


def _lzw(stored: bytes, size: int, fill_order: int) -> bytes:
    """Bytes packed by LZW, which pillow unpacks when it is told that they are a row of 8 bit."""
    tags = ((256, size), (257, 1), (258, 8), (259, 5), (262, 1), (266, fill_order), (273, 8 + 2 + 10 * 12 + 4),
            (277, 1), (278, 1), (279, len(stored)))  # fmt: skip
    header = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    header += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    with PIL.Image.open(io.BytesIO(header + struct.pack("<I", 0) + stored)) as picture:
        return picture.tobytes()


def _unpredicted(rows: np.ndarray, page: tifffile.TiffPage, samples: int) -> np.ndarray:
    """Values of ``rows`` of bytes, of which the differences or planes of bytes may be stored."""
    dtype = np.dtype(page.dtype)
    stored = dtype.newbyteorder(page.parent.byteorder)
    if page.predictor == _FLOATING_POINT:
        summed = np.cumsum(rows.reshape(len(rows), -1, samples), axis=1, dtype=np.uint8)
        planes = summed.reshape(len(rows), dtype.itemsize, -1)
        values = np.ascontiguousarray(np.swapaxes(planes, 1, 2)).view(dtype.newbyteorder(">"))
        return values[..., 0].astype(dtype)
    if page.predictor == _HORIZONTAL:
        whole = np.dtype(f"u{dtype.itemsize}")
        steps = rows.view(whole.newbyteorder(page.parent.byteorder)).reshape(len(rows), -1, samples)
        return np.cumsum(steps, axis=1, dtype=whole).view(dtype)
    return rows.view(stored).astype(dtype)
