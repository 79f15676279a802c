"""What the names and headers of image files say: frame numbers, tilt angles, pixel size. Decodes no image.

Nothing is guessed in silence: what is doubtful becomes a note for the user, what is contradictory an error.
"""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from voidlab.errors import VoidlabError

PathLike = str | os.PathLike[str]
PerFrame = Sequence[float] | Mapping[int, float]


class ImagesError(VoidlabError):
    """Images that cannot be opened as a series, with the reason and what to do."""


class ImageReadError(ImagesError, OSError):
    """An image file that cannot be read."""


_FLAGS = re.IGNORECASE | re.ASCII
_DEGREES = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:deg|°)(?![a-z])", _FLAGS)
_TILT = re.compile(r"tilt_?([+-]?\d+\.\d+|[+-]\d+)", _FLAGS)
_SIZE = re.compile(r"\d+\s*[x×]\s*\d+", _FLAGS)
_DECIMAL = re.compile(r"[+-]?\d+\.\d+", _FLAGS)
_LARGEST = 2**62  # a longer run of digits is no frame number, and does not fit the table


def frame_numbers(paths: Sequence[Path], pattern: str | None, angles: Sequence[float] | None) -> list[int]:
    """Frame number of each file, from its name.

    Parameters
    ----------
    pattern
        Regular expression with one group, the number. None: the last run of digits that differs between all
        files and is no part of an angle, a decimal number or a size such as 512x512.
    angles
        Tilt angles of the files, deg: where the names hold no other number, frames count up with the angle.

    Raises
    ------
    ImagesError
        If two files get the same number, or a file gets none.
    """
    if pattern is not None:
        numbers = _numbers_by_pattern(paths, pattern)
    elif len(paths) == 1:
        runs = _digit_runs(paths[0].stem, angles is not None)
        numbers = runs[-1:] or [0]
    else:
        numbers = _numbers_that_differ(paths, angles)
    _check_unique(paths, numbers)
    return numbers


