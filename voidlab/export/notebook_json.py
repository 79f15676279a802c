"""JSON lines with the columns that users' notebooks know, frame-data.json and track-data.json, and reading them."""

import json
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import siegelslopes

from voidlab.tables.catalogue import COLUMNS
from voidlab.tables.kinds import only_voids
from voidlab.tables.written import replacing
from voidlab.track.summary import interpolate_tracks

FRAME_DATA = "frame-data.json"
TRACK_DATA = "track-data.json"
_FRAME_COLUMNS, _TRACK_COLUMNS = ([c.name for c in COLUMNS[file]] for file in (FRAME_DATA, TRACK_DATA))


def frame_data(frames: pd.DataFrame, voids: pd.DataFrame, drift: pd.DataFrame) -> pd.DataFrame:
    """Row per image with its voids as lists, as users' notebooks know it; ``type`` tells loops and dots from voids.

    Parameters
    ----------
    frames, voids, drift
        The tables of these names. Positions are (x, y) in px; ``positions-no-drift`` are drift-corrected.
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
                "radii_average": only_voids(here)["radius_px"].mean(),
                "positions": positions.tolist(),
                "touches_side": here["touches_edge"].tolist(),
                "drifts": shift.tolist(),
                "positions-no-drift": (positions - shift).tolist(),
            }
        )
    # Else one image that was not looked at would turn all counts into 39.0.
    return pd.DataFrame(rows, columns=_FRAME_COLUMNS).astype({"void_count": "Int64"})


def track_data(linked: pd.DataFrame, voids: pd.DataFrame) -> pd.DataFrame:
    """Row per track with its voids as lists, as users' notebooks know it.

    Parameters
    ----------
    linked
        Linked voids: the table ``voids`` joined with ``links``. Positions are the drift-corrected ones,
        in px, interpolated over the frames in which the void was not detected.
    voids
        All voids, loops and dots, as `frame_data` has them: ``local_id`` counts through those of a frame, from 0.
    """
    dense = interpolate_tracks(linked)
    local = voids.sort_values(["frame", "label"])[["frame", "label"]]
    local["local_id"] = local.groupby("frame").cumcount()
    dense = dense.merge(local, on=["frame", "label"], how="left").sort_values(["particle", "frame"])
    starts = np.flatnonzero(np.diff(dense["particle"].to_numpy(), prepend=-1))
    ends = np.append(starts, len(dense))[1:]
    rows = [_track_row(dense.iloc[a:b]) for a, b in zip(starts, ends, strict=True)]
    return pd.DataFrame(rows, columns=_TRACK_COLUMNS)


def _track_row(track: pd.DataFrame) -> dict[str, Any]:
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


def write_lines(rows: pd.DataFrame, path: Path) -> Path:
    """Write ``rows`` as JSON lines and read them back; numbers keep every digit, unknown ones are null."""
    with replacing(path) as temporary:
        with temporary.open("w", encoding="utf-8") as stream:
            for row in rows.to_dict("records"):
                stream.write(json.dumps(_jsonable(row), ensure_ascii=False, allow_nan=False) + "\n")
        both = zip_longest(_lines(temporary), rows.to_dict("records"))
        if not all(back == _jsonable(row) for back, row in both):
            raise OSError(f"{path.name} cannot be read back as it was written; it was not kept.")
    return path


def read_lines(path: Path) -> pd.DataFrame:
    """Read a file of JSON lines, such as frame-data.json or track-data.json."""
    return pd.DataFrame(list(_lines(path)))


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
