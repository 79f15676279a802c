"""Simulated micrographs of every look a void has, with the truth from geometry: what the network is trained on.

A micrograph is a foil (wedge, bend contours, mottling, grain), what is in it (voids in 3D; loops, dots, dislocation
lines, precipitates, which are no voids), an exit wave, a microscope out of focus or not, and a detector. Voids always
come out brighter than their surroundings: images of dark ones are turned upside down before they are looked at.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import ndimage

from voidlab.simulate import microscope, vacuum, void_shapes
from voidlab.simulate.draws import log_uniform
from voidlab.simulate.foil import Foil, draw_foil, draw_grain
from voidlab.simulate.looks import MARGIN, Look, look_of
from voidlab.simulate.visibility import Visibility
from voidlab.simulate.void_shapes import Void

_LEAST_SNR, _USUAL_OTHER_PX = 1.0, 4.0  # of a loop or dot that counts, and how large it then is
_WIDENED = 0.45  # radius of a point's image, in widths of the first fringe
_LEAST_OF_RANGE = 0.02  # contrast that an eye sees, over that of the whole picture
_LEAST_EVIDENCE = 8.5  # of a sphere of SNR 1 and radius 4 px, on an even foil in uncorrelated noise

_CUT = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))


@dataclass(frozen=True)
class Micrograph:
    """A simulated micrograph and its truth.

    Attributes
    ----------
    image : ndarray of shape (H, W), uint8
    mask : ndarray of shape (H, W), bool
        Where there is a void.
    voids : DataFrame
        ``x_px, y_px, radius_px`` (of the circle as large as the projection), ``volume_radius_px`` (of the sphere as
        large), ``snr`` (how much brighter on average
        than its surroundings it is, or how much darker its rim, over the noise of a pixel), ``evidence`` (how much
        more it looks like a disc, an edge and a rim than what is there without it), ``overlap`` (share of its
        projection that other voids share), ``ignored`` (too faint to be sure of, under something burnt in, or its
        centre is outside).
    others : DataFrame
        What is no void, a row each: ``kind`` (loop or dot), ``x_px, y_px, radius_px, snr, ignored``.
    upside_down : bool
        Whether it is the negative of what the microscope showed: dark voids or particles.
    look : str
        What kind of micrograph it is: mass, under, over, mixed, helium, particles, dark, loops or mask.
    """

    image: np.ndarray
    mask: np.ndarray
    voids: pd.DataFrame
    others: pd.DataFrame
    upside_down: bool
    look: str

    @property
    def as_shown(self) -> np.ndarray:
        """The image as the microscope showed it, float32."""
        image = self.image.astype(np.float32)
        return -image if self.upside_down else image


@dataclass(frozen=True)
class _Scene:
    """What lies under the beam, with a margin around it, and how it is looked at."""

    look: Look
    usual: float
    thickness_px: float
    foil: Foil
    voids: list[Void]
    most: float  # length of foil beyond which it gets no brighter
    blur: float
    noise: float = 0.0

    def of_all_voids(self, of_void: Callable[[Void], np.ndarray]) -> np.ndarray:
        """Sum over the voids at each pixel, float32."""
        total = np.zeros(self.foil.brightness.shape, np.float32)
        for void in self.voids:
            total[void.part] += of_void(void)
        return total

    def brightness(self, foil: Foil, missing: np.ndarray) -> np.ndarray:
        """What comes to the detector."""
        length = np.minimum(missing, np.float32(self.most)) / (2 * self.usual)
        amplitude = np.sqrt(foil.lets_through(missing)) * np.exp(0.5 * np.log1p(self.look.contrast) * length)
        phase = foil.phase - self.look.phase_rad * length
        wave = microscope.intensity(amplitude, phase, self.look.optics) * foil.strain
        return np.asarray(ndimage.gaussian_filter(wave, self.blur))


def micrograph(seed: int, *, shape: tuple[int, int] = (512, 512)) -> Micrograph:
    """Simulate a micrograph; the same seed gives the same one.

    Parameters
    ----------
    shape
        (H, W), px.
    """
    random = np.random.default_rng(np.random.SeedSequence([seed, 7]))
    scene = _scene(random, (shape[0] + 2 * MARGIN, shape[1] + 2 * MARGIN))
    look, missing = scene.look, scene.of_all_voids(lambda void: void.length)
    without = scene.brightness(scene.foil, np.zeros_like(missing))
    clean = scene.brightness(scene.foil, missing)
    sign = look.sign
    taken = clean[_CUT] if look.exact else microscope.detect(random, clean[_CUT], scene.noise)
    image, told, covered = microscope.write(random, sign * taken)

    def shown(brightness: np.ndarray) -> np.ndarray:
        return np.clip(sign * brightness, told.min(), told.max())

    grain = np.where(covered, 0, told - shown(clean[_CUT]))
    visible = Visibility(shown(without[_CUT]), grain)
    span = float(np.subtract(*np.percentile(told, (99, 1))))
    rows, mask = [], np.zeros(missing.shape, bool)
    voids_at = scene.of_all_voids(lambda void: void.inside)
    for void in scene.voids if look.contrast > 0 else []:  # dark discs are no voids
        if not (circle := _circle(void, shape)):
            continue
        part, there = void.part, missing[void.part]
        foil = scene.foil.contours_in(part)
        bright, less = scene.brightness(foil, there), scene.brightness(foil, there - void.length)
        own = shown(clean[part]) - shown(clean[part] * less / np.maximum(bright, 0.02))
        others = shown(clean[part]) - shown(without[part]) - own
        corner = (part[0].start - MARGIN, part[1].start - MARGIN)
        contrast, evidence = max(
            (
                visible.at((*circle[:2], radius), own, others, corner)
                for radius in _seen_as(circle[2], look.optics)
            ),
            key=lambda each: each[1],
        )
        seen = evidence >= _LEAST_EVIDENCE and contrast >= _LEAST_OF_RANGE * span
        mask[part] |= void.inside & seen
        hidden = _hidden(*circle[:2], covered)
        snr = contrast / max(float(grain.std()), 1e-6)
        overlap = np.mean(voids_at[part][void.inside] > 1)
        sphere = float(np.cbrt(0.75 / np.pi * void.length.sum()))
        rows.append((*circle, sphere, snr, evidence, overlap, hidden or not seen))
    columns = ["x_px", "y_px", "radius_px", "volume_radius_px", "snr", "evidence", "overlap", "ignored"]
    table = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[:7], float) | {"ignored": bool})
    noise = float(grain.std()) / max(float(np.median(np.abs(shown(without[_CUT])))), 1e-6)
    others = _others(scene.foil, covered, noise)
    return Micrograph(image, mask[_CUT] & ~covered, table, others, look.negative, look.kind)


def _seen_as(radius: float, state: microscope.Optics) -> set[float]:
    """Radii that a void's disc is looked for with: its own and, where fringes are wider, that of its image."""
    return {radius, float(np.hypot(radius, _WIDENED * state.fringe_px))}


