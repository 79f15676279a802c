"""Simulated micrographs of every look a void has, with the truth from geometry: what the network is trained on.

A micrograph is a foil (wedge, bend contours, mottling), what is in it (voids in 3D; loops, dots, dislocation lines,
precipitates, which are no voids), an exit wave, a microscope out of focus or not, and a detector. Voids always come
out brighter than their surroundings: images of dark ones are turned upside down before they are looked at.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import ndimage

from voidlab.simulate import foil as specimen
from voidlab.simulate import microscope as optics
from voidlab.simulate import void_shapes
from voidlab.simulate.visibility import Visibility
from voidlab.simulate.void_shapes import Void

_MARGIN = 48
_LEAST_EVIDENCE = 8.5  # of a sphere of SNR 1 and radius 4 px, on an even foil in uncorrelated noise

_CUT = (slice(_MARGIN, -_MARGIN), slice(_MARGIN, -_MARGIN))


@dataclass(frozen=True)
class Micrograph:
    """A simulated micrograph and its truth.

    Attributes
    ----------
    image : ndarray of shape (H, W), uint8
    mask : ndarray of shape (H, W), bool
        Where there is a void.
    voids : DataFrame
        ``x_px, y_px, radius_px`` (of the circle as large as the projection), ``snr`` (how much brighter on average
        than its surroundings it is, or how much darker its rim, over the noise of a pixel), ``evidence`` (how much
        more it looks like a disc, an edge and a rim than what is there without it), ``overlap`` (share of its
        projection that other voids share), ``ignored`` (too faint to be sure of, or its centre is outside).
    """

    image: np.ndarray
    mask: np.ndarray
    voids: pd.DataFrame


@dataclass(frozen=True)
class _Look:
    """What kind of micrograph it is."""

    contrast: float  # brightness of a usual void over its surroundings, by absorption
    phase_rad: float  # phase shift of a usual void
    optics: optics.Optics
    noise: float
    upside_down: bool
    variety: float  # spread of the contrast from one void to the next: crystals have it, voids have not
    spheres: float  # how often voids are round: bubbles are, voids in metals have facets
    mask: bool  # no micrograph but somebody's mask
    exact: bool  # a mask of two values


@dataclass(frozen=True)
class _Scene:
    """What lies under the beam, with a margin around it, and how it is looked at."""

    look: _Look
    usual: float
    foil: np.ndarray
    voids: list[Void]
    most: float  # length of foil beyond which it gets no brighter
    blur: float

    def of_all_voids(self, of_void: Callable[[Void], np.ndarray]) -> np.ndarray:
        """Sum over the voids at each pixel, float32."""
        total = np.zeros(self.foil.shape, np.float32)
        for void in self.voids:
            total[void.part] += of_void(void)
        return total

    def brightness(self, foil: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """What comes to the detector."""
        length = np.minimum(missing, np.float32(self.most)) / (2 * self.usual)
        amplitude = np.sqrt(foil) * np.exp(0.5 * np.log1p(self.look.contrast) * length)
        wave = optics.intensity(amplitude, -self.look.phase_rad * length, self.look.optics)
        return np.asarray(ndimage.gaussian_filter(wave, self.blur))


def micrograph(seed: int, *, shape: tuple[int, int] = (512, 512)) -> Micrograph:
    """Simulate a micrograph; the same seed gives the same one.

    Parameters
    ----------
    shape
        (H, W), px.
    """
    random = np.random.default_rng(np.random.SeedSequence([seed, 7]))
    scene = _scene(random, (shape[0] + 2 * _MARGIN, shape[1] + 2 * _MARGIN))
    look, missing = scene.look, scene.of_all_voids(lambda void: void.length)
    without = scene.brightness(scene.foil, np.zeros_like(missing))
    clean = scene.brightness(scene.foil, missing)
    sign = -1 if look.upside_down else 1
    taken = clean[_CUT] if look.exact else optics.detect(random, clean[_CUT], look.noise)
    image, told = optics.write(random, sign * taken)

    def shown(brightness: np.ndarray) -> np.ndarray:
        return np.clip(sign * brightness, told.min(), told.max())

    grain = told - shown(clean[_CUT])
    visible = Visibility(shown(without[_CUT]), grain)
    rows, mask = [], np.zeros(missing.shape, bool)
    voids_at = scene.of_all_voids(lambda void: void.inside)
    for void in scene.voids if look.contrast > 0 else []:  # dark discs are no voids
        if not (circle := _circle(void, shape)):
            continue
        part, there = void.part, missing[void.part]
        even = np.ones_like(there)
        light = scene.brightness(even, there) - scene.brightness(even, there - void.length)
        own = shown(clean[part]) - shown(clean[part] - light * without[part])
        others = shown(clean[part]) - shown(without[part]) - own
        corner = (part[0].start - _MARGIN, part[1].start - _MARGIN)
        contrast, evidence = visible.at(circle, own, others, corner)
        seen = evidence >= _LEAST_EVIDENCE
        mask[part] |= void.inside & seen
        outside = not (0 <= circle[0] <= shape[1] - 1 and 0 <= circle[1] <= shape[0] - 1)
        snr = contrast / max(float(grain.std()), 1e-6)
        overlap = np.mean(voids_at[part][void.inside] > 1)
        rows.append((*circle, snr, evidence, overlap, outside or not seen))
    columns = ["x_px", "y_px", "radius_px", "snr", "evidence", "overlap", "ignored"]
    table = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[:6], float) | {"ignored": bool})
    return Micrograph(image, mask[_CUT], table)


def _scene(random: np.random.Generator, shape: tuple[int, int]) -> _Scene:
    usual = float(np.exp(random.uniform(np.log(2.2), np.log(20))))
    look = _look(random, usual)
    voids = void_shapes.shaped(
        random,
        void_shapes.scatter(random, shape, usual),
        shape,
        usual,
        spheres=look.spheres,
        variety=look.variety,
        fringe_px=look.optics.fringe_px,
    )
    # As bright as it gets: overlaps are no brighter.
    most = usual * random.uniform(0.05, 1) if look.mask or random.random() < 0.08 else np.inf
    foil = np.ones(shape, np.float32)
    if not look.mask:
        foil = specimen.foil(random, shape, usual, busy=len(voids) == 0 and random.random() < 0.6)
    # Vibration, drift during the exposure, a spread of energies: edges as wide as those of a rounder void.
    widest = 0.6 if look.mask else 3.5
    blur = min(float(np.exp(random.uniform(np.log(0.2), np.log(widest)))), 0.35 * usual)
    if look.exact:
        voids = [replace(void, length=void.inside * np.float32(usual)) for void in voids]
        most, blur = usual, 0.0
    return _Scene(look, usual, foil, voids, most, blur)


_KINDS = {
    "mass": 0.27,
    "under": 0.2,
    "over": 0.11,
    "mixed": 0.12,
    "particles": 0.08,
    "dark": 0.12,
    "mask": 0.1,
}


def _look(random: np.random.Generator, usual: float) -> _Look:
    kinds, chances = zip(*_KINDS.items(), strict=True)
    kind = random.choice(kinds, p=chances)
    fringe = usual * float(np.exp(random.uniform(np.log(0.12), np.log(1.6))))
    phase = float(np.exp(random.uniform(np.log(0.15), np.log(2.5))))
    # Metals shift the phase by some 0.16 rad/nm, and nobody goes farther than 3 µm from focus, fringes of 2.4 nm.
    fringe = min(max(fringe, 0.8), 0.8 / phase * usual, _MARGIN / 2)
    contrast = float(np.exp(random.uniform(np.log(0.06), np.log(0.5))))
    state = optics.Optics(
        fringe, kind != "over", random.uniform(0.7, 2.0), random.uniform(0, 0.08), random.uniform(0, np.pi)
    )
    if kind in ("mass", "particles", "mask") or (kind == "dark" and random.random() < 0.6):
        state = optics.Optics(0.0)
    if kind == "particles":
        contrast = random.uniform(0.25, 0.9)
    if kind == "under":
        contrast *= 0.25
    if kind == "over":
        # Upside down, what absorption adds would make the inside dark: a dark disc is no void to the network.
        contrast = 1e-3
        state = replace(state, fringe_px=max(state.fringe_px, 0.25 * usual))
    if kind == "mixed":
        phase *= 0.5
    if kind == "mask":
        contrast = 1.0
    # How far a void of the usual size stands out from the noise, from hardly to plainly.
    stands_out = float(np.exp(random.uniform(np.log(0.8), np.log(10.0))))
    signal = contrast + (min(phase, 1.5) * 0.35 if state.fringe_px else 0)
    noise = np.clip(signal / stands_out * min(1.0, usual / 6), 0.004, 0.45)
    variety = random.uniform(0.1, 0.6) if kind == "particles" else 0.0
    if kind == "mask":
        noise = np.exp(random.uniform(np.log(0.003), np.log(0.1)))
    if kind == "dark":  # voids upside down: dark inside, and with a bright rim when out of focus
        contrast = -contrast
        state = replace(state, under=False)
    spheres = {"mass": 0.1, "particles": 0.05, "mixed": 0.25, "mask": 0.0}.get(kind, 0.4)
    phase = phase if state.fringe_px else 0.0
    mask = kind == "mask"
    exact = mask and random.random() < 0.6
    return _Look(contrast, phase, state, float(noise), kind == "over", variety, spheres, mask, exact)


def _circle(void: Void, shape: tuple[int, int]) -> tuple[float, float, float] | None:
    """x, y and radius of the circle as large as a void, px of the image; none if nothing of it is in the image."""
    v, u = np.nonzero(void.inside)
    y, x = v + void.part[0].start - _MARGIN, u + void.part[1].start - _MARGIN
    if not ((x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0])).any():
        return None
    return float(x.mean()), float(y.mean()), float(np.sqrt(len(x) / np.pi))
