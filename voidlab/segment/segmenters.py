"""The methods that find voids, a small class each behind one interface: an image → probability, labels and voids."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from scipy import ndimage

from voidlab import tables
from voidlab.measure import circles_touch_edge, measure_voids
from voidlab.segment import classical, contrast, decode, network
from voidlab.segment.completeness import Completeness, measure_completeness
from voidlab.segment.confidence import Calibration
from voidlab.segment.contrast import ContrastChoice, Evidence
from voidlab.segment.discs import Discs, draw_discs
from voidlab.segment.expectation import Expectation, Looks, Teacher, expect, look_twice, turned, turned_back
from voidlab.tables.kinds import VOID
from voidlab.tables.verdict import GOOD

if TYPE_CHECKING:
    import torch


_MIDDLE_PX = 1024  # of an image is looked at more than once


@dataclass(frozen=True)
class Segmentation:
    """What a segmenter found in an image.

    Attributes
    ----------
    probability : ndarray of shape (H, W), float32
        Void probability of each pixel.
    labels : ndarray of shape (H, W), int32
        0, or the label of the void a pixel belongs to; loops and dots have no pixels.
    voids : DataFrame
        Table ``voids`` with frame 0; radii are those of full circles, also where voids overlap. Loops and dots that
        were asked for have labels above those of the voids.
    smaller, larger : int
        Detections sure enough to count, but outside the limits of the radius.
    valid : ndarray of shape (H, W), bool, or None
        What of the image shows the specimen; None for all.
    """

    probability: np.ndarray
    labels: np.ndarray
    voids: pd.DataFrame
    smaller: int = 0
    larger: int = 0
    valid: np.ndarray | None = None

    @property
    def valid_px(self) -> int:
        """Pixels that show the specimen."""
        return self.labels.size if self.valid is None else int(self.valid.sum())

    def within(self, valid: np.ndarray, edge_buffer_px: int) -> Self:
        """Only what lies where the image is ``valid`` (H, W); what reaches to the edge of that touches the edge."""
        inside = ndimage.distance_transform_edt(np.pad(valid, 1, constant_values=True))[1:-1, 1:-1]
        labels = self.voids["label"].to_numpy()
        drawn = (self.voids["kind"] == VOID).to_numpy()
        x, y = (self.voids[name].to_numpy().round().astype(int) for name in ("x_px", "y_px"))
        at = np.clip(y, 0, valid.shape[0] - 1), np.clip(x, 0, valid.shape[1] - 1)
        centred, nearest = valid[at], inside[at] - self.voids["radius_px"].to_numpy()
        if drawn.any():
            nearest[drawn] = ndimage.minimum(inside, self.labels, labels[drawn])
        cut = np.where(valid & np.isin(self.labels, labels[centred]), self.labels, 0)
        pixels = np.bincount(cut.ravel(), minlength=int(labels.max(initial=0)) + 1)[labels]
        voids = self.voids.assign(
            touches_edge=self.voids["touches_edge"] | (nearest - 1 <= edge_buffer_px),
            area_px=np.where(drawn, pixels, self.voids["area_px"]),
        )
        voids = voids[centred & ((pixels > 0) | ~drawn)].reset_index(drop=True)
        return replace(self, labels=cut, voids=voids, valid=valid)


@dataclass(frozen=True, kw_only=True)
class Segmenter(ABC):
    """A method that finds voids; its settings are those of `voidlab.segment.load_segmenter`.

    ``choice`` says which contrast `with_contrast_from` chose and why; None where there was nothing to choose.
    ``name`` is what the method is called in reports, ``at_once`` the number of images that it pays to work on side by
    side; each of them takes memory.
    """

    contrast: str = "auto"
    threshold: float = 0.5
    min_radius_px: float = 2.5
    max_radius_px: float | Literal["auto"] = "auto"
    edge_buffer_px: int = 8
    arithmetic: str = "float32"
    kinds: Sequence[str] = (VOID,)
    choice: ContrastChoice | None = None
    name: str
    at_once: ClassVar[int]

    @abstractmethod
    def with_contrast_from(self, images: Iterable[np.ndarray]) -> Self:
        """This segmenter with what it reads off the images (as dark or bright) decided once for all of them."""

    @abstractmethod
    def run(self, image: np.ndarray) -> Segmentation:
        """Probability, labels and voids of ``image`` (H, W), in its own pixels."""

    def expectation(self, images: Iterable[np.ndarray]) -> Expectation | None:
        """Precision and recall to be expected in images as these; None where confidence is no probability."""
        return None

    def completeness(self, images: Iterable[np.ndarray]) -> Completeness | None:
        """From which size on voids are found, by the first image that tells; None where none does."""
        return None

    def find(self, image: np.ndarray) -> pd.DataFrame:
        """Voids of ``image``."""
        return self.run(image).voids

    def label(self, image: np.ndarray) -> np.ndarray:
        """Label image of ``image``."""
        return self.run(image).labels

    def _decided(self, images: Iterable[np.ndarray], evidence: Callable[[np.ndarray], Evidence]) -> Self:
        """This segmenter with the contrast that the ``images`` speak for, see `voidlab.segment.contrast`."""
        if self.contrast != "auto":
            return self
        choice = contrast.choose(map(evidence, images))
        return replace(self, contrast=choice.contrast, choice=choice)

    def _largest(self, shape: tuple[int, ...]) -> float:
        """Largest radius looked for in an image (H, W), px; "auto" is a quarter of its shorter side."""
        return min(shape[:2]) / 4 if self.max_radius_px == "auto" else self.max_radius_px


@dataclass(frozen=True, kw_only=True)
class ClassicalSegmenter(Segmenter):
    """Blobs at many scales, judged by contrast and edge, fitted as circles; see `voidlab.segment.classical`."""

    name: str = "classical"
    at_once: ClassVar[int] = os.cpu_count() or 1  # each image keeps a core busy

    def with_contrast_from(self, images: Iterable[np.ndarray]) -> Self:
        return self._decided(
            images, lambda image: Evidence.of(image, *map(partial(self._all, image), (True, False)))
        )

    def run(self, image: np.ndarray) -> Segmentation:
        image = grey(image)
        decided = self.with_contrast_from([image])
        found = decided._all(image, decided.contrast == "bright")
        discs = found.at_least(self.threshold)
        labels, probability = draw_discs(discs, image.shape)
        return _segmentation(discs, labels, probability, self.edge_buffer_px)

    def _all(self, image: np.ndarray, bright: bool) -> Discs:
        largest = self._largest(image.shape)
        return classical.find_discs(
            image, bright=bright, min_radius_px=self.min_radius_px, max_radius_px=largest
        )


@dataclass(frozen=True)
class NetworkSegmenter(Segmenter):
    """The trained network, see `voidlab.segment.network`; it sees bright voids, so dark images are inverted.

    `run` is `maps`, which takes the time, then `decode`, which depends on threshold and sizes: keep the maps to try
    other ones.
    """

    model: torch.nn.Module
    _: KW_ONLY
    name: str = "voids"
    calibration: Calibration = field(default_factory=Calibration, repr=False)
    taught: Mapping[str, Teacher] = field(default_factory=dict, repr=False)
    # The network by itself keeps all cores busy, and each thread that runs it keeps a sixth of a gigabyte.
    _own_thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1), repr=False, compare=False
    )
    at_once: ClassVar[int] = 4  # one in the network, the others being read or decoded

    def with_contrast_from(self, images: Iterable[np.ndarray]) -> Self:
        return self._decided(images, lambda image: self._evidence(image, self._both(image)))

    def maps(self, image: np.ndarray) -> tuple[network.Maps, ...]:
        """What the network says of ``image`` (H, W), at every scale."""
        image = grey(image)
        if self.contrast == "auto":
            both = self._both(image)
            return both[contrast.choose([self._evidence(image, both)]).contrast == "dark"]
        bright = -image.astype(np.float32) if self.contrast == "dark" else image
        # Also for what is larger than asked for, so that it is counted.
        largest = max(self._largest(image.shape), min(image.shape) / 4)
        return tuple(self._at(scale, bright) for scale in decode.scales_for(largest))

    def _both(self, image: np.ndarray) -> tuple[tuple[network.Maps, ...], tuple[network.Maps, ...]]:
        """Maps of bright voids and of dark ones."""
        return replace(self, contrast="bright").maps(image), replace(self, contrast="dark").maps(image)

    def _at(self, scale: int, bright: np.ndarray) -> network.Maps:
        picture, known = network.preprocess(bright, scale)
        negative = self.contrast == "dark"
        answer = self._own_thread.submit(
            network.forward, self.model, picture, self.arithmetic, negative=negative
        )
        return network.to_maps(answer.result(), known, scale, negative=negative)

    def decode(self, maps: tuple[network.Maps, ...]) -> Segmentation:
        """Probability, labels and voids from the maps of an image."""
        every = self._discs(maps, self.threshold, {VOID, *self.kinds}).of(self.kinds)
        found = self._within(every, maps)
        voids, others = found.of([VOID]), found.of(network.OTHERS)
        # Only voids are drawn: else a loop upon a void would take pixels, and the masks would hold more than voids.
        labels, probability = decode.draw_labels(voids, maps)
        made = _segmentation(voids, labels, probability, self.edge_buffer_px)
        circles = _table_of_circles(others, len(voids) + 1, labels.shape, self.edge_buffer_px)
        smaller = int((every.radius < self.min_radius_px).sum())
        return replace(
            made,
            voids=pd.concat([made.voids, circles], ignore_index=True) if len(circles) else made.voids,
            smaller=smaller,
            larger=len(every) - len(found) - smaller,
        )

    def _discs(self, maps: tuple[network.Maps, ...], least: float, kinds: Collection[str] = (VOID,)) -> Discs:
        return decode.decode_discs(maps, calibration=self.calibration, least=least, kinds=kinds)

    def _within(self, discs: Discs, maps: tuple[network.Maps, ...]) -> Discs:
        return discs.within(self.min_radius_px, self._largest(maps[0].void.shape))

    def run(self, image: np.ndarray) -> Segmentation:
        return self.decode(self.maps(image))

    def expectation(self, images: Iterable[np.ndarray]) -> Expectation | None:
        if not self.taught:
            return None
        undecided = self.choice is not None and self.choice.verdict != GOOD
        return expect(map(self.look_twice, images), self.taught, undecided=undecided)

    def completeness(self, images: Iterable[np.ndarray]) -> Completeness | None:
        def detect(image: np.ndarray) -> Discs:
            return self._candidates(image).at_least(self.threshold)

        measured = (measure_completeness(image, detect(image), detect) for image in map(_middle, images))
        return next(filter(None, measured), None)

    def look_twice(self, image: np.ndarray) -> Looks:
        """What two looks at the middle of ``image`` say of each other."""
        image = _middle(image)
        again = turned_back(self._candidates(turned(image)), image.shape)
        return look_twice(self._candidates(image), again, self.threshold)

    def _candidates(self, image: np.ndarray) -> Discs:
        """All that may be a void in ``image``, however unsure."""
        maps = self.maps(image)
        return self._within(self._discs(maps, decode.LEAST_CONFIDENCE), maps)

    def _evidence(self, image: np.ndarray, both: tuple[tuple[network.Maps, ...], ...]) -> Evidence:
        found = (self._discs(maps, contrast.SURE) for maps in both)
        return Evidence.of(image, *map(self._within, found, both))


def _middle(image: np.ndarray) -> np.ndarray:
    top, left = (max(side - _MIDDLE_PX, 0) // 2 for side in image.shape)
    return image[top : top + _MIDDLE_PX, left : left + _MIDDLE_PX]


def grey(image: np.ndarray) -> np.ndarray:
    """``image``, if it is one: (H, W).

    Raises
    ------
    ValueError
        If it has colours or no pixels.
    """
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(f"image has shape {image.shape}; expected (H, W), one grey value per pixel.")
    if not image.size:
        raise ValueError(f"image has shape {image.shape}, no pixels; expected (H, W), each at least 1.")
    return image


def _segmentation(
    discs: Discs, labels: np.ndarray, probability: np.ndarray, edge_buffer_px: int
) -> Segmentation:
    """Segmentation of discs drawn as ``labels`` i + 1; one without a pixel of its own has no row."""
    voids = measure_voids(labels, edge_buffer_px=edge_buffer_px)
    of = voids["label"].to_numpy() - 1
    voids = voids.assign(
        x_px=discs.x[of],
        y_px=discs.y[of],
        radius_px=discs.radius[of],
        confidence=discs.confidence[of],
        kind=discs.kind[of],
    )
    return Segmentation(probability, labels, tables.check(voids, "voids"))


def _table_of_circles(
    discs: Discs, first_label: int, shape: tuple[int, ...], edge_buffer_px: int
) -> pd.DataFrame:
    """Table ``voids`` of discs that are no voids: circles without pixels, labelled from ``first_label`` on."""
    table = pd.DataFrame(
        {
            "frame": 0,
            "label": np.arange(first_label, first_label + len(discs)),
            "x_px": discs.x,
            "y_px": discs.y,
            "radius_px": discs.radius,
            "area_px": np.pi * discs.radius**2,
            "kind": discs.kind,
            "confidence": discs.confidence,
        }
    )
    touches = circles_touch_edge(table, (shape[0], shape[1]), edge_buffer_px)
    return tables.check(table.assign(touches_edge=touches), "voids")
