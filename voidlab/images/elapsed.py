"""Times with their units in names of images: 30min, 1min10s, 2h05, 1d03h. A time of two units is read as one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from voidlab.images.clock import ClockError

_N = r"\d+(?:\.\d+)?"
# From the largest unit to the smallest; two digits behind h or min need none, as in 2h05.
_TIME = re.compile(
    r"(?<![\d.])(?=\d)"
    r"(?:(?P<d>\d+)d(?:ays?)?[_ ]?(?=\d+[_ ]?[hm]))?"
    rf"(?:(?P<h>{_N})[_ ]?h(?:rs?)?(?:(?P<bare_min>[0-5]\d)|[_ ]?))?"
    rf"(?:(?P<min>{_N})[_ ]?m(?:in)?(?:(?P<bare_s>[0-5]\d)|[_ ]?))?"
    rf"(?:(?P<s>{_N})[_ ]?s(?:ec)?[_ ]?)?"
    rf"(?:(?P<ms>{_N})[_ ]?ms(?:ec)?)?"
    r"(?<![_ ])(?![a-z0-9]|\.\d)",
    re.IGNORECASE | re.ASCII,
)
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
    found = [[match for match in _TIME.finditer(stem) if _is_time(match)] for stem in stems]
    for place in range(min(map(len, found), default=0)):
        matches = [of_name[place] for of_name in found]
        seconds = tuple(_seconds(match) for match in matches)
        if len(set(seconds)) == len(stems):
            rest = tuple(f"{s[: m.start()]}~{s[m.end() :]}" for s, m in zip(stems, matches, strict=True))
            _check(matches, rest)
            return Elapsed(seconds, rest, any(len(_parts(match)) > 1 for match in matches))
    return None


def _is_time(match: re.Match[str]) -> bool:
    # An m alone may be metres, or any word.
    parts = _parts(match)
    return bool(parts) and not (set(parts) == {"min"} and match.group().lower().endswith("m"))


def _parts(match: re.Match[str]) -> dict[str, float]:
    """The numbers of a time by their units, the largest first."""
    return {unit.removeprefix("bare_"): float(text) for unit, text in match.groupdict().items() if text}


def _seconds(match: re.Match[str]) -> float:
    return round(sum(value * _UNIT_S[unit] for unit, value in _parts(match).items()), 9)


def _check(matches: Sequence[re.Match[str]], rest: Sequence[str]) -> None:
    for match in matches:
        wrong = [unit for unit, value in list(_parts(match).items())[1:] if value >= _MOST[unit]]
        if wrong:
            raise ClockError(
                f"'{match.group()}' in names such as '{match.string}' is not one time: behind a larger unit, less "
                f"than {_MOST[wrong[0]]} {wrong[0]} were expected. Say with frame_pattern which number counts: its "
                "groups are compared one after the other.",
                rest,
            )
