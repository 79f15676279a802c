"""What every reader gives: how many images a file holds, of which shape, and how to decode one."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from voidlab.images.errors import ImageReadError, ImagesError
from voidlab.images.microscope import NOTHING_SAID, Microscope
from voidlab.images.pixel_size import PixelSize
from voidlab.images.readers.first_bytes import what_it_is
from voidlab.tables.listing import number_of

_MOST_PIXELS, _MOST_IMAGES = 2**30, 10**6
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Choice:
    """Which images of a file that holds several kinds; None leaves it to the reader."""

    series: int | None = None  # of a TIFF, from 0
    channel: int | None = None
    slice: int | None = None
    signal: str | None = None  # of a file of an electron microscope, by its title

    @property
    def made(self) -> dict[str, int | str]:
        """What was chosen, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


NO_CHOICE = Choice()


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
    microscope: Microscope = NOTHING_SAID
    times_note: str = ""  # what the file says of times that is not used
    bits: int = 0  # of a value, as stored; 0: not known
    inverted: bool = False  # whether the lowest value is white, so that the values are turned round

    def read(self, index: int) -> np.ndarray:
        """Image ``index``, (H, W), values as stored."""
        with naming(self.path):
            image = self.decode(index)
            check_real(self.path, image.dtype)
            return image


def check_real(path: Path, dtype: np.dtype) -> None:
    """Raise ImagesError where values are none that a grey scale has: half of a complex number is no image."""
    if dtype.kind == "c":
        raise ImagesError(
            f"{path} holds complex numbers, such as a Fourier transform or a reconstructed wave; expected grey "
            "values. Save the modulus or the phase as an image."
        )
    if dtype.kind not in "buif":
        raise ImagesError(f"{path} holds {dtype} values; expected grey values, 8 to 64 bit.")


def check_size(file: ImageFile) -> ImageFile:
    """Give ``file`` back unless its header asks for what no micrograph and no series has.

    Raises
    ------
    ImagesError
        If an image has more than a billion pixels, or there are more than a million of them.
    """
    if math.prod(file.shape) > _MOST_PIXELS or file.count > _MOST_IMAGES:
        raise ImagesError(
            f"{file.path} says that it holds {number_of(file.count, 'image')} of {size_text(file.shape)}; "
            f"expected at most {_MOST_IMAGES:,} of {_MOST_PIXELS:,} pixels. Its header is damaged, or the "
            "images must be cut."
        )
    return file


# What decoders stumble over where a file is of another kind; their words say nothing to a user.
_OF_PROGRAMMERS = (TypeError, AttributeError, LookupError, NameError, AssertionError)
_A_WORD = re.compile("[A-Za-z]{3}")  # a bare number or key says nothing either


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what a decoder raises into an error that names the file."""
    try:
        yield
    except (ImagesError, MemoryError):  # an image for which the memory is too small is not damaged
        raise
    except Exception as error:  # on damaged files decoders raise anything, SyntaxError and struct.error too
        if isinstance(error, FileNotFoundError | PermissionError) and error.strerror:
            raise ImageReadError(f"cannot read {path}: {error.strerror}.") from error
        another = what_it_is(path)
        if another:
            raise ImageReadError(
                f"cannot read {path}: its name ends in {path.suffix}, but by its first bytes it is {another}."
            ) from error
        what = str(getattr(error, "strerror", None) or error).rstrip(". ")
        if isinstance(error, _OF_PROGRAMMERS) or not _A_WORD.search(what):
            what = f"it does not hold what a {path.suffix} file holds"
        raise ImageReadError(
            f"cannot read {path}: {what}. The file may be damaged or cut short: copy it again, or leave it out."
        ) from error


_UPRIGHT, _ON_THEIR_SIDE = 1, (5, 6, 7, 8)
_BACK = {6: 8, 8: 6}  # the others undo themselves


def turn(image: np.ndarray, orientation: int, *, back: bool = False) -> np.ndarray:
    """``image`` as its ``orientation`` (1 to 8 in EXIF and TIFF) has it shown; ``back``: as stored again."""
    orientation = _BACK.get(orientation, orientation) if back else orientation
    if orientation in _ON_THEIR_SIDE:
        image = image.T
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image[::-1] if orientation in (3, 4, 7, 8) else image


def turned_upright(file: ImageFile, orientation: object) -> ImageFile:
    """``file`` with its images as its ``orientation`` (1 to 8 in EXIF and TIFF) has them shown, and a note of it."""
    if not isinstance(orientation, int) or orientation == _UPRIGHT or orientation not in range(1, 9):
        return file
    note = (
        f"{file.path.name} says that its image is to be turned or mirrored (orientation {orientation}): it is used "
        "as image viewers show it. Fiji shows it as it is stored, where positions and boxes would be other ones."
    )
    shape = file.shape[::-1] if orientation in _ON_THEIR_SIDE else file.shape
    decode = partial(_decode_turned, file.decode, orientation)
    return replace(file, shape=shape, decode=decode, notes=(*file.notes, note))


def _decode_turned(decode: Callable[[int], np.ndarray], orientation: int, index: int) -> np.ndarray:
    return np.ascontiguousarray(turn(decode(index), orientation))


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
    # Asked first: the array for what a damaged header promises may be larger than the memory.
    there = (path.stat().st_size - start) // dtype.itemsize - index * pixels
    if there < pixels:
        raise ValueError(f"image {index} has {max(there, 0)} of {pixels} values")
    values = np.fromfile(path, dtype, pixels, offset=start + index * pixels * dtype.itemsize)
    return values.reshape(shape).astype(dtype.newbyteorder("="), copy=False)
