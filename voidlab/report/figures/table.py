"""Tables as people read them: sensible digits, a dash where nothing is known, no numbers of rows."""

import numpy as np
import pandas as pd

from voidlab.tables.units import HasPixelSize, unit_of

_DIGITS = 3  # of a column's median
_MOST_DECIMALS = 6
_UNKNOWN = "–"


def show_table(table: pd.DataFrame, calibration: HasPixelSize | None = None) -> None:
    """Show all rows of ``table`` below a notebook cell, or the word none.

    With a ``calibration`` columns are called in words, and lengths are in nm where it is known; without, the table is
    shown as the file has it.
    """
    from IPython.display import display

    if table.empty:
        display({"text/plain": "none"}, raw=True)
        return
    shown = readable_cells(table if calibration is None else in_words(table, calibration))
    # A number of a row says nothing; an index with a name, or of words, does.
    named = table.index.name is not None or not pd.api.types.is_integer_dtype(table.index)
    # In the corner, not in a row of its own.
    shown.columns.name, shown.index.name = table.index.name, None
    with pd.option_context("display.max_colwidth", None):
        html = shown.to_html(index=named, border=0)
        display({"text/html": html, "text/plain": shown.to_string(index=named)}, raw=True)


def in_words(table: pd.DataFrame, calibration: HasPixelSize) -> pd.DataFrame:
    """``table`` with lengths in px or nm as the ``calibration`` says, and columns called by words and unit."""
    size, unit = unit_of(calibration)
    found = {}
    for name, column in table.items():
        words, length, _ = str(name).rpartition("_px")
        found[(f"{words} ({unit})" if length else str(name)).replace("_", " ")] = (
            column * size if length else column
        )
    return pd.DataFrame(found, index=table.index)


def readable_cells(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` with its cells as text: three digits of a usual number of the column, a dash for what is unknown."""
    columns = [_as_text(table.iloc[:, place]) for place in range(table.shape[1])]
    return pd.DataFrame(dict(enumerate(columns)), index=table.index).set_axis(table.columns, axis=1)


def _as_text(column: pd.Series) -> list[str]:
    if pd.api.types.is_bool_dtype(column):
        return [_UNKNOWN if pd.isna(value) else "yes" if value else "no" for value in column]
    if pd.api.types.is_float_dtype(column):
        values = column.to_numpy(np.float64, na_value=np.nan)
        decimals = _decimals(values[np.isfinite(values)])
        return [f"{value:.{decimals}f}" if np.isfinite(value) else _UNKNOWN for value in values]
    return [_UNKNOWN if pd.isna(value) else str(value) for value in column]


def _decimals(values: np.ndarray) -> int:
    """Decimals that show three digits of the usual one of ``values``, at least one; none where all are whole."""
    sizes = np.abs(values[values != 0])
    if not len(sizes) or (values == np.round(values)).all():
        return 0
    first = int(np.floor(np.log10(np.median(sizes))))
    return int(np.clip(_DIGITS - 1 - first, 1, _MOST_DECIMALS))
