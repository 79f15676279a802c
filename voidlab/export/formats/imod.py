"""IMOD: voids as fiducials on the images (.fid), the tilts (.tlt), and the transforms that align the images (.xf).

In IMOD x runs right and y up from the lower left corner of the image, whose first pixel has its centre at (0.5, 0.5);
z counts images from 0. TIFF and other images with rows from above are turned over by IMOD; in MRC files, read here in
the order of the file, the first row is IMOD's lowest.

References
----------
The binary model format: https://bio3d.colorado.edu/imod/doc/binspec.html
"""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from voidlab.export.formats import image_index
from voidlab.tables.written import replacing

_OPEN_CONTOURS = 1 << 3
_NANOMETRES = -9
_MRC = {".mrc", ".mrcs", ".st", ".ali", ".rec", ".map"}


def rows_from_below(path: str) -> bool:
    """Whether IMOD takes the first row of this image file as its lowest."""
    return Path(path).suffix.lower() in _MRC


def write_fiducials(
    linked: pd.DataFrame,
    path: Path,
    *,
    frames: Sequence[int],
    shape: tuple[int, int],
    from_below: bool = False,
    pixel_size_nm: float | None = None,
) -> Path:
    """Write voids on tracks as an IMOD model: a contour per particle, a point where it was seen.

    Parameters
    ----------
    linked : DataFrame
        ``frame, x_px, y_px, particle``; positions as recorded.
    frames
        Numbers of all images, in order.
    shape
        (H, W) of the images, px.
    from_below
        See `rows_from_below`.
    """
    rows = linked.assign(index=image_index(linked, frames)).sort_values(["particle", "index"])
    x, y = rows["x_px"].to_numpy(np.float64), rows["y_px"].to_numpy(np.float64)
    up = y + 0.5 if from_below else shape[0] - 0.5 - y
    places = np.column_stack([x + 0.5, up, rows["index"]]).astype(">f4")
    starts = np.flatnonzero(np.diff(rows["particle"].to_numpy(np.int64), prepend=-1))
    contours = np.split(places, starts[1:]) if len(rows) else []
    parts = [
        b"IMODV1.2",
        _model_header(shape, len(frames), pixel_size_nm),
        b"OBJT",
        _object_header(len(contours)),
    ]
    for contour in contours:
        parts += [b"CONT", struct.pack(">iIii", len(contour), 0, 0, 0), contour.tobytes()]
    with replacing(path) as temporary:
        temporary.write_bytes(b"".join([*parts, b"IEOF"]))
    return path


def _model_header(shape: tuple[int, int], images: int, pixel_size_nm: float | None) -> bytes:
    size, units = (1.0, 0) if pixel_size_nm is None else (pixel_size_nm, _NANOMETRES)
    return b"".join(
        [
            struct.pack(">128s", b"voids on tracks, by voidlab"),
            struct.pack(">4iI", shape[1], shape[0], images, 1, 0),
            struct.pack(">4i", 1, 1, 0, 255),  # drawn, edited as a model, black and white level
            struct.pack(">6f", 0, 0, 0, 1, 1, 1),  # offset, scale
            struct.pack(">5i", 0, 0, 0, 3, 128),  # current object, contour and point; resolution, threshold
            struct.pack(">f2i3f", size, units, 0, 0, 0, 0),
        ]
    )


def _object_header(contours: int) -> bytes:
    return b"".join(
        [
            struct.pack(">64s16I", b"voids", *[0] * 16),
            struct.pack(">iIii", contours, _OPEN_CONTOURS, 0, 1),
            struct.pack(">3fi", 0.9, 0.6, 0.0, 0),  # orange
            struct.pack(">8B", 0, 5, 1, 1, 0, 0, 0, 0),  # a circle of 5 px on each point, thin lines
            struct.pack(">2i", 0, 0),
        ]
    )


def write_tilts(views: pd.DataFrame, path: Path) -> Path:
    """Write the refined tilt of each image, degrees, one on a line (.tlt)."""
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{tilt:9.3f}\n" for tilt in views["tilt_deg"]), encoding="ascii")
    return path


def write_transforms(
    views: pd.DataFrame,
    path: Path,
    *,
    axis_deg: float,
    origin: tuple[float, float],
    shape: tuple[int, int],
    from_below: bool = False,
) -> Path:
    """Write the linear transform that aligns each image (.xf): no drift, tilt axis along y through the centre.

    A line holds A11 A12 A21 A22 DX DY of X' = A (X − C) + D + C with C the centre of the image. An image whose drift
    is not known is turned, but not shifted.

    Parameters
    ----------
    axis_deg, origin
        Direction of the tilt axis, see `voidlab.tilt.project`, and x, y of a point on it, px.
    """
    # In y up; from below, y runs the same way as here.
    sign = 1.0 if from_below else -1.0
    c, s = np.cos(np.deg2rad(axis_deg)), np.sin(np.deg2rad(axis_deg)) * sign
    turn = np.array([[c, s], [-s, c]])
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    drift = views[["drift_x_px", "drift_y_px"]].to_numpy(np.float64)
    off = (centre - origin - np.nan_to_num(drift)) * [1.0, sign]
    lines = [
        "".join(f"{value:12.7f}" for value in turn.ravel())
        + "".join(f"{value:12.3f}" for value in turn @ row)
        for row in off
    ]
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    return path
