"""Frame numbers from the names of image files. Nothing is guessed in silence: what is doubtful becomes a note."""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from voidlab.images.errors import ImagesError
from voidlab.images.tilt_angles import DEGREES, TILT

_FLAGS = re.IGNORECASE | re.ASCII
_SIZE = re.compile(r"\d+\s*[x×]\s*\d+", _FLAGS)
_DECIMAL = re.compile(r"[+-]?\d+\.\d+", _FLAGS)
_LARGEST = 2**62  # a longer run of digits is no frame number, and does not fit the table


def numbers_in_names(paths: Sequence[Path], pattern: str | None, angles: Sequence[float] | None) -> list[int]:
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
    for pattern in (DEGREES, *([TILT] if has_angles else []), _SIZE, _DECIMAL):
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
