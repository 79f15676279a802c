"""Frame numbers from the names of image files. Nothing is guessed in silence: what is doubtful becomes a note."""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from voidlab.images.errors import ImagesError
from voidlab.images.try_pattern import groups_in

_FLAGS = re.IGNORECASE | re.ASCII
_SIZE = re.compile(r"\d+\s*[x×]\s*\d+", _FLAGS)
# Also 0,5 and 0p5; of three numbers with points between, such as 9.5.23, none is a decimal.
_DECIMAL = re.compile(r"[+-]?(?<!\d)(?<!\d[.,])\d+[.,]\d+(?![.,]?\d)|(?<![a-z0-9])\d+p\d+(?!\d)", _FLAGS)
_CHANNEL = re.compile(r"(?<![a-z0-9])(?:channel|chan|ch|c|detector|det)[-_ ]?\d{1,2}(?!\d)", _FLAGS)
_LIKE_A_MINUS = re.compile(r"(?:^|[^a-z0-9~])-(?=\d)", _FLAGS)
_LARGEST = 2**62  # a longer run of digits is no frame number, and does not fit the table


def numbers_in_names(
    paths: Sequence[Path], stems: Sequence[str], angles: Sequence[float] | None
) -> list[int]:
    """Frame number of each file, from its name.

    Parameters
    ----------
    stems
        The names, without what says an angle or a time. The number is the last run of digits that differs between
        all of them and is no part of a decimal number or a size such as 512x512.
    angles
        Tilt angles of the files, deg, or other numbers with a sign: where the names hold no other number, frames
        count up with them.

    Raises
    ------
    ImagesError
        If two files get the same number, or a file gets none.
    """
    if len(paths) == 1:
        return digit_runs(stems[0])[-1:] or [0]
    numbers = _numbers_that_differ(paths, stems, angles)
    check_unique(paths, numbers)
    return numbers


def counter(stems: Sequence[str]) -> list[int] | None:
    """The last number in the names that alone tells them apart; None when there is none."""
    return next((column for column in columns(stems) if len(set(column)) == len(stems)), None)


def columns(stems: Sequence[str]) -> list[list[int]]:
    """Numbers that differ between the names, each as a list; counted from the end of the names."""
    # So that frame_2 and frame_10 of run_1 and of run_1b align.
    runs = [digit_runs(stem) for stem in stems]
    found = [[run[-k] for run in runs] for k in range(1, min(map(len, runs), default=0) + 1)]
    return [column for column in found if len(set(column)) > 1]


def ranks(keys: Sequence[Any]) -> list[int]:
    """0 for the least of ``keys``, 1 for the next, and so on; the same for equal ones."""
    place = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    return [place[key] for key in keys]


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


def note_on_hyphen(paths: Sequence[Path], stems: Sequence[str], numbers: Sequence[int]) -> list[str]:
    """The sentence that a hyphen before a number is no minus sign, where it looks like one: f_-1, not run-1."""
    for path, stem, number in zip(paths, stems, numbers, strict=True):
        if number and re.search(rf"{_LIKE_A_MINUS.pattern}0*{number}(?!\.?\d)", stem, _FLAGS):
            return [
                f"The hyphen before the number in names such as '{path.name}' is taken for a separator: this is "
                f"frame {number}, not −{number}. If numbers go up from below 0, rename the files."
            ]
    return []


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


