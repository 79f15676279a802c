"""Image → probability, labels and voids: one small class per method, behind one interface."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from voidlab import classical, tables
from voidlab.measure import measure_voids

Progress = Callable[[Iterable[int], int], Iterable[int]]


@dataclass(frozen=True)
class Segmentation:
    """What a segmenter found in an image.

    Attributes
    ----------
    probability : ndarray of shape (H, W), float32
        Void probability of each pixel.
    labels : ndarray of shape (H, W), int32
        0, or the label of the void a pixel belongs to.
    voids : DataFrame
        Table ``voids`` with frame 0; radii are those of full circles, also where voids overlap.
    """

    probability: np.ndarray
    labels: np.ndarray
    voids: pd.DataFrame


class Segmenter(Protocol):
    """A method that finds voids."""

    @property
    def name(self) -> str:
        """What the method is called in reports."""
        ...

    def settled(self, images: Iterable[np.ndarray]) -> Segmenter:
        """This segmenter with what it reads off the images (as dark or bright) decided once for all of them."""
        ...

    def run(self, image: np.ndarray) -> Segmentation:
        """Probability, labels and voids of ``image`` (H, W)."""
        ...

    def find(self, image: np.ndarray) -> pd.DataFrame:
        """Voids of ``image``."""
        ...

    def label(self, image: np.ndarray) -> np.ndarray:
        """Label image of ``image``."""
        ...


class SeriesOfImages(Protocol):
    """Images and what is known of them, as `voidlab.images.ImageSeries`."""

    @property
    def frames(self) -> pd.DataFrame: ...

    @property
    def shape(self) -> tuple[int, int]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> np.ndarray: ...


@dataclass(frozen=True)
class ClassicalSegmenter:
    """Blobs at many scales, judged by contrast and edge, fitted as circles; see `voidlab.classical`."""

    contrast: str = "auto"
    threshold: float = 0.5
    min_radius_px: float = 2.5
    max_radius_px: float = 80.0
    edge_buffer_px: int = 8
    name: str = "classical"

    def settled(self, images: Iterable[np.ndarray]) -> ClassicalSegmenter:
        """This segmenter with the contrast that most of the ``images`` speak for."""
        if self.contrast != "auto":
            return self
        evidence = sum(self._evidence(image, True) - self._evidence(image, False) for image in images)
        return replace(self, contrast="bright" if evidence >= 0 else "dark")

    def run(self, image: np.ndarray) -> Segmentation:
        """Probability, labels and voids of ``image`` (H, W)."""
        image = np.asarray(image)
        if image.ndim != 2:
            raise ValueError(f"image has shape {image.shape}; expected (H, W), one grey value per pixel.")
        discs = self._discs(image)
        labels, probability = classical.draw(discs, image.shape)
        voids = measure_voids(labels, edge_buffer_px=self.edge_buffer_px)
        of = voids["label"].to_numpy() - 1
        circles = {
            "x_px": discs.x,
            "y_px": discs.y,
            "radius_px": discs.radius,
            "confidence": discs.confidence,
        }
        voids = voids.assign(**{name: values[of] for name, values in circles.items()})
        return Segmentation(probability, labels, tables.check(voids, "voids"))

    def find(self, image: np.ndarray) -> pd.DataFrame:
        """Voids of ``image``."""
        return self.run(image).voids

    def label(self, image: np.ndarray) -> np.ndarray:
        """Label image of ``image``."""
        return self.run(image).labels

    def _discs(self, image: np.ndarray) -> classical.Discs:
        decided = self.settled([image])
        found = decided._all(image, decided.contrast == "bright")
        return found.at_least(self.threshold, self.min_radius_px, self.max_radius_px)

    def _all(self, image: np.ndarray, bright: bool) -> classical.Discs:
        return classical.find_discs(
            image, bright=bright, min_radius_px=self.min_radius_px, max_radius_px=self.max_radius_px
        )

    def _evidence(self, image: np.ndarray, bright: bool) -> float:
        """How much speaks for bright (or dark) voids: how many sure ones there would be."""
        discs = self._all(image, bright)
        return float(discs.confidence[discs.confidence >= 0.5].sum())


def load_segmenter(
    name_or_path: str | Path = "classical",
    *,
    contrast: str = "auto",
    threshold: float = 0.5,
    min_radius_px: float = 2.5,
    max_radius_px: float = 80.0,
    edge_buffer_px: int = 8,
) -> Segmenter:
    """Segmenter by its name.

    Parameters
    ----------
    name_or_path
        "classical". A trained network is not part of this version.
    contrast
        "bright" or "dark" voids, or "auto": what the images speak for.
    threshold
        Confidence from which a disc counts as a void.
    min_radius_px, max_radius_px
        Radii looked for, px.
    edge_buffer_px
        Voids this near to the border touch the edge, px.

    Raises
    ------
    ValueError
        If there is no such segmenter, or a value cannot be.
    """
    if str(name_or_path) != "classical":
        raise ValueError(
            f"there is no segmenter '{name_or_path}' in this version, which brings no trained network; "
            "use 'classical'."
        )
    if contrast not in ("auto", "bright", "dark"):
        raise ValueError(f"contrast = '{contrast}': expected 'auto', 'bright' or 'dark'.")
    return ClassicalSegmenter(contrast, threshold, min_radius_px, max_radius_px, edge_buffer_px)


def segment_series(
    series: SeriesOfImages,
    segmenter: Segmenter,
    *,
    keep_labels: Callable[[np.ndarray], None] | None = None,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find the voids in every image of a series, a few images in memory at a time.

    Parameters
    ----------
    series
        Images and their table ``frames``; excluded frames are not looked at, unreadable ones are marked.
    segmenter
        What it reads off the images is decided once, from images spread over the series.
    keep_labels
        Called with the label image of every row, in order; blank for one that was not looked at.
    progress
        Called with the rows and their number, gives the rows back, as a progress bar does.
    tell
        Called with the reason for each image that cannot be read.

    Returns
    -------
    frames, voids : DataFrame
        The tables of these names.

    Raises
    ------
    ValueError
        If no image can be read.
    """
    segmenter = segmenter.settled(_sample(series))
    frames = series.frames.assign(
        void_count=pd.array([None] * len(series), dtype="Int64"), void_fraction=np.nan
    )
    found, unreadable = [tables.empty("voids")], ""
    rows: Iterable[int] = range(len(series))
    rows = progress(rows, len(series)) if progress else rows
    for row, (status, result, reason) in zip(rows, _ordered(series, segmenter), strict=True):
        frames.loc[row, "status"] = status
        labels = np.zeros(series.shape, np.int32) if result is None else result.labels
        if result is not None:
            frames.loc[row, "void_count"] = len(result.voids)
            frames.loc[row, "void_fraction"] = np.count_nonzero(labels) / labels.size
            found.append(result.voids.assign(frame=series.frames["frame"].iloc[row]))
        unreadable = unreadable or reason
        if reason and tell:
            tell(f"frame {series.frames['frame'].iloc[row]} is left out: {reason}")
        if keep_labels:
            keep_labels(labels)
    if unreadable and not frames["status"].isin(["ok", "blank"]).any():
        raise ValueError(f"no image of the series can be read, the first: {unreadable}")
    return tables.check(frames, "frames"), tables.check(pd.concat(found, ignore_index=True), "voids")


