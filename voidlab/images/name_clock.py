"""When images were taken, from their names: a date, a clock, both, or a time with its unit. Decodes no image.

A clock stands in all names and differs between them. Three numbers that merely count, such as region, area and image,
are none.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from voidlab.images.bare_clock import find_bare_clock
from voidlab.images.clock import running_seconds
from voidlab.images.elapsed import find_elapsed
from voidlab.images.name_dates import NameDates, find_dates
from voidlab.tables.listing import span

_FLAGS = re.IGNORECASE | re.ASCII
_H, _M, _S = r"(?P<h>[01]\d|2[0-3])", r"(?P<min>[0-5]\d)", r"(?P<s>[0-5]\d)"
_FRACTION = r"(?:[.,](?P<f>\d{1,6})|[-_](?P<ms>\d{3}))?(?!\d)(?:[ _]?(?P<half>[AP]M)(?![a-z]))?"
_HALF_DAY = rf"(?P<h>0?[1-9]|1[0-2])[-_.:∶]{_M}[ _]?(?P<half>[AP]M)(?![a-z])"
_AFTER_A_DATE = tuple(
    re.compile(text, _FLAGS)
    for text in (
        rf"~[-_ T.,]*(?:at |um )?(?P<h>[01]?\d|2[0-3])(?P<sep>[-_.:∶]){_M}(?P=sep){_S}{_FRACTION}",
        rf"~[-_ T.,]*{_H}{_M}{_S}{_FRACTION}",
        rf"~[-_ T.,]*{_H}h{_M}m(?:in)?{_S}s?(?!\d)",
        rf"~[-_ T.,]*(?:at )?{_HALF_DAY}",
        rf"~[-_ T]+{_H}[-.:∶h]{_M}(?!\d|[-_.:∶]\d)",
    )
)
_GATAN = re.compile(
    r"Hour_(?P<h>\d+)_Minute_(?P<min>\d+)_Second_(?P<s>\d+)(?:[.,](?P<f>\d{1,6}))?(?:_Frame_(?P<sub>\d+))?",
    _FLAGS,
)
_ALONE = (
    _GATAN,
    re.compile(
        rf"(?<!\d)(?P<h>0?[1-9]|1[0-2])(?P<sep>[-_.:∶]){_M}(?P=sep){_S}[ _]?(?P<half>[AP]M)(?![a-z])", _FLAGS
    ),
    re.compile(rf"(?<![\d.:_-]){_HALF_DAY}", _FLAGS),
    re.compile(rf"(?<!\d){_H}h{_M}m(?:in)?{_S}s?(?!\d)", _FLAGS),
    re.compile(rf"(?<!\d)(?=(?P<all>{_H}(?P<sep>[-_.:∶]){_M}(?P=sep){_S}{_FRACTION}))", _FLAGS),
)


@dataclass(frozen=True)
class NameClock:
    """Times of images as their names tell them.

    Attributes
    ----------
    seconds : tuple of float
        Of each image, s; since the first one, or as the names say where they hold a time with its unit.
    sub : tuple of int
        Number of each image within its second; all 0 where the names hold none.
    rest : tuple of str
        The names, what belongs to the time replaced by ``~``.
    said : str
        First and last time as a person would say them.
    elapsed : bool
        Whether it is a time with its unit, and so not one since the first image.
    maybe_exposures : bool
        Whether it is a time of one unit, which may as well be an exposure.
    note : str
        What was taken for granted; empty when nothing was.
    """

    seconds: tuple[float, ...]
    sub: tuple[int, ...]
    rest: tuple[str, ...]
    said: str
    elapsed: bool = False
    note: str = ""
    maybe_exposures: bool = False


@dataclass(frozen=True)
class _Times:
    """Seconds of the day, whole and fraction, and numbers within a second; and the names without them."""

    whole: list[int]
    fraction: list[float]
    sub: list[int]
    rest: list[str]


def find_clock(
    stems: Sequence[str], order_of: Callable[[Sequence[str]], list[int] | None]
) -> NameClock | None:
    """The clock in the names ``stems``; None where they hold none.

    Parameters
    ----------
    order_of
        Gives the order of names by the numbers in them, or None where these do not tell them apart: a clock without
        a date passes midnight in that order.

    Raises
    ------
    ClockError
        If the day or the midnight is left open by the names, or a time with its units is none.
    """
    if len(stems) < 2:
        return None
    dates = find_dates(stems, _without_clock)
    rest = list(stems) if dates is None else dates.rest
    times = _times(rest, dates is not None)
    if times is None and (bare := find_bare_clock(rest)) is not None:
        times = _read(rest, bare)
    if times is not None and dates is not None:
        return _on_days(dates, times)
    if times is not None:
        return _within_a_day(times, order_of)
    # Eight digits in a row may as well count, and are in the right order by themselves.
    if (
        dates is not None
        and len(set(dates.days)) > 1
        and not all(re.search(r"\d{8}", stem) for stem in stems)
    ):
        return _on_days(dates, _Times([0] * len(stems), [0.0] * len(stems), [0] * len(stems), rest))
    return _elapsed(rest)


def _times(stems: Sequence[str], dated: bool) -> _Times | None:
    for pattern in (_GATAN, *_AFTER_A_DATE) if dated else _ALONE:
        found = [list(pattern.finditer(stem)) for stem in stems]
        if not all(found):
            continue
        times = _read(stems, [matches[-1] for matches in found])
        keys = list(zip(times.whole, times.fraction, times.sub, strict=True))
        doubtful = not dated and pattern is _ALONE[-1]
        separators = {matches[-1].groupdict().get("sep") for matches in found}
        if (dated or len(set(keys)) > 1) and not _count(times, separators if doubtful else set(), dated):
            return times
    return None


def _count(times: _Times, separators: set[str | None], dated: bool) -> bool:
    """Whether what looks like times merely counts, such as region, area and image."""
    if any(times.fraction):
        return False
    minutes: dict[int, list[int]] = {}
    for whole in sorted(set(times.whole)):
        minutes.setdefault(whole // 60, []).append(whole % 60)
    # From 0 or 1 in ones, again and again; or, with nothing said of a date, in ones at all.
    in_ones = all(m == list(range(m[0], m[0] + len(m))) for m in minutes.values())
    from_one = (
        in_ones and all(m[0] in (0, 1) for m in minutes.values()) and max(map(len, minutes.values())) > 1
    )
    if dated:
        return from_one and set(minutes) == {0}
    if not separators:
        return False
    return from_one or (len(minutes) == 1 and (in_ones or separators == {"_"}))


def _read(stems: Sequence[str], found: Sequence[re.Match[str]]) -> _Times:
    """Times as the matches give them; three digits after the seconds count images where they do so in all names."""
    parts = [match.groupdict() for match in found]
    thousandths = [part.get("ms") for part in parts]
    whole = [_seconds_of_day(part) for part in parts]
    numbers = [int(ms or 0) for ms in thousandths]
    counts = all(thousandths) and (_follow(whole, numbers) or _begin_anew(whole, numbers))
    of_ms = all(thousandths) and not counts
    fraction = [float(f"0.{part.get('f') or (part.get('ms') if of_ms else None) or 0}") for part in parts]
    rest = []
    for stem, match, part in zip(stems, found, parts, strict=True):
        end = match.end("all") if "all" in part else match.end()
        if part.get("ms") and not of_ms:
            end = match.start("ms") - 1
        rest.append(f"{stem[: match.start()]}~{stem[end:]}")
    return _Times(whole, fraction, [int(part.get("sub") or 0) for part in parts], rest)


def _seconds_of_day(part: dict[str, str | None]) -> int:
    hour = int(part["h"] or 0)
    if part.get("half"):
        hour = hour % 12 + (12 if (part["half"] or "").lower() == "pm" else 0)
    return 3600 * hour + 60 * int(part["min"] or 0) + int(part.get("s") or 0)


def _follow(whole: Sequence[int], numbers: Sequence[int]) -> bool:
    """Whether unique ``numbers`` grow as the seconds do, as a counter does."""
    by_number = [second for _, second in sorted(zip(numbers, whole, strict=True))]
    return len(set(numbers)) == len(numbers) and by_number == sorted(by_number)


def _begin_anew(whole: Sequence[int], numbers: Sequence[int]) -> bool:
    """Whether ``numbers`` count 0, 1, 2 or 1, 2, 3 in each second, and more than one in some."""
    of_second: dict[int, list[int]] = {}
    for second, number in sorted(zip(whole, numbers, strict=True)):
        of_second.setdefault(second, []).append(number)
    groups = list(of_second.values())
    return max(map(len, groups)) > 1 and any(
        all(group == list(range(first, first + len(group))) for group in groups) for first in (0, 1)
    )


def _without_clock(rest: list[str]) -> list[str]:
    """Names in which a date stood, without the clock behind it."""
    times = _times(rest, True)
    return rest if times is None else times.rest


def _on_days(dates: NameDates, times: _Times) -> NameClock | None:
    moments = [day + timedelta(seconds=whole) for day, whole in zip(dates.days, times.whole, strict=True)]
    first = min(moments)
    seconds = [(m - first).total_seconds() + f for m, f in zip(moments, times.fraction, strict=True)]
    if len({*zip(seconds, times.sub, strict=True)}) < 2:
        return None
    low = min(seconds)
    form = "%d %b %H:%M:%S" if first.date() != max(moments).date() else "%H:%M:%S"
    said = f"{first:{form}} to {max(moments):{form}}"
    since = tuple(second - low for second in seconds)
    return NameClock(since, tuple(times.sub), tuple(times.rest), said, note=dates.note)


def _within_a_day(times: _Times, order_of: Callable[[Sequence[str]], list[int] | None]) -> NameClock:
    """Seconds since the first image by a clock without a date."""
    order = order_of(times.rest) or sorted(range(len(times.rest)), key=times.rest.__getitem__)
    running, note = running_seconds([(times.whole[row], times.sub[row]) for row in order])
    seconds = [0.0] * len(order)
    for row, second in zip(order, running.tolist(), strict=True):
        seconds[row] = second + times.fraction[row]
    low = min(seconds)
    ends = [times.whole[seconds.index(end)] for end in (low, max(seconds))]
    said = " to ".join(f"{end // 3600:02d}:{end // 60 % 60:02d}:{end % 60:02d}" for end in ends)
    since = tuple(round(second - low, 6) for second in seconds)
    return NameClock(since, tuple(times.sub), tuple(times.rest), said, note=note)


def _elapsed(stems: Sequence[str]) -> NameClock | None:
    """Times with their units, such as 30min or 1h05, when every name holds one and they all differ."""
    found = find_elapsed(stems)
    if found is None:
        return None
    said = f"{span(found.seconds)} s"
    exposures = not found.several_units
    return NameClock(found.seconds, (0,) * len(stems), found.rest, said, True, maybe_exposures=exposures)
