"""What the page is told of images and of the watch, plain and finite, as strict JSON has it."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from voidlab.live.followed import Followed
from voidlab.live.index import Entry
from voidlab.tables.kinds import VOID

COLUMNS = (
    "frame", "name", "status", "count", "count_sigma", "diameter", "diameter_low", "diameter_high", "fraction",
    "fraction_sigma", "swelling", "swelling_low", "swelling_high", "tracks", "born", "lost", "merged", "bad",
)  # fmt: skip


def row_of(entry: Entry, followed: Followed | None, *, bad: bool, unit: float) -> list[Any]:
    """An image as a row of ``COLUMNS``; diameters in the unit that is ``unit`` to a px, shares in percent.

    Of one that is to be segmented again nothing is told: its numbers are those of before.
    """
    seen = entry.status == "ok"
    linked = followed is not None and followed.is_linked
    measured = [
        entry.diameter_px * unit,
        entry.diameter_low_px * unit,
        entry.diameter_high_px * unit,
        100 * entry.fraction,
        100 * entry.fraction_sigma,
        100 * entry.swelling,
        100 * entry.swelling_low,
        100 * entry.swelling_high,
    ]
    values = [
        entry.frame,
        entry.name,
        entry.status,
        entry.count if seen else None,
        math.sqrt(entry.count) if seen else None,
        *(value if seen else None for value in measured),
        *(
            [followed.tracks, followed.born, followed.lost, followed.merged]
            if followed and linked
            else [None] * 4
        ),
        bad,
    ]
    return [plain(value) for value in values]


def as_csv(rows: Iterable[Sequence[Any]], unit: str, left_out: Iterable[tuple[str, str, str]] = ()) -> str:
    """Rows of ``COLUMNS`` as a table to take along, diameters in ``unit``; each row says that it is provisional.

    Below stand the files that are ``left_out``: name, status and why.
    """
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    names = [f"{name}_{unit}" if name.startswith("diameter") else name for name in COLUMNS]
    percent = ("fraction", "swelling")
    table.writerow(
        [*(f"{name}_percent" if name.startswith(percent) else name for name in names), "provisional", "why"]
    )
    known = (row for row in rows if row[0] is not None)
    table.writerows([*row, True, None] for row in sorted(known, key=lambda row: row[0]))
    nothing = [None] * (len(COLUMNS) - 3)
    table.writerows([None, name, status, *nothing, True, why] for name, status, why in left_out)
    return written.getvalue()


def voids_of(voids: pd.DataFrame, particles: np.ndarray | None) -> list[list[Any]]:
    """The voids of an image: x, y, radius (px), particle (-1: none)."""
    named = np.full(len(voids), -1) if particles is None else particles
    shown = (voids["kind"] == VOID).to_numpy()
    circles = voids[["x_px", "y_px", "radius_px"]].to_numpy(np.float64)[shown].round(1)
    return [[*circle, name] for circle, name in zip(circles.tolist(), named[shown].tolist(), strict=True)]


def trails_of(trails: Mapping[int, list[tuple[float, float]]], followed: Followed) -> list[list[Any]]:
    """Where each particle of an image was, px of that image: particle, then x and y by turns."""
    drift = (followed.x_px, followed.y_px)
    return [[name, *(np.array(places) + drift).round(1).ravel().tolist()] for name, places in trails.items()]


def path_of(path: np.ndarray, unit: float, most: int = 500) -> list[list[Any]]:
    """The drift, (n, 2) px, of at most so many images."""
    step = max(1, math.ceil(len(path) / most))
    chosen = [*path[::step].tolist(), *(path[-1:].tolist() if len(path) else [])]
    return [[plain(round(x * unit, 2)), plain(round(y * unit, 2))] for x, y in chosen]


def plain(value: Any) -> Any:
    """``value`` as strict JSON has it: no number where it is not finite; one in `Infinity` stops a browser."""
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
