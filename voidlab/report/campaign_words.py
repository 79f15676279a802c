"""What a reader of a campaign must know of its intervals, in words."""

from collections.abc import Sequence

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


def without_a_size_in_words(name: str, fields: Sequence[Field]) -> str:
    """How many voids of specimen ``name`` are smaller than their fringe; empty where there are none."""
    diameter, sized = (np.concatenate([getattr(f, part) for f in fields]) for part in ("diameter", "sized"))
    said = unsized_in_words(diameter, sized)
    return f"Of {name}, {said}" if said else ""
