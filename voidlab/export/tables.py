"""The files that other programs and notebooks read, and reading them back.

``frame-data.json`` and ``track-data.json`` are JSON lines with the columns that users' notebooks know;
``void-2d-coordinates.csv`` holds the positions of long tracks; every table goes out as CSV too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import siegelslopes

from voidlab import tables
from voidlab.export.formats.napari import napari_tracks
from voidlab.tables.catalogue import COLUMNS
from voidlab.tables.files import replacing
from voidlab.track.summary import interpolate_tracks

FRAME_DATA = "frame-data.json"
TRACK_DATA = "track-data.json"
COORDINATES = "void-2d-coordinates.csv"
NAPARI_TRACKS = "napari-tracks.csv"
DICTIONARY = "data-dictionary.csv"
_OF_TILT = ("points", "views", "reconstruction")  # empty for other series
_FRAME_COLUMNS, _TRACK_COLUMNS = ([c.name for c in COLUMNS[file]] for file in (FRAME_DATA, TRACK_DATA))


def frame_data(frames: pd.DataFrame, voids: pd.DataFrame, drift: pd.DataFrame) -> pd.DataFrame:
    """Row per image with its voids as lists, as users' notebooks know it.

    Parameters
    ----------
    frames, voids, drift
        The tables of these names. Positions are (x, y) in px; ``positions-no-drift`` are less the drift.
    """
    voids = voids.sort_values(["frame", "label"])
    of_frame = dict(iter(voids.groupby("frame")))
    drift_of = drift.set_index("frame")[["drift_x_px", "drift_y_px"]]
    rows = []
    for image in frames.sort_values("frame").to_dict("records"):
        here = of_frame.get(image["frame"], voids.iloc[:0])
        positions = here[["x_px", "y_px"]].to_numpy()
        shift = drift_of.reindex([image["frame"]]).to_numpy()[0]
        rows.append(
            {
                "path": image["path"],
                "frame": image["frame"],
                "void_frac": image["void_fraction"],
                "void_count": image["void_count"],
                "type": here["kind"].tolist(),
                "radii": here["radius_px"].tolist(),
                "radii_average": here["radius_px"].mean(),
                "positions": positions.tolist(),
                "touches_side": here["touches_edge"].tolist(),
                "drifts": shift.tolist(),
                "positions-no-drift": (positions - shift).tolist(),
            }
        )
    # Else one image that was not looked at would turn all counts into 39.0.
    return pd.DataFrame(rows, columns=_FRAME_COLUMNS).astype({"void_count": "Int64"})


def track_data(linked: pd.DataFrame, voids: pd.DataFrame) -> pd.DataFrame:
    """Row per void track with its life as lists, as users' notebooks know it.

    Parameters
    ----------
    linked
        Linked voids: the table ``voids`` joined with ``links``. Positions are the drift-corrected ones,
        in px, interpolated over the frames in which the void was not seen.
    voids
        All voids: ``local_id`` counts through those of a frame, from 0.
    """
    dense = interpolate_tracks(linked)
    local = voids.sort_values(["frame", "label"])[["frame", "label"]]
    local["local_id"] = local.groupby("frame").cumcount()
    dense = dense.merge(local, on=["frame", "label"], how="left").sort_values(["particle", "frame"])
    starts = np.flatnonzero(np.diff(dense["particle"].to_numpy(), prepend=-1))
    ends = np.append(starts, len(dense))[1:]
    rows = [_life(dense.iloc[a:b]) for a, b in zip(starts, ends, strict=True)]
    return pd.DataFrame(rows, columns=_TRACK_COLUMNS)


def _life(track: pd.DataFrame) -> dict[str, Any]:
    """A row of track-data.json, from the rows of one track."""
    positions = track[["x_px", "y_px"]].to_numpy()
    radii = track["radius_px"].to_numpy()
    frames = track["frame"].to_numpy()
    from_start = np.hypot(*(positions - positions[0]).T)
    travelled = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(positions, axis=0).T))])
    moved = len(track) > 1
    return {
        "particle": int(track["particle"].iloc[0]),
        "start_frame": int(frames[0]),
        "end_frame": int(frames[-1]),
        "total_frames": len(track),
        "inferred_frames": int(track["inferred"].sum()),
        "positions": positions.tolist(),
        "touches_side": track["touches_edge"].tolist(),
        "local_id": [None if pd.isna(i) else int(i) for i in track["local_id"]],
        "disp_from_start": from_start.tolist() if moved else None,
        "max_disp": from_start.max() if moved else None,
        "drift_rate": from_start.max() / len(track) if moved else None,
        "dist_traveled": travelled.tolist() if moved else None,
        "total_traveled": travelled[-1] if moved else None,
        "movement_rate": travelled[-1] / len(track) if moved else None,
        "radii": radii.tolist(),
        "max_radius": radii.max(),
        "min_radius": radii.min(),
        "growth_rate": siegelslopes(radii)[0] if len(track) > 3 else None,
    }


def coordinates(linked: pd.DataFrame, *, min_frames: int, calibration: tables.HasPixelSize) -> pd.DataFrame:
    """Positions of the voids that live for ``min_frames`` frames or more: id, frame, x, y, r in px, then nm."""
    dense = interpolate_tracks(linked)
    long_enough = dense.groupby("particle")["frame"].transform("size") >= min_frames
    named = {"particle": "id", "frame": "frame", "x_px": "x", "y_px": "y", "radius_px": "r"}
    rows = dense.loc[long_enough, list(named)].rename(columns=named).reset_index(drop=True)
    size = calibration.pixel_size_nm
    return rows if size is None else rows.assign(x_nm=rows.x * size, y_nm=rows.y * size, r_nm=rows.r * size)


def write_all(
    folder: Path, made: Mapping[str, pd.DataFrame], *, min_frames: int, calibration: tables.HasPixelSize
) -> pd.DataFrame:
    """Write every export into ``folder``, read each back, and list them.

    Parameters
    ----------
    made
        The tables of the run: frames, voids, drift, pairs, links, tracks; and, of a tilt series in depth, points,
        views, reconstruction.

    Returns
    -------
    DataFrame
        A row per file: file, rows, bytes, what it holds.

    Raises
    ------
    OSError
        If what is read back is not what was written.
    """
    linked = made["voids"].merge(
        made["links"].drop(columns="corrected", errors="ignore"), on=["frame", "label"]
    )
    drift = tables.used_drift(made["drift"], made.get("views", tables.empty("views")))
    # Each is written before the next is made: as Python lists they take ten times what the tables take.
    written = [
        _written(
            write_lines,
            frame_data(made["frames"], made["voids"], drift),
            folder / FRAME_DATA,
            "JSON lines for notebooks: a row per image, its voids as lists",
        ),
        _written(
            write_lines,
            track_data(linked, made["voids"]),
            folder / TRACK_DATA,
            "JSON lines for notebooks: a row per void, its life as lists",
        ),
        _written(
            write_csv,
            coordinates(linked, min_frames=min_frames, calibration=calibration),
            folder / COORDINATES,
            f"spreadsheets: positions of voids that live for {min_frames} frames or more",
        ),
        _written(
            write_csv,
            napari_tracks(linked, made["frames"]),
            folder / NAPARI_TRACKS,
            "napari: tracks, in px of the images",
        ),
    ]
    for name, table in made.items():
        if table.empty and name in _OF_TILT:
            (folder / f"{name}.csv").unlink(missing_ok=True)  # of an earlier run, to which it applied
            continue
        what = f"spreadsheets: a row per {tables.TABLES[name].row.removeprefix('an ').removeprefix('a ')}"
        written.append(_written(write_csv, tables.to_nm(table, calibration), folder / f"{name}.csv", what))
    what = "what every column of every file means"
    written.append(_written(write_csv, tables.data_dictionary(calibration), folder / DICTIONARY, what))
    return pd.DataFrame(written, columns=["file", "rows", "bytes", "what"])


def _written(
    write: Callable[[pd.DataFrame, Path], Path], rows: pd.DataFrame, path: Path, what: str
) -> tuple[str, int, int, str]:
    """Write ``rows``, and give the row of the list of files."""
    return write(rows, path).name, len(rows), path.stat().st_size, what


def listed(*written: pd.DataFrame) -> pd.DataFrame:
    """Lists of files, as `write_all` gives them, as one."""
    return pd.concat([files for files in written if len(files)], ignore_index=True)


def write_lines(rows: pd.DataFrame, path: Path) -> Path:
    """Write ``rows`` as JSON lines and read them back; numbers keep every digit, unknown ones are null."""
    with replacing(path) as temporary:
        with temporary.open("w", encoding="utf-8") as stream:
            for row in rows.to_dict("records"):
                stream.write(json.dumps(_jsonable(row), ensure_ascii=False, allow_nan=False) + "\n")
        both = zip_longest(_lines(temporary), rows.to_dict("records"))
        if not all(back == _jsonable(row) for back, row in both):
            raise OSError(f"{path.name} cannot be read back as it was written; nothing was kept of it.")
    return path


def read_lines(path: Path) -> pd.DataFrame:
    """Read a file of JSON lines, such as frame-data.json or track-data.json."""
    return pd.DataFrame(list(_lines(path)))


def write_csv(rows: pd.DataFrame, path: Path) -> Path:
    """Write ``rows`` as CSV and read them back."""
    with replacing(path) as temporary:
        rows.to_csv(temporary, index=False)
        back = pd.read_csv(temporary)
        if list(back.columns) != list(rows.columns) or len(back) != len(rows):
            raise OSError(f"{path.name} cannot be read back as it was written; nothing was kept of it.")
    return path


def read_csv(path: Path) -> pd.DataFrame:
    """Read an exported CSV file."""
    return pd.read_csv(path)


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


def _jsonable(value: Any) -> Any:
    """``value`` with builtin numbers, and None for what is not a finite number."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA:
        return None
    return None if isinstance(value, float) and not np.isfinite(value) else value
