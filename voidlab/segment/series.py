"""The voids of a whole series of images, a few of them under way at a time."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.images.errors import ImagesError
from voidlab.images.label_stack import PackedLabels
from voidlab.images.sample import SeriesOfImages, read_rows, sample_rows
from voidlab.segment.expectation import Expectation
from voidlab.segment.frame import EXCLUDED, OK, FrameResult, segment_frame
from voidlab.segment.odd_frames import odd_frames
from voidlab.segment.persistence import settle
from voidlab.segment.segmenter import Segmenter
from voidlab.segment.sphere_fit import Focus
from voidlab.tables.kinds import COUNT_OF, VOID
from voidlab.tables.listing import number_of
from voidlab.tables.verdict import CHECK, GOOD, VERDICTS

Progress = Callable[[Iterable[int], int], Iterable[int]]
Labels = np.ndarray | PackedLabels


class FrameStore(Protocol):
    """Where what came of each image is kept, so that no image is looked at twice; see `voidlab.run.frame_cache`."""

    @property
    def decided(self) -> Mapping[str, Any]:
        """What holds for all images, as JSON can hold it."""

    @property
    def taken(self) -> int:
        """How many images `get` knew."""

    def check(self, series: SeriesOfImages, segmenter: Segmenter) -> None:
        """Raise ValueError where it keeps what came of other images, or of another segmenter."""

    def get(self, row: int) -> FrameResult | None:
        """What came of the image of ``row``, if that is kept."""

    def put(self, row: int, result: FrameResult) -> FrameResult:
        """Keep what came of an image, and give it as `get` will."""

    def results_from(self, executor: Executor) -> Iterator[FrameResult] | None:
        """What comes of every image, in order, by the workers of ``executor``; None where they cannot know how."""

    def once(self, name: str, rows: Iterable[int], make: Callable[[], Any]) -> Any:
        """What ``make`` made of the images of these ``rows`` the first time, as JSON holds it."""


def segment_series(
    series: SeriesOfImages,
    segmenter: Segmenter,
    *,
    store: FrameStore | None = None,
    executor: Executor | None = None,
    keep_labels: Callable[[Any], None] | None = None,
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
    store
        Keeps what came of each image as soon as it is there: images that it knows are not looked at again.
    executor
        Whose workers segment the images, into the ``store``; None: threads of this process.
    keep_labels
        Called with the label image of every row, in order; blank for one that was not looked at. Of voids only. With
        a ``store`` they may be `PackedLabels`, as `LabelWriter.append` takes them.
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
    ValueError
        If the ``store`` is one of other images or of another segmenter.
    """
    if store is not None:
        store.check(series, segmenter)
    looked_at = sample_rows(series)
    segmenter = segmenter.with_contrast_from(read_rows(series, looked_at))
    segmenter = segmenter.with_focus_from(read_rows(series, looked_at))
    found, rows = Collected(series.frames, segmenter.kinds), range(len(series))
    counted: Iterable[int] = progress(rows, len(series)) if progress else rows
    apart = store.results_from(executor) if store is not None and executor is not None else None
    if executor is not None and apart is None and log:
        log("the segmenter is one that other processes cannot load: all images are segmented in this one")
    results: Iterable[FrameResult] = _ordered(series, segmenter, store) if apart is None else apart
    of_series: dict[str, Any] = {}
    if segmenter.use_series:
        looked = [_packed(each) for _, each in zip(counted, results, strict=True)]
        settled = settle(looked, segmenter.threshold, read=series.__getitem__)
        results, counted, of_series = settled.results, rows, {"series": settled.as_json()}
    for row, result in zip(counted, results, strict=True):
        found.add(row, result)
        if result.reason and log:
            log(f"frame {series.frames['frame'].iloc[row]} is left out: {result.reason}")
        if keep_labels:
            keep_labels(np.zeros(series.shape, np.int32) if result.labels is None else result.labels)
    if store is not None and store.taken and log:
        log(
            f"{store.taken} of {number_of(len(series), 'frame')} {'was' if store.taken == 1 else 'were'} taken from "
            "what is kept of an earlier run"
        )
    frames, voids = found.tables()
    decided = _decided(segmenter, series.frames["frame"].iloc[looked_at].tolist(), found)
    decided |= of_series | (dict(store.decided) if store else {})
    decided |= _of_sample(series, segmenter, looked_at, store)
    valid = frames["valid_px"].dropna().astype("int64") / (series.shape[0] * series.shape[1])
    decided |= {
        "cut_frames": int((valid < 1).sum()),
        "least_valid": float(valid.min()) if len(valid) else 1.0,
        "odd_frames": {str(frame): how for frame, how in odd_frames(frames, found.sharpness).items()},
    }
    frames.attrs["segmentation"] = voids.attrs["segmentation"] = decided
    return frames, voids


