"""What is known of every frame of a series: its tilt, its time, whether it is left out."""

import math
import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from voidlab.images.errors import ImagesError
from voidlab.images.find_files import PathLike
from voidlab.images.readers.base import ImageFile
from voidlab.images.tilt_angles import read_angles
from voidlab.tables.listing import name_first
from voidlab.tables.tilts import is_tilted

_RADIANS, _SPAN = 1.58, 0.35  # 90 degrees; 20 of them, as tilt series have at least
_PLAUSIBLE_S = (1e-9, 1e7)  # between images: from those of the fastest cameras to some months
PerFrame = Sequence[float] | Mapping[int, float]


def status(numbers: Sequence[int], excluded: Sequence[int], notes: list[str]) -> list[str]:
    """Status of each of the frames ``numbers``.

    Raises
    ------
    ImagesError
        If no frame is left.
    """
    left_out = set(excluded)
    strangers = sorted(left_out - set(numbers))
    if strangers:
        notes.append(f"excluded_frames names {name_first(strangers, 5)}, not in the series.")
    found = ["excluded" if number in left_out else "ok" for number in numbers]
    if "ok" not in found:
        raise ImagesError(f"excluded_frames leaves out all {len(numbers)} frames: leave some in.")
    return found


def tilts(given: PerFrame | PathLike | None, numbers: Sequence[int], notes: list[str]) -> list[float]:
    """Tilt angle of each of the frames ``numbers``, deg; NaN when none is given.

    Raises
    ------
    ImagesError
        If a frame has none, there are too many, or one is no angle.
    """
    if given is None:
        return [math.nan] * len(numbers)
    values = read_angles(Path(given)) if isinstance(given, str | os.PathLike) else given
    angles = _per_frame("tilt_angles_deg", values, numbers, notes)
    wrong = next((angle for angle in angles if not abs(angle) <= 180), None)
    if wrong is not None:
        raise ImagesError(f"tilt_angles_deg holds {wrong:g}; expected degrees, -180 to 180.")
    if len(set(angles)) > 1 and not is_tilted(angles):
        low, high = min(angles), max(angles)
        notes.append(
            f"The tilts, {low:g} to {high:g} deg, are those of a stage at rest: this is no tilt series."
        )
    if max(map(abs, angles)) < _RADIANS and max(angles) - min(angles) > _SPAN:
        notes.append(
            f"The tilt angles go from {min(angles):g} to {max(angles):g} deg only. Are they in radians? If so, "
            "multiply them by 57.3."
        )
    return angles


def check_times(given: PerFrame, numbers: Sequence[int]) -> None:
    """Raise ImagesError where times that somebody typed do not go up from frame to frame."""
    values = _per_frame("times_s", given, numbers, [])
    for at, (before, after) in enumerate(pairwise(values)):
        if not (math.isfinite(after) and math.isfinite(before) and after > before):
            raise ImagesError(
                f"times_s goes from {before:g} in frame {numbers[at]} to {after:g} in frame {numbers[at + 1]}; "
                "expected times in s that go up, in frame order."
            )


def times_of(stack: ImageFile | None, notes: list[str]) -> PerFrame | None:
    """Times that a file says of its images, s; None, and a note, where they cannot be such times."""
    if stack is not None and stack.times_note:
        notes.append(f"{stack.times_note} If the times are known, give times_s or frame_interval_s.")
    return (
        credible_times(stack.times_s, stack.path.name, notes) if stack is not None and stack.times_s else None
    )


def credible_times(found: Sequence[float], whose: str, notes: list[str]) -> Sequence[float] | None:
    """Times of images that were ``found``, s; None, and a note, where they cannot be such times."""
    steps = [after - before for before, after in pairwise(found)]
    least, most = _PLAUSIBLE_S
    odd = next((step for step in steps if not least <= step <= most), None)
    if odd is None:
        return found
    how = "do not go up from image to image"
    if 0 < odd < math.inf:
        how = f"lie {odd:.3g} s apart, which is no time between images ({least:g} to {most:g} s)"
    notes.append(
        f"The times in {whose} {how}: they are not used. If they are known, give times_s or frame_interval_s."
    )
    return None


def times(
    given: PerFrame | None, interval: float | None, numbers: Sequence[int], notes: list[str]
) -> list[float]:
    """Time of each of the frames ``numbers``, s; NaN when neither times nor an interval are given.

    Raises
    ------
    ImagesError
        If both are given, or a frame has none.
    """
    if given is not None and interval is not None:
        raise ImagesError("times_s and frame_interval_s are both given; expected one of them.")
    if given is not None:
        return _per_frame("times_s", given, numbers, notes)
    return [math.nan if interval is None else interval * (number - numbers[0]) for number in numbers]


def _per_frame(name: str, values: PerFrame, numbers: Sequence[int], notes: list[str]) -> list[float]:
    """``values`` in the order of the frames ``numbers``."""
    if not isinstance(values, Mapping):
        if len(values) != len(numbers):
            raise ImagesError(
                f"{name} has {len(values)} values for {len(numbers)} frames; expected one for each, "
                "in frame order, those of excluded frames too."
            )
        return [float(value) for value in values]
    lacking = [number for number in numbers if number not in values]
    if lacking:
        raise ImagesError(
            f"{name} has {len(values)} values, none for {len(lacking)} of the {len(numbers)} frames, "
            f"the first: frame {lacking[0]}. Give each frame one."
        )
    if len(values) > len(numbers):
        notes.append(f"{name} has {len(values) - len(numbers)} values for frames that are not in the series.")
    return [float(values[number]) for number in numbers]
