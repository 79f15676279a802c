"""The rows of the JSON lines that users' notebooks know, frame-data.json and track-data.json, as whole columns."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from voidlab.export.siegel import siegel_slopes
from voidlab.tables.catalogue import COLUMNS
from voidlab.tables.kinds import only_voids
from voidlab.tables.size_basis import is_size
from voidlab.track.summary import interpolate_tracks

FRAME_DATA = "frame-data.json"
TRACK_DATA = "track-data.json"
_LEAST_FOR_GROWTH = 4  # frames
_ROWS_AT_ONCE = 200_000
_FRAME_COLUMNS, _TRACK_COLUMNS = ([c.name for c in COLUMNS[file]] for file in (FRAME_DATA, TRACK_DATA))


def frame_data(frames: pd.DataFrame, voids: pd.DataFrame, drift: pd.DataFrame) -> pd.DataFrame:
    """Row per image with its voids as lists, as users' notebooks know it; ``type`` tells loops and dots from voids.

    Parameters
    ----------
    frames, voids, drift
        The tables of these names. Positions are (x, y) in px; ``positions-no-drift`` are drift-corrected.
    """
    rows = [row for part in frame_rows(frames, voids, drift) for row in part.to_pylist()]
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
    rows = [row for part in track_rows(linked, voids) for row in part.to_pylist()]
    return pd.DataFrame(rows, columns=_TRACK_COLUMNS)


def frame_rows(frames: pd.DataFrame, voids: pd.DataFrame, drift: pd.DataFrame) -> Iterator[pa.Table]:
    """The rows of `frame_data`, some of them at a time."""
    frames = frames.sort_values("frame", ignore_index=True)
    order = np.lexsort((voids["label"].to_numpy(), voids["frame"].to_numpy()))
    ordered = voids["frame"].to_numpy()[order]
    numbers = frames["frame"].to_numpy()
    begin, end = np.searchsorted(ordered, numbers), np.searchsorted(ordered, numbers, side="right")
    shift = drift.set_index("frame")[["drift_x_px", "drift_y_px"]].reindex(numbers).to_numpy(np.float64)
    part = np.cumsum(end - begin) // _ROWS_AT_ONCE
    for images in np.split(np.arange(len(frames)), np.flatnonzero(np.diff(part)) + 1):
        rows = np.concatenate([order[begin[i] : end[i]] for i in images] or [order[:0]])
        counts = (end - begin)[images]
        yield _frame_rows(frames.iloc[images], voids.iloc[rows], counts, shift[images])


def _frame_rows(frames: pd.DataFrame, voids: pd.DataFrame, counts: np.ndarray, shift: np.ndarray) -> pa.Table:
    """Rows for some ``frames``: their ``voids`` one after the other, how many each has, and its drift (n, 2)."""
    position = voids[["x_px", "y_px"]].to_numpy(np.float64)
    radius = voids["radius_px"].to_numpy(np.float64)
    averaged = np.isin(voids.index, only_voids(voids).index) & is_size(voids)
    ends = np.cumsum(counts)
    of_voids = [radius[a:b][averaged[a:b]] for a, b in zip(ends - counts, ends, strict=True)]
    columns = {
        "path": _texts(frames["path"]),
        "frame": pa.array(frames["frame"].to_numpy(np.int64)),
        "void_frac": _floats(frames["void_fraction"].to_numpy(np.float64)),
        "void_count": pa.array(frames["void_count"], pa.int64(), from_pandas=True),
        "type": _lists(counts, _texts(voids["kind"])),
        "radii": _lists(counts, _floats(radius)),
        "radii_average": _floats(np.array([each.mean() if len(each) else np.nan for each in of_voids])),
        "positions": _lists(counts, _pairs(position)),
        "touches_side": _lists(counts, pa.array(voids["touches_edge"].to_numpy(bool))),
        "drifts": _pairs(shift),
        "positions-no-drift": _lists(counts, _pairs(position - np.repeat(shift, counts, axis=0))),
    }
    return pa.table({name: columns[name] for name in _FRAME_COLUMNS})


def interpolated(linked: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Rows of `voidlab.track.interpolate_tracks`, some whole tracks at a time."""
    linked = linked[linked["particle"].notna()]
    particle = linked["particle"].to_numpy(np.int64)
    order = np.argsort(particle, kind="stable")
    begin = _begins(particle[order])
    for rows in np.split(order, begin[np.flatnonzero(np.diff(begin // _ROWS_AT_ONCE)) + 1]):
        yield interpolate_tracks(linked.iloc[rows])


def track_rows(linked: pd.DataFrame, voids: pd.DataFrame) -> Iterator[pa.Table]:
    """The rows of `track_data`, some of them at a time."""
    local = _LocalIds(voids)
    for dense in interpolated(linked):
        yield _track_rows(dense, local.of(dense["frame"], dense["label"]))


class _LocalIds:
    """Where in the lists of its frame each void stands."""

    def __init__(self, voids: pd.DataFrame) -> None:
        frame, label = voids["frame"].to_numpy(np.int64), voids["label"].to_numpy(np.int64)
        order = np.lexsort((label, frame))
        self._many = int(label.max(initial=0)) + 1
        self._place = frame[order] * self._many + label[order]
        self._begin = frame[order]

    def of(self, frame: pd.Series, label: pd.Series) -> pd.Series:
        """Index of the voids of these frames and labels, from 0; missing where the label is, or is not known."""
        number = frame.to_numpy(np.int64)
        wanted = number * self._many + label.fillna(-1).to_numpy(np.int64)
        ids = pd.Series(
            np.searchsorted(self._place, wanted) - np.searchsorted(self._begin, number), frame.index
        )
        return ids.astype("Int64").where(label.notna().to_numpy() & np.isin(wanted, self._place))


def _track_rows(dense: pd.DataFrame, local_id: pd.Series) -> pa.Table:
    """Rows for tracks that are interpolated, and where in the lists of its frame each void stands."""
    particle, frame = (dense[name].to_numpy(np.int64) for name in ("particle", "frame"))
    starts = _begins(particle)
    counts = np.diff(np.append(starts, len(particle)))
    position = dense[["x_px", "y_px"]].to_numpy(np.float64)
    radius = dense["radius_px"].to_numpy(np.float64)
    from_start = np.hypot(*(position - np.repeat(position[starts], counts, axis=0)).T)
    step = np.hypot(*np.diff(position, axis=0, prepend=position[:1]).T)
    step[starts] = 0.0
    travelled, growth = np.empty(len(step)), np.full(len(starts), np.nan)
    for length in np.unique(counts):
        these = np.flatnonzero(counts == length)
        rows = starts[these, None] + np.arange(length)
        travelled[rows] = np.cumsum(step[rows], axis=1)
        if length >= _LEAST_FOR_GROWTH:
            growth[these] = siegel_slopes(radius[rows])
    moved = counts > 1
    largest = np.where(moved, _reduced(np.maximum, from_start, starts), np.nan)
    total = np.where(moved, travelled[starts + counts - 1], np.nan)
    columns = {
        "particle": pa.array(particle[starts]),
        "start_frame": pa.array(frame[starts]),
        "end_frame": pa.array(frame[starts + counts - 1]),
        "total_frames": pa.array(counts),
        "inferred_frames": pa.array(_reduced(np.add, dense["inferred"].to_numpy(np.int64), starts)),
        "positions": _lists(counts, _pairs(position)),
        "touches_side": _lists(counts, pa.array(dense["touches_edge"].to_numpy(bool))),
        "local_id": _lists(counts, pa.array(local_id, pa.int64(), from_pandas=True)),
        "disp_from_start": _lists(counts, _floats(from_start), moved),
        "max_disp": _floats(largest),
        "drift_rate": _floats(largest / counts),
        "dist_traveled": _lists(counts, _floats(travelled), moved),
        "total_traveled": _floats(total),
        "movement_rate": _floats(total / counts),
        "radii": _lists(counts, _floats(radius)),
        "max_radius": _floats(_reduced(np.maximum, radius, starts)),
        "min_radius": _floats(_reduced(np.minimum, radius, starts)),
        "growth_rate": _floats(growth),
    }
    return pa.table({name: columns[name] for name in _TRACK_COLUMNS})


def _begins(particle: np.ndarray) -> np.ndarray:
    """Row at which each track begins, of rows sorted by particle."""
    return np.flatnonzero(np.append(True, np.diff(particle) != 0)[: len(particle)])


def _reduced(operation: np.ufunc, values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return operation.reduceat(values, starts) if len(starts) else values[:0]


def _floats(values: np.ndarray) -> pa.Array:
    """Numbers; none where they are not finite."""
    return pa.array(np.where(np.isfinite(values), values, np.nan), from_pandas=True)


def _texts(column: pd.Series) -> pa.Array:
    """Text in one piece: of a table of over 131,072 rows that was read from a file, pandas has it in several."""
    texts = pa.array(column, pa.string(), from_pandas=True)
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _pairs(values: np.ndarray) -> pa.Array:
    """Lists of two from the rows of an array (n, 2)."""
    return _lists(np.full(len(values), 2), _floats(values.ravel()))


def _lists(counts: np.ndarray, values: pa.Array, known: np.ndarray | None = None) -> pa.Array:
    """Lists of as many ``values`` as ``counts`` says, one after the other; none where they are not ``known``."""
    offsets = pa.array(np.append(0, np.cumsum(counts)), pa.int32())
    missing = None if known is None else pa.array(~known)
    return pa.ListArray.from_arrays(offsets, values, mask=missing)
