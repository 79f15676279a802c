"""CSV files: whole columns at once, read back; long ones packed."""

import codecs
import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from voidlab.export.text_columns import column_text, lines_of
from voidlab.tables.written import replacing

PACKED = ".gz"
FOR_EXCEL = codecs.BOM_UTF8
_ROWS_AT_ONCE = 50_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(rows: pd.DataFrame | Iterable[pd.DataFrame], path: Path, *, begin: bytes = b"") -> Path:
    """Write ``rows``, or parts of a long table one after the other, as CSV and read them back.

    A name that ends in ``.gz`` is that of a packed file. Text that a spreadsheet would run as a formula, as a file
    may be called ``=1+cmd``, gets an apostrophe in front.

    Parameters
    ----------
    begin
        What stands before the first line, such as `FOR_EXCEL`, by which Excel knows UTF-8; others pass it over.

    Raises
    ------
    OSError
        If what is read back is not what was written; nothing is kept of it then.
    """
    columns: list[str] = []
    count = 0
    with replacing(path) as temporary:
        with _opened(temporary, packed=path.suffix == PACKED) as stream:
            stream.write(begin)
            for part in _parts(rows):
                if not columns:
                    columns = [str(name) for name in part.columns]
                    stream.write((",".join(map(_quoted, columns)) + "\n").encode())
                stream.write(_lines(part))
                count += len(part)
        if _read_back(temporary, columns, packed=path.suffix == PACKED) != (columns, count):
            raise OSError(f"{path.name} cannot be read back as it was written; it was not kept.")
    return path


def read_csv(path: Path) -> pd.DataFrame:
    """Read an exported CSV file, packed or not."""
    return pd.read_csv(path)


def _parts(rows: pd.DataFrame | Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Parts of ``rows`` of a size whose text takes some megabytes."""
    for table in [rows] if isinstance(rows, pd.DataFrame) else rows:
        for first in range(0, max(len(table), 1), _ROWS_AT_ONCE):
            yield table.iloc[first : first + _ROWS_AT_ONCE]


@contextmanager
def _opened(path: Path, *, packed: bool) -> Iterator[BinaryIO]:
    with path.open("wb") as file:
        if not packed:
            yield file
            return
        # Without name and time of writing, so that the same rows give the same file.
        with gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as archive:
            yield archive  # type: ignore[misc]


def _lines(part: pd.DataFrame) -> pa.Buffer | bytes:
    """The rows as lines of text."""
    if part.empty:
        return b""
    texts = [pc.fill_null(column_text(part[name], _field), "") for name in part]
    if len(texts) == 1:  # an empty field alone would be an empty line, which readers skip
        texts = [pc.if_else(pc.equal(texts[0], ""), '""', texts[0])]
    between = [piece for text in texts for piece in (text, ",")]
    return lines_of(*between[:-1], "\n")


def _field(text: str) -> str:
    return _quoted(f"'{text}" if text.startswith(_FORMULA) else text)


def _quoted(text: str) -> str:
    """``text`` in quotation marks where CSV needs them."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([text, ""])  # either of them in a text is a reason, too
    return line.getvalue().removesuffix(",\r\n")


def _read_back(path: Path, columns: Sequence[str], *, packed: bool) -> tuple[list[str], int]:
    """Names of the columns, and how many rows a file holds, a part of it at a time."""
    # As text: what a column holds cannot be told from its first rows.
    convert = pa.csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()))
    parse = pa.csv.ParseOptions(newlines_in_values=True)
    with (
        pa.input_stream(str(path), compression="gzip" if packed else None) as stream,
        pa.csv.open_csv(stream, parse_options=parse, convert_options=convert) as reader,
    ):
        return list(reader.schema.names), sum(len(batch) for batch in reader)
