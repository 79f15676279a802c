"""The voids of a frame for the settings at hand, fast: what a segmenter needs long for is kept, the rest is quick.

A segmenter that splits its work (``maps``, then ``decode``) is asked for the second half only. Of any other the
voids down to the least sure are kept, and those above the threshold chosen: right where the threshold is one of
the voids' confidence, not of pixels.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from voidlab import segment
from voidlab.explore.cache import Cache
from voidlab.project.parameters.models import DatasetParameters, SegmentParameters
from voidlab.segment.segmentation import Segmentation
from voidlab.segment.segmenters import Segmenter

LEAST = 0.01  # lowest threshold; below it nothing is a void to any segmenter
_MOST_BYTES = 200_000_000


class Finder:
    """Finds the voids of a series frame by frame, as the stage segment would."""

    def __init__(
        self,
        series: segment.SeriesOfImages,
        folder: Path,
        dataset: DatasetParameters | None = None,
        pixel_size_nm: float | None = None,
    ) -> None:
        self._series = series
        self._folder = folder
        self._dataset, self._pixel_size_nm = dataset, pixel_size_nm
        self._halves: Cache[Any] = Cache(_MOST_BYTES)
        self._decided: dict[tuple[str, str], str] = {}
        self._loaded: dict[SegmentParameters, Segmenter] = {}

    def find(self, row: int, image: Callable[[], np.ndarray], settings: SegmentParameters) -> Segmentation:
        """What is found in row ``row`` with ``settings``; ``image`` gives its pixels if they are needed.

        Raises
        ------
        ModelError
            If there is no such segmenter, or it cannot work on the image.
        ImagesError
            If no image can be read.
        """
        method: Any = _in_frame(self._segmenter(settings), row)
        key = self._key(row, settings)
        if _in_halves(method):
            maps, valid = self._halves.get(key, lambda: _maps_and_valid(method, image()))
            found: Segmentation = method.decode(maps)
            found = method.with_radii(found, image()) if isinstance(method, Segmenter) else found
            return found if valid is None else found.within(valid, method.edge_buffer_px)
        everything = self._halves.get(
            key, lambda: _in_frame(self._segmenter(_loose(settings)), row).run(image())
        )
        return _above(everything, settings.threshold)

    def holds(self, row: int, settings: SegmentParameters) -> bool:
        """Whether the long half of the work was done for row ``row``; needs the segmenter as `find` does."""
        return self._key(row, settings) in self._halves

    def _key(self, row: int, settings: SegmentParameters) -> tuple[object, ...]:
        """All that the long half of the work depends on."""
        if _in_halves(self._segmenter(settings)):
            return (row, settings.segmenter, settings.contrast, self._further(settings))
        return (row, _loose(settings))

    def _further(self, settings: SegmentParameters) -> float | None:
        """How far beyond the usual a network looks for large voids, px; None for the usual, which it always does."""
        asked, usual = settings.max_radius_px, min(self._series.shape) / 4
        return asked if asked != "auto" and asked > usual else None

    def _segmenter(self, settings: SegmentParameters) -> Segmenter:
        """Segmenter for ``settings``, with what it reads off the series decided as the stage decides it."""
        question = (settings.segmenter, settings.contrast)
        decided = self._decided.get(question, settings.contrast)
        settings = settings.model_copy(update={"contrast": decided})
        if settings not in self._loaded:
            if len(self._loaded) > 20:
                self._loaded.clear()
            method = segment.from_parameters(settings, self._folder, self._dataset, self._pixel_size_nm)
            method = method.with_contrast_from(segment.sample(self._series))
            if isinstance(method, Segmenter):
                method = method.with_focus_from(segment.sample(self._series))
            self._decided[question] = str(getattr(method, "contrast", settings.contrast))
            self._loaded[settings] = method
        return self._loaded[settings]


def _in_frame(method: Any, row: int) -> Any:
    """The segmenter of the image in this row; one of your own may know one for all."""
    return method.in_frame(row) if isinstance(method, Segmenter) else method


def _maps_and_valid(method: Any, image: np.ndarray) -> tuple[Any, np.ndarray | None]:
    """The long half of the work, and where the image shows the specimen; None for everywhere."""
    valid = np.isfinite(image)
    return method.maps(image), None if valid.all() else valid


def _in_halves(method: object) -> bool:
    return hasattr(method, "maps") and hasattr(method, "decode")


def _loose(settings: SegmentParameters) -> SegmentParameters:
    return settings.model_copy(update={"threshold": LEAST})


def names(used: str) -> list[str]:
    """Names of the segmenters of this package, and the one in use."""
    return list(dict.fromkeys([used, *segment.SHIPPED]))


def _above(found: Segmentation, threshold: float) -> Segmentation:
    """The voids at least as sure as ``threshold``.

    Their circles are those of a run with that threshold. Where circles overlap, pixels that a dropped one had stay
    empty here; counts, positions and radii do not rest on them.
    """
    keep = (found.voids["confidence"] >= threshold).to_numpy()
    labels = np.where(np.isin(found.labels, found.voids.loc[keep, "label"]), found.labels, 0)
    return Segmentation(found.probability, labels, found.voids[keep].reset_index(drop=True))
