"""Bend contours: where a bent foil diffracts, its brightness goes with its thickness, and so with the voids in it."""

from dataclasses import dataclass, replace

import numpy as np

from voidlab.simulate import microscope


@dataclass(frozen=True)
class BendContour:
    """Two-beam brightness over a smoothly bent foil: it changes with the thickness, and so with the voids in it.

    Attributes
    ----------
    deviation : ndarray of shape (H, W), float32
        From the orientation that diffracts most, over the inverse of the extinction length.
    thickness : ndarray of shape (H, W), float32
        Of the foil, extinction lengths.
    depth, clear : ndarray of shape (H, W), float32
        How dark it gets, and how much of the fringes is left, 0 to 1.
    extinction_px : float
        Extinction length.

    References
    ----------
    Hirsch et al., Electron Microscopy of Thin Crystals (1965), chapter 8.
    """

    deviation: np.ndarray
    thickness: np.ndarray
    depth: np.ndarray
    clear: np.ndarray
    extinction_px: float

    def at(self, missing: np.ndarray) -> np.ndarray:
        """What it lets through where voids take away so much of the foil, px."""
        effective = np.sqrt(1 + self.deviation**2)
        thickness = self.thickness - missing / np.float32(self.extinction_px)
        wave = 1 - self.clear * np.cos(np.float32(2 * np.pi) * thickness * effective)
        return np.asarray(1 - self.depth * wave / 2 / effective**2)

    def part(self, part: tuple[slice, slice]) -> "BendContour":
        """In a part of the image."""
        return replace(
            self,
            deviation=self.deviation[part],
            thickness=self.thickness[part],
            depth=self.depth[part],
            clear=self.clear[part],
        )


def bend_contour(random: np.random.Generator, shape: tuple[int, int], thickness_px: float) -> BendContour:
    """One somewhere across the image, of a foil of some thickness, px."""
    deviation = random.uniform(0.5, 3) * microscope.field(random, shape, random.uniform(60, 200))
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    slope = random.normal(0, 3, 2)
    deviation = deviation + slope[0] * x + slope[1] * y + random.normal()
    # No foil is bent or thinned evenly: contours are ragged, and stronger here than there.
    deviation = deviation + random.uniform(0, 0.4) * microscope.field(random, shape, random.uniform(8, 40))
    usual = random.uniform(0.5, 3)
    thickness = usual * (1 + 0.2 * random.normal() * x)
    thickness = thickness * np.exp(
        random.uniform(0, 0.2) * microscope.field(random, shape, random.uniform(30, 150))
    )
    depth = random.uniform(0.1, 0.6) * np.exp(
        -random.uniform(0, 0.6) * np.abs(microscope.field(random, shape, random.uniform(30, 150)))
    )
    # Absorption and a beam that is not quite parallel: the farther from the contour, the fainter the fringes.
    clear = np.exp(-random.uniform(0, 1.2) * np.abs(deviation))
    deviation, thickness, depth, clear = (
        each.astype(np.float32) for each in (deviation, thickness, depth, clear)
    )
    return BendContour(deviation, thickness, depth, clear, thickness_px / usual)
