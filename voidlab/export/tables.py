"""All tables as CSV, positions, the data dictionary; and the files for notebooks with them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from voidlab import tables
from voidlab.export.contents import list_files
from voidlab.export.csv_file import PACKED, write_csv
from voidlab.export.json_lines import write_lines
from voidlab.export.notebook_json import FRAME_DATA, TRACK_DATA, frame_rows, interpolated, track_rows
from voidlab.tables.digits import as_tables_need
from voidlab.tables.listing import number_of
from voidlab.track.summary import interpolate_tracks

COORDINATES = "void-2d-coordinates.csv"
DICTIONARY = "data-dictionary.csv"
_KEY = ["frame", "label"]
_MANY_ROWS = 50_000  # more than people look at in a spreadsheet: such a table is packed
_ROWS_AT_ONCE = 100_000
_OF_SOME = (
    "points",
    "views",
    "reconstruction",
    "focus_pair",
)  # of tilt series and focus pairs; empty for others


def coordinates(linked: pd.DataFrame, *, min_frames: int, calibration: tables.HasPixelSize) -> pd.DataFrame:
    """Positions of the voids tracked over ``min_frames`` frames or more: id, frame, x, y, r in px, then nm."""
    dense = interpolate_tracks(linked)
    return _coordinates(dense, min_frames, calibration)


def _coordinates(dense: pd.DataFrame, min_frames: int, calibration: tables.HasPixelSize) -> pd.DataFrame:
    """`coordinates` of tracks that are interpolated."""
    long_enough = dense.groupby("particle")["frame"].transform("size") >= min_frames
    named = {"particle": "id", "frame": "frame", "x_px": "x", "y_px": "y", "radius_px": "r"}
    rows = dense.loc[long_enough, list(named)].rename(columns=named).reset_index(drop=True)
    size = calibration.pixel_size_nm
    return rows if size is None else rows.assign(x_nm=rows.x * size, y_nm=rows.y * size, r_nm=rows.r * size)


def write_tables(
    folder: Path, made: Mapping[str, pd.DataFrame], *, min_frames: int, calibration: tables.HasPixelSize
) -> pd.DataFrame:
    """Write the files for notebooks and spreadsheets into ``folder``, read each back, and list them.

    Parameters
    ----------
    made
        The tables of the run: frames, voids, drift, pairs, links, tracks; and, of a tilt series in 3D, points,
        views, reconstruction.

    Returns
    -------
    DataFrame
        A row per file, see `voidlab.export.contents.list_files`.

    Raises
    ------
    OSError
        If what is read back is not what was written.
    """
    frames, voids, links = made["frames"], made["voids"], made["links"]
    drift = tables.used_drift(made["drift"], made.get("views", tables.empty("views")))
    linked = voids[[*_KEY, "x_px", "y_px", "radius_px", "touches_edge"]].merge(
        links[[*_KEY, "particle", "x_corrected_px", "y_corrected_px"]], on=_KEY
    )
    of_track = linked.groupby("particle")["frame"]
    length = of_track.max() - of_track.min() + 1
    positions = (_coordinates(dense, min_frames, calibration) for dense in interpolated(linked))
    # Parts of a table, one after the other: as text and lists they take ten times what the table takes.
    write_lines(frame_rows(frames, voids, drift), folder / FRAME_DATA)
    write_lines(track_rows(linked, voids), folder / TRACK_DATA)
    write_csv(positions, folder / COORDINATES)
    written = [
        (FRAME_DATA, len(frames), "JSON lines for notebooks: a row per image, its voids as lists"),
        (TRACK_DATA, len(length), "JSON lines for notebooks: a row per track, its voids as lists"),
        (
            COORDINATES,
            int(length[length >= min_frames].sum()),
            f"spreadsheets: positions of voids tracked over {number_of(min_frames, 'frame')} or more",
        ),
    ]
    for name, table in made.items():
        if not (table.empty and name in _OF_SOME):
            written.append(_write_table(folder, name, table, calibration))
    meanings = tables.data_dictionary(calibration)
    write_csv(meanings, folder / DICTIONARY)
    written.append((DICTIONARY, len(meanings), "what every column of every file means"))
    return list_files(folder, written)


def _write_table(
    folder: Path, name: str, table: pd.DataFrame, calibration: tables.HasPixelSize
) -> tuple[str, int, str]:
    """Write a table as CSV, a long one packed; give its row of the list of files."""
    packed = len(table) > _MANY_ROWS
    file = f"{name}.csv{PACKED if packed else ''}"
    write_csv(_in_nm(table, calibration), folder / file)
    row = tables.TABLES[name].row.removeprefix("an ").removeprefix("a ")
    unpack = "; packed: pandas and R read it as it is" if packed else ""
    return file, len(table), f"spreadsheets: a row per {row}{unpack}"


def _in_nm(table: pd.DataFrame, calibration: tables.HasPixelSize) -> Iterator[pd.DataFrame]:
    """Parts of the ``table`` with columns in nm, and no more digits than are of use: Parquet files have all."""
    for first in range(0, max(len(table), 1), _ROWS_AT_ONCE):
        yield as_tables_need(tables.to_nm(table.iloc[first : first + _ROWS_AT_ONCE], calibration))
