"""All tables as CSV, positions, tracks for napari, the data dictionary; and the files for notebooks with them."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from voidlab import tables
from voidlab.export.contents import list_files
from voidlab.export.formats.napari import napari_tracks
from voidlab.export.notebook_json import FRAME_DATA, TRACK_DATA, frame_data, track_data, write_lines
from voidlab.tables.written import replacing
from voidlab.track.summary import interpolate_tracks

COORDINATES = "void-2d-coordinates.csv"
NAPARI_TRACKS = "napari-tracks.csv"
DICTIONARY = "data-dictionary.csv"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_OF_TILT = ("points", "views", "reconstruction")  # empty for other series


def coordinates(linked: pd.DataFrame, *, min_frames: int, calibration: tables.HasPixelSize) -> pd.DataFrame:
    """Positions of the voids tracked over ``min_frames`` frames or more: id, frame, x, y, r in px, then nm."""
    dense = interpolate_tracks(linked)
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
    frames, voids = made["frames"], made["voids"]
    linked = voids.merge(made["links"].drop(columns="corrected", errors="ignore"), on=["frame", "label"])
    drift = tables.used_drift(made["drift"], made.get("views", tables.empty("views")))
    written = []

    def keep(rows: pd.DataFrame, name: str, what: str) -> None:
        (write_lines if name.endswith(".json") else write_csv)(rows, folder / name)
        written.append((name, len(rows), what))

    # Each is written before the next is made: as Python lists they take ten times what the tables take.
    keep(
        frame_data(frames, voids, drift),
        FRAME_DATA,
        "JSON lines for notebooks: a row per image, its voids as lists",
    )
    keep(
        track_data(linked, voids), TRACK_DATA, "JSON lines for notebooks: a row per track, its voids as lists"
    )
    keep(
        coordinates(linked, min_frames=min_frames, calibration=calibration),
        COORDINATES,
        f"spreadsheets: positions of voids tracked over {min_frames} frames or more",
    )
    keep(napari_tracks(linked, frames), NAPARI_TRACKS, "napari: tracks, in px of the images")
    for name, table in made.items():
        if table.empty and name in _OF_TILT:
            continue
        what = f"spreadsheets: a row per {tables.TABLES[name].row.removeprefix('an ').removeprefix('a ')}"
        keep(tables.to_nm(table, calibration), f"{name}.csv", what)
    keep(tables.data_dictionary(calibration), DICTIONARY, "what every column of every file means")
    return list_files(folder, written)


def write_csv(rows: pd.DataFrame, path: Path) -> Path:
    """Write ``rows`` as CSV and read them back.

    Text that a spreadsheet would run as a formula, as a file may be called ``=1+cmd``, gets an apostrophe in front.
    """
    with replacing(path) as temporary:
        _as_text(rows).to_csv(temporary, index=False)
        back = pd.read_csv(temporary)
        if list(back.columns) != list(rows.columns) or len(back) != len(rows):
            raise OSError(f"{path.name} cannot be read back as it was written; it was not kept.")
    return path


def _as_text(rows: pd.DataFrame) -> pd.DataFrame:
    texts = [str(name) for name in rows if not pd.api.types.is_numeric_dtype(rows[name])]
    return rows.assign(**{name: rows[name].map(_no_formula) for name in texts})


def _no_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def read_csv(path: Path) -> pd.DataFrame:
    """Read an exported CSV file."""
    return pd.read_csv(path)
