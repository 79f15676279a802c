"""PNG and JPEG, through imageio and pillow."""

from pathlib import Path

import imageio.v3 as iio
import numpy as np

from voidlab.images.readers.base import ImageFile, gray


def open_picture(path: Path) -> ImageFile:
    with path.open("rb") as stream:
        height, width = iio.improps(stream, plugin="pillow").shape[:2]
    return ImageFile(path, (height, width), 1, lambda _: decode_with_pillow(path, 0))


def decode_with_pillow(path: Path, index: int) -> np.ndarray:
    with path.open("rb") as stream:
        return gray(iio.imread(stream, plugin="pillow", index=index))
