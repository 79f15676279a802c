"""PNG and JPEG, through pillow."""

from functools import partial
from pathlib import Path

import numpy as np
import PIL.Image

from voidlab.images.readers.base import ImageFile, gray
from voidlab.images.readers.png16 import is_deep_colour, read_deep_colour

# Ways to keep colours whose first channel is the lightness.
_LIGHTNESS_FIRST = ("YCbCr", "LAB")


def open_picture(path: Path) -> ImageFile:
    """Read the header of a picture; the frames of an animated PNG are images of a stack."""
    with PIL.Image.open(path) as picture:
        width, height = picture.size
        # What a JPEG holds besides its image are previews of it.
        count = 1 if picture.format in ("JPEG", "MPO") else int(getattr(picture, "n_frames", 1))
    return ImageFile(path, (height, width), count, partial(decode_with_pillow, path))


def decode_with_pillow(path: Path, index: int) -> np.ndarray:
    """Image ``index`` of a file, (H, W), whatever kind of colours it has."""
    if is_deep_colour(path):
        return gray(read_deep_colour(path))
    with PIL.Image.open(path) as picture:
        if index:
            picture.seek(index)
        if picture.mode in _LIGHTNESS_FIRST:
            return np.array(picture.getchannel(0))
        if picture.mode in ("P", "PA"):
            kind = picture.palette.mode if picture.palette else "L"
            return gray(np.asarray(picture.convert("RGBA" if picture.mode == "PA" else kind)))
        return gray(np.asarray(picture.convert("RGB") if picture.mode == "CMYK" else picture))
