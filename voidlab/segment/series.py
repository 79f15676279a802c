"""The voids of a whole series of images, a few of them under way at a time."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.images.errors import ImagesError
from voidlab.segment.expectation import Expectation
from voidlab.segment.odd_frames import odd_frames, sharpness
from voidlab.segment.segmenters import Segmentation, Segmenter
from voidlab.tables.kinds import COUNT_OF, VOID
from voidlab.tables.rows import spread_rows
from voidlab.tables.verdict import CHECK, GOOD, VERDICTS

Progress = Callable[[Iterable[int], int], Iterable[int]]


class SeriesOfImages(Protocol):
    """Images and what is known of them, as `voidlab.images.ImageSeries`."""

    @property
    def frames(self) -> pd.DataFrame: ...

    @property
    def shape(self) -> tuple[int, int]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> np.ndarray: ...


def segment_series(
    series: SeriesOfImages,
    segmenter: Segmenter,
    *,
    keep_labels: Callable[[np.ndarray], None] | None = None,
    progress: Progress | None = None,
    log: Callable[[str], None] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find the voids in every image of a series, a few images in memory at a time; loops and dots if asked for.

    Parameters
    ----------
    series
        Images and their table ``frames``; excluded frames are not looked at, unreadable ones are marked.
    segmenter
        What it reads off the images is decided once, from images spread over the series.
    keep_labels
        Called with the label image of every row, in order; blank for one that was not looked at. Of voids only.
    progress
        Called with the rows and their number, gives the rows back, as a progress bar does.
    log
        Called with the reason for each image that cannot be read.

    Returns
    -------
    frames, voids : DataFrame
        The tables of these names. What was decided on the way, such as the contrast, stands in the ``attrs`` of both
        under ``segmentation``, as JSON can hold it.

    Raises
    ------
    ImagesError
        If no image can be read.
    """
    looked_at = sample_rows(series)
    segmenter = segmenter.with_contrast_from(_read(series, looked_at))
    nothing = pd.array([None] * len(series), dtype="Int64")
    frames = series.frames.assign(void_count=nothing, void_fraction=np.nan, valid_px=nothing)
    frames = frames.assign(**{count: nothing for count in COUNT_OF.values() if count not in frames})
    found, unreadable = [tables.empty("voids")], ""
    smaller, larger, sharp = 0, 0, np.full(len(series), np.nan)
    rows: Iterable[int] = range(len(series))
    rows = progress(rows, len(series)) if progress else rows
    for row, outcome in zip(rows, _ordered(series, segmenter), strict=True):
        result, reason = outcome.found, outcome.reason
        frames.loc[row, "status"], sharp[row] = outcome.status, outcome.sharpness
        labels = np.zeros(series.shape, np.int32) if result is None else result.labels
        if result is not None:
            for kind in segmenter.kinds:
                frames.loc[row, COUNT_OF[kind]] = int((result.voids["kind"] == kind).sum())
            frames.loc[row, "valid_px"] = result.valid_px
            if VOID in segmenter.kinds:
                frames.loc[row, "void_fraction"] = np.count_nonzero(labels) / result.valid_px
            smaller, larger = smaller + result.smaller, larger + result.larger
            found.append(result.voids.assign(frame=series.frames["frame"].iloc[row]))
        unreadable = unreadable or reason
        if reason and log:
            log(f"frame {series.frames['frame'].iloc[row]} is left out: {reason}")
        if keep_labels:
            keep_labels(labels)
    if unreadable and not frames["status"].isin(["ok", "blank"]).any():
        raise ImagesError(f"no image of the series can be read, the first: {unreadable}")
    voids = tables.check(pd.concat(found, ignore_index=True), "voids")
    frames = tables.check(frames, "frames")
    decided = _decided(segmenter, series.frames["frame"].iloc[looked_at].tolist(), smaller, larger)
    valid = frames["valid_px"].dropna().astype("int64") / (series.shape[0] * series.shape[1])
    decided |= _trust(segmenter, segmenter.expectation(_read(series, looked_at)))
    if (complete := segmenter.completeness(_read(series, looked_at))) is not None:
        decided |= {"completeness": asdict(complete)}
    decided |= {
        "cut_frames": int((valid < 1).sum()),
        "least_valid": float(valid.min()) if len(valid) else 1.0,
        "odd_frames": {str(frame): how for frame, how in odd_frames(frames, sharp).items()},
    }
    frames.attrs["segmentation"] = voids.attrs["segmentation"] = decided
    return frames, voids


