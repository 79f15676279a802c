"""Six digits in names of images that may be a clock, such as 140530, or merely count. Decodes no image."""

import re
from collections.abc import Sequence
from itertools import pairwise

_SIX = re.compile(
    r"(?<!\d)(?P<h>[01]\d|2[0-3])(?P<min>[0-5]\d)(?P<s>[0-5]\d)(?:\.(?P<f>\d{1,6}))?(?!\.?\d)", re.ASCII
)
_HOUR_S, _DAY_S = 3600, 86_400


def find_bare_clock(stems: Sequence[str]) -> list[re.Match[str]] | None:
    """The six digits of each name that are a clock; None where they count, or may as well count."""
    found = _candidates(stems)
    return found if found is not None and _is_clock(found) else None


def note_on_digits(stems: Sequence[str], numbers: Sequence[int]) -> list[str]:
    """The sentence that the ``numbers`` in the names may be a clock, where they may; their order is the same."""
    found = _candidates(stems)
    if found is None or [int(_digits(match)) for match in found] != list(numbers) or _is_clock(found):
        return []
    if max(map(_seconds, found)) < _HOUR_S and _even(list(numbers)):
        return []
    first, last = min(found, key=_digits), max(found, key=_digits)
    return [
        f"The numbers {_digits(first)} to {_digits(last)} in the names may be a clock, {_said(first)} to "
        f"{_said(last)}, but may as well count: they are taken for frame numbers. If they are times, give times_s "
        "or frame_interval_s."
    ]


def _candidates(stems: Sequence[str]) -> list[re.Match[str]] | None:
    """The last six digits that may be a clock in all names and are of several minutes."""
    found = [list(_SIX.finditer(stem)) for stem in stems]
    for place in range(1, min(map(len, found), default=0) + 1):
        matches = [of_name[-place] for of_name in found]
        # Within one minute, what counts looks the same.
        if len({_seconds(match) // 60 for match in matches}) > 1:
            return matches
    return None


def _is_clock(matches: Sequence[re.Match[str]]) -> bool:
    """Whether they are no numbers that count: these go on behind 59, begin near 0, and go up in even steps."""
    if any(match["f"] for match in matches):
        return True
    numbers = [int(_digits(match)) for match in matches]
    if _even(numbers) or all(map(_is_date, matches)):
        return False
    seconds = list(map(_seconds, matches))
    if _even(seconds, round_midnight=True):
        return True
    return max(seconds) >= _HOUR_S and any(number % 100 for number in numbers)


def _digits(match: re.Match[str]) -> str:
    return match.group()[:6]


def _seconds(match: re.Match[str]) -> int:
    return 3600 * int(match["h"]) + 60 * int(match["min"]) + int(match["s"])


def _said(match: re.Match[str]) -> str:
    return ":".join(match.group("h", "min", "s"))


def _is_date(match: re.Match[str]) -> bool:
    """Whether it may be year, month and day."""
    return 1 <= int(match["min"]) <= 12 and 1 <= int(match["s"]) <= 31


def _even(numbers: Sequence[int], *, round_midnight: bool = False) -> bool:
    """Whether three or more go up in even steps."""
    known = sorted(set(numbers))
    steps = [after - before for before, after in pairwise(known)]
    if round_midnight and steps:
        steps.append(known[0] + _DAY_S - known[-1])
        steps.remove(max(steps))
    return len(steps) > 1 and len(set(steps)) == 1
