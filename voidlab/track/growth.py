"""How fast radii grow: a robust slope for each of many tracks at once, with its error, on whole columns.

Errors of a radius last: what is off in one frame is off in the next, by focus, contrast, or a neighbour. How long
they last is read from all tracks together, so that short tracks have honest errors, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

_LEAST_ROWS = 4
_TUKEY = 4.685  # 95 % efficient for normal residuals
_CONVEX_SWEEPS = 5
_LEAST_CORRELATION = 0.03
_MOST_LAGS = 40


class _Runs:
    """Rows in a row that belong together: where each run starts, how long it is, and what is summed over it."""

    def __init__(self, number: np.ndarray) -> None:
        self.starts = np.flatnonzero(np.append(True, np.diff(number) != 0)[: len(number)])
        self.counts = np.diff(np.append(self.starts, len(number)))

    def sum(self, values: np.ndarray) -> np.ndarray:
        result: np.ndarray = np.add.reduceat(values, self.starts)
        return result

    def spread_out(self, values: np.ndarray) -> np.ndarray:
        """The value of a run for each of its rows."""
        return np.repeat(values, self.counts)

    def median(self, values: np.ndarray) -> np.ndarray:
        """Median of ``values``, which are not negative, within each run."""
        # Run and value in one number sort a dozen times as fast as two do; NaN would end up behind the last run and
        # shift the others.
        values = np.nan_to_num(values)
        bound = 2 * float(values.max(initial=0)) + 1e-300
        ordered = np.sort(self.spread_out(np.arange(len(self.starts))) + values / bound)
        low, high = (ordered[self.starts + middle] for middle in ((self.counts - 1) // 2, self.counts // 2))
        return ((low + high) / 2 - np.arange(len(self.starts))) * bound


def robust_slopes(
    track: np.ndarray,
    frame: np.ndarray,
    radius: np.ndarray,
    piece: np.ndarray,
    *,
    time: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Slope of radius over frame of every track, and its standard error; NaN below four rows.

    Parameters
    ----------
    track, frame, radius : ndarray of shape (n,)
        Sorted by track and frame.
    piece : ndarray of shape (n,), integer
        Another number where the radius of a track jumps: its pieces have one slope, each a level of its own.
    time : ndarray of shape (n,), optional
        Of each row, for a slope over time in place of frames, which need not follow each other evenly.

    Returns
    -------
    slope, error : ndarray of shape (tracks,)
        In the order of the tracks; ± one error covers 68 %.

    Notes
    -----
    Iteratively reweighted least squares with Tukey's weights [1]_, from a convex start; the error is the standard
    error of that fit [2]_, times Student's factor for few rows.

    Errors that last over some frames leave fewer rows to count. How they are correlated from frame to frame is the
    mean over all tracks, and it takes long ones to know: of errors that halve in a frame, ± one covers 68 % of tracks
    of any length where some have 50 frames, 60 % where none has more than 12 and 55 % where none has more than 8.
    What lasts as long as the tracks cannot be told from growth, and is in no error; neither is a trend that all
    radii share, as by focus.

    References
    ----------
    .. [1] Beaton and Tukey, Technometrics 16, 147 (1974), doi:10.1080/00401706.1974.10489171
    .. [2] Huber, Ann. Statist. 1, 799 (1973), doi:10.1214/aos/1176342503
    """
    lines = fit_lines(track, frame, radius, piece, time=time)
    counts, free = lines.tracks.counts, np.maximum(lines.free, 1)
    error = _slope_error(lines.residual, lines.scale, lines.spread, lines.tracks, lines.free)
    lasting = lines.lasting()
    slope_variance = np.maximum(lasting.variance, 0.1)
    # Of errors that last, the scatter about the line shows less, and as many rows are as good as fewer.
    shown = np.maximum(counts - lasting.taken, 0.2 * free)
    left = np.maximum(shown / np.maximum(slope_variance, 1), 1)
    # Few rows know their own scatter badly: Student's factor makes ± one error cover 68 % all the same.
    error *= np.sqrt(slope_variance * free / shown) * stdtrit(left, 0.8413)
    # As many rows to spare as four in one piece have.
    known = lines.free >= _LEAST_ROWS - 2
    return np.where(known, lines.slope, np.nan), np.where(known, error, np.nan)


