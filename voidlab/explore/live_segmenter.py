"""The voids of a frame for the settings at hand, fast: what a segmenter needs long for is kept, the rest is quick.

A segmenter that splits its work (``maps``, then ``decode``) is asked for the second half only. Of any other the
voids down to the least sure are kept, and those above the threshold chosen: right where the threshold is one of
the voids' confidence, not of pixels.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from voidlab import segment
from voidlab.explore.cache import Cache
from voidlab.project.parameters.models import DatasetParameters, SegmentParameters
from voidlab.segment import decode
from voidlab.segment.segmentation import Segmentation
from voidlab.segment.segmenter import Segmenter

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
        self._found: Cache[Segmentation] = Cache(_MOST_BYTES // 2)
        self._decided: dict[tuple[str, str], str] = {}
        self._focus: dict[tuple[str, str], Any] = {}  # decided last
        self._loaded: dict[SegmentParameters, Segmenter] = {}

    def find(
        self, row: int, image: Callable[[], np.ndarray], settings: SegmentParameters, *, exact: bool = True
    ) -> Segmentation:
        """What is found in row ``row`` with ``settings``; ``image`` gives its pixels if they are needed.

        The focus, which radii rest on, is decided from what the settings find in several images: unless ``exact``
        that of the settings before does, so that voids follow a slider.

        Raises
        ------
        ModelError
            If there is no such segmenter, or it cannot work on the image.
        ImagesError
            If no image can be read.
        """
        exact = exact or self.is_exact(settings)
        method = self._segmenter(settings, exact=exact)  # and with it the contrast is decided
        if not exact:
            return self._find(row, image, settings, method)
        key = (row, self._with_contrast(settings))
        return self._found.get(key, lambda: self._find(row, image, settings, method))

    def _find(
        self, row: int, image: Callable[[], np.ndarray], settings: SegmentParameters, of_series: Segmenter
    ) -> Segmentation:
        method: Any = _in_frame(of_series, row)
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

    def is_exact(self, settings: SegmentParameters) -> bool:
        """Whether all that the radii found with ``settings`` rest on has been decided for these very settings."""
        return self._with_contrast(settings) in self._loaded

    def _key(self, row: int, settings: SegmentParameters) -> tuple[object, ...]:
        """All that the long half of the work depends on."""
        if _in_halves(self._segmenter(settings, exact=False)):
            sizes = (decode.are_tiny(settings.min_radius_px), self._further(settings))
            return (row, settings.segmenter, settings.contrast, tuple(settings.kinds), *sizes)
        return (row, _loose(settings))

    def _further(self, settings: SegmentParameters) -> float | None:
        """How far beyond the usual a network looks for large voids, px; None for the usual, which it always does."""
        asked, usual = settings.max_radius_px, min(self._series.shape) / 4
        return asked if asked != "auto" and asked > usual else None

    def _segmenter(self, settings: SegmentParameters, *, exact: bool = True) -> Segmenter:
        """Segmenter for ``settings``, with what it reads off the series decided as the stage decides it."""
        decided = self._with_contrast(settings)
        if decided in self._loaded:
            return self._loaded[decided]
        question = (settings.segmenter, settings.contrast)
        method = segment.from_parameters(decided, self._folder, self._dataset, self._pixel_size_nm)
        method = method.with_contrast_from(segment.sample(self._series))
        self._decided[question] = str(getattr(method, "contrast", settings.contrast))
        if not exact and question in self._focus and isinstance(method, Segmenter):
            return replace(method, focus=self._focus[question])
        if isinstance(method, Segmenter):
            method = method.with_focus_from(segment.sample(self._series))
            self._focus[question] = method.focus
        if len(self._loaded) > 20:
            self._loaded.clear()
        self._loaded[self._with_contrast(settings)] = method
        return method

    def _with_contrast(self, settings: SegmentParameters) -> SegmentParameters:
        """``settings`` with the contrast that the series was found to have, once it was."""
        decided = self._decided.get((settings.segmenter, settings.contrast), settings.contrast)
        return settings.model_copy(update={"contrast": decided})


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
