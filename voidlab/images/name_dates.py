"""Dates in names of images. One that may be read in two ways is taken only where one of them makes a single run."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from voidlab.images.clock import ClockError

_FLAGS = re.IGNORECASE | re.ASCII
_ENGLISH = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_GERMAN = {"mär": 3, "mrz": 3, "mai": 5, "okt": 10, "dez": 12}
_MONTHS = {**{word: number for number, word in enumerate(_ENGLISH, 1)}, **_GERMAN}
_YEAR, _MONTH, _DAY = r"(?P<y>(?:19|20)\d\d)", r"(?P<m>0[1-9]|1[0-2])", r"(?P<d>0[1-9]|[12]\d|3[01])"
# No other words that begin like a month, such as main_12 or junction_3.
_WORD = (
    r"(?P<w>jan(?:uary?)?|feb(?:ruary?)?|mar(?:ch)?|mär(?:z)?|mrz|apr(?:il)?|ma[yi]|jun[ei]?|jul[yi]?|aug(?:ust)?"
    r"|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)\.?(?![a-z])"
)
_DAY_1 = r"(?P<d>0?[1-9]|[12]\d|3[01])"
_MONTH_1 = r"(?P<m>0?[1-9]|1[0-2])"
_YEAR_2 = r"(?P<y>[0-3]\d)"  # of this century
# Numbers of one digit, as in 2021-5-3, and years of two are a date where a clock follows.
_THEN_A_CLOCK = r"(?=[-_ T.,]*(?:at |um )?\d{1,2}[-_.:∶]\d\d(?:[-_.:∶]\d\d|[ _]?[AP]M))"
_THEN_SIX_DIGITS = r"(?=[-_ T](?:[01]\d|2[0-3])[0-5]\d[0-5]\d(?!\d))"
_SEP, _SAME = r"(?P<sep>[-_. ])", r"(?P=sep)"


def _orders(
    year: str, month: str, day: str, *orders: str, joint: str = _SEP, then: str = ""
) -> list[re.Pattern[str]]:
    """Patterns of a date whose parts stand in each of the ``orders``, such as ymd."""
    part = {"y": year, "m": month, "d": day}
    again = _SAME if joint else ""
    return [
        re.compile(rf"(?<!\d){part[a]}{joint}{part[b]}{again}{part[c]}(?!\d){then}", _FLAGS)
        for a, b, c in map(tuple, orders)
    ]


# Each a list of the ways to read dates of one kind. The separator is remembered, as 2021-05_03 is no date.
_KINDS = (
    [re.compile(rf"(?<!\d){_YEAR}(?P<sep>[-_.]?){_MONTH}(?P=sep){_DAY}(?!\d(?!\d{{5}}(?!\d)))", _FLAGS)],
    [re.compile(rf"(?<!\d){_DAY_1}[-_. ]*{_WORD}[-_. ,]*{_YEAR}(?!\d)", _FLAGS)],
    [re.compile(rf"(?<!\d){_DAY_1}(?P<sep>[-_. ]?){_WORD}(?P=sep){_YEAR_2}(?!\d)", _FLAGS)],
    [re.compile(rf"(?<![a-z]){_WORD}[-_. ]?{_DAY_1}(?:[-_ ,]+{_YEAR})?(?!\d)", _FLAGS)],
    _orders(_YEAR, _MONTH, _DAY, "dmy", "mdy"),
    _orders(_YEAR, _MONTH_1, _DAY_1, "ymd", then=_THEN_A_CLOCK),
    _orders(_YEAR, _MONTH_1, _DAY_1, "dmy", "mdy", then=_THEN_A_CLOCK),
    _orders(_YEAR_2, _MONTH_1, _DAY_1, "ymd", "dmy", "mdy", then=_THEN_A_CLOCK),
    _orders(_YEAR, _MONTH, _DAY, "dmy", "mdy", joint="", then=_THEN_SIX_DIGITS),
    _orders(_YEAR_2, _MONTH, _DAY, "ymd", "dmy", "mdy", joint="", then=_THEN_SIX_DIGITS),
)
_ONE_RUN = timedelta(days=2)  # images of one session, past midnight too
_NO_YEAR = 4  # any leap year


@dataclass(frozen=True)
class NameDates:
    """The date in each name, the names with ``~`` for it, and what was taken for granted (empty: nothing was)."""

    days: list[datetime]
    rest: list[str]
    note: str = ""


def find_dates(stems: Sequence[str], without_clock: Callable[[list[str]], list[str]]) -> NameDates | None:
    """The dates in the names ``stems``; None where these have none.

    Parameters
    ----------
    without_clock
        Gives names, with ``~`` for the date, also without the clock in them.

    Raises
    ------
    ClockError
        If the dates can be read in several ways, and none of them makes a single run of the images.
    """
    for ways in _KINDS:
        read = [found for way in ways if (found := _read(way, stems)) is not None]
        if not read:
            continue
        past = [found for found in read if max(found.days) <= datetime.now() + _ONE_RUN] or read
        apart = {tuple(day - found.days[0] for day in found.days): found for found in past}
        runs = [found for found in apart.values() if max(found.days) - min(found.days) <= _ONE_RUN]
        if len(apart) == 1:
            return past[0]
        if len(runs) == 1:
            first, last = min(runs[0].days), max(runs[0].days)
            note = (
                f"The dates in the names are taken for {first:%d %b %Y} to {last:%d %b %Y}: read in another way they "
                "lie weeks apart. If they do, give times_s or frame_interval_s."
            )
            return NameDates(runs[0].days, runs[0].rest, note)
        ways_said = " or ".join(f"{found.days[0]:%d %b %Y}" for found in apart.values())
        raise ClockError(
            f"the dates in names such as '{stems[0]}' may begin with the day or with the month ({ways_said}); say "
            "how the images follow each other with frame_pattern: its groups are compared one after the other.",
            without_clock(read[0].rest),
        )
    return None


def _read(way: re.Pattern[str], stems: Sequence[str]) -> NameDates | None:
    found = [match for stem in stems if (match := way.search(stem))]
    if len(found) < len(stems):
        return None
    try:
        days = [_day(match) for match in found]
    except ValueError:  # 31 February: no date
        return None
    if {day.month for day in days} == {1, 12} and days[0].year == _NO_YEAR:
        days = [day.replace(year=_NO_YEAR + 1) if day.month == 1 else day for day in days]
    return NameDates(days, [f"{m.string[: m.start()]}~{m.string[m.end() :]}" for m in found])


def _day(match: re.Match[str]) -> datetime:
    parts = match.groupdict()
    month = _MONTHS[parts["w"].lower()[:3]] if parts.get("w") else int(parts["m"])
    year = int(parts.get("y") or _NO_YEAR)
    return datetime(year + 2000 if _NO_YEAR != year < 100 else year, month, int(parts["d"]))
