"""PNG, JPEG, BMP and GIF, through pillow."""

import io
from functools import cached_property, partial
from pathlib import Path
from threading import Lock

import numpy as np
import PIL.Image
from PIL.ExifTags import Base

from voidlab.images.errors import ImagesError
from voidlab.images.readers.base import ImageFile, gray, turned_upright
from voidlab.images.readers.picture_data import check_palette, check_whole
from voidlab.images.readers.png16 import is_deep_colour, read_deep_colour

_MOST_BYTES = 2**32
# Of other kinds of files, such as TIFF, a decoder for pictures loses what their own readers know.
_FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF")
# Ways to keep colours whose first channel is the lightness.
_BITS = {"1": 1, "I": 16}  # of a value, by the mode of a picture; of others 8
_LIGHTNESS_FIRST = ("YCbCr", "LAB")


def open_picture(path: Path) -> ImageFile:
    """Read the header of a picture; the frames of an animated PNG or GIF are images of a stack."""
    with PIL.Image.open(path, formats=_FORMATS) as picture:
        width, height = picture.size
        # What a JPEG holds besides its image are previews of it.
        count = 1 if picture.format in ("JPEG", "MPO") else int(getattr(picture, "n_frames", 1))
        orientation = picture.getexif().get(Base.Orientation, 1)
        bits = 16 if is_deep_colour(path) else _BITS.get(picture.mode.partition(";")[0], 8)
    if count > 1 and is_deep_colour(path):
        raise ImagesError(
            f"{path} is an animated PNG of 16-bit colours; save its frames as gray TIFF or PNG."
        )
    decode = partial(decode_whole, path) if count == 1 else _Animation(path).read
    return turned_upright(ImageFile(path, (height, width), count, decode, bits=bits), orientation)


class _Animation:
    """Frames of a picture that moves, each drawn upon the one before it, which are not drawn again for the next."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()

    @cached_property
    def _picture(self) -> PIL.Image.Image:
        return PIL.Image.open(io.BytesIO(_read(self._path)), formats=_FORMATS)

    def read(self, index: int) -> np.ndarray:
        """Frame ``index``, (H, W)."""
        with self._lock:
            self._picture.seek(index)
            return _gray(self._picture)


def _read(path: Path) -> bytes:
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise ValueError(f"it has {size:,} bytes, more than any picture")
    return path.read_bytes()


def decode_whole(path: Path, index: int) -> np.ndarray:
    """The one image of a file, (H, W), of which all pixels are there and no more."""
    if is_deep_colour(path):
        return gray(read_deep_colour(path))
    content = _read(path)
    with PIL.Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
        image = _gray(picture)
        check_whole(content, picture)
        return image


def decode_with_pillow(path: Path, index: int) -> np.ndarray:
    """Image ``index`` of a file, (H, W), whatever kind of colours it has."""
    if is_deep_colour(path):
        return gray(read_deep_colour(path))
    with PIL.Image.open(path) as picture:
        if index:
            picture.seek(index)
        return _gray(picture)


def _gray(picture: PIL.Image.Image) -> np.ndarray:
    if picture.mode in _LIGHTNESS_FIRST:
        return np.array(picture.getchannel(0))
    if picture.mode in ("P", "PA"):
        check_palette(picture)
        kind = picture.palette.mode if picture.palette else "L"
        return gray(np.asarray(picture.convert("RGBA" if picture.mode == "PA" else kind)))
    return gray(np.asarray(picture.convert("RGB") if picture.mode == "CMYK" else picture))