_Outcome = tuple[str, Segmentation | None, str]


def _look(series: SeriesOfImages, segmenter: Segmenter, row: int) -> _Outcome:
    """Status of an image, what was found in it, and why it could not be read."""
    if series.frames["status"].iloc[row] == "excluded":
        return "excluded", None, ""
    try:
        image = series[row]
    except OSError as error:
        return "unreadable", None, str(error)
    known = image[np.isfinite(image)]
    if known.size == 0 or known.min() == known.max():
        # It says nothing of the voids: an empty count, not a count of 0.
        return "blank", None, ""
    return "ok", segmenter.run(image), ""


def _ordered(series: SeriesOfImages, segmenter: Segmenter) -> Iterator[_Outcome]:
    """What comes of each image, in order, worked on by all cores, with a few under way at a time."""
    workers = os.cpu_count() or 1
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


def _sample(series: SeriesOfImages, most: int = 5) -> Iterator[np.ndarray]:
    """At most ``most`` images that can be read, spread over the series."""
    ok = np.flatnonzero(series.frames["status"] == "ok")
    for row in ok[np.unique(np.linspace(0, len(ok) - 1, min(len(ok), most)).astype(int))] if len(ok) else ok:
        try:
            yield series[int(row)]
        except OSError:
            continue


__all__: Sequence[str] = (
    "ClassicalSegmenter",
    "Segmentation",
    "Segmenter",
    "load_segmenter",
    "segment_series",
)
