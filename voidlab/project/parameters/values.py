"""What values of parameters are made into, or refused for, before they count: boxes, ranges of frames, limits."""

import re
from typing import Literal, get_args

Kind = Literal["void", "loop", "dot"]

_RANGE, _LONGEST_RANGE = re.compile(r"\s*(\d{1,15})\s*[-–]\s*(\d{1,15})\s*"), 100_000


def check_box(box: list[int]) -> list[int]:
    check_boxes([box])
    return box


def check_boxes(boxes: list[list[int]]) -> list[list[int]]:
    for box in boxes:
        if len(box) != 4 or min(box[:2]) < 0 or min(box[2:]) < 1:
            raise ValueError(
                f"{box}: a box is [left, top, width, height] in px, from 0, at least 1 wide and high"
            )
    return boxes


def in_full(frames: object) -> object:
    """Numbers in place of ranges such as "10-20"."""
    if not isinstance(frames, list):
        return frames
    numbers: list[object] = []
    for each in frames:
        ends = _RANGE.fullmatch(each) if isinstance(each, str) else None
        if ends is None:
            numbers.append(each)
            continue
        first, last = int(ends[1]), int(ends[2])
        if not 0 <= last - first < _LONGEST_RANGE:
            raise ValueError(f"'{each}': a range is 'FIRST-LAST', up to {_LONGEST_RANGE:,} frames")
        numbers += range(first, last + 1)
    return numbers


def as_tuple(values: object) -> object:
    return tuple(values) if isinstance(values, list) else values


def in_order(kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """Each once, in the usual order: the order they are given in is not to make another result of the same."""
    return tuple(kind for kind in get_args(Kind) if kind in kinds)


def check_number(value: object) -> object:
    if isinstance(value, bool | str):  # true would count as 1
        raise ValueError(f"expected a number, not {value!r}")
    return value


def check_rising(limits: tuple[float, float]) -> tuple[float, float]:
    if not limits[0] < limits[1]:
        raise ValueError(f"{list(limits)}: expected [lowest, highest], the second larger than the first")
    return limits


def in_yaml(value: object) -> str:
    """``value`` as a YAML file has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(in_yaml, value))}]"
    return str(value)
