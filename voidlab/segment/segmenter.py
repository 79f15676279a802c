"""What every method that finds voids offers: an image → probability, labels and voids, with physical radii."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.images.errors import ImagesError
from voidlab.segment import contrast
from voidlab.segment.completeness import Completeness
from voidlab.segment.contrast import ContrastChoice, Evidence
from voidlab.segment.discs import Discs
from voidlab.segment.expectation import Expectation
from voidlab.segment.radius import decide_focus, with_sizes
from voidlab.segment.segmentation import Segmentation
from voidlab.segment.sphere_fit import Focus
from voidlab.tables.kinds import VOID
from voidlab.tables.size_basis import EDGE
from voidlab.tables.verdict import GOOD


@dataclass(frozen=True, kw_only=True)
class Segmenter(ABC):
    """A method that finds voids; its settings are those of `voidlab.segment.load_segmenter`.

    A subclass says how to `detect` them; `run` also measures their radii by their Fresnel fringes. ``focus`` is what
    those are measured with: "auto" infers it from each image, None leaves the radii as they were detected.
    ``fringe_px``, where the defocus is known, outweighs what the images say of the width of their fringes.
    ``under`` says of each image of a focus pair whether it is under focus; `in_frame` gives the segmenter of one.
    ``dark_field`` says that the images are of a dark-field detector, as HAADF: voids are dark and have no fringe.
    None, where nobody says, is taken for bright field.
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
    dark_field: bool | None = None
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
        choice = self._choose(map(evidence, images))
        return replace(self, contrast=choice.contrast, choice=choice)

    def _choose(self, evidence: Iterable[Evidence]) -> ContrastChoice:
        return contrast.in_dark_field(evidence) if self.dark_field else contrast.choose(evidence)

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
