"""Orders in which files may be meant, other than that of the last number in their names: by dates, by all numbers."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

from voidlab.images.errors import ImagesError
from voidlab.images.frame_numbers import notes_on_numbers, numbers_by_pattern, pattern_that_works

_DATE = re.compile(r"(?<!\d)(\d{1,4})([-_. ])(\d{1,2})\2(\d{1,4})(?!\d)", re.ASCII)
_SIX = re.compile(r"(?<!\d)(\d\d)()(\d\d)(\d\d)(?!\d)", re.ASCII)
_DECIMAL_OR_TWO = re.compile(
    r"\d[.,](\d+)(?! ?[a-zµ%°\d])", re.IGNORECASE
)  # 1.10 comes before 1.9 or after it
_ORDERS = {"ymd": "year, month, day", "dmy": "day, month, year", "mdy": "month, day, year"}
_CENTURY, _LATEST = 2000, 2100
_LEAST_YEAR = 1980  # of a digital image
_LONGEST = timedelta(days=1000)  # that a series takes


def note_on_order(paths: Sequence[Path], numbers: Sequence[int]) -> list[str]:
    """The sentence that files in the order of ``numbers`` may be meant in another, and the patterns that give it."""
    orders, others = [_order(numbers)], []
    for words, pattern in (*patterns_of_dates(paths).items(), *_from_the_left(paths, numbers)):
        keys = _numbers(paths, pattern)
        if keys is not None and _order(keys) not in orders:
            orders.append(_order(keys))
            others.append(f"'{pattern}' ({words})")
    if not others:
        return []
    first, last = (paths[row].name for row in (orders[0][0], orders[0][-1]))
    return [
        "The images are in the order of the last number that tells their names apart, "
        f"'{first}' first and '{last}' last; what may be dates, or other numbers, give another order. If that one is "
        f"meant, add frame_pattern: {' or '.join(others)}."
    ]


def patterns_of_dates(paths: Sequence[Path]) -> dict[str, str]:
    """For each way to read dates in the names, in words, a frame_pattern that puts the files in their order."""
    found = {}
    for written in (_DATE, _SIX):
        matches = [match for path in paths if (match := written.search(path.stem))]
        if len(matches) < len(paths) or len({match[2] for match in matches}) > 1:
            continue
        for order, words in _ORDERS.items():
            days = _days(matches, order)
            if days is None or len(set(days)) < 2:
                continue
            pattern = _pattern(matches, order)
            numbers = _numbers(paths, pattern)
            if numbers is not None and _go_up([days[row] for row in _order(numbers)]):
                found[words] = pattern
    return found


def advice_on_dates(paths: Sequence[Path]) -> str:
    """The sentence that names what may be dates in the names, with the patterns for them; empty without any."""
    dated = [f"'{pattern}' ({words})" for words, pattern in patterns_of_dates(paths).items()]
    return (
        f" By what may be dates they are in the order of frame_pattern: {' or '.join(dated)}."
        if dated
        else ""
    )


def _from_the_left(paths: Sequence[Path], numbers: Sequence[int]) -> Iterator[tuple[str, str]]:
    """The pattern of all numbers in the names, where the one that they are in the order of does not count evenly."""
    decimals = [match for path in paths if (match := _DECIMAL_OR_TWO.search(path.stem))]
    uneven = len(decimals) == len(paths) and len({len(match[1]) for match in decimals}) > 1
    if uneven or notes_on_numbers(sorted(numbers), step_given=False):
        pattern = pattern_that_works(paths, every=True)
        if pattern is not None:
            yield "all numbers, from the left", pattern


def _days(matches: Sequence[re.Match[str]], order: str) -> list[date] | None:
    """The dates whose parts stand in ``order``; None where these are none."""
    days = []
    for match in matches:
        part = dict(zip(order, match.group(1, 3, 4), strict=True))
        year = int(part["y"]) + (_CENTURY if len(part["y"]) == 2 else 0)
        if not _LEAST_YEAR <= year < _LATEST:
            return None
        try:
            days.append(date(year, int(part["m"]), int(part["d"])))
        except ValueError:  # 31 February
            return None
    return days if max(days) - min(days) < _LONGEST else None


def _pattern(matches: Sequence[re.Match[str]], order: str) -> str:
    """A pattern whose groups are year, month and day, and the numbers behind them."""
    digits, joint = (r"\d\d", "") if not matches[0][2] else (r"\d+", re.escape(matches[0][2]))
    whole = [digits, digits, digits]
    ahead = ""
    for part in "ymd":
        at = order.index(part)
        ahead += f"(?={joint.join([*whole[:at], f'({digits})'])})"
    behind = min(len(re.findall(r"\d+", match.string[match.end() :])) for match in matches)
    return rf"(?<!\d){ahead}{joint.join(whole)}" + r"\D+(\d+)" * behind


def _numbers(paths: Sequence[Path], pattern: str) -> list[int] | None:
    try:
        return numbers_by_pattern(paths, pattern)
    except ImagesError:
        return None


def _order(keys: Sequence[int]) -> list[int]:
    return sorted(range(len(keys)), key=keys.__getitem__)


def _go_up(days: Sequence[date]) -> bool:
    return all(before <= after for before, after in pairwise(days))
