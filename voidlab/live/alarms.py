"""What an operator at the microscope should know at once."""

import shutil
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from voidlab.live.followed import Followed
from voidlab.live.index import BLANK, OK, Entry

_BEFORE, _NOW = 15, 3  # images: the last three against those before
LATELY, _USELESS = 6, 3  # so many of the last images that show nothing are told
_BEYOND = 0.5  # of the pixels, that lie outside the intensities
_SOME_VOIDS = 5  # in an image: of fewer there may be none by chance
_FAR, _LEAST_SHARE, _LEAST_COUNT = 6.0, 0.25, 20
_JUMP_SHARE, _JUMP_TIMES = 0.15, 10.0  # of the shorter side; of the usual step
_QUIET_S, _QUIET_TIMES = 30.0, 10.0
_FULL_BYTES, _FULL_SHARE = 2e9, 0.02
_LONG_BACKLOG, _GROWN_IN_S = 20, 30.0


def usual_count(entries: Iterable[Entry]) -> float:
    """How many voids an image has that has any; 0 where most images of the series have none."""
    counts = np.array([entry.count for entry in entries if entry.status == OK])
    some = counts[counts > 0]
    return float(np.median(some)) if 4 * len(some) > len(counts) else 0.0


def of_images(entries: Sequence[Entry], usual: float = 0.0, unread: int = 0) -> list[str]:
    """What the last images show that those before, in the order of the frames, do not.

    ``usual``: voids in those before; ``unread``: how many files there are of late that cannot be read.
    """
    seen = [entry for entry in entries if entry.status == OK][-_BEFORE - _NOW :]
    said = []
    count = _jump([entry.count for entry in seen])
    if count and max(count) >= _LEAST_COUNT:
        said.append(
            f"the number of voids went from {count[0]:.0f} to {count[1]:.0f} (frame {seen[-1].frame}): "
            "focus, beam or field changed?"
        )
    sharp = _jump([entry.sharpness for entry in seen])
    if sharp and sharp[1] < sharp[0]:
        said.append(f"images are blurred since about frame {seen[-_NOW].frame}: focus or drift?")
    outside = _outside([entry.beyond for entry in entries[-_NOW:]])
    blank = [entry for entry in entries[-_NOW:] if entry.status == BLANK]
    if outside:
        said.append(outside)
    elif len(blank) == _NOW:
        said.append(f"the last {_NOW} images are blank: is the beam on?")
    # None are left, or all are blank: that is told then.
    is_told = bool(count and count[1] == 0 and count[0] >= _LEAST_COUNT) or outside or len(blank) == _NOW
    return said if is_told else said + _useless(entries, usual, unread)


def _outside(beyond: Sequence[float]) -> str:
    """What is to be done where images are far brighter, or darker, than those that intensities were decided by."""
    shares = np.array(beyond)
    if len(shares) < _NOW or not (np.abs(shares) > _BEYOND).all():
        return ""
    how, why = ("brighter", "was beam, gain or exposure changed?")
    if shares[-1] < 0:
        how, why = ("darker", "is the beam on, or was it, gain or exposure changed?")
    return (
        f"the last {_NOW} images are {how} than the intensities that were decided ({abs(shares[-1]):.0%} of the "
        f"pixels of the last one), so voids in them are missed: {why} If it is to stay so: Decide again."
    )


def _useless(entries: Sequence[Entry], usual: float, unread: int) -> list[str]:
    """Whether many of the last images are of no use, be it by turns and for different reasons."""
    lately = [entry for entry in entries if entry.status in (OK, BLANK)][-max(LATELY - unread, 1) :]
    kinds = {
        "blank": sum(entry.status == BLANK for entry in lately),
        "without voids": sum(_is_empty(entry, usual) for entry in lately),
        "not to be read": min(unread, LATELY),
    }
    if sum(kinds.values()) < _USELESS:
        return []
    named = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    before = f", where there were {usual:.0f} voids" if kinds["without voids"] else ""
    return [f"of the last {LATELY} images {named}{before}: is the beam on, and the specimen in view?"]


def _is_empty(entry: Entry, usual: float) -> bool:
    return entry.status == OK and entry.count == 0 and usual >= _SOME_VOIDS


def of_drift(
    followed: Sequence[Followed], side_px: int, seen: Collection[int] = (), usual: float = 0.0
) -> list[str]:
    """What the drift of the last images shows; ``side_px`` is the shorter side of an image.

    ``seen``: frames of images that are not blank; ``usual``: voids in the images before.
    """
    known = [each for each in followed if np.isfinite(each.x_px)][-20:]
    if len(known) < 2:
        return []
    said = []
    places = np.array([(each.x_px, each.y_px) for each in known])
    steps = np.hypot(*np.diff(places, axis=0).T)
    recent = steps[-_NOW:]
    step = float(np.median(steps))
    if recent.max() > max(_JUMP_SHARE * side_px, _JUMP_TIMES * step):
        where = known[len(known) - len(recent) + int(recent.argmax())]
        said.append(f"the field of view jumped by {recent.max():.0f} px at frame {where.frame}.")
    lost = [each.frame for each in known[-_NOW:] if each.is_lost]
    if lost:
        said.append(
            f"registration lost at frame {lost[-1]}: it does not show what the images before it show, or too little."
        )
    last = known[-_NOW:]
    empty = [each.frame for each in last if each.is_blank and each.frame in seen]
    if empty and not lost and usual >= _SOME_VOIDS and all(each.is_blank for each in last):
        said.append(f"registration lost at frame {empty[-1]}: it has no voids to tell where it lies by.")
    return said


def of_time(quiet_s: float, interval_s: float, waiting: int) -> list[str]:
    """Whether nothing arrives; ``interval_s`` is the usual time between images, NaN where unknown."""
    most = _QUIET_S if not interval_s > 0 else max(_QUIET_S, _QUIET_TIMES * interval_s)
    if waiting or quiet_s < most:
        return []
    return [f"nothing has arrived for {quiet_s:.0f} s."]


def of_backlog(history: Sequence[tuple[float, int]]) -> list[str]:
    """Whether the backlog grows: (seconds, images that wait) at times up to now."""
    if not history:
        return []
    now, length = history[-1]
    before = [waiting for at, waiting in history if now - at >= _GROWN_IN_S]
    if length > _LONG_BACKLOG and before and length > before[-1]:
        return [
            f"images arrive faster than they are segmented: {length} wait. The newest are shown first; none is lost."
        ]
    return []


def of_disk(folder: Path) -> list[str]:
    """Whether the disk of ``folder`` is nearly full."""
    try:
        disk = shutil.disk_usage(folder)
    except OSError:
        return []
    if disk.free > min(_FULL_BYTES, _FULL_SHARE * disk.total):
        return []
    return [f"the disk of {folder} is nearly full: {disk.free / 1e9:.1f} GB are left."]


def _jump(values: Sequence[float]) -> tuple[float, float] | None:
    """The usual value before and the median of the last, where that is far from it; else None."""
    numbers = np.array(values, np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) < _NOW + 6:
        return None
    before, now = numbers[:-_NOW], float(np.median(numbers[-_NOW:]))
    usual = float(np.median(before))
    spread = 1.4826 * float(np.median(np.abs(before - usual)))
    if abs(now - usual) <= max(_FAR * spread, _LEAST_SHARE * abs(usual)):
        return None
    return usual, now
