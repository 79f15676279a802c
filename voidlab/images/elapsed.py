"""Times with their units in names of images: 30min, 1min10s, 2h05, 1d03h. A time of two units is read as one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from voidlab.images.clock import ClockError

_N = r"\d+(?:\.\d+)?"


def _time(joint: str) -> re.Pattern[str]:
    """From the largest unit to the smallest, a ``joint`` between; digits behind h or min are of the next unit."""
    return re.compile(
        r"(?<![\d.])(?P<minus>(?<![a-z0-9.~])-)?(?=\d)"
        rf"(?:(?P<d>\d+)d(?:ays?)?{joint}(?=\d+[_ -]?[hm]))?"
        rf"(?:(?P<h>{_N})[_ -]?h(?:rs?|ours?)?(?:(?P<bare_min>[0-5]\d)|{joint}))?"
        rf"(?:(?P<min>{_N})[_ -]?m(?:ins?|inutes?)?(?:(?P<bare_s>[0-5]\d)|{joint}))?"
        rf"(?:(?P<s>{_N})[_ -]?s(?:ecs?|econds?)?{joint})?"
        rf"(?:(?P<ms>{_N})[_ ]?ms(?:ec)?)?"
        r"(?<![_ ,-])(?![a-z0-9]|\.\d)",
        re.IGNORECASE | re.ASCII,
    )


# Beside a time that tells all images apart, one behind a joint may be an exposure, as in 10min_2s and 20min_4s.
_ONE, _JOINED = _time(" ?"), _time("[_ ,-]?")
_UNIT_S = {"d": 86_400.0, "h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3}
_MOST = {"h": 24, "min": 60, "s": 60, "ms": 1000}  # of a unit behind a larger one


@dataclass(frozen=True)
class Elapsed:
    """Times of images in s, the names with ``~`` for them, and whether one of them has several units.

    A time of one unit may as well be an exposure.
    """

    seconds: tuple[float, ...]
    rest: tuple[str, ...]
    several_units: bool


def find_elapsed(stems: Sequence[str]) -> Elapsed | None:
    """Times with units in the names ``stems``, where every name holds one and they all differ.

    Raises
    ------
    ClockError
        If what stands in the names is no time, such as 2min90s, or may be two.
    """
    joined = _first_apart(_JOINED, stems)
    if joined:
        larger = {next(iter(_parts(match).values())) for match in joined}
        smaller = {tuple(_parts(match).values())[1:] for match in joined}
        if _is_one_time(joined):
            if _first_apart(_ONE, stems) is None or len(larger) < len(stems):
                return _elapsed(joined)
        # One that is the same in all names is an exposure, or how long it was annealed.
        elif min(len(larger), len(smaller)) > 1:
            _check(joined)
    matches = _first_apart(_ONE, stems)
    if matches is None:
        return None
    _check(matches)
    return _elapsed(matches)


def _first_apart(time: re.Pattern[str], stems: Sequence[str]) -> list[re.Match[str]] | None:
    """The first time in each name by which they all differ."""
    found = [[match for match in time.finditer(stem) if _is_time(match)] for stem in stems]
    for place in range(min(map(len, found), default=0)):
        matches = [of_name[place] for of_name in found]
        if len({_seconds(match) for match in matches}) == len(stems):
            return matches
    return None


def _elapsed(matches: Sequence[re.Match[str]]) -> Elapsed:
    rest = tuple(f"{m.string[: m.start()]}~{m.string[m.end() :]}" for m in matches)
    return Elapsed(tuple(map(_seconds, matches)), rest, any(len(_parts(match)) > 1 for match in matches))


def _is_one_time(matches: Sequence[re.Match[str]]) -> bool:
    """Whether what lies behind a larger unit is less than one of it, in all names."""
    return all(value < _MOST[unit] for match in matches for unit, value in list(_parts(match).items())[1:])


def _is_time(match: re.Match[str]) -> bool:
    # An m alone may be metres, or any word.
    parts = _parts(match)
    return bool(parts) and not (set(parts) == {"min"} and match.group().lower().endswith("m"))


def _parts(match: re.Match[str]) -> dict[str, float]:
    """The numbers of a time by their units, the largest first."""
    said = {unit.removeprefix("bare_"): text for unit, text in match.groupdict().items() if text}
    return {unit: float(text) for unit, text in said.items() if unit in _UNIT_S}


def _seconds(match: re.Match[str]) -> float:
    size = round(sum(value * _UNIT_S[unit] for unit, value in _parts(match).items()), 9)
    return -size if match["minus"] and size else size  # before the beam was on, say


def _check(matches: Sequence[re.Match[str]]) -> None:
    for match in matches:
        wrong = [unit for unit, value in list(_parts(match).items())[1:] if value >= _MOST[unit]]
        if wrong:
            raise ClockError(
                f"'{match.group()}' in names such as '{match.string}' is not one time: behind a larger unit, less "
                f"than {_MOST[wrong[0]]} {wrong[0]} were expected. Say with frame_pattern which number counts: its "
                "groups are compared one after the other.",
                _elapsed(matches).rest,
            )
