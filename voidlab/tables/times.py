"""Times of the frames: how far apart they are, and whether they follow each other evenly."""

import numpy as np
import pandas as pd

_EVEN = 0.01  # of the time between frames: what clocks are off by


def times_of(frames: pd.DataFrame | None, numbers: np.ndarray) -> np.ndarray:
    """Time, s, of each of the ``numbers`` of frames, by the table ``frames``; NaN where it is not known."""
    if frames is None or "time_s" not in frames or frames["time_s"].isna().all():
        return np.full(len(numbers), np.nan)
    known = frames.set_index("frame")["time_s"]
    return known.reindex(numbers).to_numpy(np.float64)


def seconds_per_frame(numbers: np.ndarray, times_s: np.ndarray) -> tuple[float, bool]:
    """Median time from one frame number to the next, s, and whether all are that far apart; NaN where not known."""
    rows = np.unique(numbers, return_index=True)[1]
    number, time = numbers[rows], times_s[rows]
    if len(number) < 2 or not np.isfinite(time).all():
        return float("nan"), False
    step = float(np.median(np.diff(time) / np.diff(number)))
    off = time - time[0] - step * (number - number[0])
    return step, bool(np.abs(off).max() <= _EVEN * abs(step))