def divide(numbers: Sequence[int], step: int) -> list[int]:
    """``numbers`` counted in steps of ``step``: 10, 20, 40 in steps of 10 are 1, 2, 4.

    Raises
    ------
    ImagesError
        If two of them do not lie a whole number of steps apart.
    """
    odd = next((n for n in numbers if (n - numbers[0]) % step), None)
    if odd is not None:
        raise ImagesError(
            f"frame_step is {step}, but the frames {numbers[0]} and {odd} do not lie a multiple of {step} "
            "apart. Give the step that the file names count by, or leave frame_step out."
        )
    return [number // step for number in numbers]


def notes_on_numbers(numbers: Sequence[int], *, step_given: bool) -> list[str]:
    """Sentences on frame numbers (ascending) that count in steps, or miss some."""
    gaps = [b - a for a, b in pairwise(numbers)]
    step = math.gcd(*gaps)
    notes = []
    if step_given or len(gaps) < 2 or step != min(gaps):
        step = 1
    if step > 1:
        notes.append(
            f"Frame numbers go up in steps of {step}. Linking counts frames by number: "
            f"add 'frame_step: {step}' so that neighbours are one frame apart."
        )
    missing = [(a + step, b - step) for a, b in pairwise(numbers) if b - a > step]
    if missing:
        spans = [str(a) if a == b else f"{a}-{b}" for a, b in missing]
        shown = ", ".join(spans[:8]) + (f" and {len(spans) - 8} more gaps" if len(spans) > 8 else "")
        one = len(spans) == 1 and "-" not in shown
        notes.append(f"Frame {shown} is missing." if one else f"Frames {shown} are missing.")
    return notes


def angles_in_names(paths: Sequence[Path]) -> list[float] | None:
    """Tilt angles in deg, when every file name holds one (``-22.5deg``, ``tilt+10``); else None."""
    for pattern in (_DEGREES, _TILT):
        found = [pattern.findall(path.stem) for path in paths]
        if not all(found):
            continue
        texts = [matches[-1] for matches in found]
        # tilt-01, tilt-02: the dash joins, and the number is a counter.
        if pattern is _TILT and not any("+" in text or "." in text for text in texts):
            continue
        angles = [float(text) for text in texts]
        if max(map(abs, angles)) <= 180:
            return angles
    return None


def read_angles(path: Path) -> list[float] | dict[int, float]:
    """Tilt angles in a file: a list from .rawtlt, .tlt (a number per line) or .mdoc, from .csv frame to angle.

    Raises
    ------
    ImagesError
        If the file is missing, of another kind, or holds something else; the message names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ImagesError(f"the tilt angles in {path} cannot be read: {error}.") from None
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


def status(numbers: Sequence[int], excluded: Sequence[int], notes: list[str]) -> list[str]:
    """Status of each of the frames ``numbers``.

    Raises
    ------
    ImagesError
        If no frame is left.
    """
    strangers = sorted(set(excluded) - set(numbers))
    if strangers:
        notes.append(f"excluded_frames names {', '.join(map(str, strangers))}, not in the series.")
    found = ["excluded" if number in set(excluded) else "ok" for number in numbers]
    if "ok" not in found:
        raise ImagesError(f"excluded_frames leaves out all {len(numbers)} frames: leave some in.")
    return found


def tilts(given: PerFrame | PathLike | None, numbers: Sequence[int], notes: list[str]) -> list[float]:
    """Tilt angle of each of the frames ``numbers``, deg; NaN when none is given.

    Raises
    ------
    ImagesError
        If a frame has none, there are too many, or one is no angle.
    """
    if given is None:
        return [math.nan] * len(numbers)
    values = read_angles(Path(given)) if isinstance(given, str | os.PathLike) else given
    angles = _per_frame("tilt_angles_deg", values, numbers, notes)
    wrong = next((angle for angle in angles if not abs(angle) <= 180), None)
    if wrong is not None:
        raise ImagesError(f"tilt_angles_deg holds {wrong:g}; expected degrees, -180 to 180.")
    return angles


def times(
    given: PerFrame | None, interval: float | None, numbers: Sequence[int], notes: list[str]
) -> list[float]:
    """Time of each of the frames ``numbers``, s; NaN when neither times nor an interval are given.

    Raises
    ------
    ImagesError
        If both are given, or a frame has none.
    """
    if given is not None and interval is not None:
        raise ImagesError("times_s and frame_interval_s are both given; expected one of them.")
    if given is not None:
        return _per_frame("times_s", given, numbers, notes)
    return [math.nan if interval is None else interval * (number - numbers[0]) for number in numbers]


def _per_frame(name: str, values: PerFrame, numbers: Sequence[int], notes: list[str]) -> list[float]:
    """``values`` in the order of the frames ``numbers``."""
    if not isinstance(values, Mapping):
        if len(values) != len(numbers):
            raise ImagesError(
                f"{name} has {len(values)} values for {len(numbers)} frames; expected one for each, "
                "in frame order, those of excluded frames too."
            )
        return [float(value) for value in values]
    lacking = [number for number in numbers if number not in values]
    if lacking:
        raise ImagesError(
            f"{name} has {len(values)} values, none for {len(lacking)} of the {len(numbers)} frames, "
            f"the first: frame {lacking[0]}. Give each frame one."
        )
    if len(values) > len(numbers):
        notes.append(f"{name} has {len(values) - len(numbers)} values for frames that are not in the series.")
    return [float(values[number]) for number in numbers]


def _numbers_by_pattern(paths: Sequence[Path], pattern: str) -> list[int]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ImagesError(f"frame_pattern '{pattern}' is no regular expression: {error}.") from None
    if compiled.groups != 1:
        raise ImagesError(
            f"frame_pattern '{pattern}' has {compiled.groups} groups; expected one, the number, "
            r"such as frame_(\d+)."
        )
    numbers = []
    for path in paths:
        match = compiled.search(path.name) or compiled.search(path.stem)
        text = match.group(1) if match else None
        if text is None or not re.fullmatch(r"[0-9]{1,18}", text):
            found = "does not match" if match is None else f"gives '{text}', no whole number,"
            raise ImagesError(
                rf"frame_pattern '{pattern}' {found} in '{path.name}'. Put (\d+) where the number stands, "
                "or leave such files out."
            )
        numbers.append(int(text))
    return numbers


def _digit_runs(stem: str, has_angles: bool) -> list[int]:
    """Whole numbers in ``stem``, those left out that say an angle, a size or a decimal number."""
    for pattern in (_DEGREES, *([_TILT] if has_angles else []), _SIZE, _DECIMAL):
        stem = pattern.sub("~", stem)
    return [int(run) for run in re.findall(r"[0-9]+", stem) if int(run) < _LARGEST]


def _numbers_that_differ(paths: Sequence[Path], angles: Sequence[float] | None) -> list[int]:
    runs = [_digit_runs(path.stem, angles is not None) for path in paths]
    odd = [path.name for path, found in zip(paths, runs, strict=True) if not found]
    if odd and len(odd) < len(paths) and angles is None:
        raise ImagesError(
            f"'{odd[0]}' has no frame number, as names such as '{next(p.name for p in paths if p.name not in odd)}' "
            "have: leave it out by narrowing the glob, or say where the number stands with frame_pattern."
        )
    # Counted from the end, so that frame_2 and frame_10 of run_1 and of run_1b align.
    columns = [[run[-k] for run in runs] for k in range(1, min(map(len, runs)) + 1)]
    varying = [column for column in columns if len(set(column)) > 1]
    unique = [column for column in varying if len(set(column)) == len(paths)]
    if unique or varying:
        return (unique or varying)[0]
    if angles is not None and len(set(angles)) == len(paths):
        order = sorted(angles)
        return [order.index(angle) + 1 for angle in angles]
    raise ImagesError(
        f"no number that tells the files apart was found in names such as '{paths[0].name}' and "
        f"'{paths[1].name}'. Say where it stands with frame_pattern, a regular expression "
        r"with one group, such as frame_(\d+)."
    )


def _check_unique(paths: Sequence[Path], numbers: Sequence[int]) -> None:
    seen: dict[int, Path] = {}
    for path, number in zip(paths, numbers, strict=True):
        if number in seen:
            raise ImagesError(
                f"'{seen[number]}' and '{path}' both get frame number {number}. Say where the number stands "
                r"with frame_pattern, a regular expression with one group, such as frame_(\d+), "
                "or leave one of them out."
            )
        seen[number] = path


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
