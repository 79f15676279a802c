"""What following an image gave, where it lies and what became of its tracks, as it is kept for a later watch."""

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

_NOT_KEPT = {"particles"}


@dataclass(slots=True)
class Followed:
    """Where an image lies, px, and what its voids are.

    ``mask`` stands for its void mask; ``is_blank`` says that there was nothing to tell where it lies by;
    ``search_range_px`` is NaN before it is known: the voids are not linked then, nor where they lie too dense.
    ``particles`` has a number for each void, -1 for those that are not linked; None where they are not, and
    once the image is none of the last.
    """

    frame: int
    mask: str = ""
    x_px: float = math.nan
    y_px: float = math.nan
    is_lost: bool = False
    is_blank: bool = False
    is_linked: bool = False
    search_range_px: float = math.nan
    born: int = 0
    lost: int = 0
    merged: int = 0
    tracks: int = 0
    particles: np.ndarray | None = None

    def as_row(self) -> list[Any]:
        """Its values but for the particles, None where they are not finite; `of_row` reads them."""
        values = (getattr(self, name) for name in _KEPT)
        return [None if isinstance(v, float) and not math.isfinite(v) else v for v in values]

    @classmethod
    def of_row(cls, row: list[Any]) -> Self:
        """What `as_row` gave.

        Raises
        ------
        ValueError
            If it is none.
        """
        told: dict[str, Any] = dict(zip(_KEPT, (math.nan if v is None else v for v in row), strict=True))
        made = cls(**told)
        if not isinstance(made.frame, int) or not math.isfinite(made.x_px + made.y_px):
            raise ValueError(f"{row} is no image that was followed.")
        return made

    def without_particles(self) -> Self:
        return replace(self, particles=None)


_KEPT = tuple(field.name for field in fields(Followed) if field.name not in _NOT_KEPT)
