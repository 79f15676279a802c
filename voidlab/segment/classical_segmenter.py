"""The classical segmenter: what `voidlab.segment.classical` finds, behind the interface of all segmenters."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Self

import numpy as np

from voidlab.images.drawn import find_strokes
from voidlab.segment import classical
from voidlab.segment.contrast import Evidence
from voidlab.segment.discs import Discs, draw_discs
from voidlab.segment.segmentation import Segmentation, grey, segmentation_of
from voidlab.segment.segmenter import Segmenter


@dataclass(frozen=True, kw_only=True)
class ClassicalSegmenter(Segmenter):
    """Blobs at many scales, judged by contrast and edge, fitted as circles; see `voidlab.segment.classical`."""

    name: str = "classical"
    at_once: ClassVar[int] = os.cpu_count() or 1  # each image keeps a core busy

    def with_contrast_from(self, images: Iterable[np.ndarray]) -> Self:
        # Its confidences only rank: grain would outvote the detector.
        if self.dark_field and self.contrast == "auto":
            return replace(self, contrast="dark")
        return self._decided(
            images, lambda image: Evidence.of(image, *map(partial(self._all, image), (True, False)))
        )

    def detect(self, image: np.ndarray) -> Segmentation:
        image = grey(image)
        decided = self.with_contrast_from([image])
        discs = decided._all(image, decided.contrast == "bright").at_least(self.threshold)
        labels, probability = draw_discs(discs, image.shape)
        return replace(
            segmentation_of(discs, labels, probability, self.edge_buffer_px), contrast=decided.contrast
        )

    def _all(self, image: np.ndarray, bright: bool) -> Discs:
        largest = self._largest(image.shape)
        found = classical.find_discs(
            image, bright=bright, min_radius_px=self.min_radius_px, max_radius_px=largest
        )
        drawn = find_strokes(image)
        if drawn is None:
            return found
        rows, columns = (
            np.clip(np.rint(each).astype(int), 0, side - 1)
            for each, side in zip((found.y, found.x), drawn.shape, strict=True)
        )
        return found.where(~drawn[rows, columns])