def numbers_by_pattern(paths: Sequence[Path], pattern: str) -> list[int]:
    """Frame numbers by a regular expression; of several groups the files are compared by one after the other.

    Raises
    ------
    ImagesError
        If it is no regular expression, has no group, takes too long, or does not give whole numbers that tell the
        files apart.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ImagesError(f"frame_pattern '{pattern}' is no regular expression: {error}.") from None
    if compiled.groups < 1:
        raise ImagesError(
            f"frame_pattern '{pattern}' has no group; expected one around the number, "
            r"such as frame_(\d+), or several that are compared one after the other."
        )
    keys = []
    tried = groups_in(pattern, [name for path in paths for name in (path.name, path.stem)])
    for path, in_name, in_stem in zip(paths, tried[::2], tried[1::2], strict=True):
        groups = in_stem if in_name is None else in_name
        texts = (None,) if groups is None else groups
        wrong = next((text for text in texts if text is None or not re.fullmatch(r"[0-9]{1,18}", text)), "")
        if wrong != "" or groups is None:
            found = "does not match" if groups is None else f"gives '{wrong}', no whole number,"
            raise ImagesError(
                rf"frame_pattern '{pattern}' {found} in '{path.name}'. Put (\d+) where the number stands, "
                "or leave such files out."
            )
        keys.append(tuple(int(text or 0) for text in groups))
    numbers = ranks(keys) if compiled.groups > 1 else [key[0] for key in keys]
    check_unique(paths, numbers)
    return numbers


def digit_runs(stem: str) -> list[int]:
    """Whole numbers in ``stem``, those left out that say a size or a decimal number."""
    for pattern in (_SIZE, _DECIMAL):
        stem = pattern.sub("~", stem)
    return [int(run) for run in re.findall(r"[0-9]+", stem) if int(run) < _LARGEST]


def _numbers_that_differ(
    paths: Sequence[Path], stems: Sequence[str], angles: Sequence[float] | None
) -> list[int]:
    odd = [path.name for path, stem in zip(paths, stems, strict=True) if not digit_runs(stem)]
    if odd and len(odd) < len(paths) and angles is None:
        raise ImagesError(
            f"'{odd[0]}' has no frame number, as names such as '{next(p.name for p in paths if p.name not in odd)}' "
            "have: leave it out by narrowing the glob, or say where the number stands with frame_pattern."
        )
    found = counter(stems)
    if found is not None:
        return found
    if angles is not None and len(set(angles)) == len(paths):
        return [rank + 1 for rank in ranks(angles)]
    varying = columns(stems)
    if varying:
        return varying[0]
    decimals = _decimals(stems)
    if decimals is not None:
        return ranks(decimals)
    raise ImagesError(
        f"no number that tells the files apart was found in names such as '{paths[0].name}' and "
        f"'{paths[1].name}'. Say where it stands with frame_pattern, a regular expression "
        r"with one group, such as frame_(\d+)."
    )


def _decimals(stems: Sequence[str]) -> list[float] | None:
    """The last decimal number in each name, if these tell the names apart; a dash in all of them joins words."""
    found = [_DECIMAL.findall(stem)[-1:] for stem in stems]
    if not all(found):
        return None
    texts = [re.sub("[,pP]", ".", text) for (text,) in found]
    joins = all(text.startswith("-") for text in texts)
    values = [float(text.lstrip("-") if joins else text) for text in texts]
    return values if len(set(values)) == len(stems) else None


def check_unique(paths: Sequence[Path], numbers: Sequence[int]) -> None:
    """Raise ImagesError if two files have one frame number; it names a pattern that tells them apart, if any does."""
    seen: dict[int, Path] = {}
    for path, number in zip(paths, numbers, strict=True):
        if number in seen:
            raise ImagesError(
                f"'{seen[number]}' and '{path}' both get frame number {number}. {_advice(paths)}"
            )
        seen[number] = path


def _advice(paths: Sequence[Path]) -> str:
    """What to do where two files get one number."""
    channels = [_CHANNEL.search(path.stem) for path in paths]
    if all(channels) and len(found := {match[0].lower() for match in channels if match}) > 1:
        first = next(match for match in channels if match)
        rest = _CHANNEL.sub("~", paths[0].stem)
        one = f"*{first[0]}*{paths[0].suffix}"
        if sum(_CHANNEL.sub("~", path.stem) == rest for path in paths) > 1:
            listed = ", ".join(sorted(found)[:5])
            return (
                f"They look like images of several channels ({listed}) of one field: give those of one channel, as "
                f"with '{one}'."
            )
    pattern = pattern_that_works(paths)
    minus = any(_LIKE_A_MINUS.search(path.stem) for path in paths)
    hyphen = " A hyphen before a number is taken for a separator, not for a minus sign." if minus else ""
    if pattern is None:
        return f"No number in the names tells all files apart: leave one of them out, or rename them.{hyphen}"
    return (
        f"This tells all files apart: add frame_pattern: '{pattern}' (its groups are compared one after the other), "
        f"or leave one of them out.{hyphen}"
    )


def pattern_that_works(
    paths: Sequence[Path], *, every: bool = False, times: Sequence[float] | None = None
) -> str | None:
    """A frame_pattern whose groups tell the files apart: the last numbers that do, or ``every`` one that differs.

    With ``times`` of the files it gives their order.
    """
    parts = [re.split(r"([0-9]+)", path.stem) for path in paths]
    if len(set(map(len, parts))) > 1:
        return None
    texts = list(zip(*parts, strict=True))
    differ = [i for i in range(1, len(texts), 2) if len(set(texts[i])) > 1]
    if not differ or any(len(run) > 18 for i in differ for run in texts[i]):
        return None
    for first in differ[:1] if every else reversed(differ):
        groups = [i for i in differ if i >= first]
        keys = [tuple(int(texts[i][k]) for i in groups) for k in range(len(paths))]
        if len(set(keys)) == len(paths) and (times is None or _ascend(keys, times)):
            pattern = "".join(_part(texts[i], i in groups, i % 2 == 1) for i in range(first, len(texts)))
            return pattern + "$"
    return None


def _ascend(keys: Sequence[Any], times: Sequence[float]) -> bool:
    """Whether ``times`` go up with ``keys``."""
    in_order = [time for _, time in sorted(zip(keys, times, strict=True))]
    return in_order == sorted(times)


def _part(texts: Sequence[str], group: bool, number: bool) -> str:
    """A piece of a pattern that matches all ``texts``."""
    if group:
        return r"(\d+)"
    if len(set(texts)) == 1:
        return re.escape(texts[0])
    return r"\d+" if number else r"\D*"
