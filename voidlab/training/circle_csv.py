"""Circles that a person drew around voids, from a CSV; a row that is not understood is refused."""

from pathlib import Path

import numpy as np
import pandas as pd

from voidlab.training.pairing import LabelledError

CIRCLE = ["x_px", "y_px", "radius_px"]
_COUNTS = {"": True, "void": True, "sure": True, "ambiguous": False}  # kinds of a row of a CSV
_YES_OR_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def read_circles(file: Path, *, pages: int) -> tuple[pd.DataFrame, np.ndarray | None]:
    """Circles in a CSV, and the page of a stack that each is of; no pages for a single image.

    Parameters
    ----------
    pages
        Of the image file that the CSV lies beside.

    Returns
    -------
    circles : DataFrame
        ``x_px, y_px, radius_px, ignored``.
    frame : ndarray of shape (n,), int, or None

    Raises
    ------
    LabelledError
        If columns are missing, or a row is wrong; the message says which.
    """
    table = _csv(file)
    circles, frames = _circles(file, table), _frames(file, table, pages)
    void = ~_is_no_void(table)
    return circles[void].reset_index(drop=True), None if frames is None else frames[void]


def _csv(file: Path) -> pd.DataFrame:
    """A CSV as text, with the columns that every one must have."""
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False).fillna("")
    except ValueError as error:  # of pandas, and of bytes that are no text
        said = str(error).strip()
        raise LabelledError(f"{file.name}: {said}; expected columns x_px, y_px, r_px.") from None
    # pandas takes what is too much for an index, and moves the rest
    if not isinstance(table.index, pd.RangeIndex):
        raise LabelledError(
            f"rows of {file.name} have more values than its header has names; expected as many. "
            "Remove commas at the ends of rows, and write decimals with a point."
        )
    table = table.rename(columns={"r_px": "radius_px"})
    if any(list(table.columns).count(column) != 1 for column in CIRCLE):
        raise LabelledError(
            f"{file.name} has columns {', '.join(map(str, table.columns))}; "
            "expected columns x_px, y_px, r_px (or radius_px), each once, separated by commas."
        )
    return table.apply(lambda column: column.str.strip())


def _is_no_void(table: pd.DataFrame) -> np.ndarray:
    """Which rows were drawn around what only looks like a void; they count as background."""
    kinds = table["kind"] if "kind" in table else pd.Series("", table.index)
    return kinds.str.lower().str.startswith("not_void").to_numpy(bool)


def _circles(file: Path, table: pd.DataFrame) -> pd.DataFrame:
    voids = table[CIRCLE].apply(pd.to_numeric, errors="coerce").astype(float)
    for column in CIRCLE:
        _expect(file, table[column], np.isfinite(voids[column]), "a number, px")
    _expect(file, table["radius_px"], voids["radius_px"] > 0, "a radius above 0 px")
    ignored = np.zeros(len(table), bool)
    if "kind" in table:
        kind = table["kind"].str.lower()
        known = kind.isin(_COUNTS) | _is_no_void(table)
        _expect(file, table["kind"], known, "void, sure, ambiguous, or not_void for what only looks like one")
        ignored |= ~kind.map(_COUNTS).fillna(False).to_numpy(bool)
    if "touches_edge" in table:
        touches = table["touches_edge"].str.lower().str.removesuffix(".0")
        _expect(file, table["touches_edge"], touches.isin(_YES_OR_NO), "yes, no, true, false, 1 or 0")
        ignored |= touches.map(_YES_OR_NO).to_numpy(bool)
    return voids.assign(ignored=ignored)


def _frames(file: Path, table: pd.DataFrame, count: int) -> np.ndarray | None:
    """Page of each row; None for a single image, whose rows are all of it."""
    if count == 1:
        if "frame" in table and len(set(table["frame"])) > 1:
            raise LabelledError(
                f"{file.name} has rows of several frames, but lies beside a single image; "
                "keep the rows of that image only."
            )
        return None
    if "frame" not in table or table.empty:
        raise LabelledError(
            f"{file.name} lies beside a stack of {count} pages; expected a column frame that says for every row "
            f"which page it is of, 0 to {count - 1}, and a row at least."
        )
    frame = pd.to_numeric(table["frame"], errors="coerce").astype(float)
    _expect(file, table["frame"], frame.isin(range(count)), f"a whole number from 0 to {count - 1}")
    return frame.to_numpy(int)


def _expect(file: Path, column: pd.Series, right: pd.Series, expected: str) -> None:
    """Refuse the first row that is not right."""
    wrong = np.flatnonzero(~right)
    if wrong.size:
        found = column.iloc[wrong[0]] or "empty"
        raise LabelledError(
            f"{file.name}, row {wrong[0] + 1} below the header: {column.name} is {found}; expected {expected}. "
            "Correct the row or remove it."
        )