@dataclass(frozen=True)
class Lasting:
    """What errors that last over some frames do.

    ``correlation``: of errors 1, 2, … frames apart, up to the first that is not significant. For each track,
    ``variance``: that of its slope over that from independent errors; ``taken``: how many rows' worth of squares the
    line takes from the residuals, for independent errors the number of what is fitted.
    """

    correlation: np.ndarray
    variance: np.ndarray
    taken: np.ndarray


@dataclass(frozen=True)
class Lines:
    """Robust lines through the radii of tracks: ``slope``, ``scale`` of the residuals, rows to spare (``free``) and
    weighted ``spread`` of the frames are of each track; ``frame``, ``time`` (the frame, where none was given) and
    ``residual`` of each row.
    """

    slope: np.ndarray
    scale: np.ndarray
    free: np.ndarray
    spread: np.ndarray
    frame: np.ndarray
    time: np.ndarray
    residual: np.ndarray
    tracks: _Runs
    pieces: _Runs

    def lasting(self) -> Lasting:
        """How the errors are correlated from frame to frame, in all tracks together."""
        return _lasting(
            self.frame,
            self.time,
            self.residual / self.tracks.spread_out(self.scale),
            self.tracks,
            self.pieces,
        )


def fit_lines(
    track: np.ndarray,
    frame: np.ndarray,
    radius: np.ndarray,
    piece: np.ndarray,
    *,
    time: np.ndarray | None = None,
) -> Lines:
    """Robust line through the radii of every track; see `robust_slopes`."""
    tracks, pieces = _Runs(track), _Runs(piece)
    frame = frame.astype(np.float64) - tracks.spread_out(frame[tracks.starts])
    time = frame if time is None else time - tracks.spread_out(time[tracks.starts])
    # A slope and a level per piece are fitted: what is left of the rows tells the error.
    free = tracks.counts - 1 - tracks.sum((np.diff(piece, prepend=piece[:1] - 1) != 0).astype(np.int64))
    weight = np.ones(len(radius))
    for sweep in range(25):
        slope, residual, _ = _weighted_line(time, radius, weight, tracks, pieces)
        if sweep <= _CONVEX_SWEEPS:  # later the scale stands, so that the line can settle
            scale = _scale(np.abs(residual), tracks, free)
        ratio = np.abs(residual) / tracks.spread_out(scale)
        # A convex start first: Tukey's weights alone can settle on the outliers.
        huber = np.minimum(1, 1.345 / np.maximum(ratio, 1e-9))
        weight = huber if sweep < _CONVEX_SWEEPS else np.clip(1 - (ratio / _TUKEY) ** 2, 0, None) ** 2
    slope, residual, spread = _weighted_line(time, radius, weight, tracks, pieces)
    return Lines(slope, scale, free, spread, frame, time, residual, tracks, pieces)


def _lasting(frame: np.ndarray, time: np.ndarray, ratio: np.ndarray, tracks: _Runs, pieces: _Runs) -> Lasting:
    """From the ``ratio`` of residuals to their scale; of a track's pieces only rows of the same are compared."""
    # What the robust fit goes by: outliers count little, what is not known nothing.
    error = np.nan_to_num(ratio * np.clip(1 - (ratio / _TUKEY) ** 2, 0, None) ** 2)
    away = time - pieces.spread_out(pieces.sum(time) / pieces.counts)
    away /= tracks.spread_out(np.sqrt(np.maximum(tracks.sum(away**2), 1e-12)))
    level = pieces.spread_out(1 / pieces.counts)
    slope, levels = np.ones(len(tracks.starts)), tracks.sum(level)
    square, of_row = np.mean(error**2), np.mean(level + away**2)
    if not square:
        return Lasting(np.zeros(0), slope, slope + levels)
    of_track = tracks.spread_out(np.arange(len(tracks.starts)))
    products, taken, widens, count = [], [], [], len(slope)
    correlation = np.zeros(0)
    for early, late in _pairs_apart(frame, pieces):
        together = away[early] * away[late]
        products.append(np.mean(error[early] * error[late]) / square)
        taken.append(np.mean(level[early] + together))
        now = _correlation(np.array(products), np.array(taken), of_row)
        if now[-1] < max(_LEAST_CORRELATION, 2 / np.sqrt(len(early))):
            break
        correlation = now
        pair = of_track[early]
        widens.append((np.bincount(pair, together, count), np.bincount(pair, level[early], count)))
    for known, (of_slope, of_level) in zip(correlation, widens, strict=True):
        slope += 2 * known * of_slope
        levels += 2 * known * of_level
    return Lasting(correlation, slope, slope + levels)


