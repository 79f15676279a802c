"""Readers of image files, one module per family of formats; a new format is a function and a row in ``READERS``."""

import os
from collections.abc import Callable
from pathlib import Path

from voidlab.images.errors import ImageReadError, ImagesError
from voidlab.images.readers.base import NO_CHOICE, Choice, ImageFile, check_size, naming, size_text
from voidlab.images.readers.mrc import open_mrc
from voidlab.images.readers.pictures import open_picture
from voidlab.images.readers.rosettasciio import open_em
from voidlab.images.readers.tiff import open_tiff
from voidlab.images.readers.video import open_movie

# A format is a row: what it is called, and what reads the header of such a file.
READERS: dict[str, tuple[str, Callable[..., ImageFile]]] = {
    ".png": ("PNG", open_picture),
    ".jpg": ("JPEG", open_picture),
    ".jpeg": ("JPEG", open_picture),
    ".bmp": ("BMP", open_picture),
    ".gif": ("GIF", open_picture),
    ".tif": ("TIFF", open_tiff),
    ".tiff": ("TIFF", open_tiff),
    **dict.fromkeys((".mrc", ".mrcs", ".map", ".st", ".ali", ".rec"), ("MRC", open_mrc)),
    **dict.fromkeys((".dm3", ".dm4"), ("DM", open_em)),
    ".ser": ("SER", open_em),
    ".emd": ("EMD", open_em),
    **dict.fromkeys(
        (".mp4", ".avi", ".mov", ".mkv", ".m4v", ".webm", ".wmv", ".mpg", ".mpeg"), ("video", open_movie)
    ),
}

# What can be chosen of files that hold several kinds of images; these readers take a `Choice`.
_CHOICES: dict[Callable[..., ImageFile], tuple[str, ...]] = {
    open_tiff: ("series", "channel", "slice"),
    open_em: ("signal",),
}

# What files begin with that a program packed, whatever their names say: their bytes are no pixels.
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "ZIP",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}

_ADVICE = {
    ".emi": "it only describes images; open the .ser files beside it",
    ".mdoc": "it only describes images; open the .mrc file beside it",
    **dict.fromkeys(
        (".npy", ".npz"),
        "it is an array of numpy: save it with tifffile.imwrite('a.tif', numpy.load('a.npy'))",
    ),
    **dict.fromkeys((".zip", ".gz", ".bz2", ".xz", ".7z", ".rar"), "unpack it first"),
}


def open_file(path: Path, choice: Choice = NO_CHOICE) -> ImageFile:
    """Read the header of an image file, of the images in it that ``choice`` means.

    Raises
    ------
    ImageReadError
        If it cannot be read; the message names the file.
    ImagesError
        If it can be read, but holds no image, or none that can be a frame.
    """
    with naming(path):
        if path.is_symlink() and not path.exists():
            raise ImageReadError(
                f"cannot read {path}: it is a link to {os.readlink(path)}, which is not there. Mend the link, or "
                "leave it out."
            )
        if path.stat().st_size == 0:
            raise ImageReadError(f"cannot read {path}: the file is empty (0 bytes). Copy it again.")
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            raise ImageReadError(f"cannot read {path}: {why_unknown(path)}.")
        _check_unpacked(path)
        chooses = _CHOICES.get(reader[1], ())
        for name, value in choice.made.items():
            if name not in chooses:
                can = f"{', '.join(chooses)} can be chosen of" if chooses else "nothing can be chosen of"
                raise ImagesError(
                    f"images: {name}: {value} was asked for, but {can} {path.name}. Leave it out."
                )
        try:
            return check_size(reader[1](path, choice) if chooses else reader[1](path))
        except MemoryError:  # no pixel was read yet
            raise ValueError("its header asks for more memory than this computer has") from None


def _check_unpacked(path: Path) -> None:
    with path.open("rb") as stream:
        begin = stream.read(8)
    packed = next((name for mark, name in _PACKED.items() if begin.startswith(mark)), None)
    if packed is not None:
        raise ImageReadError(
            f"cannot read {path}: it is packed with {packed}, though its name ends in {path.suffix}; unpack it "
            "first, and give the file that was in it this name."
        )


def supported() -> str:
    """Suffixes of the files that can be read."""
    return ", ".join(READERS)


def why_unknown(path: Path) -> str:
    """What to do about a file of a format that is not read here."""
    return _ADVICE.get(path.suffix.lower(), f"expected one of {supported()}")
