"""The files that other programs and notebooks read, and positions read back from them."""

from voidlab.export.bundle import write_contents, write_exports
from voidlab.export.csv_file import read_csv, write_csv
from voidlab.export.json_lines import read_lines, write_lines
from voidlab.export.notebook_json import FRAME_DATA, TRACK_DATA, frame_data, track_data
from voidlab.export.other_programs import NAPARI_TRACKS
from voidlab.export.positions_file import read_positions
from voidlab.export.siegel import siegel_slopes
from voidlab.export.tables import COORDINATES, DICTIONARY, coordinates, write_tables
