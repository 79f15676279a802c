"""What a reader of a campaign must know of its intervals, in words."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from voidlab.swelling.notes import unsized_in_words
from voidlab.swelling.pooled import Field

_DENSITIES = ("number_density", "areal_density")
_TAIL = 0.975
_MOST_NAMES = 12  # of datasets in a sentence


def two_fields_in_words(specimens: Mapping[str, pd.DataFrame]) -> str:
    """Why intervals of specimens with two fields are wide, and what would help; empty where there are none.

    Parameters
    ----------
    specimens
        The numbers of each, see `voidlab.swelling.pooled.pool_fields`.
    """
    wide = {name: found for name, pooled in specimens.items() if (found := _of_two_fields(pooled))}
    if not wide:
        return ""
    several = sum(pooled["fields"].max() > 1 for pooled in specimens.values()) > 1
    alike = "; so may --common-spread, if the fields of all specimens differ alike" if several else ""
    if len(wide) == 1:
        ((name, (times, half, third)),) = wide.items()
        return (
            f"Of {name} there are two fields, and two hardly tell how much fields differ: the 95 % interval of its "
            f"density is {times:.1f} standard errors to either side, {_to_either_side(half)}. A third field that "
            f"differs as much would bring it to about {_to_either_side(third)}{alike}."
        )
    halves, thirds = (
        "; ".join(f"{name} {_to_either_side(values[place])}" for name, values in wide.items())
        for place in (1, 2)
    )
    return (
        f"Of {len(wide)} specimens there are two fields each, and two hardly tell how much fields differ: the 95 % "
        f"intervals of the density are {halves}. A third field each that differs as much would bring it to "
        f"about {thirds}{alike}."
    )


def _to_either_side(half: float) -> str:
    """An interval of a density in words, ``half`` of it over the density: no density is less than 0."""
    return f"± {half:.0%}" if half < 1 else f"0 to {1 + half:.2g} times the value"


def _of_two_fields(pooled: pd.DataFrame) -> tuple[float, float, float] | None:
    """How many standard errors the interval is to either side, how much that is, and would be with a third field.

    None unless it rests on two fields.
    """
    quantity = next((each for each in _DENSITIES if each in pooled.index), None)
    if quantity is None or pooled.loc[quantity, "fields"] != 2:
        return None
    row = pooled.loc[quantity]
    error, counting, degrees = map(float, row[["between_fields", "counting", "degrees_of_freedom"]])
    times, normal = float(stdtrit(degrees, _TAIL)), float(ndtri(_TAIL))
    if not degrees or not times * error > normal * counting:
        return None  # nothing to scatter, or counting alone tells less
    shrunk = (2 / 3) ** 0.5
    return times, times * error, max(float(stdtrit(2, _TAIL)) * error, normal * counting) * shrunk


def without_a_size_in_words(specimens: Mapping[str, Sequence[Field]]) -> str:
    """How many voids are smaller than their fringe, of which of the ``specimens``; empty where there are none."""
    parts, alone = [], ""
    for name, fields in specimens.items():
        diameter, sized = (
            np.concatenate([getattr(f, part) for f in fields]) for part in ("diameter", "sized")
        )
        if not sized.all():
            alone = f"Of {name}, {unsized_in_words(diameter, sized)}"
            share = (diameter[~sized] ** 3).sum() / (diameter**3).sum()
            parts.append(f"{(~sized).sum():,} of {len(sized):,} of {name} ({share:.1%} of the volume)")
    if len(parts) < 2:
        return alone
    return (
        f"Smaller than the fringe around them are voids of {len(parts)} specimens: {'; '.join(parts)}. Their radii "
        "are no sizes, and come out too large. They count in the density, but not in mean and median diameter or the "
        "size distribution."
    )


def single_fields_in_words(specimens: Mapping[str, Sequence[Field]]) -> str:
    """Which of the ``specimens`` have one field only; empty where none has."""
    single = [name for name, fields in specimens.items() if len(fields) == 1]
    if not single:
        return ""
    if len(single) == 1:
        return f"Of {single[0]} there is one field: how much fields differ is not in its interval."
    return (
        f"Of {'; '.join(single)} there is one field each: how much fields differ is not in their intervals."
    )


def without_a_thickness_in_words(specimens: Mapping[str, pd.DataFrame]) -> str:
    """Which ``specimens`` have numbers per area only, beside others that have some per volume; empty where none has.

    Parameters
    ----------
    specimens
        The numbers of each, see `voidlab.swelling.pooled.pool_fields`.
    """
    thin = [name for name, pooled in specimens.items() if "number_density" not in pooled.index]
    if not thin or len(thin) == len(specimens):
        return ""
    return (
        f"Of {named(thin)} no thickness of the foil is known, or not of each field: their densities and volumes are "
        "per area, and in no plot per volume. Give foil_thickness_nm and foil_sigma_nm below sample."
    )


def without_in_words(specimens: Sequence[str]) -> str:
    """Which ``specimens`` are not in a plot per volume, to stand behind what it shows; empty where all are."""
    return f"; without {named(specimens)}, of which no thickness is known" if specimens else ""


def in_px_in_words(datasets: Sequence[str], *, apart: bool) -> str:
    """What holds of ``datasets`` without a pixel size, ``apart`` from others in nm; empty where nothing does.

    A px of another magnification is another length: together, sizes in px mean something of one magnification only.
    """
    several = len(datasets) > 1
    if not datasets or not (several or apart):
        return ""
    beside = ", apart from those in nm and never pooled with them" if apart else ""
    alike = (
        " Sizes and densities in px may be pooled and compared only of images of one magnification: make sure that "
        "all of these have the same."
    )
    return (
        f"Without a pixel size, and so in px{beside}: {named(datasets)}.{alike if several else ''} Give "
        f"pixel_size_nm to compare them{' with others' if several else ''}."
    )


def named(datasets: Sequence[str]) -> str:
    """The names of some ``datasets``; of many how many there are, and the first of them."""
    if len(datasets) <= _MOST_NAMES:
        return ", ".join(datasets)
    return f"{len(datasets)} datasets, marked in the list of fields ({', '.join(datasets[:3])}, …)"
