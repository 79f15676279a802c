"""Tilt angles in files: .rawtlt, .tlt, .mdoc of SerialEM, .csv. Decodes no image."""

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path

from voidlab.images.errors import ImagesError
from voidlab.tables.reading import read_text

_MOST_BYTES = 10**8  # of a file of angles
_LARGEST = 2**62  # frame number, as in names
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


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
    except UnicodeDecodeError as error:
        raise ImagesError(
            f"the tilt angles in {path} are no text in UTF-8 ({error.reason} at byte {error.start:,}); save the file "
            "as text, or CSV, in UTF-8."
        ) from None
    except OSError as error:
        raise ImagesError(f"the tilt angles in {path} cannot be read: {error.strerror or error}.") from None


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
            section = _whole(value, path, i) + (section + 1 if key == "FrameSet" else 0)
        elif key == "SubFramePath" and value:
            names[section] = re.split(r"[\\/]", value)[-1]
    images = len(_angles_in_mdoc(path, lines))
    return [names[i] for i in range(images)] if sorted(names) == list(range(images)) else []


def _angles_in_mdoc(path: Path, lines: Sequence[str]) -> list[float]:
    """Angles that SerialEM wrote, in the order of the images in the stack (ZValue)."""
    angles: dict[int, float] = {}
    sections: list[int] = []
    for i, line in enumerate(lines, 1):
        key, _, value = (part.strip(" []") for part in line.partition("="))
        if key in ("ZValue", "FrameSet"):
            sections.append(_whole(value, path, i) + (len(angles) if key == "FrameSet" else 0))
        elif key == "TiltAngle" and sections:
            if sections[-1] in angles:
                raise ImagesError(
                    f"{path}, line {i}: image {sections[-1]} has a second tilt angle; expected one for each. Are "
                    "these two files in one?"
                )
            angles[sections[-1]] = _number(value, path, i)
    if not angles or sorted(angles) != list(range(len(angles))) or {*sections} - {*angles}:
        raise ImagesError(
            f"{path} gives the tilt angles of {len(angles)} images; expected one for each, from ZValue 0."
        )
    return [angles[i] for i in range(len(angles))]


def _angles_in_csv(path: Path, lines: Sequence[str]) -> dict[int, float]:
    delimiter = max(",;\t", key=(lines or [""])[0].count)
    if delimiter != ",":  # as Excel writes it where decimals have a comma
        lines = [line.replace(",", ".") for line in lines]
    try:
        return _angles_in_rows(path, csv.DictReader(lines, skipinitialspace=True, delimiter=delimiter))
    except csv.Error as error:
        raise ImagesError(f"{path} is no table of frames and angles: {error}.") from None


def _angles_in_rows(path: Path, rows: "csv.DictReader[str]") -> dict[int, float]:
    rows.fieldnames = columns = [name.strip().lower() for name in rows.fieldnames or []]
    if [columns.count(name) for name in ("frame", "tilt_deg")] != [1, 1]:
        raise ImagesError(
            f"{path} has the columns {', '.join(columns) or '(none)'}; expected frame and tilt_deg, "
            "once each, separated by commas."
        )
    angles: dict[int, float] = {}
    for row in rows:
        if not any([*map(row.get, columns), *(row.get(None) or ())]):
            continue
        if row.get(None):
            raise ImagesError(
                f"{path}, line {rows.line_num} holds more than its {len(columns)} columns: numbers are written with "
                "a point, such as -22.5."
            )
        frame = _whole(row["frame"], path, rows.line_num)
        if frame in angles:
            raise ImagesError(f"{path}, line {rows.line_num}: frame {frame} stands twice.")
        angles[frame] = _number(row["tilt_deg"], path, rows.line_num)
    return angles


def _number(text: str | None, path: Path, line: int) -> float:
    found = (text or "").split("#")[0].strip()
    number = float(found) if _NUMBER.fullmatch(found) else math.nan
    if not math.isfinite(number):
        raise ImagesError(f"{path}, line {line}: '{found[:40]}' is no number; expected one such as -22.5.")
    return number


def _whole(text: str | None, path: Path, line: int) -> int:
    number = _number(text, path, line)
    if number != int(number) or abs(number) > _LARGEST:
        raise ImagesError(f"{path}, line {line}: '{(text or '').strip()[:40]}' is no number of an image.")
    return int(number)
