"""What edits by hand to voids and to tracks have in common: the void that is meant, and what came of an edit."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from voidlab.project.corrections import Correction
from voidlab.project.spots import Spot
from voidlab.tables.kinds import VOID

_NEAR_PX = 3.0
_NEAR_SHARE = 0.5  # of the radius, as when voids are matched with a truth
_LIKE = 2.0  # how many times larger or smaller it may have become
NOT_APPLIED = "NOT applied"

Kind = TypeVar("Kind")


class NoFit(Exception):
    """Why an edit cannot be applied."""


def find_void(rows: pd.DataFrame, at: Spot) -> int | None:
    """Position in ``rows`` of the remaining void at ``at``: the nearest of about its size; None when it is gone."""
    apart = np.hypot(rows["x_px"].to_numpy() - at.x_px, rows["y_px"].to_numpy() - at.y_px)
    size = rows["radius_px"].to_numpy() / at.radius_px
    fits = (apart <= max(_NEAR_PX, _NEAR_SHARE * at.radius_px)) & (size <= _LIKE) & (size >= 1 / _LIKE)
    fits &= (rows["frame"] == at.frame).to_numpy()
    if "kind" in rows:  # a loop near by is not what is meant
        fits &= (rows["kind"] == VOID).to_numpy()
    if "corrected" in rows:
        fits &= (rows["corrected"] != "deleted").to_numpy()
    return int(np.argmin(np.where(fits, apart, np.inf))) if fits.any() else None


def spot_of(void: Any) -> Spot:
    """Where a row of the table ``voids`` lies."""
    return Spot(
        frame=int(void["frame"]),
        x_px=round(float(void["x_px"]), 2),
        y_px=round(float(void["y_px"]), 2),
        radius_px=round(float(void["radius_px"]), 2),
    )


def list_outcomes(
    made: Sequence[Correction], reasons: Sequence[str], problems: Sequence[str] = ()
) -> pd.DataFrame:
    """What came of corrections: ``when, who, what, outcome``; ``problems`` are lines that could not be read."""
    rows = [
        (line.when, line.who, str(line.edit), f"{NOT_APPLIED}: {reason}" if reason else "applied")
        for line, reason in zip(made, reasons, strict=True)
    ]
    rows += [("", "", "", f"{NOT_APPLIED}: {problem}") for problem in problems]
    return pd.DataFrame(rows, columns=["when", "who", "what", "outcome"], dtype="str")


def why_not(apply: Callable[[Kind], None], edit: Kind) -> str:
    """Apply ``edit``; why it does not fit, empty when it does."""
    try:
        apply(edit)
    except NoFit as reason:
        return str(reason)
    return ""
