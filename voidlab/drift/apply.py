"""Applying a drift: to tables always, to images for display and video only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from voidlab.tables.listing import number_of
from voidlab.tables.rows import spread_rows
from voidlab.tables.tilts import is_tilted


def reference_row(frames: pd.DataFrame, frame: int | None = None) -> int:
    """Row of the reference: that of ``frame``, else the lowest tilt, else the first that can be used.

    Raises
    ------
    ValueError
        If ``frame`` is not among the frames, or cannot be used.
    """
    usable = (frames["status"] == "ok").to_numpy()
    if frame is not None:
        rows = np.flatnonzero(frames["frame"].to_numpy() == frame)
        if rows.size == 0 or not usable[rows[0]]:
            raise ValueError(f"reference_frame = {frame}: there is no usable frame of this number.")
        return int(rows[0])
    if not usable.any():
        return 0
    tilt = (
        frames["tilt_deg"].abs().to_numpy() if is_tilted(frames["tilt_deg"]) else np.full(len(frames), np.nan)
    )
    rows = np.flatnonzero(usable & np.isfinite(tilt))
    return int(rows[np.argmin(tilt[rows])]) if rows.size else int(np.flatnonzero(usable)[0])


def position_columns(voids: pd.DataFrame) -> tuple[str, str]:
    """Names of the columns x and y that a table's positions lie in: the drift-corrected ones when there."""
    corrected = ("x_corrected_px", "y_corrected_px")
    return corrected if set(corrected) <= set(voids.columns) else ("x_px", "y_px")


def subtract_drift(voids: pd.DataFrame, drift: pd.DataFrame) -> pd.DataFrame:
    """``voids`` with ``x_corrected_px`` and ``y_corrected_px``: position minus the drift of its frame.

    Raises
    ------
    ValueError
        If the drift of a frame is not in the table ``drift``.
    """
    of_frame = drift.set_index("frame")[["drift_x_px", "drift_y_px"]]
    unknown = sorted(set(voids["frame"]) - set(of_frame.index))
    if unknown:
        raise ValueError(
            f"the drift of {number_of(len(unknown), 'frame')} is not known, the first: frame {unknown[0]}."
        )
    shift = of_frame.reindex(voids["frame"]).to_numpy()
    return voids.assign(
        x_corrected_px=voids["x_px"] - shift[:, 0], y_corrected_px=voids["y_px"] - shift[:, 1]
    )


@dataclass(frozen=True)
class Canvas:
    """Pixels that aligned frames are drawn on: ``shape`` (H, W), and the ``origin`` (x, y) of the reference on it."""

    shape: tuple[int, int]
    origin: tuple[int, int] = (0, 0)

    @classmethod
    def of_all(cls, shape: tuple[int, int], drift_px: np.ndarray) -> Canvas:
        """The smallest canvas that holds all frames of this ``shape`` (H, W) less their drift (n, 2), where known."""
        begins = -np.asarray(drift_px, float).reshape(-1, 2)
        begins = begins[np.isfinite(begins).all(axis=1)]
        low = np.floor(begins.min(axis=0, initial=0)).astype(int)
        high = np.ceil(begins.max(axis=0, initial=0)).astype(int)
        width, height = np.array(shape[::-1]) + high - low
        return cls((int(height), int(width)), (int(-low[0]), int(-low[1])))


def align(image: np.ndarray, drift_px: np.ndarray, *, canvas: Canvas | None = None) -> np.ndarray:
    """``image`` (H, W) resampled, once and linearly, so that it lies on the reference. For display only.

    Parameters
    ----------
    drift_px
        Drift of the image, x and y, px.
    canvas
        What it is drawn on; None is the reference frame itself.

    Returns
    -------
    ndarray
        float32 of the shape of the canvas; NaN where the image shows nothing.
    """
    canvas = canvas or Canvas(image.shape)
    drawn = np.full(canvas.shape, np.nan, np.float32)
    begins = np.array(canvas.origin, float) - np.asarray(drift_px, float)
    whole = np.floor(begins).astype(int)
    part = _between_pixels(np.asarray(image, np.float32), begins - whole)
    (to_x, of_x), (to_y, of_y) = (
        _overlap(start, size, room)
        for start, size, room in zip(whole + (np.array(image.shape) - part.shape)[::-1], part.shape[::-1],
                                     canvas.shape[::-1], strict=True)
    )  # fmt: skip
    drawn[to_y, to_x] = part[of_y, of_x]
    return drawn


def _between_pixels(image: np.ndarray, past: np.ndarray) -> np.ndarray:
    """``image`` moved by ``past`` (x, y), 0 to below 1 px, linearly; a row or column less where it was moved."""
    x, y = past
    if y > 0:
        image = (1 - y) * image[1:] + y * image[:-1]
    if x > 0:
        image = (1 - x) * image[:, 1:] + x * image[:, :-1]
    return image


def _overlap(start: int, size: int, room: int) -> tuple[slice, slice]:
    """Where on a side of ``room`` pixels something of ``size`` lies that begins at ``start``; which part of it."""
    first, last = max(start, 0), max(min(start + size, room), max(start, 0))
    return slice(first, last), slice(first - start, last - start)


def mean_image(images: Sequence[np.ndarray], drift_px: np.ndarray, *, most: int = 32) -> np.ndarray:
    """Mean (H, W) of at most ``most`` aligned frames, spread over the series; 0 where none shows anything.

    Frames whose drift is NaN are left out.
    """
    known_drift = np.flatnonzero(np.isfinite(np.asarray(drift_px, float).reshape(-1, 2)).all(axis=1))
    rows = known_drift[spread_rows(len(known_drift), most)]
    total, seen = np.zeros(1), np.zeros(1, np.int32)
    for row in rows:
        aligned = align(images[row], drift_px[row])
        known = np.isfinite(aligned)
        total, seen = total + np.where(known, aligned, 0), seen + known.astype(np.int32)
    return np.asarray(total / np.maximum(seen, 1), np.float32)
