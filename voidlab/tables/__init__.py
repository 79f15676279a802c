"""Tables: which columns each has, how they are checked, read and written, and px turned into nm."""

from voidlab.tables.catalogue import (
    TABLES,
    HasPixelSize,
    TableError,
    cast,
    check,
    data_dictionary,
    empty,
    kept,
    load,
    nm_name,
    read,
    select,
    to_nm,
    used_drift,
    write,
)

__all__ = [
    "TABLES",
    "HasPixelSize",
    "TableError",
    "cast",
    "check",
    "data_dictionary",
    "empty",
    "kept",
    "load",
    "nm_name",
    "read",
    "select",
    "to_nm",
    "used_drift",
    "write",
]