def _correlation(products: np.ndarray, taken: np.ndarray, of_row: float) -> np.ndarray:
    """Correlation of errors 1, 2, … frames apart from that of the residuals, ``products``.

    The line took ``of_row`` of the squares of independent errors and ``taken`` of their products, and the more of
    errors that last.
    """
    lasting = (1 + 2 * products.sum()) / max(1 + 2 * of_row * products.sum() - 2 * taken.sum(), 0.2)
    result: np.ndarray = np.minimum(products * max(1 - lasting * of_row, 0.1) + lasting * taken, 1)
    return result


def _pairs_apart(frame: np.ndarray, pieces: _Runs) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of the same piece that are 1, 2, … frames apart."""
    piece = pieces.spread_out(np.arange(len(pieces.starts)))
    apart = np.diff(frame)[np.diff(piece) == 0]
    unit = apart.min(initial=np.inf)  # images may be numbered in tens
    key = piece * 2 * (frame.max(initial=0) + 1) + frame
    for lag in range(1, min(int(pieces.counts.max(initial=0)) - 2, _MOST_LAGS) + 1):
        there = np.minimum(np.searchsorted(key, key + lag * unit), len(key) - 1)
        early = np.flatnonzero(key[there] == key + lag * unit)
        if not len(early):
            return
        yield early, there[early]


def _weighted_line(
    time: np.ndarray, radius: np.ndarray, weight: np.ndarray, tracks: _Runs, pieces: _Runs
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slope of the weighted line through each track, all residuals, and each track's weighted spread of frames."""
    total = np.maximum(pieces.sum(weight), 1e-12)
    time = time - pieces.spread_out(pieces.sum(weight * time) / total)
    radius = radius - pieces.spread_out(pieces.sum(weight * radius) / total)
    spread = tracks.sum(weight * time**2)
    slope = tracks.sum(weight * time * radius) / np.maximum(spread, 1e-12)
    return slope, radius - tracks.spread_out(slope) * time, spread


def _slope_error(
    residual: np.ndarray, scale: np.ndarray, spread: np.ndarray, tracks: _Runs, free: np.ndarray
) -> np.ndarray:
    """Standard error of a robust slope (Huber's asymptotic variance), all tracks at once."""
    ratio = residual / tracks.spread_out(scale)
    inside = np.abs(ratio) < _TUKEY
    part = (1 - (ratio / _TUKEY) ** 2) * inside
    influence, derivative = ratio * part**2, (part**2 - 4 * (ratio / _TUKEY) ** 2 * part)
    mean_square = tracks.sum(influence**2) / np.maximum(free, 1)
    mean_slope = np.maximum(tracks.sum(derivative) / tracks.counts, 0.1)
    # The spread of frames that the weights leave, scaled back to that of all rows.
    full = spread * tracks.counts / np.maximum(tracks.sum(part**2), 1e-9)
    error: np.ndarray = scale * np.sqrt(mean_square) / mean_slope / np.sqrt(np.maximum(full, 1e-12))
    return error


def _scale(size: np.ndarray, tracks: _Runs, free: np.ndarray) -> np.ndarray:
    """Standard deviation of each track's residuals from their median ``size``; never zero."""
    median, counts = tracks.median(size), tracks.counts
    # Radii of whole pixels can lie on the line more often than not, which does not make the line certain.
    mean = tracks.sum(size) / counts
    scale = np.maximum(np.where(median > 1e-9, median * 1.4826, mean * 1.2533), 1e-9)
    # What was fitted took its part of the residuals, and the median of a few runs low.
    result: np.ndarray = scale * np.sqrt(counts / np.maximum(free, 1)) * counts / (counts - 0.8)
    return result
