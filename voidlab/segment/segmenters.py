"""The methods that find voids, a small class each behind one interface: an image → probability, labels and voids."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.images.binning import block_mean
from voidlab.images.drawn import find_strokes
from voidlab.images.errors import ImagesError
from voidlab.segment import classical, contrast, decode, network
from voidlab.segment.completeness import Completeness, measure_completeness
from voidlab.segment.confidence import Calibration
from voidlab.segment.contrast import ContrastChoice, Evidence
from voidlab.segment.discs import Discs, draw_discs
from voidlab.segment.expectation import (
    ENLARGED,
    Expectation,
    Looks,
    Teacher,
    expect,
    look_twice,
    turned,
    turned_back,
)
from voidlab.segment.radius import decide_focus, with_sizes
from voidlab.segment.seen import KeptMaps, Seen
from voidlab.segment.segmentation import Segmentation, circles_of, grey, segmentation_of
from voidlab.segment.sphere_fit import Focus
from voidlab.tables.kinds import VOID
from voidlab.tables.size_basis import EDGE, NETWORK, is_size
from voidlab.tables.verdict import GOOD

if TYPE_CHECKING:
    import torch


CANDIDATES_FROM = 0.1  # confidence from which on other images of the series may make a void of it
_SURE, _ENOUGH = 0.7, 5  # voids of such a confidence, where there are so many, that the focus is read off
_MIDDLE_PX = 1024  # of an image is looked at more than once


@dataclass(frozen=True, kw_only=True)
class Segmenter(ABC):
    """A method that finds voids; its settings are those of `voidlab.segment.load_segmenter`.

    A subclass says how to `detect` them; `run` also measures their radii by their Fresnel fringes. ``focus`` is what
    those are measured with: "auto" infers it from each image, None leaves the radii as they were detected.
    ``fringe_px``, where the defocus is known, outweighs what the images say of the width of their fringes.
    ``under`` says of each image of a focus pair whether it is under focus; `in_frame` gives the segmenter of one.
    With ``use_series`` it gives candidates too, of which `segment_series` keeps those that the series confirms.
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
    use_series: bool = False
    choice: ContrastChoice | None = None
    focus: Focus | tuple[Focus | None, ...] | Literal["auto"] | None = "auto"
    under: tuple[bool, ...] = ()
    fringe_px: float | None = None
    name: str
    at_once: ClassVar[int]
    basis: ClassVar[str] = EDGE  # what detected radii rest on

    @abstractmethod
    def with_contrast_from(self, images: Iterable[np.ndarray]) -> Self:
        """This segmenter with what it reads off the images (as dark or bright) decided once for all of them."""

    @abstractmethod
    def detect(self, image: np.ndarray) -> Segmentation:
        """Probability, labels and voids of ``image`` (H, W), in its own pixels, with radii as edges are drawn."""

    def run(self, image: np.ndarray) -> Segmentation:
        """Probability, labels and voids of ``image`` (H, W), in its own pixels, with physical radii."""
        return self.with_radii(self.detect(image), image)

    def with_focus_from(self, images: Iterable[np.ndarray]) -> Self:
        """This segmenter, of a decided contrast, with the focus of the images decided once for all of them."""
        if self.focus != "auto":
            return self
        if self.under:
            each = [method.with_focus_from([image]).focus for method, image in self._each(images)]
            return replace(self, focus=tuple(each))  # type: ignore[arg-type]
        found = ((image, self._sure_in(image)) for image in images)
        under = self.contrast != "dark"
        return replace(self, focus=decide_focus(found, under=under, fringe_px=self.fringe_px))

    def in_frame(self, row: int) -> Self:
        """The segmenter of the image in this row: itself, but of a focus pair."""
        if not self.under:
            return self
        focus = self.focus[row] if isinstance(self.focus, tuple) else self.focus
        return replace(self, contrast="bright" if self.under[row] else "dark", focus=focus, under=())

    def _each(self, images: Iterable[np.ndarray]) -> Iterator[tuple[Self, np.ndarray]]:
        """Images with the segmenter of each: itself, but of a focus pair, of which both images are needed."""
        if not self.under:
            yield from ((self, image) for image in images)
            return
        both = list(images)
        if len(both) != len(self.under):
            raise ImagesError(
                f"focus_pair: both images are needed; found {len(both)} that can be read and is not excluded."
            )
        yield from ((self.in_frame(row), image) for row, image in enumerate(both))

    def with_radii(self, found: Segmentation, image: np.ndarray) -> Segmentation:
        """What was detected in ``image``, with radii measured by the fringes; see `voidlab.segment.radius`."""
        focus = self.focus
        if focus == "auto":
            under = found.contrast == "bright"
            focus = decide_focus([(image, self._sure(found.discs))], under=under, fringe_px=self.fringe_px)
        if isinstance(focus, tuple):
            raise TypeError("a focus for each frame: ask in_frame(row) for the segmenter of one")
        voids = with_sizes(found.voids, image, focus, basis=self.basis)
        return replace(found, voids=tables.select(voids, "voids"))

    def _sure_in(self, image: np.ndarray) -> Discs:
        """The voids in ``image`` that the focus is read off."""
        return self._sure(self.detect(image).discs)

    def _sure(self, discs: Discs) -> Discs:
        """The voids that the focus is read off: none that is but a candidate; what has no confidence is none."""
        return discs.where(~(discs.confidence < self.threshold))

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
        if self.under:
            self._check_signs([contrast.choose([evidence(image)]) for _, image in self._each(images)])
        if self.contrast != "auto" or self.under:
            return self
        choice = contrast.choose(map(evidence, images))
        return replace(self, contrast=choice.contrast, choice=choice)

    def _check_signs(self, seen: Sequence[ContrastChoice]) -> None:
        """Raise ImagesError where an image of a focus pair plainly has the other sign of focus than was said."""
        for number, (found, under) in enumerate(zip(seen, self.under, strict=True), 1):
            if found.verdict == GOOD and (found.contrast == "bright") != under:
                side, looks = (
                    ("under", "dark, as over focus") if under else ("over", "bright, as under focus")
                )
                raise ImagesError(
                    f"focus_pair: the voids of frame {number}, which is said to be {side} focus, are {looks}: "
                    f"{found.reason}. Are the files the other way round, or both of one sign?"
                )

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


