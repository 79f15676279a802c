"""Frames → shifts between pairs of frames → one drift per frame, with its uncertainty."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, fields

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.drift.binned_frames import BinnedFrames
from voidlab.drift.correlate import APART, MIN_OVERLAP, Correlator, Shift
from voidlab.drift.pairs import choose_pairs, fill_up, in_good_order, is_short, overlapping, without_blank
from voidlab.drift.solve import Solution, Solved, solve_drift

_PAIRS_AT_ONCE = 256
_LARGE_ERROR_PX = 3.0  # about half a small void: beyond that its neighbours are linked in its place
_LARGE_ERROR = 5.0  # times the median over the frames
_FEW_PAIRS = 3
_ROUNDS = 2  # of measuring rejected pairs again
_CONTESTED = 0.1  # share of the pairs

Progress = Callable[[Iterable[int], int], Iterable[int]]


@dataclass(frozen=True)
class Drift(Solved):
    """`Solved` drift with a value for every frame, and ``flags``: the column ``flag`` of the table ``drift``."""

    flags: list[str] = field(default_factory=list)

    def table(self, frames: Sequence[int] | pd.Series) -> pd.DataFrame:
        """Table ``drift`` for frames with these numbers."""
        rows = pd.DataFrame(
            {
                "frame": np.asarray(frames),
                "drift_x_px": self.drift_px[:, 0],
                "drift_y_px": self.drift_px[:, 1],
                "drift_sigma_px": self.sigma_px,
                "pairs_kept": self.pairs_kept,
                "flag": pd.Series(self.flags, dtype="str"),
            }
        )
        return tables.check(rows, "drift")

    def pairs_table(self, frames: Sequence[int] | pd.Series) -> pd.DataFrame:
        """Table ``pairs`` with the numbers of the frames in place of their rows."""
        number = np.asarray(frames, np.int64)
        named = {side: number[self.pairs[side].to_numpy(np.int64)] for side in ("frame_a", "frame_b")}
        return tables.check(self.pairs.assign(**named), "pairs")


def estimate_drift(
    images: Sequence[np.ndarray],
    *,
    reference: int = 0,
    pairs: str | np.ndarray = "auto",
    valid: np.ndarray | None = None,
    progress: Progress | None = None,
) -> Drift:
    """Measure the drift of every frame against the reference frame.

    Parameters
    ----------
    images
        Frames (H, W) of one size: void masks (bool) or images. Pixels that are not finite are not looked at.
    reference
        Row of the frame whose drift is zero.
    pairs
        "auto" (all up to 64 frames, a planned subset above), "all", or an array (m, 2) of rows.
    valid : ndarray of bool, shape (H, W), optional
        False where the frames show no specimen that drifts: a scale bar, a beam stop, the frame of a screen.
    progress
        Called with the pairs and their number, gives the pairs back, as a progress bar does.

    Raises
    ------
    ValueError
        If frames differ in size, or there is no such reference or pair.

    References
    ----------
    Guizar-Sicairos, Thurman, Fienup, Opt. Lett. 33, 156 (2008), doi:10.1364/OL.33.000156, for the refined peak;
    Padfield, IEEE Trans. Image Process. 21, 2706 (2012), doi:10.1109/TIP.2011.2181402, for ``valid``;
    Savitzky et al., Ultramicroscopy 191, 56 (2018), doi:10.1016/j.ultramic.2018.04.008, for all pairs together.
    """
    count = len(images)
    if count == 0:
        return Drift(np.zeros((0, 2)), np.zeros(0), tables.empty("pairs"), np.zeros(0, np.int64))
    if not 0 <= reference < count:
        raise ValueError(f"reference = {reference}: expected a row from 0 to {count - 1}.")
    planned = choose_pairs(count, pairs, reference)
    with closing(BinnedFrames.of(images, valid)) as frames:
        anchor = _anchor(frames.blank, reference)
        correlator = Correlator(frames)
        useful = without_blank(planned, frames.blank)
        fill = isinstance(pairs, str)
        measured = _measure_in_reach(correlator, useful, anchor, fill, progress)
        contested = float(measured.pop("contested").mean()) if len(measured) else 0.0
        measured = _measure_rejected(correlator, measured, count, anchor)
        solution = solve_drift(measured, count, anchor)
    doubt = bool(frames.pattern) or contested > _CONTESTED
    told_apart_px = float(APART * frames.factor) if doubt else 0.0
    return _finish(solution, frames.blank, reference, max(frames.full_shape), told_apart_px)


def _anchor(blank: np.ndarray, reference: int) -> int:
    """The reference, or the frame nearest to it in which there is something to see."""
    seen = np.flatnonzero(~blank)
    return int(seen[np.argmin(np.abs(seen - reference))]) if seen.size else reference


# Measuring


def _measure_in_reach(
    correlator: Correlator, pairs: np.ndarray, anchor: int, fill: bool, progress: Progress | None
) -> pd.DataFrame:
    """Measure near pairs of frames first, then those of the others that have enough in common.

    Where the drift leaves a frame with few pairs, more near ones are measured in their place.
    """
    count = len(correlator.frames)
    short = is_short(pairs)
    steps = iter(progress(range(len(pairs)), len(pairs)) if progress else range(len(pairs)))
    near = _measure(correlator, pairs[short], steps)
    if short.all():
        next(steps, None)
        return near
    rough = solve_drift(near, count, anchor, errors=False)
    sure = np.where(
        (rough.sigma_px < 0.02 * min(correlator.frames.full_shape))[:, None], rough.drift_px, np.nan
    )

    def in_reach(which: np.ndarray) -> np.ndarray:
        return which[overlapping(which, sure, correlator.frames.full_shape, MIN_OVERLAP)]

    far = in_reach(pairs[~short])
    if fill:
        more = fill_up(np.concatenate([pairs[short], far]), count)
        far = np.concatenate([far, in_reach(without_blank(more, correlator.frames.blank))])
    measured = _measure(correlator, far, steps)
    for _ in steps:  # pairs out of reach are done too
        pass
    return pd.concat([near, measured], ignore_index=True)


def _measure(correlator: Correlator, rows: np.ndarray, steps: Iterable[int]) -> pd.DataFrame:
    """Table ``pairs`` of these pairs of rows, not solved yet; every core measures."""
    rows = rows[in_good_order(rows, correlator.kept_spectra)]
    found: list[Shift] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(rows), _PAIRS_AT_ONCE):
            block = rows[start : start + _PAIRS_AT_ONCE].tolist()
            for shift in pool.map(lambda pair: correlator.shift(pair[0], pair[1]), block):
                found.append(shift)
                next(iter(steps), None)
    table = {"frame_a": rows[:, 0], "frame_b": rows[:, 1], **_columns(found)}
    unsolved = {"weight": 1.0, "residual_px": 0.0, "remeasured": False}
    return tables.check(pd.DataFrame({**table, **unsolved}), "pairs")


def _columns(found: Sequence[Shift]) -> dict[str, object]:
    columns = {each.name: np.array([getattr(shift, each.name) for shift in found]) for each in fields(Shift)}
    return {name: values.astype(bool if name == "contested" else float) for name, values in columns.items()}


def _measure_rejected(
    correlator: Correlator, measured: pd.DataFrame, count: int, anchor: int
) -> pd.DataFrame:
    """``measured`` with the pairs that disagree with the others measured again, near where these have them."""
    for _ in range(_ROUNDS):
        solution = solve_drift(measured, count, anchor, errors=False)
        rows = measured[["frame_a", "frame_b"]].to_numpy()
        again = np.flatnonzero(
            (solution.pairs["weight"].to_numpy() == 0) & solution.connected[rows].all(axis=1)
        )
        if again.size == 0:
            break

        def search(row: int, solution: Solution = solution, rows: np.ndarray = rows) -> Shift | None:
            a, b = rows[row].tolist()
            x, y = solution.drift_px[b] - solution.drift_px[a]
            radius = max(3.0, 4 * float(np.hypot(solution.sigma_px[a], solution.sigma_px[b])))
            shift = correlator.shift(a, b, (x, y, radius))
            # A maximum on the rim of the search is not a peak.
            return shift if np.hypot(shift.dx_px - x, shift.dy_px - y) < radius else None

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = dict(zip(again.tolist(), pool.map(search, again.tolist()), strict=True))
        better = {row: shift for row, shift in found.items() if shift is not None}
        if not better:
            break
        measured = measured.copy()
        columns = pd.DataFrame(_columns(list(better.values())), index=list(better)).drop(columns="contested")
        columns["peak_ratio"] = measured.loc[columns.index, "peak_ratio"]  # that of the whole search
        measured.loc[columns.index, list(columns)] = columns
        measured.loc[columns.index, "remeasured"] = True
    return measured


# What the pairs cannot tell


def flag_large_errors(flags: Sequence[str], sigma_px: np.ndarray) -> list[str]:
    """``flags`` with "large error" for good frames whose standard error stands far out of those of the others.

    Such a frame may be upside down or show something else. Where all errors are large, none stands out: that is a
    matter for the verdict.
    """
    among = np.array([flag != "reference" for flag in flags], bool)
    middle = float(np.median(sigma_px[among])) if among.any() else 0.0
    large = sigma_px > max(_LARGE_ERROR_PX, _LARGE_ERROR * middle)
    return ["large error" if flag == "" and far else flag for flag, far in zip(flags, large, strict=True)]


def _finish(
    solution: Solution, blank: np.ndarray, reference: int, side_px: int, told_apart_px: float
) -> Drift:
    """Drift with a value for every frame, and a flag where it is not to be trusted.

    A frame with nothing to see lies on a straight line between its neighbours; its error is that of the neighbours
    and the whole drift between them: nothing better is known. Of frames that no pair joins with the reference not
    even that is known: they may be anywhere in the field of view.

    Content is told from a pattern of the camera where they lie ``told_apart_px`` apart; when nothing moved that far,
    the pattern may have been followed. 0: no pattern was seen.
    """
    rows = np.arange(len(blank))
    known = solution.connected
    drift, sigma = solution.drift_px.copy(), solution.sigma_px.copy()
    for axis in (0, 1):
        drift[~known, axis] = np.interp(rows[~known], rows[known], drift[known, axis])
    for row in rows[~known]:
        around = rows[known][np.clip(np.searchsorted(rows[known], row) - [1, 0], 0, known.sum() - 1)]
        apart = float(np.hypot(*(drift[around[1]] - drift[around[0]])))
        nothing_better = max(float(np.hypot(apart, sigma[around].max())), 1.0)
        sigma[row] = nothing_better if blank[row] else max(nothing_better, side_px / 2)
    flags = ["" if kept >= min(_FEW_PAIRS, len(rows) - 1) else "few pairs" for kept in solution.pairs_kept]
    flags = [
        flag if there else "interpolated" if nothing else "not connected"
        for flag, there, nothing in zip(flags, known, blank, strict=True)
    ]
    if float(np.ptp(drift, axis=0).max()) < told_apart_px:
        flags = [flag or "fixed pattern" for flag in flags]
        sigma = np.hypot(sigma, told_apart_px / 2)
    flags = flag_large_errors(flags, sigma)
    flags[reference] = "reference"
    drift, sigma[reference] = drift - drift[reference], 0.0
    return Drift(drift, sigma, solution.pairs, solution.pairs_kept, flags)
