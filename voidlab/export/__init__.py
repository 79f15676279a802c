"""The files that other programs and notebooks read, and positions read back from them."""

from voidlab.export.bundle import write_bundle, write_exports
from voidlab.export.notebook_json import (
    FRAME_DATA,
    TRACK_DATA,
    frame_data,
    read_lines,
    track_data,
    write_lines,
)
from voidlab.export.positions_file import read_positions
from voidlab.export.tables import (
    COORDINATES,
    DICTIONARY,
    NAPARI_TRACKS,
    coordinates,
    read_csv,
    write_csv,
    write_tables,
)
