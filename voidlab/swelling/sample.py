"""What is known of an image and of what it shows: pixel size, foil, shape of the voids, each with its error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from voidlab.errors import VoidlabError
from voidlab.project.parameters.models import ExportParameters, SampleParameters
from voidlab.swelling.stereology import Shape
from voidlab.tables.size_basis import SIGMA_AS_DETECTED


class SwellingError(VoidlabError):
    """Voids or conditions from which nothing can be computed, with what is wrong."""


@dataclass(frozen=True)
class Scale:
    """Width of a pixel, nm, and its standard error, relative."""

    pixel_size_nm: float
    relative_sigma: float

    def __post_init__(self) -> None:
        _check_positive("the pixel size", self.pixel_size_nm)
        _check_error("the pixel size", self.relative_sigma)


@dataclass(frozen=True)
class Foil:
    """Thickness of the foil and its standard error, both in ``unit``.

    A thickness in px is one that was measured in the same images, such as by parallax: an error of the pixel size
    then cancels in the swelling.
    """

    thickness: float
    sigma: float
    unit: Literal["nm", "px"] = "nm"

    def __post_init__(self) -> None:
        _check_positive("the foil thickness", self.thickness)
        _check_error("the foil thickness", self.sigma / self.thickness)


@dataclass(frozen=True)
class Detection:
    """How many of the detections are expected to be voids, and how many of the voids to be detected.

    Attributes
    ----------
    precision, recall : tuple of 3 floats
        The expected share, and the ends of the interval that holds it in nine cases of ten.
    """

    precision: tuple[float, float, float]
    recall: tuple[float, float, float]

    def __post_init__(self) -> None:
        for name, share in (("precision", self.precision), ("recall", self.recall)):
            if not (len(share) == 3 and all(isinstance(p, int | float) and 0 <= p <= 1 for p in share)):
                raise SwellingError(
                    f"the expected {name} is {share}; expected three shares of 0 to 1: value, low, high."
                )

    def draw(self, random: np.random.Generator, draws: int) -> np.ndarray:
        """Voids for each detection, (draws,): less those that are none, or with those that were missed.

        As often the one as the other. So the number that was counted lies between: it is not corrected, and what is
        expected to be missed is what a network expects of itself.
        """
        right, found = (
            np.clip(_beta(share, random, draws), 0.05, 1) for share in (self.precision, self.recall)
        )
        return np.where(random.random(draws) < 0.5, right, 1 / found)


_WIDTH_OF_90 = 3.29  # standard deviations


def _beta(share: tuple[float, float, float], random: np.random.Generator, draws: int) -> np.ndarray:
    """Draws of a share from the beta distribution of its mean, about as wide as its interval."""
    mean, sigma = float(np.clip(share[0], 0.01, 0.99)), max((share[2] - share[1]) / _WIDTH_OF_90, 1e-3)
    firm = max(mean * (1 - mean) / sigma**2 - 1, 0.5)
    return random.beta(mean * firm, (1 - mean) * firm, draws)


@dataclass(frozen=True)
class Sample:
    """What is known of an image and what it shows.

    Parameters
    ----------
    shape
        (H, W) of the image, px.
    scale, foil
        None when unknown. The foil is taken as seen along its normal.
    void_shape, beam
        See `voidlab.swelling.stereology.shape_factor`; diameters are those of circles of the projected area.
    size_sigma
        Relative systematic error of all diameters. It counts three times in the swelling, however many voids there
        are. None: that of the voids' ``radius_shared_sigma_px`` (where that is not known, ``radius_sigma_px``),
        weighted by their volumes, and 9 % where neither is: as much as the shipped network is off. What each radius
        is off by itself is in the scatter of the radii, and so in the statistical error.
    margin_px
        Voids nearer to the border do not count as whole.
    valid
        Pixels (H, W) that show the specimen; None for all. Their edge is a border.
    detection
        What to expect of the detections; None: the voids given are all there are.
    """

    shape: tuple[int, int]
    scale: Scale | None = None
    foil: Foil | None = None
    void_shape: Shape = "sphere"
    beam: tuple[float, float, float] | None = None
    size_sigma: float | None = None
    margin_px: float = 0.0
    valid: np.ndarray | None = None
    detection: Detection | None = None

    def __post_init__(self) -> None:
        _check_error("the diameters", self.size_sigma or 0.0)

    @classmethod
    def of(
        cls,
        known: ExportParameters,
        shape: tuple[int, int],
        pixel_size_nm: float | None,
        margin_px: float,
        specimen: SampleParameters | None = None,
        detection: Detection | None = None,
    ) -> Sample:
        """What the parameters say of an image of ``shape`` (H, W) and of the ``specimen`` in it."""
        specimen = specimen or SampleParameters()
        thickness, sigma = specimen.foil_thickness_nm, specimen.foil_sigma_nm
        return cls(
            shape,
            scale=None if pixel_size_nm is None else Scale(pixel_size_nm, known.pixel_size_error),
            foil=None if thickness is None or sigma is None else Foil(thickness, sigma),
            void_shape=known.void_shape,
            size_sigma=None if known.diameter_error == "auto" else known.diameter_error,
            margin_px=margin_px,
            detection=detection,
        )

    def with_sizes_of(self, voids: pd.DataFrame) -> Sample:
        """The same sample with the error of diameters that these voids have, unless one was given."""
        if self.size_sigma is not None or "radius_sigma_px" not in voids or voids.empty:
            return self
        radius, sigma = voids["radius_px"].to_numpy(float), voids["radius_sigma_px"]
        if "radius_shared_sigma_px" in voids:
            sigma = voids["radius_shared_sigma_px"].fillna(sigma)
        relative = (sigma / radius).fillna(SIGMA_AS_DETECTED).to_numpy(float)
        return replace(self, size_sigma=min(float(np.average(relative, weights=radius**3)), 0.5))

    def tilted(self, tilt_deg: float) -> Sample:
        """The same sample seen at a tilt: the beam crosses more of the foil. An unknown tilt (NaN) is none."""
        if self.foil is None or np.isnan(tilt_deg):
            return self
        longer = 1 / np.cos(np.deg2rad(tilt_deg))
        foil = replace(self.foil, thickness=self.foil.thickness * longer, sigma=self.foil.sigma * longer)
        return replace(self, foil=foil)

    @property
    def area_px(self) -> float:
        """Area that shows the specimen, px²."""
        return float(self.shape[0] * self.shape[1] if self.valid is None else self.valid.sum())

    @property
    def thickness_px(self) -> float | None:
        """Thickness of the foil, px; None when it or the pixel size it needs is unknown."""
        if self.foil is None or (self.foil.unit == "nm" and self.scale is None):
            return None
        return self.foil.thickness / (self.pixel if self.foil.unit == "nm" else 1.0)

    @property
    def pixel(self) -> float:
        """Width of a pixel in the unit of all results."""
        return 1.0 if self.scale is None else self.scale.pixel_size_nm

    @property
    def unit(self) -> str:
        """Unit of length of all results."""
        return "px" if self.scale is None else "nm"

    @property
    def errors(self) -> dict[str, float]:
        """Relative standard error of the diameters (size), the thickness and the pixel size (scale)."""
        return {
            "size": SIGMA_AS_DETECTED if self.size_sigma is None else self.size_sigma,
            "thickness": self.foil.sigma / self.foil.thickness if self.foil else 0.0,
            "scale": self.scale.relative_sigma if self.scale else 0.0,
        }


def _check_positive(what: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise SwellingError(f"{what} is {value:g}; expected a number above 0.")


def _check_error(what: str, relative: float) -> None:
    if not 0 <= relative <= 0.5:
        raise SwellingError(f"the error of {what} is {relative:.3g} of the value; expected 0 to 0.5.")