class Collected:
    """The tables of a series, from what comes of its images one by one.

    Parameters
    ----------
    frames : DataFrame
        Table ``frames`` of the images, as of `SeriesOfImages`.
    kinds
        What was looked for.
    """

    def __init__(self, frames: pd.DataFrame, kinds: Iterable[str]) -> None:
        self.smaller, self.larger = 0, 0
        self.sharpness = np.full(len(frames), np.nan)
        self._kinds = tuple(kinds)
        self._frames = frames
        self._status = frames["status"].tolist()
        names = dict.fromkeys((COUNT_OF[VOID], "void_fraction", "valid_px", *COUNT_OF.values()))
        self._made: dict[str, list[Any]] = {name: [None] * len(frames) for name in names}
        self._voids = [tables.empty("voids")]
        self._unreadable = ""

    def add(self, row: int, result: FrameResult) -> None:
        """Take in what came of the image of ``row``; once for each."""
        self._status[row], self.sharpness[row] = result.status, result.sharpness
        self._unreadable = self._unreadable or result.reason
        if result.status != OK:
            return
        for kind in self._kinds:
            self._made[COUNT_OF[kind]][row] = int((result.voids["kind"] == kind).sum())
        self._made["valid_px"][row] = result.valid_px
        if VOID in self._kinds:
            self._made["void_fraction"][row] = result.labelled_px / result.valid_px
        self.smaller, self.larger = self.smaller + result.smaller, self.larger + result.larger
        self._voids.append(result.voids.assign(frame=self._frames["frame"].iloc[row]))

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The tables ``frames`` and ``voids``.

        Raises
        ------
        ImagesError
            If no image could be read.
        """
        made = {
            name: np.array(values, np.float64) if name == "void_fraction" else pd.array(values, dtype="Int64")
            for name, values in self._made.items()
        }
        frames = self._frames.assign(status=self._status, **made)
        if self._unreadable and not frames["status"].isin(["ok", "blank"]).any():
            raise ImagesError(f"no image of the series can be read, the first: {self._unreadable}")
        voids = tables.check(pd.concat(self._voids, ignore_index=True), "voids")
        return tables.check(frames, "frames"), voids


def _of_sample(
    series: SeriesOfImages, segmenter: Segmenter, rows: np.ndarray, store: FrameStore | None
) -> dict[str, Any]:
    """What a second look at some images says: how far to trust the detections, and from which size on."""

    def trust() -> dict[str, Any]:
        return _trust(segmenter, segmenter.expectation(read_rows(series, rows)))

    def completeness() -> dict[str, Any]:
        found = segmenter.completeness(read_rows(series, rows))
        return {} if found is None else {"completeness": asdict(found)}

    looks = {"trust": trust, "completeness": completeness}
    made = [store.once(name, rows.tolist(), make) if store else make() for name, make in looks.items()]
    return {name: value for each in made for name, value in each.items()}


def _decided(segmenter: Segmenter, frames: list[int], found: Collected) -> dict[str, Any]:
    """What decides the voids beside the parameters, as JSON can hold it: contrast, arithmetic, what lies outside."""
    decided: dict[str, Any] = {
        "segmenter": segmenter.name,
        "arithmetic": segmenter.arithmetic,
        "contrast": segmenter.contrast,
        "smaller": found.smaller,
        "larger": found.larger,
    }
    if segmenter.dark_field:
        decided["dark_field"] = True
    if isinstance(segmenter.focus, Focus):
        decided |= {"focus": asdict(segmenter.focus)}
    if segmenter.under:
        each = segmenter.focus if isinstance(segmenter.focus, tuple) else (None,) * len(segmenter.under)
        decided["focus_pair"] = [
            {"under": under, "focus": focus and asdict(focus)}
            for under, focus in zip(segmenter.under, each, strict=True)
        ]
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


def _packed(result: FrameResult) -> FrameResult:
    """With labels that take little memory, as those of a whole series are kept."""
    if result.labels is None or isinstance(result.labels, PackedLabels):
        return result
    return replace(result, labels=PackedLabels.of(result.labels))


def _ordered(series: SeriesOfImages, segmenter: Segmenter, store: FrameStore | None) -> Iterator[FrameResult]:
    """What comes of each image, in order, with a few under way at a time."""
    workers = min(os.cpu_count() or 1, segmenter.at_once)
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[Future[FrameResult]] = deque()
        try:
            for row in range(len(series)):
                under_way.append(pool.submit(_look, series, segmenter, store, row))
                if len(under_way) > workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


def _look(series: SeriesOfImages, segmenter: Segmenter, store: FrameStore | None, row: int) -> FrameResult:
    """What came of an image before, or comes of it now."""
    if store is None or series.frames["status"].iloc[row] == EXCLUDED:
        return segment_frame(series, segmenter, row)
    kept = store.get(row)
    if kept is not None:
        return kept
    result = segment_frame(series, segmenter, row)
    return store.put(row, result) if result.was_seen else result
