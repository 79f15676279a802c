"""What a reader of a campaign must know of its intervals, in words."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from voidlab.swelling.estimate import unsized_in_words
from voidlab.swelling.pooled import Field

_DENSITIES = ("number_density", "areal_density")
_TAIL = 0.975


def two_fields_in_words(name: str, pooled: pd.DataFrame, *, others: bool) -> str:
    """Why the interval of specimen ``name`` is wide, and what would help; empty unless it rests on two fields.

    Parameters
    ----------
    pooled
        Its numbers, see `voidlab.swelling.pooled.pool_fields`.
    others
        Whether other specimens tell how much fields differ, too.
    """
    quantity = next((each for each in _DENSITIES if each in pooled.index), None)
    if quantity is None or pooled.loc[quantity, "fields"] != 2:
        return ""
    row = pooled.loc[quantity]
    error, counting, degrees = row[["between_fields", "counting", "degrees_of_freedom"]].to_numpy(float)
    times, normal = float(stdtrit(degrees, _TAIL)), float(ndtri(_TAIL))
    if not degrees or not times * error > normal * counting:
        return ""  # nothing to scatter, or counting alone tells less
    shrunk = (2 / 3) ** 0.5
    third = max(float(stdtrit(2, _TAIL)) * error, normal * counting) * shrunk
    said = (
        f"Of {name} there are two fields, and two hardly tell how much fields differ: the 95 % interval of its "
        f"density is {times:.1f} standard errors to either side, ± {times * error:.0%}. A third field that "
        f"differs as much would bring it to about ± {third:.0%}"
    )
    alike = "; so may --common-spread, if the fields of all specimens differ alike" if others else ""
    return f"{said}{alike}."


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