def _hidden(x: float, y: float, covered: np.ndarray) -> bool:
    """Whether a place is outside of the image or under something burnt in."""
    height, width = covered.shape
    inside = 0 <= y <= height - 1 and 0 <= x <= width - 1
    return not inside or bool(covered[round(y), round(x)])


def _others(foil: Foil, covered: np.ndarray, noise: float) -> pd.DataFrame:
    """What is no void, as far as it shows."""
    rows = []
    for kind, x, y, radius, strength in foil.objects:
        at = x - MARGIN, y - MARGIN
        snr = strength / max(noise, 1e-3) * min(radius / _USUAL_OTHER_PX, 1)
        if snr > _LEAST_SNR / 3:
            rows.append((kind, *at, radius, snr, _hidden(*at, covered) or snr < _LEAST_SNR))
    columns = ["kind", "x_px", "y_px", "radius_px", "snr", "ignored"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype(dict.fromkeys(columns[1:5], float) | {"kind": object, "ignored": bool})


def _scene(random: np.random.Generator, shape: tuple[int, int]) -> _Scene:
    usual = log_uniform(random, 1.4, 20)
    look = look_of(random, usual)
    places = void_shapes.scatter(random, shape, usual)
    thickness_px = usual * random.uniform(3, 24)
    voids = void_shapes.shaped(
        random,
        places[:0] if look.empty else places,
        shape,
        thickness_px=thickness_px,
        spheres=look.spheres,
        variety=look.variety,
        fringe_px=look.optics.fringe_px,
    )
    # As bright as it gets: overlaps are no brighter.
    most = usual * random.uniform(0.05, 1) if look.mask or random.random() < 0.08 else np.inf
    # Vibration, drift during the exposure, a spread of energies: edges as wide as those of a rounder void.
    widest = 0.6 if look.mask else 3.5
    blur = min(log_uniform(random, 0.2, widest), 0.35 * usual)
    scene = _Scene(look, usual, thickness_px, Foil.even(shape), voids, most, blur)
    look = _with_sign(scene)
    scene = replace(scene, look=look)
    if look.exact:
        flat = [replace(void, length=void.inside * np.float32(usual)) for void in voids]
        scene = replace(scene, voids=flat, most=usual, blur=0.0)
    if look.mask:
        return replace(scene, noise=log_uniform(random, 0.003, 0.1))
    return _in_a_foil(random, scene)


def _in_a_foil(random: np.random.Generator, scene: _Scene) -> _Scene:
    """The scene with a foil, grain and noise from which a usual void stands out as it should.

    What focus and blur leave of a void's contrast, or of grain, is measured: it changes a hundredfold.
    """
    look, usual, shape = scene.look, scene.usual, scene.foil.brightness.shape
    strength = log_uniform(random, 0.03, 0.8)
    signal = strength if look.empty else _signal(scene)
    # Where voids are seen by their fringes alone, or loops, one looks for places as even as these are faint.
    faint = look.optics.fringe_px or look.empty
    roughest = 6.0 if look.kind == "helium" else 20.0
    rough = min(1.0, signal * log_uniform(random, 1.0, roughest)) if faint else 1.0
    busy = _busy(random, look, len(scene.voids))
    foil = draw_foil(
        random, shape, usual, thickness_px=scene.thickness_px, busy=busy, strength=strength, rough=rough
    )
    if look.grain:
        grain = 0.1 * draw_grain(random, shape)
        bare = scene.brightness(replace(scene.foil, phase=grain), np.zeros_like(grain))
        times = min(look.grain * signal / max(float(bare.std()), 1e-6), 10)
        foil = replace(foil, phase=np.float32(times) * grain)
    noise = signal / look.stands_out * min(1.0, usual / 6)
    scene = replace(scene, foil=foil, noise=float(np.clip(noise, 0.002, 0.45)))
    if random.random() < 0.15:
        foil, voids = vacuum.beside_vacuum(random, scene.foil, scene.voids)
        scene = replace(scene, foil=foil, voids=voids)
    return scene


def _with_sign(scene: _Scene) -> Look:
    """Over focus by little, voids that absorb less are bright all the same: it is bright ones one looks for."""
    look = scene.look
    if look.empty or look.sign > 0:
        return look
    even = Foil.even(scene.foil.brightness.shape)
    change = scene.brightness(even, scene.of_all_voids(lambda void: void.length)) - 1
    brighter = sum(float(change[void.part][void.inside].mean()) for void in scene.voids if void.inside.any())
    return replace(look, sign=1, negative=False) if brighter > 0 else look


def _signal(scene: _Scene) -> float:
    """Contrast of a sphere of the usual radius in an even foil, with its fringes, as if it were all in its disc."""
    side = 2 * int(2 * scene.usual + 3 * scene.look.optics.fringe_px + 8)
    v, u = np.mgrid[:side, :side] - side / 2
    sphere = 2 * np.sqrt(np.clip(scene.usual**2 - u**2 - v**2, 0, None)).astype(np.float32)
    change = scene.brightness(Foil.even((side, side)), sphere) - 1
    return float(np.sqrt((change**2).sum() / np.pi) / scene.usual)


def _busy(random: np.random.Generator, look: Look, voids: int) -> float:
    """How much else the foil holds: much where there are no voids, and among dark ones, which it is like."""
    if look.calm:
        return -1.0
    if look.empty or (voids and look.sign < 0 and random.random() < 0.2):
        return 2.0
    often = 0.7 if voids == 0 else 0.5 if look.sign < 0 else 0.15
    return random.random() if random.random() < often else 0.0


def _circle(void: Void, shape: tuple[int, int]) -> tuple[float, float, float] | None:
    """x, y and radius of the circle as large as a void, px of the image; none if nothing of it is in the image."""
    v, u = np.nonzero(void.inside)
    y, x = v + void.part[0].start - MARGIN, u + void.part[1].start - MARGIN
    if not ((x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0])).any():
        return None
    return float(x.mean()), float(y.mean()), float(np.sqrt(len(x) / np.pi))