@dataclass(frozen=True)
class NetworkSegmenter(Segmenter):
    """The trained network, see `voidlab.segment.network`; it sees bright voids, so dark images are inverted.

    `detect` is `maps`, which takes the time, then `decode`, which depends on threshold and sizes: keep the maps to
    try other ones.
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
    _seen: Seen = field(default_factory=Seen, repr=False, compare=False)
    _kept: KeptMaps = field(default_factory=KeptMaps, repr=False, compare=False)
    at_once: ClassVar[int] = 4  # one in the network, the others being read or decoded
    basis: ClassVar[str] = NETWORK

    def with_contrast_from(self, images: Iterable[np.ndarray]) -> Self:
        bright, dark = (replace(self, contrast=sign) for sign in ("bright", "dark"))

        def evidence(image: np.ndarray) -> Evidence:
            found = Evidence.of(image, bright._candidates_first(image), dark._candidates_first(image))
            self._kept.drop((dark if found.bright >= found.dark else bright)._looks)
            return found

        return self._decided(images, evidence)

    def maps(self, image: np.ndarray) -> tuple[network.Maps, ...]:
        """What the network says of ``image`` (H, W), at every scale."""
        image = grey(image)
        if self.contrast == "auto":
            both = [replace(self, contrast=sign).maps(image) for sign in ("bright", "dark")]
            choice = contrast.choose([Evidence.of(image, *map(self._candidates_in, both))])
            return both[choice.contrast == "dark"]
        drawn = find_strokes(image)
        bright = -image.astype(np.float32) if self.contrast == "dark" else image
        # Also for what is larger than asked for, so that it is counted.
        largest = max(self._largest(image.shape), min(image.shape) / 4)
        return tuple(self._at(scale, bright, drawn) for scale in decode.scales_for(largest))

    def _at(self, scale: int, bright: np.ndarray, drawn: np.ndarray | None) -> network.Maps:
        picture, known = network.preprocess(bright, scale)
        if drawn is not None:
            known &= block_mean(drawn, scale, pad=True) < 0.5
        negative = self.contrast == "dark"
        answer = self._own_thread.submit(
            network.forward, self.model, picture, self.arithmetic, negative=negative
        )
        return network.to_maps(answer.result(), known, scale, negative=negative)

    def decode(self, maps: tuple[network.Maps, ...]) -> Segmentation:
        """Probability, labels and voids from the maps of an image."""
        shape = maps[0].void.shape
        sure = self._discs(maps, self.threshold, {VOID, *self.kinds}).of(self.kinds)
        asked_for = self._asked_for(sure, shape)
        voids, others = asked_for.of([VOID]), asked_for.of(network.OTHERS)
        if self.use_series and VOID in self.kinds:
            candidates = self._discs(maps, min(self.threshold, CANDIDATES_FROM))
            also = decode.beside(self._asked_for(candidates, shape), asked_for)
            voids = voids.and_also(also.where(also.confidence < self.threshold))
        # Only voids are drawn: else a loop upon a void would take pixels, and the masks would hold more than voids.
        labels, probability = decode.draw_labels(voids, maps, sure_from=self.threshold)
        made = segmentation_of(voids, labels, probability, self.edge_buffer_px)
        smaller = int((sure.radius < self.min_radius_px).sum())
        if len(others):
            circles = circles_of(others, len(voids) + 1, labels.shape, self.edge_buffer_px)
            made = replace(made, voids=pd.concat([made.voids, circles], ignore_index=True))
        return replace(
            made,
            smaller=smaller,
            larger=len(sure) - len(asked_for) - smaller,
            contrast="dark" if maps[0].negative else "bright",
        )

    def _discs(self, maps: tuple[network.Maps, ...], least: float, kinds: Collection[str] = (VOID,)) -> Discs:
        return decode.decode_discs(maps, calibration=self.calibration, least=least, kinds=kinds)

    def _asked_for(self, discs: Discs, shape: tuple[int, ...]) -> Discs:
        return discs.within(self.min_radius_px, self._largest(shape))

    def detect(self, image: np.ndarray) -> Segmentation:
        return self.decode(self._kept.take(grey(image), self._looks) or self.maps(image))

    def _sure_in(self, image: np.ndarray) -> Discs:
        return self._sure(self._candidates_first(image))

    def _sure(self, discs: Discs) -> Discs:
        # Less sure ones are, by what confidence means, no voids two times in five: they have no fringe, or another.
        surest = discs.where(~(discs.confidence < max(_SURE, self.threshold)))
        return surest if len(surest) >= _ENOUGH else super()._sure(discs)

    def expectation(self, images: Iterable[np.ndarray]) -> Expectation | None:
        if not self.taught:
            return None
        undecided = self.choice is not None and self.choice.verdict != GOOD
        looks = (method.look_twice(image) for method, image in self._each(images))
        return expect(looks, self.taught, undecided=undecided)

    def completeness(self, images: Iterable[np.ndarray]) -> Completeness | None:
        measured = (method._completeness_in(_middle(image)) for method, image in self._each(images))
        return next(filter(None, measured), None)

    def _completeness_in(self, image: np.ndarray) -> Completeness | None:
        def detect(image: np.ndarray) -> Discs:
            return self._candidates(image).at_least(self.threshold)

        found = measure_completeness(image, detect(image), detect, largest_px=self._largest(image.shape))
        return found and found.times(self._true_size_in(image))

    def _true_size_in(self, image: np.ndarray) -> float:
        """Radii of the voids in an image, as they are given, over those detected, in the median; 1 without any."""
        voids = self.run(image).voids
        voids = voids[(voids["kind"] == VOID) & is_size(voids)]
        return float((voids["radius_px"] / voids["edge_radius_px"]).median()) if len(voids) else 1.0

    def look_twice(self, image: np.ndarray) -> Looks:
        """What two looks at the middle of ``image`` say of each other."""
        image = _middle(image)
        # Not the smallest radius: specks that only the enlarged image has are a part of what the teachers learnt.
        largest = self.max_radius_px if self.max_radius_px == "auto" else ENLARGED * self.max_radius_px
        again = turned_back(replace(self, max_radius_px=largest)._candidates(turned(image)), image.shape)
        return look_twice(self._candidates(image), again, self.threshold)

    @property
    def _looks(self) -> tuple[object, ...]:
        """All that the maps of an image rest on."""
        return (self.contrast, self.max_radius_px, self.arithmetic, self.model)

    def _candidates(self, image: np.ndarray) -> Discs:
        """All in ``image`` that may be a void, however unsure; of an image looked at before, what was found then."""
        return self._candidates_by(self.maps, image)

    def _candidates_first(self, image: np.ndarray) -> Discs:
        """As `_candidates`, of an image of the series, whose voids are to be detected once all is decided."""
        return self._candidates_by(lambda image: self._kept.keep(image, self._looks, self.maps(image)), image)

    def _candidates_by(
        self, look: Callable[[np.ndarray], tuple[network.Maps, ...]], image: np.ndarray
    ) -> Discs:
        how = (*self._looks, self.min_radius_px, self.calibration)
        return self._seen.of(grey(image), how, lambda: self._candidates_in(look(image)))

    def _candidates_in(self, maps: tuple[network.Maps, ...]) -> Discs:
        return self._asked_for(self._discs(maps, decode.LEAST_CONFIDENCE), maps[0].void.shape)


def _middle(image: np.ndarray) -> np.ndarray:
    top, left = (max(side - _MIDDLE_PX, 0) // 2 for side in image.shape)
    return image[top : top + _MIDDLE_PX, left : left + _MIDDLE_PX]
