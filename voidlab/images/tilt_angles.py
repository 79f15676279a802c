"""Tilt angles in files: .rawtlt, .tlt, .mdoc of SerialEM, .csv. Decodes no image."""

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path

from voidlab.images.errors import ImagesError
from voidlab.tables.reading import read_text

_MOST_BYTES = 10**8  # of a file of angles


def read_angles(path: Path) -> list[float] | dict[int, float]:
    """Tilt angles in a file: a list from .rawtlt, .tlt (a number per line) or .mdoc, from .csv frame to angle.

    Raises
    ------
    ImagesError
        If the file is missing, of another kind, or holds something else; the message names the line.
    """
    lines = _lines(path)
    if path.suffix.lower() == ".csv":
        return _angles_in_csv(path, lines)
    if path.suffix.lower() == ".mdoc":
        return _angles_in_mdoc(path, lines)
    if path.suffix.lower() not in (".rawtlt", ".tlt"):
        raise ImagesError(
            f"{path} is no file of tilt angles that is known here: use .rawtlt or .tlt (an angle on each line), "
            ".mdoc of SerialEM, or .csv (columns frame, tilt_deg)."
        )
    return [_number(text, path, i) for i, text in enumerate(lines, 1) if text.split("#")[0].strip()]


def _lines(path: Path) -> list[str]:
    try:
        return read_text(path, _MOST_BYTES).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ImagesError(f"the tilt angles in {path} cannot be read: {error}.") from None


def angles_beside(stack: Path, count: int, notes: list[str]) -> tuple[list[float] | None, Path | None]:
    """Tilt angles in a .rawtlt, .mdoc or .tlt file of the same name beside a ``stack`` of ``count`` images."""
    for name in (f"{stack.stem}.rawtlt", f"{stack.name}.mdoc", f"{stack.stem}.mdoc", f"{stack.stem}.tlt"):
        path = stack.with_name(name)
        if not path.is_file():
            continue
        angles = list(read_angles(path))
        if len(angles) == count:
            return angles, path
        notes.append(
            f"{name} beside the images holds {len(angles)} tilt angles for {count} images: it is not used."
        )
    return None, None


def recorded_files(path: Path) -> list[str]:
    """Names of the files that the images of an .mdoc were recorded in (SubFramePath), in the order of ZValue.

    Empty where not every image has one.

    Raises
    ------
    ImagesError
        If the file is missing or holds something else.
    """
    names: dict[int, str] = {}
    lines = _lines(path)
    section = -1
    for i, line in enumerate(lines, 1):
        key, _, value = (part.strip(" []") for part in line.partition("="))
        if key in ("ZValue", "FrameSet"):
            section = int(_number(value, path, i)) + (section + 1 if key == "FrameSet" else 0)
        elif key == "SubFramePath" and value:
            names[section] = re.split(r"[\\/]", value)[-1]
    images = len(_angles_in_mdoc(path, lines))
    return [names[i] for i in range(images)] if sorted(names) == list(range(images)) else []


def _angles_in_mdoc(path: Path, lines: Sequence[str]) -> list[float]:
    """Angles that SerialEM wrote, in the order of the images in the stack (ZValue)."""
    angles: dict[int, float] = {}
    section = None
    for i, line in enumerate(lines, 1):
        key, _, value = (part.strip(" []") for part in line.partition("="))
        if key in ("ZValue", "FrameSet"):
            section = int(_number(value, path, i)) + (len(angles) if key == "FrameSet" else 0)
        elif key == "TiltAngle" and section is not None:
            angles[section] = _number(value, path, i)
    if not angles or sorted(angles) != list(range(len(angles))):
        raise ImagesError(
            f"{path} gives the tilt angles of {len(angles)} images; expected one for each, from ZValue 0."
        )
    return [angles[i] for i in range(len(angles))]


def _angles_in_csv(path: Path, lines: Sequence[str]) -> dict[int, float]:
    rows = csv.DictReader(lines, skipinitialspace=True)
    columns = rows.fieldnames or []
    if not {"frame", "tilt_deg"} <= set(columns):
        raise ImagesError(
            f"{path} has the columns {', '.join(columns) or '(none)'}; expected frame and tilt_deg, "
            "separated by commas."
        )
    angles: dict[int, float] = {}
    for row in rows:
        frame = _number(row["frame"], path, rows.line_num)
        if frame != int(frame) or int(frame) in angles:
            raise ImagesError(
                f"{path}, line {rows.line_num}: frame {row['frame']} stands twice or is not whole."
            )
        angles[int(frame)] = _number(row["tilt_deg"], path, rows.line_num)
    return angles


def _number(text: str | None, path: Path, line: int) -> float:
    try:
        number = float((text or "").split("#")[0])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ImagesError(f"{path}, line {line}: '{text}' is no number; expected one such as -22.5.")
    return number
