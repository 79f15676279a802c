"""The segmenter of the trained network: its maps of an image, what they hold, and how far to trust it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import pandas as pd

from voidlab.images.drawn import find_strokes
from voidlab.segment import contrast, decode, network
from voidlab.segment.completeness import Completeness, measure_completeness
from voidlab.segment.confidence import Calibration
from voidlab.segment.contrast import Evidence
from voidlab.segment.discs import Discs
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
from voidlab.segment.seen import KeptMaps, Seen
from voidlab.segment.segmentation import Segmentation, circles_of, grey, segmentation_of
from voidlab.segment.segmenter import Segmenter
from voidlab.tables.kinds import VOID
from voidlab.tables.size_basis import NETWORK, is_size

if TYPE_CHECKING:
    import torch


CANDIDATES_FROM = 0.1  # confidence from which on other images of the series may make a void of it
_SURE, _ENOUGH = 0.7, 5  # voids of such a confidence, where there are so many, that the focus is read off
_MIDDLE_PX = 1024  # of an image is looked at more than once


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
            if self.dark_field:
                self._kept.drop(bright._looks)
                return found
            if found.bright < found.dark:
                self._kept.drop(bright._looks)
            elif not self._asks_for_others:  # else the negative is looked at for loops and dots
                self._kept.drop(dark._looks)
            # Who says the mode, asks for loops or has a focus pair knows that it is bright field.
            is_known = self.dark_field is not None or self._asks_for_others or self.under
            if is_known or found.decides:
                return found
            in_dark_field = replace(dark, dark_field=True)._candidates(image)
            return replace(found, if_dark_field=len(in_dark_field.at_least(contrast.SURE)))

        return self._decided(images, evidence)

    def maps(self, image: np.ndarray) -> tuple[network.Maps, ...]:
        """What the network says of ``image`` (H, W), at every scale."""
        image = grey(image)
        return self._with_negative(self.maps_of_voids(image), image)

    def _with_negative(self, maps: tuple[network.Maps, ...], image: np.ndarray) -> tuple[network.Maps, ...]:
        """The maps of voids with those of the negative, if loops or dots are asked for."""
        if maps[0].negative or not self._asks_for_others:
            return maps
        dark = replace(self, contrast="dark")
        of_negative = self._kept.take(image, dark._looks) or dark.maps_of_voids(image)
        pairs = zip(maps, of_negative, strict=True)
        return tuple(replace(each, of_negative=negative) for each, negative in pairs)

    @property
    def _asks_for_others(self) -> bool:
        return bool(set(network.OTHERS) & set(self.kinds))

    def maps_of_voids(self, image: np.ndarray) -> tuple[network.Maps, ...]:
        """As `maps`, without those of the negative, in which only loops and dots are looked for."""
        if self.contrast == "auto":
            both = [replace(self, contrast=sign).maps_of_voids(image) for sign in ("bright", "dark")]
            choice = self._choose([Evidence.of(image, *map(self._candidates_in, both))])
            if choice.contrast == "dark":
                return both[1]
            if self._asks_for_others:
                self._kept.keep(image, replace(self, contrast="dark")._looks, both[1])
            return both[0]
        drawn = find_strokes(image)
        bright = -image.astype(np.float32) if self.contrast == "dark" else image
        # Also for what is larger than asked for, so that it is counted.
        largest = max(self._largest(image.shape), min(image.shape) / 4)
        scales = decode.scales_for(largest, self.min_radius_px)
        return tuple(self._at(scale, bright, drawn) for scale in scales)

    def _at(self, scale: float, bright: np.ndarray, drawn: np.ndarray | None) -> network.Maps:
        picture, known = network.preprocess(bright, scale)
        if drawn is not None:
            known &= network.at_scale(drawn.astype(np.float32), scale) < 0.5
        dark = self.contrast == "dark"
        negative = dark and not self.dark_field
        answer = self._own_thread.submit(
            network.forward, self.model, picture, self.arithmetic, negative=negative
        )
        return network.to_maps(answer.result(), known, scale, negative=negative, dark=dark)

    def decode(self, maps: tuple[network.Maps, ...]) -> Segmentation:
        """Probability, labels and voids from the maps of an image."""
        shape = maps[0].void.shape
        sure = self._discs(maps, self.threshold, {VOID, *self.kinds}).of(self.kinds)
        asked_for = self._asked_for(sure, shape)
        voids, others = asked_for.of([VOID]), asked_for.of(network.OTHERS)
        if self.use_series and VOID in self.kinds:
            candidates = self._discs(maps, min(self.threshold, CANDIDATES_FROM))
            also = decode.beside(self._asked_for(candidates, shape), voids)
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
            contrast="dark" if maps[0].dark else "bright",
        )

    def _discs(self, maps: tuple[network.Maps, ...], least: float, kinds: Collection[str] = (VOID,)) -> Discs:
        return decode.decode_discs(maps, calibration=self.calibration, least=least, kinds=kinds)

    def _asked_for(self, discs: Discs, shape: tuple[int, ...]) -> Discs:
        return discs.within(self.min_radius_px, self._largest(shape))

    def detect(self, image: np.ndarray) -> Segmentation:
        image = grey(image)
        of_voids = self._kept.take(image, self._looks) or self.maps_of_voids(image)
        return self.decode(self._with_negative(of_voids, image))

    def _sure_in(self, image: np.ndarray) -> Discs:
        return self._sure(self._candidates_first(image))

    def _sure(self, discs: Discs) -> Discs:
        # Less sure ones are, by what confidence means, no voids two times in five: they have no fringe, or another.
        surest = discs.where(~(discs.confidence < max(_SURE, self.threshold)))
        return surest if len(surest) >= _ENOUGH else super()._sure(discs)

    def expectation(self, images: Iterable[np.ndarray]) -> Expectation | None:
        if not self.taught:
            return None
        undecided = self.choice is not None and self.choice.undecided
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
        voids = replace(self, kinds=(VOID,)).run(image).voids
        voids = voids[is_size(voids)]
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
        """All that the maps of the voids of an image rest on."""
        sizes = self.max_radius_px, decode.are_tiny(self.min_radius_px)
        return (self.contrast, self.dark_field, *sizes, self.arithmetic, self.model)

    def _candidates(self, image: np.ndarray) -> Discs:
        """All in ``image`` that may be a void, however unsure; of an image looked at before, what was found then."""
        return self._candidates_by(self.maps_of_voids, image)

    def _candidates_first(self, image: np.ndarray) -> Discs:
        """As `_candidates`, of an image of the series, whose voids are to be detected once all is decided."""
        return self._candidates_by(
            lambda image: self._kept.keep(image, self._looks, self.maps_of_voids(image)), image
        )

    def _candidates_by(
        self, look: Callable[[np.ndarray], tuple[network.Maps, ...]], image: np.ndarray
    ) -> Discs:
        how = (*self._looks, self.min_radius_px, self.calibration)
        image = grey(image)
        return self._seen.of(image, how, lambda: self._candidates_in(look(image)))

    def _candidates_in(self, maps: tuple[network.Maps, ...]) -> Discs:
        return self._asked_for(self._discs(maps, decode.LEAST_CONFIDENCE), maps[0].void.shape)


def _middle(image: np.ndarray) -> np.ndarray:
    top, left = (max(side - _MIDDLE_PX, 0) // 2 for side in image.shape)
    return image[top : top + _MIDDLE_PX, left : left + _MIDDLE_PX]
