"""Times of images from the clock in their names, which knows no date: series that pass midnight are told as such."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from voidlab.errors import VoidlabError

_TIME = re.compile(r"Hour_(\d+)_Minute_(\d+)_Second_(\d+)(?:_Frame_(\d+))?")
_DAY = 86_400
_HALF, _HOUR = _DAY // 2, _DAY // 24
_ENOUGH = 6  # images to a day whose order is none by accident


class ClockError(VoidlabError):
    """Clock times that leave open which image comes first, with what was found; ``rest``: the names without them."""

    def __init__(self, said: str, rest: Sequence[str] = ()) -> None:
        super().__init__(said)
        self.rest = rest


def clock_of(name: str) -> tuple[int, int] | None:
    """Second of the day and frame in the name of an image (Hour_…_Minute_…_Second_…_Frame_…); None without."""
    found = _TIME.search(name)
    if found is None:
        return None
    hour, minute, second, frame = (int(part or 0) for part in found.groups())
    return 3600 * hour + 60 * minute + second, frame


def running_seconds(clocks: Sequence[tuple[int, int]]) -> tuple[np.ndarray, str]:
    """Seconds since the midnight before the first image, for images in any order.

    Where the images, six or more to a day, stand in an order in which the clock falls back by more than 12 hours and
    never by less, a day passes at each fall. Else the clock passes midnight if that alone makes the series one run:
    the times are more than 12 hours apart somewhere, and less than an hour over midnight.

    Parameters
    ----------
    clocks
        Second of the day and frame of each image, `clock_of`, as the images stand.

    Returns
    -------
    seconds : ndarray of shape (n,), int
        In the order of ``clocks``.
    note : str
        What was taken for granted; empty when nothing was.

    Raises
    ------
    ClockError
        If the series may as well begin before midnight as after it.
    """
    second = np.array([clock[0] for clock in clocks], np.int64)
    step = np.diff(second)
    back = [after < before for before, after in pairwise(clocks)]
    falls = step < -_HALF
    days = int(falls.sum())
    if 0 < days <= len(second) // _ENOUGH and not (np.array(back) & ~falls).any():
        return second + _DAY * np.append(0, np.cumsum(falls)), _passed(days)
    known = np.unique(second)
    if len(known) < 2:
        return second, ""
    pause = int(np.diff(known).max())
    over_midnight = int(known[0] + _DAY - known[-1])
    if pause <= over_midnight:
        return second, ""
    begins = int(known[1:][np.argmax(np.diff(known))])
    if pause < _HALF or over_midnight > _HOUR:
        raise ClockError(
            f"the clock times in the names leave open whether the series begins at {_said(int(known[0]))} and pauses "
            f"for {pause / 3600:.1f} h, or begins at {_said(begins)} and passes midnight; number the images: "
            "give each line a 'frame'."
        )
    return second + _DAY * (second < begins), _passed(1)


def _passed(days: int) -> str:
    times = "once" if days == 1 else f"{days} times"
    return (
        f"The clock times in the names pass midnight {times}: what comes after it was taken for the next day."
    )


def _said(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
