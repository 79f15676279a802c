"""What a run recorded of a dataset, looked at before it counts beside others: a damaged record hurts nobody else."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from voidlab.images.pixel_size import PLAUSIBLE_NM, plausible
from voidlab.project.parameters.problems import LARGEST, TAKEN
from voidlab.tables.reading import sendable
from voidlab.tables.size_basis import is_size

_QUANTITIES = (
    "areal_density",
    "mean_diameter_seen",
    "volume_per_area",
)  # that every field has, NaN without voids


def plain_sample(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is ``given`` of a specimen: texts and numbers that a table can hold, none in place of a column of ours."""
    made = {name: sendable(value) if isinstance(value, str) else value for name, value in given.items()}
    return {name: value for name, value in made.items() if name not in TAKEN and _can_be_held(value)}


def _can_be_held(value: object) -> bool:
    if isinstance(value, int):
        return abs(value) <= LARGEST
    return isinstance(value, str) or (isinstance(value, float) and math.isfinite(value))


def why_odd(here: pd.DataFrame, counted: pd.DataFrame, pixel_nm: object) -> str:
    """What is wrong with the numbers of a field: those ``here``, the voids ``counted``, the width of its pixels."""
    if pixel_nm is not None and (
        isinstance(pixel_nm, bool) or not isinstance(pixel_nm, int | float) or not plausible(pixel_nm)
    ):
        low, high = PLAUSIBLE_NM
        return f"its record says {pixel_nm!r:.40} nm per px; expected {low} to {high:g}"
    if not {*_QUANTITIES} <= {*here["quantity"]}:
        return "its table swelling does not hold the image that the numbers are of"
    sized = is_size(counted)
    radius, area = counted["radius_px"].to_numpy(float)[sized], counted["area_px2"].to_numpy(float)
    good = (radius > 0) & (radius < LARGEST)
    if np.isinf(here["value"]).any() or not good.all() or (area < 0).any():
        return "its tables hold numbers that are none of voids"
    return ""
