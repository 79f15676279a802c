"""Whole columns as text: numbers with every digit, as Python writes them, and text as CSV or JSON wants it."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_PLAIN = (1e-4, 1e9)  # between them Arrow writes as Python does, but for whole numbers


def float_text(values: np.ndarray) -> pa.StringArray:
    """Floats as ``repr`` writes them, the shortest text that gives the same number back; null for NaN."""
    values = np.asarray(values, np.float64)
    text = pa.array(values, from_pandas=True).cast(pa.string())
    size = np.abs(values)
    with np.errstate(invalid="ignore"):
        apart = (values == np.rint(values)) | (size < _PLAIN[0]) | (size >= _PLAIN[1])
    if not apart.any():
        return text
    # One by one, but mostly the same few: areas, or nothing at all. As bits, so that -0.0 is not taken for 0.0.
    bits, which = np.unique(values[apart].view(np.int64), return_inverse=True)
    others = pa.array([repr(number) for number in bits.view(np.float64).tolist()], pa.string())
    return pc.replace_with_mask(text, pa.array(apart), others.take(pa.array(which)))


def column_text(column: pd.Series, quoted: Callable[[str], str]) -> pa.StringArray:
    """A column of a table as text: ``True``, ``12``, ``0.5``, or what ``quoted`` makes of it; null where empty."""
    if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_integer_dtype(column.dtype):
        numbers = pa.array(column, from_pandas=True)
        if pa.types.is_boolean(numbers.type):
            return pc.if_else(numbers, "True", "False").cast(pa.string())
        return numbers.cast(pa.string())
    if isinstance(column.dtype, np.dtype) and column.dtype == np.float64:
        return float_text(column.to_numpy())
    # Text repeats itself, as kinds and flags do: each once.
    codes, known = pd.factorize(column)
    text = pa.array([quoted(value) if isinstance(value, str) else str(value) for value in known], pa.string())
    return text.take(pa.array(codes, mask=codes < 0))


def lines_of(*columns: pa.StringArray | str) -> pa.Buffer:
    """The texts of ``columns`` (or one that all rows have), one behind the other in each row, as one text."""
    lines = pc.binary_join_element_wise(*columns, "")
    # The texts of an array lie behind each other in memory, in the order of its rows.
    _, places, content = lines.buffers()
    offsets = np.frombuffer(places, np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return content.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
