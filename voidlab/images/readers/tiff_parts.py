"""Whether the strips or tiles of a TIFF page are those of the image that its header describes.

Decoders fill up what is missing, cut off what is more, and take values of another width for an image in disorder.
"""

import math
import re
from itertools import pairwise

import numpy as np
import tifffile
from tifffile import COMPRESSION

# Ways to pack bytes, whatever they are; others pack pixels, and say themselves how many.
_OF_BYTES = (
    COMPRESSION.LZW,
    COMPRESSION.LZMA,
    COMPRESSION.ADOBE_DEFLATE,
    COMPRESSION.DEFLATE,
    COMPRESSION.PACKBITS,
    COMPRESSION.ZSTD,
)
_JPEG_2000 = (33003, 33004, 33005, 34712)
_PLANES = 2  # each sample of a colour by itself
_JPEG_END = b"\xff\xd9"
_JPEG_FRAME = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]..(.)(..)(..)", re.DOTALL)
_JPEG_2000_SIZE = re.compile(rb"\xff\x4f\xff\x51....(....)(....)(....)(....).{16}(..)(.)", re.DOTALL)
_OF_PIXELS = (
    COMPRESSION.PNG,
    COMPRESSION.WEBP,
    COMPRESSION.JPEGXL,
    COMPRESSION.JPEGXL_DNG,
    COMPRESSION.JPEGXR,
    COMPRESSION.JPEGXR_NDPI,
    COMPRESSION.LERC,
)


def rows_of(page: tifffile.TiffPage, part: int) -> tuple[int, int]:
    """Rows of a strip or tile of the image, and those of a whole one."""
    if page.is_tiled:
        return page.tilelength, page.tilelength
    tall = min(page.rowsperstrip, page.imagelength)
    y = part % -(-page.imagelength // tall) * tall
    return min(tall, page.imagelength - y), tall


def bytes_of(page: tifffile.TiffPage, part: int) -> tuple[int, int]:
    """Bytes of a strip or tile, unpacked, and those of a whole one."""
    together = page.planarconfig == 1 or page.samplesperpixel == 1
    wide = _width(page) * (page.samplesperpixel if together else 1)
    row = -(-wide * page.bitspersample // 8)
    here, whole = rows_of(page, part)
    return here * row, whole * row


def _width(page: tifffile.TiffPage) -> int:
    return int(page.tilewidth if page.is_tiled else page.imagewidth)


def check_parts(page: tifffile.TiffPage) -> None:
    """Raise ValueError where there are strips or tiles of a larger image, or of another kind, or that overlap.

    Two may share all of their bytes.
    """
    expected = math.prod(page.chunked)
    tag = page.tags.get("TileOffsets" if page.is_tiled else "StripOffsets")
    listed = len(page.dataoffsets) if tag is None else tag.count
    planes = page.planarconfig == _PLANES and page.samplesperpixel > 1
    if listed > expected or (planes and listed < expected):
        raise ValueError(f"it holds {listed} parts of an image, its header describes {expected}")
    places = sorted({(at, at + size) for at, size in zip(page.dataoffsets, page.databytecounts, strict=True)})
    for (_, end), (begin, _) in pairwise(places):
        if begin < end:
            raise ValueError(f"two parts of an image share the bytes {begin} to {end}")


def check_unpacked(page: tifffile.TiffPage, part: int, stored: bytes) -> None:
    """Raise ValueError where what is ``stored`` of a strip or tile is other than its pixels."""
    if page.compression in _OF_BYTES and page.fillorder == 1:
        found = len(tifffile.TIFF.DECOMPRESSORS[page.compression](stored))
        check_size(part, found, bytes_of(page, part))
    elif page.compression == COMPRESSION.JPEG:
        if not stored.rstrip(b"\0").endswith(_JPEG_END):
            raise ValueError(f"part {part} of an image is cut short")
        frame = _JPEG_FRAME.search(stored)
        if frame:
            height, width = (int.from_bytes(frame[n], "big") for n in (2, 3))
            _check_shape(page, part, (height, width), 8 * -(-frame[1][0] // 8))
    elif page.compression in _JPEG_2000:
        size = _JPEG_2000_SIZE.search(stored)
        if size:
            right, low, left, high = (int.from_bytes(size[n], "big") for n in (1, 2, 3, 4))
            signed, bits = divmod(size[6][0], 128)
            _check_shape(page, part, (low - high, right - left), page.bitspersample)
            _check_values(page, part, int.from_bytes(size[5], "big"), bits + 1, "ui"[signed])
    elif page.compression in _OF_PIXELS:
        try:
            unpacked = tifffile.TIFF.DECOMPRESSORS[page.compression](stored)
        except Exception:  # each has errors of its own; they are told where the page is read
            return
        values: np.ndarray = np.asarray(unpacked)
        high, wide, samples = (*values.shape, 1)[:3]
        _check_shape(page, part, (high, wide), page.bitspersample)
        _check_values(page, part, samples, 8 * values.dtype.itemsize, values.dtype.kind)


def _check_values(page: tifffile.TiffPage, part: int, samples: int, bits: int, kind: str) -> None:
    """Raise ValueError where a part holds other values than the header says; smaller ones keep what they are."""
    together = page.planarconfig == 1 or page.samplesperpixel == 1
    expected = page.samplesperpixel if together else 1
    wanted = "u" if page.dtype is None else page.dtype.kind
    fits = bits < page.bitspersample and kind == "u" and wanted in "ui"
    if samples != expected or not (fits or (kind == wanted and bits <= page.bitspersample)):
        names = {"u": "whole numbers", "i": "whole numbers with a sign", "f": "decimal numbers"}
        raise ValueError(
            f"part {part} of an image holds {samples} × {bits} bit ({names.get(kind, kind)}) for each pixel, its "
            f"header describes {expected} × {page.bitspersample} bit ({names.get(wanted, wanted)})"
        )


def _check_shape(page: tifffile.TiffPage, part: int, found: tuple[int, int], bits: int) -> None:
    width = _width(page)
    if found[0] not in rows_of(page, part) or found[1] != width or bits != page.bitspersample:
        raise ValueError(
            f"part {part} of an image is {found[1]} × {found[0]} px of {bits} bit, its header describes "
            f"{width} × {rows_of(page, part)[0]} px of {page.bitspersample} bit"
        )


def check_size(part: int, found: int, expected: tuple[int, int]) -> None:
    """Raise ValueError where a part holds other than its rows, or (the last one) those of a whole part."""
    if found not in expected:
        raise ValueError(f"part {part} of an image has {found} bytes, its header describes {expected[0]}")
