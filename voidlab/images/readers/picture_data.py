"""Whether a picture holds the pixels that its header speaks of: decoders fill up what is missing, drop what is more.

A header that says other than what is stored gives grey or sheared images that nobody asked for, without a word.
"""

import io
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import PIL.Image

_TAIL = 64  # bytes of packed pixels that are at least some of them
_NO_PIXELS_YET = bytes(range(1, 200))  # packed pixels of no image; none of them looks like a mark
_JPEG_MARK = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_JPEG_FRAMES = (0xC0, 0xC1, 0xC2)  # with Huffman's code; what is packed otherwise may end early
_PROGRESSIVE, _SCAN, _END = 0xC2, 0xDA, 0xD9
_UNPACKED_GREY = 128  # what a JPEG decoder gives for what is not there
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Of an interlaced PNG: first column and row of each pass, and the steps to the next.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_TOO_FEW = "its header says {size}, but the pixels that are stored end before"
_TOO_MANY = "its header says {size}, but more pixels are stored"


def check_whole(content: bytes, picture: PIL.Image.Image) -> None:
    """Raise ValueError where the file ``content`` of a decoded ``picture`` does not hold the pixels it says."""
    checks: Mapping[str | None, Callable[[bytes, PIL.Image.Image], str]] = {
        "PNG": _wrong_in_png,
        "JPEG": _wrong_in_jpeg,
        "MPO": _wrong_in_jpeg,
        "BMP": _wrong_in_bmp,
        "GIF": _wrong_in_gif,
    }
    check = checks.get(picture.format)
    wrong = check(content, picture) if check else ""
    if wrong:
        raise ValueError(wrong.format(size=f"{picture.width} × {picture.height} px"))


def check_palette(picture: PIL.Image.Image) -> None:
    """Raise ValueError where pixels of a picture with a palette have no colour in it."""
    colours = len(picture.palette.getdata()[1]) // len(picture.palette.mode) if picture.palette else 0
    most = int(np.asarray(picture.getchannel(0) if picture.mode == "PA" else picture).max(initial=0))
    if most >= colours:
        raise ValueError(f"its palette has {colours} colours, but pixels have colour {most}, counted from 0")


def _wrong_in_png(content: bytes, picture: PIL.Image.Image) -> str:
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", content[16:29])
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    expected = 0
    for x, y, right, down in passes:
        wide, high = -(-(width - x) // right), -(-(height - y) // down)
        if wide > 0 and high > 0:
            row = 1 + -(-wide * depth * _PNG_CHANNELS.get(kind, 1) // 8)
            expected += high * row
    packed = b"".join(_png_parts(content))
    stored = len(zlib.decompressobj().decompress(packed, expected + row))
    if stored < expected:
        return _TOO_FEW
    return _TOO_MANY if stored >= expected + row else ""


def _png_parts(content: bytes) -> list[bytes]:
    parts, at = [], 8
    while at + 8 <= len(content):
        size, name = struct.unpack(">I4s", content[at : at + 8])
        if name == b"IDAT":
            parts.append(content[at + 8 : at + 8 + size])
        if name == b"IEND":
            break
        at += 12 + size
    return parts


class _Scan(NamedTuple):
    """The last packed pixels of a JPEG: where they begin and end, and how they are packed."""

    begin: int
    end: int
    frame: int
    every_channel: bool


def _last_scan(content: bytes) -> _Scan | None:
    at, begin, frame, channels, packed = 2, 0, 0, 0, 0
    while (mark := _JPEG_MARK.search(content, at)) is not None:
        at, code = mark.start(), content[mark.start() + 1]
        if code == _END:
            break
        size = int.from_bytes(content[at + 2 : at + 4], "big")
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            frame, channels = code, content[at + 9]
        if code == _SCAN:
            begin, packed = at + 2 + size, content[at + 4]
        at += 2 + size
    else:
        return None
    return _Scan(begin, at, frame, channels == packed) if begin else None


def _wrong_in_jpeg(content: bytes, picture: PIL.Image.Image) -> str:
    """Of a whole image more packed pixels behind the last change nothing, and fewer change the last."""
    scan = _last_scan(content)
    if scan is None or scan.frame not in _JPEG_FRAMES:
        return ""
    pixels = np.asarray(picture)
    if _differs(content[: scan.end] + _NO_PIXELS_YET + content[scan.end :], pixels):
        return _TOO_FEW
    flat = (pixels[-1] == _UNPACKED_GREY).all()
    if flat or scan.frame == _PROGRESSIVE or not scan.every_channel or scan.end - scan.begin <= 2 * _TAIL:
        return ""
    return "" if _differs(content[: scan.end - _TAIL] + content[scan.end :], pixels) else _TOO_MANY


def _differs(content: bytes, pixels: np.ndarray) -> bool:
    try:
        with PIL.Image.open(io.BytesIO(content)) as other:
            return not np.array_equal(np.asarray(other), pixels)
    except (OSError, SyntaxError, ValueError):
        return True


def _wrong_in_bmp(content: bytes, picture: PIL.Image.Image) -> str:
    start, header = struct.unpack("<II", content[10:18])
    if header != 40:  # others may have colour profiles behind the pixels
        return ""
    width, height, _, bits, packed = struct.unpack("<iiHHI", content[18:34])
    row = -(-bits * width // 32) * 4
    more = len(content) - start - row * abs(height)
    return _TOO_MANY if packed in (0, 3) and more >= row else ""


def _wrong_in_gif(content: bytes, picture: PIL.Image.Image) -> str:
    at = _gif_pixels(content)
    ends = []
    while at < len(content) and content[at]:
        ends.append(at)
        at += 1 + content[at]
    kept = next((block for block in reversed(ends) if at - block > _TAIL), None)
    if kept is None or kept == ends[0]:
        return ""
    return "" if _differs(content[:kept] + content[at:], np.asarray(picture)) else _TOO_MANY


def _gif_pixels(content: bytes) -> int:
    """Where the first block of packed pixels begins."""
    at = 13 + (3 << ((content[10] & 7) + 1) if content[10] & 0x80 else 0)
    while at < len(content) and content[at] != 0x2C:
        at += 2  # an extension: its blocks, and the empty one
        while at < len(content) and content[at]:
            at += 1 + content[at]
        at += 1
    if at + 9 >= len(content):
        return len(content)
    return at + 11 + (3 << ((content[at + 9] & 7) + 1) if content[at + 9] & 0x80 else 0)
