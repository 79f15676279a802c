"""PNG with 16 bits per colour, which pillow cuts to 8: the values as they are stored."""

import struct
import zlib
from pathlib import Path

import numpy as np

from voidlab.images.errors import ImagesError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SAMPLES = {2: 3, 4: 2, 6: 4}  # kinds of colour: RGB, gray with alpha, RGB with alpha
_SUB, _UP, _AVERAGE, _PAETH = 1, 2, 3, 4


def is_deep_colour(path: Path) -> bool:
    """Whether the file is a PNG of 16-bit RGB, or with alpha."""
    with path.open("rb") as stream:
        head = stream.read(29)
    return head[:8] == _SIGNATURE and head[24:25] == b"\x10" and len(head) > 25 and head[25] in _SAMPLES


def read_deep_colour(path: Path) -> np.ndarray:
    """Values of a PNG that `is_deep_colour` is true of, (H, W, samples), uint16.

    Raises
    ------
    ImagesError
        If it is interlaced.
    """
    data = path.read_bytes()
    width, height, _, kind, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    if interlaced:
        raise ImagesError(
            f"{path} is an interlaced PNG of 16-bit colours; save it as gray, or without interlacing."
        )
    samples = _SAMPLES[kind]
    packed, at = [], 8
    while at + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        if name == b"IDAT":
            packed.append(data[at + 8 : at + 8 + size])
        at += 12 + size
    rows = np.frombuffer(zlib.decompress(b"".join(packed)), np.uint8).reshape(height, 1 + width * samples * 2)
    pixels = _unfiltered(rows[:, 0], rows[:, 1:].reshape(height, width, samples * 2))
    return pixels.reshape(height, -1).view(">u2").reshape(height, width, samples).astype(np.uint16)


def _unfiltered(filters: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Bytes (H, W, bytes per pixel) of ``rows`` that hold differences to the neighbours left and above.

    A pixel needs those left, above, and above left of it: so all of a diagonal are done at once.
    """
    height, width, _ = rows.shape
    found = np.zeros((height + 1, width + 1, rows.shape[2]), np.int16)
    kinds = filters[:, np.newaxis]
    for diagonal in range(height + width - 1):
        y = np.arange(max(0, diagonal - width + 1), min(height, diagonal + 1))
        x = diagonal - y
        left, above, corner = found[y + 1, x], found[y, x + 1], found[y, x]
        kind = kinds[y]
        guess = np.where(kind == _SUB, left, np.int16(0))
        guess = np.where(kind == _UP, above, guess)
        guess = np.where(kind == _AVERAGE, (left + above) // 2, guess)
        guess = np.where(kind == _PAETH, _paeth(left, above, corner), guess)
        found[y + 1, x + 1] = (rows[y, x] + guess) & 255
    return np.ascontiguousarray(found[1:, 1:]).astype(np.uint8)


def _paeth(left: np.ndarray, above: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """The neighbour nearest to left + above - corner, which PNG takes as a guess."""
    to_left, to_above = abs(above - corner), abs(left - corner)
    to_corner = abs(left + above - 2 * corner)
    near_left = (to_left <= to_above) & (to_left <= to_corner)
    return np.where(near_left, left, np.where(to_above <= to_corner, above, corner))