def _decided(segmenter: Segmenter, frames: list[int], smaller: int, larger: int) -> dict[str, Any]:
    """What decides the voids beside the parameters, as JSON can hold it: contrast, arithmetic, what lies outside."""
    decided: dict[str, Any] = {
        "segmenter": segmenter.name,
        "arithmetic": segmenter.arithmetic,
        "contrast": segmenter.contrast,
        "smaller": smaller,
        "larger": larger,
    }
    if segmenter.choice is not None:
        decided |= {
            "contrast_verdict": segmenter.choice.verdict,
            "contrast_reason": segmenter.choice.reason,
            "contrast_frames": frames,
        }
    return decided


def _trust(segmenter: Segmenter, expected: Expectation | None) -> dict[str, Any]:
    """How far the detections can be trusted, as JSON can hold it."""
    if expected is None:
        expected = Expectation(
            None, None, CHECK, [f"what '{segmenter.name}' calls confidence is no probability"]
        )
    verdict, reasons = expected.verdict, list(expected.reasons)
    if segmenter.choice is not None and segmenter.choice.verdict != GOOD:
        verdict = max(verdict, segmenter.choice.verdict, key=VERDICTS.index)
        reasons.insert(0, f"the contrast is {segmenter.choice.reason}")
    shares = {"precision": expected.precision, "recall": expected.recall}
    known = {name: [share.value, share.low, share.high] for name, share in shares.items() if share}
    return {"verdict": verdict, "verdict_reasons": reasons, "expected": known}


@dataclass(frozen=True)
class _Outcome:
    """Status of an image, what was found in it, why it could not be read, and how sharp it is."""

    status: str
    found: Segmentation | None = None
    reason: str = ""
    sharpness: float = np.nan


def _look(series: SeriesOfImages, segmenter: Segmenter, row: int) -> _Outcome:
    if series.frames["status"].iloc[row] == "excluded":
        return _Outcome("excluded")
    try:
        image = series[row]
    except OSError as error:
        return _Outcome("unreadable", reason=str(error))
    known = image[np.isfinite(image)]
    if known.size == 0 or known.min() == known.max():
        # It says nothing of the voids: an empty count, not a count of 0.
        return _Outcome("blank")
    found = segmenter.run(image)
    if known.size < image.size:
        found = found.within(np.isfinite(image), segmenter.edge_buffer_px)
    return _Outcome("ok", found, sharpness=sharpness(image))


def _ordered(series: SeriesOfImages, segmenter: Segmenter) -> Iterator[_Outcome]:
    """What comes of each image, in order, with a few under way at a time."""
    workers = min(os.cpu_count() or 1, segmenter.at_once)
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[Future[_Outcome]] = deque()
        try:
            for row in range(len(series)):
                under_way.append(pool.submit(_look, series, segmenter, row))
                if len(under_way) > workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


def sample(series: SeriesOfImages, most: int = 5) -> Iterator[np.ndarray]:
    """At most ``most`` images that can be read, spread over the series."""
    return _read(series, sample_rows(series, most))


def sample_rows(series: SeriesOfImages, most: int = 5) -> np.ndarray:
    """Rows of at most ``most`` usable images, spread over the series."""
    ok = np.flatnonzero(series.frames["status"] == "ok")
    return ok[spread_rows(len(ok), most, down=True)]


def _read(series: SeriesOfImages, rows: Iterable[int]) -> Iterator[np.ndarray]:
    for row in rows:
        try:
            yield series[int(row)]
        except OSError:
            continue
