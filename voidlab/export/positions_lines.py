"""Lines of JSON with positions and radii, one for each image, read without trust: a mistake is told with its line."""

import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voidlab.errors import VoidlabError
from voidlab.tables.reading import NoFile, read_json, read_text, sendable

FARTHEST_PX = 1_000_000  # no image is wider
_LARGEST_FRAME = 2**62
_FARTHEST_S = 1e12


class PositionsError(VoidlabError):
    """A file that holds no positions and radii, with what was found."""


def read_lines_of_images(path: Path) -> list[dict[str, Any]]:
    """What each line of ``path`` says of an image, ``positions`` and ``radii`` at least.

    Raises
    ------
    PositionsError
        If the file cannot be read or is empty, or a line is no JSON, lacks a list, has lists that differ in length,
        or holds something else than numbers.
    """
    # Not splitlines: it would part a name at the separators that JSON lets stand in text.
    lines = _text(path).replace("\r\n", "\n").split("\n")
    images = [_image(line, number) for number, line in enumerate(lines, 1) if line.strip()]
    if not images:
        raise PositionsError(f"{path.name} has no line; expected one of JSON per image.")
    return images


def name_of(image: Mapping[str, Any]) -> str:
    """Name of an image, as its line gives it; empty where it gives none."""
    return sendable(str(image.get("path") or image.get("image-path") or ""))


def _text(path: Path) -> str:
    expected = "expected a file with a line of JSON per image, such as frame-data.json"
    try:
        return read_text(path)
    except FileNotFoundError:
        raise PositionsError(
            f"there is no file {path}; {expected}. Is its name, or the folder, another?"
        ) from None
    except IsADirectoryError:
        raise PositionsError(f"{path} is a folder; {expected}. Name the file in it.") from None
    except OSError as error:
        what = (
            str(error) if isinstance(error, NoFile) else f"{path} cannot be read: {error.strerror or error}"
        )
        raise PositionsError(f"{what}; {expected}.") from None
    except UnicodeDecodeError as error:
        raise PositionsError(
            f"{path.name} is no text in UTF-8 ({error.reason} at byte {error.start:,}); expected lines of JSON. If "
            "it is text, save it in UTF-8."
        ) from None


def _image(line: str, number: int) -> dict[str, Any]:
    try:
        image = read_json(line)
        positions, radii = image["positions"], image["radii"]
        good = len(positions) == len(radii) and all(len(position) == 2 for position in positions)
        numbers = [*radii, *(each for position in positions for each in position)]
        odd = next((each for each in numbers if not _is_number(each)), None)
        if odd is not None:
            raise ValueError(f"{reprlib.repr(odd)} is no number")
        if any(isinstance(each, int) and abs(each) > FARTHEST_PX for each in numbers):
            raise ValueError(f"a position or radius is beyond {FARTHEST_PX:,} px, which no image is")
        if "frame" in image and not _is_frame(image["frame"]):
            raise ValueError(
                f"frame {reprlib.repr(image['frame'])} is no whole number up to {_LARGEST_FRAME}"
            )
        for name, least in (("pixel_size_nm", 0), ("frame_interval_s", 0), ("time_s", -_FARTHEST_S)):
            value = image.get(name)
            if value is not None and not (_is_number(value) and least < value < _FARTHEST_S):
                raise ValueError(f"{name} {reprlib.repr(value)} is no number above {least}")
        if not (image.get("void_frac") is None or _is_number(image["void_frac"])):
            raise ValueError(f"void_frac {reprlib.repr(image['void_frac'])} is no number")
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise PositionsError(
            f"line {number} holds no positions and radii ({_in_words(error)}); expected JSON such as "
            '{"positions": [[x, y], …], "radii": [r, …]}.'
        ) from None
    if not good:
        raise PositionsError(
            f"line {number} has {len(positions)} positions and {len(radii)} radii; expected a pair (x, y) and a "
            "radius for each void."
        )
    return dict(image)


def _in_words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no '{error.args[0]}'"
    if isinstance(error, TypeError):
        return "it is no object with lists of numbers"
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)[:200]


def _is_frame(value: object) -> bool:
    return _is_number(value) and value == int(value) and abs(value) <= _LARGEST_FRAME  # type: ignore[call-overload,arg-type]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
