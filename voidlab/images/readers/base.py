"""What every reader gives: how many images a file holds, of which shape, and how to decode one."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from voidlab.images.errors import ImageReadError, ImagesError
from voidlab.images.pixel_size import PixelSize

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


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
    tilts_deg: tuple[float, ...] = ()  # of each image, where the file says so
    times_s: tuple[float, ...] = ()

    def read(self, index: int) -> np.ndarray:
        """Image ``index``, (H, W), values as stored."""
        with naming(self.path):
            return self.decode(index)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what a decoder raises into an error that names the file."""
    try:
        yield
    except (ImagesError, MemoryError):  # an image for which the memory is too small is not damaged
        raise
    except Exception as error:  # on damaged files decoders raise anything, SyntaxError and struct.error too
        what = str(error).rstrip(". ") or type(error).__name__
        raise ImageReadError(
            f"cannot read {path}: {what}. The file may be damaged or cut short: copy it again, or leave it out."
        ) from error


def gray(image: np.ndarray) -> np.ndarray:
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


def plane(path: Path, start: int, dtype: np.dtype, shape: tuple[int, ...], index: int) -> np.ndarray:
    """Image ``index`` of a file whose uncompressed images lie one behind the other from byte ``start``."""
    pixels = math.prod(shape)
    values = np.fromfile(path, dtype, pixels, offset=start + index * pixels * dtype.itemsize)
    if values.size != pixels:
        raise ValueError(f"image {index} has {values.size} of {pixels} values")
    return values.reshape(shape).astype(dtype.newbyteorder("="), copy=False)
