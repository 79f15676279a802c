"""JSON lines: a row per line, whole columns at once, read back."""

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from voidlab.export.text_columns import float_text, lines_of
from voidlab.tables.written import replacing

_VALUES_AT_ONCE = 100_000  # in lists: their text takes some megabytes


def write_lines(rows: pd.DataFrame | pa.Table | Iterable[pa.Table], path: Path) -> Path:
    """Write ``rows``, or parts of a long table one after the other, as JSON lines, and read them back.

    Numbers keep every digit, unknown ones are null.

    Raises
    ------
    OSError
        If what is read back is not what was written; nothing is kept of it then.
    """
    with replacing(path) as temporary, temporary.open("w+b") as stream:
        for part in _parts(rows):
            begin = stream.tell()
            stream.write(_lines(part))
            end = stream.tell()
            stream.seek(begin)
            if _read_back(stream.read(end - begin), part.schema) != part:
                raise OSError(f"{path.name} cannot be read back as it was written; it was not kept.")
    return path


def read_lines(path: Path) -> pd.DataFrame:
    """Read a file of JSON lines, such as frame-data.json or track-data.json."""
    with path.open(encoding="utf-8") as stream:
        return pd.DataFrame([json.loads(line) for line in stream])


def _parts(rows: Any) -> Iterator[pa.Table]:
    """Parts of the rows given to `write_lines`, of a size whose text takes some megabytes."""
    tables: Iterable[pa.Table]
    if isinstance(rows, pd.DataFrame):
        table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata()
        columns = [_known(column.combine_chunks()) for column in table.columns]
        tables = [pa.table(columns, names=table.column_names)]
    else:
        tables = [rows] if isinstance(rows, pa.Table) else rows
    for table in tables:
        values = np.ones(len(table), np.int64)
        for column in table.columns:
            if pa.types.is_list(column.type):
                values += pc.fill_null(pc.list_value_length(column), 0).to_numpy()
        part = np.cumsum(values) // _VALUES_AT_ONCE
        for rows_of in np.split(np.arange(len(table)), np.flatnonzero(np.diff(part)) + 1):
            if len(rows_of):
                yield table.slice(rows_of[0], len(rows_of)).combine_chunks()


def _known(values: pa.Array) -> pa.Array:
    """``values`` without numbers that are not finite, also inside lists."""
    if pa.types.is_list(values.type):
        inside = _known(values.values)
        return pa.ListArray.from_arrays(values.offsets, inside, mask=values.is_null())
    return pc.if_else(pc.is_finite(values), values, None) if pa.types.is_floating(values.type) else values


def _lines(part: pa.Table) -> pa.Buffer:
    """The rows as lines of text."""
    pieces: list[pa.Array | str] = []
    for name, column in zip(part.column_names, part.columns, strict=True):
        pieces += [f"{', ' if pieces else '{'}{json.dumps(name)}: ", _text(column.combine_chunks())]
    return lines_of(*pieces, "}\n")


def _text(values: pa.Array) -> pa.Array:
    """Each of the ``values``, numbers, texts or lists, as JSON."""
    kind = values.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy()
        offsets = pa.array(np.append(0, np.cumsum(lengths)), pa.int32())
        inside = pc.binary_join(pa.ListArray.from_arrays(offsets, _text(values.flatten())), ",")
        text = pc.binary_join_element_wise("[", inside, "]", "")
        text = pc.if_else(values.is_null(), None, text)
    elif pa.types.is_floating(kind):
        numbers = pc.fill_null(values, np.nan).to_numpy(zero_copy_only=False)
        text = float_text(np.where(np.isfinite(numbers), numbers, np.nan))
    elif pa.types.is_boolean(kind):
        text = pc.if_else(values, "true", "false").cast(pa.string())
    elif pa.types.is_integer(kind) or pa.types.is_null(kind):
        text = values.cast(pa.string())
    else:
        each = values.dictionary_encode()
        known = [json.dumps(word, ensure_ascii=False) for word in each.dictionary.to_pylist()]
        text = pa.array(known, pa.string()).take(each.indices)
    return pc.fill_null(text, "null")


def _read_back(content: bytes, schema: pa.Schema) -> pa.Table | None:
    """The rows of ``content``; None when they are not of the ``schema``."""
    options = pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    whole = pa.json.ReadOptions(block_size=len(content) + 1)  # a line must not cross the border of two blocks
    try:
        return pa.json.read_json(io.BytesIO(content), read_options=whole, parse_options=options)
    except pa.ArrowInvalid:
        return None
