"""The files that other programs and notebooks read."""

from voidlab.export.tables import (
    COORDINATES,
    DICTIONARY,
    FRAME_DATA,
    NAPARI_TRACKS,
    TRACK_DATA,
    coordinates,
    frame_data,
    listed,
    read_csv,
    read_lines,
    track_data,
    write_all,
    write_csv,
    write_lines,
)

__all__ = [
    "COORDINATES",
    "DICTIONARY",
    "FRAME_DATA",
    "NAPARI_TRACKS",
    "TRACK_DATA",
    "coordinates",
    "frame_data",
    "listed",
    "read_csv",
    "read_lines",
    "track_data",
    "write_all",
    "write_csv",
    "write_lines",
]
