"""What the names of image files say, all told: order and frame number, tilt, time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from voidlab.images import frame_numbers
from voidlab.images.bare_clock import note_on_digits
from voidlab.images.clock import ClockError
from voidlab.images.errors import UNRELATED, ImagesError
from voidlab.images.name_clock import NameClock, find_clock
from voidlab.images.name_tilts import NameTilts, find_tilts, plain_dashes
from voidlab.images.order_doubts import advice_on_dates, note_on_order

_MAGNIFICATION = re.compile(
    r"(?<![a-z0-9.])(?:\d+(?:\.\d+)? ?k|\d{3,7}) ?[x×](?![a-z0-9])", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True)
class InNames:
    """Files in the order of their frame numbers, these numbers, and tilts (deg) and times (s) if names have them."""

    files: list[Path]
    numbers: list[int]
    tilts_deg: list[float] | None
    times_s: list[float] | None
    notes: list[str]


def in_order(files: Sequence[Path]) -> InNames:
    """``files`` in the order they are given, as frames 1, 2, …"""
    return InNames(list(files), list(range(1, len(files) + 1)), None, None, [])


def read_names(files: Sequence[Path], pattern: str | None, step: int) -> InNames:
    """Order ``files`` by their names.

    Parameters
    ----------
    pattern
        Regular expression for the frame number, see `frame_numbers.numbers_by_pattern`. None: the last number that
        tells the files apart; else their order in time, else by tilt.
    step
        What the numbers go up by from frame to frame.

    Raises
    ------
    ImagesError
        If the order of the files is not clear from their names; the message says what to do.
    """
    stems, magnified = _without_magnification([plain_dashes(path.stem) for path in files])
    clock, why_no_clock = None, ""
    try:
        clock = find_clock(stems, lambda rest: _order(frame_numbers.counter(_without_tilts(rest))))
    except ClockError as error:
        why_no_clock, stems = str(error), list(error.rest or stems)
    tilts = find_tilts(clock.rest if clock and not clock.maybe_exposures else stems)
    notes = [*magnified, *([tilts.note] if tilts.note else [])]
    if pattern is not None:
        numbers = frame_numbers.divide(frame_numbers.numbers_by_pattern(files, pattern), step)
        return _sorted(files, numbers, tilts, _times(clock, numbers), notes)
    if clock is not None and clock.maybe_exposures and frame_numbers.counter(tilts.rest) is not None:
        rest = find_tilts(clock.rest).rest
        if frame_numbers.counter(rest) is not None:  # beside a number, 2s may be how long the exposure was
            clock = None
    if clock is None:
        if why_no_clock and frame_numbers.counter(tilts.rest) is None:
            raise ImagesError(_asked(files, why_no_clock))
        try:
            numbers = frame_numbers.numbers_in_names(files, tilts.rest, tilts.angles or tilts.order)
        except ImagesError as error:
            raise ImagesError(f"{error}{advice_on_dates(files)}") from None
        if len(files) > 1:  # the number of a single image means nothing
            notes += frame_numbers.note_on_hyphen(files, tilts.rest, numbers)
            notes += note_on_digits(tilts.rest, numbers)
        if not tilts.angles and not tilts.order:
            notes += note_on_order(files, numbers)
        return _sorted(files, frame_numbers.divide(numbers, step), tilts, None, notes)
    numbers, times, said = _by_clock(files, clock, tilts)
    if said and step != 1:
        raise ImagesError(
            f"frame_step is {step}, but the frames are numbered by the clock in the names: leave it out."
        )
    notes += [
        said or f"Times are those in the file names, {clock.said}.",
        *([clock.note] if clock.note else []),
        *_note_on_spread(clock, times),
    ]
    return _sorted(files, frame_numbers.divide(numbers, step), tilts, times, notes)


def _without_magnification(stems: list[str]) -> tuple[list[str], list[str]]:
    """Names without a magnification such as 50kx, where other numbers tell them apart; a note where it differs."""
    found = [match for stem in stems if (match := _MAGNIFICATION.search(stem))]
    told = sorted({match[0] for match in found}, key=lambda text: (len(text), text))
    if len(found) < len(stems) or len(told) < 2:
        return stems, []
    note = (
        f"The file names hold several magnifications, {told[0]} to {told[-1]}: one scale cannot hold for all."
    )
    rest = [_MAGNIFICATION.sub("~", stem) for stem in stems]
    return (stems if frame_numbers.counter(rest) is None else rest), [f"{note} {UNRELATED}"]


def _without_tilts(rest: Sequence[str]) -> list[str]:
    return find_tilts(rest).rest


def _order(numbers: Sequence[int] | None) -> list[int] | None:
    return None if numbers is None else sorted(range(len(numbers)), key=numbers.__getitem__)


def _asked(files: Sequence[Path], why: str) -> str:
    dated = advice_on_dates(files)
    if dated:
        return f"{why}{dated}"
    pattern = frame_numbers.pattern_that_works(files, every=True)
    advice = "" if pattern is None else f" frame_pattern: '{pattern}' takes the numbers as they stand."
    return f"{why}{advice}"


def _by_clock(
    files: Sequence[Path], clock: NameClock, tilts: NameTilts
) -> tuple[list[int], list[float], str]:
    """Frame numbers and times of files whose names hold a ``clock``, and how they were numbered if by that.

    Raises
    ------
    ImagesError
        If a number in the names runs against the clock, or files remain that nothing tells apart.
    """
    rest = find_tilts(clock.rest).rest
    counted = frame_numbers.counter(rest)
    if counted is not None:
        times = _times(clock, counted)
        if times is None and tilts.angles is None:
            raise ImagesError(_contradiction(files, clock, counted))
        return counted, list(clock.seconds) if times is None else times, ""
    keys: list[tuple[float, ...]] = list(zip(clock.seconds, clock.sub, strict=True))
    for column in frame_numbers.columns(rest):
        if len(set(keys)) < len(files):
            keys = [(*key, number) for key, number in zip(keys, column, strict=True)]
    numbers = frame_numbers.ranks(keys)
    frame_numbers.check_unique(files, numbers)
    times = _times(clock, numbers) or list(clock.seconds)
    return numbers, times, f"Frames count from 0 in the order of the times in the file names, {clock.said}."


def _contradiction(files: Sequence[Path], clock: NameClock, counted: Sequence[int]) -> str:
    rows = sorted(range(len(files)), key=counted.__getitem__)
    before, after = next((a, b) for a, b in pairwise(rows) if clock.seconds[a] > clock.seconds[b])
    pattern = frame_numbers.pattern_that_works(files, times=clock.seconds)
    advice = "" if pattern is None else f": '{pattern}'"
    return (
        f"by the number in their names '{files[before].name}' ({counted[before]}) comes before '{files[after].name}' "
        f"({counted[after]}), by the clock in them after it. Say which counts with frame_pattern: the group (\\d+) "
        f"around the number, or one around each number of the clock{advice}."
    )


def _times(clock: NameClock | None, numbers: Sequence[int]) -> list[float] | None:
    """Times (s) of the files, images of one second spread over it; None if the clock runs against the numbers."""
    if clock is None:
        return None
    order = np.argsort(numbers, kind="stable")
    seconds = np.array(clock.seconds)
    if (np.diff(seconds[order]) < 0).any():
        return None
    sub = np.array(clock.sub)
    if len(set(zip(clock.seconds, clock.sub, strict=True))) < len(sub) or not sub.any():
        sub = _places(seconds, order)
    spread = seconds + sub / (sub.max() + 1)
    return [float(round(second, 6)) for second in spread - (0 if clock.elapsed else spread[order[0]])]


def _note_on_spread(clock: NameClock, times: Sequence[float]) -> list[str]:
    """The sentence that images of one second were spread over it."""
    if len(set(clock.seconds)) == len(clock.seconds) or len(set(times)) < len(times):
        return []
    return ["Several images are of one second by their names: they are spread evenly over it."]


def _places(seconds: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Place of each image among those of its second, from 0."""
    places = np.zeros(len(seconds), int)
    for before, row in pairwise(order):
        if seconds[row] == seconds[before]:
            places[row] = places[before] + 1
    return places


def _sorted(
    files: Sequence[Path], numbers: list[int], tilts: NameTilts, times: list[float] | None, notes: list[str]
) -> InNames:
    order = sorted(range(len(files)), key=numbers.__getitem__)

    def rows(values: list[float] | None) -> list[float] | None:
        return None if values is None else [values[row] for row in order]

    return InNames(
        [files[row] for row in order], [numbers[row] for row in order], rows(tilts.angles), rows(times), notes
    )
