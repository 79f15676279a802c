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

from voidlab.simulate import foil as specimen
from voidlab.simulate import microscope as optics
from voidlab.simulate import vacuum, void_shapes
from voidlab.simulate.visibility import Visibility
from voidlab.simulate.void_shapes import Void

_MARGIN = 48
_LEAST_SNR, _USUAL_OTHER_PX = 1.0, 4.0  # of a loop or dot that counts, and how large it then is
_WIDENED = 0.45  # radius of a point's image, in widths of the first fringe
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
class _Look:
    """What kind of micrograph it is."""

    kind: str
    contrast: float  # brightness of a usual void over its surroundings, by absorption
    phase_rad: float  # phase shift of a usual void
    optics: optics.Optics
    stands_out: float  # a void's contrast as the focus leaves it, over the noise
    grain: float  # of what has no order in the foil, over that contrast
    sign: int  # -1: dark voids, turned upside down after they were drawn
    negative: bool  # the picture is a negative of what the microscope showed
    variety: float  # spread of the contrast from one void to the next: crystals have it, voids have not
    spheres: float  # how often voids are round: bubbles are, voids in metals have facets
    calm: bool  # nothing in the foil but the voids: no bend contours, no defects
    empty: bool  # no voids
    mask: bool  # no micrograph but somebody's mask
    exact: bool  # a mask of two values


@dataclass(frozen=True)
class _Scene:
    """What lies under the beam, with a margin around it, and how it is looked at."""

    look: _Look
    usual: float
    foil: specimen.Foil
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

    def brightness(self, foil: specimen.Foil, missing: np.ndarray) -> np.ndarray:
        """What comes to the detector."""
        length = np.minimum(missing, np.float32(self.most)) / (2 * self.usual)
        amplitude = np.sqrt(foil.brightness) * np.exp(0.5 * np.log1p(self.look.contrast) * length)
        phase = foil.phase - self.look.phase_rad * length
        wave = optics.intensity(amplitude, phase, self.look.optics) * foil.strain
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
    sign = look.sign
    taken = clean[_CUT] if look.exact else optics.detect(random, clean[_CUT], scene.noise)
    image, told, covered = optics.write(random, sign * taken)

    def shown(brightness: np.ndarray) -> np.ndarray:
        return np.clip(sign * brightness, told.min(), told.max())

    grain = np.where(covered, 0, told - shown(clean[_CUT]))
    visible = Visibility(shown(without[_CUT]), grain)
    rows, mask = [], np.zeros(missing.shape, bool)
    voids_at = scene.of_all_voids(lambda void: void.inside)
    for void in scene.voids if look.contrast > 0 else []:  # dark discs are no voids
        if not (circle := _circle(void, shape)):
            continue
        part, there = void.part, missing[void.part]
        even = specimen.Foil.even((there.shape[0], there.shape[1]))
        light = scene.brightness(even, there) - scene.brightness(even, there - void.length)
        own = shown(clean[part]) - shown(clean[part] - light * without[part])
        others = shown(clean[part]) - shown(without[part]) - own
        corner = (part[0].start - _MARGIN, part[1].start - _MARGIN)
        contrast, evidence = max(
            (
                visible.at((*circle[:2], radius), own, others, corner)
                for radius in _seen_as(circle[2], look.optics)
            ),
            key=lambda each: each[1],
        )
        seen = evidence >= _LEAST_EVIDENCE
        mask[part] |= void.inside & seen
        hidden = _hidden(*circle[:2], covered)
        snr = contrast / max(float(grain.std()), 1e-6)
        overlap = np.mean(voids_at[part][void.inside] > 1)
        rows.append((*circle, snr, evidence, overlap, hidden or not seen))
    columns = ["x_px", "y_px", "radius_px", "snr", "evidence", "overlap", "ignored"]
    table = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[:6], float) | {"ignored": bool})
    noise = float(grain.std()) / max(float(np.median(np.abs(shown(without[_CUT])))), 1e-6)
    others = _others(scene.foil, covered, noise)
    return Micrograph(image, mask[_CUT] & ~covered, table, others, look.negative, look.kind)


def _seen_as(radius: float, state: optics.Optics) -> set[float]:
    """Radii that a void's disc is looked for with: its own and, where fringes are wider, that of its image."""
    return {radius, float(np.hypot(radius, _WIDENED * state.fringe_px))}


def _hidden(x: float, y: float, covered: np.ndarray) -> bool:
    """Whether a place is outside of the image or under something burnt in."""
    height, width = covered.shape
    inside = 0 <= y <= height - 1 and 0 <= x <= width - 1
    return not inside or bool(covered[round(y), round(x)])


def _others(foil: specimen.Foil, covered: np.ndarray, noise: float) -> pd.DataFrame:
    """What is no void, as far as it shows."""
    rows = []
    for kind, x, y, radius, strength in foil.objects:
        at = x - _MARGIN, y - _MARGIN
        snr = strength / max(noise, 1e-3) * min(radius / _USUAL_OTHER_PX, 1)
        if snr > _LEAST_SNR / 3:
            rows.append((kind, *at, radius, snr, _hidden(*at, covered) or snr < _LEAST_SNR))
    columns = ["kind", "x_px", "y_px", "radius_px", "snr", "ignored"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype(dict.fromkeys(columns[1:5], float) | {"kind": object, "ignored": bool})


def _scene(random: np.random.Generator, shape: tuple[int, int]) -> _Scene:
    usual = float(np.exp(random.uniform(np.log(1.4), np.log(20))))
    look = _look(random, usual)
    places = void_shapes.scatter(random, shape, usual)
    voids = void_shapes.shaped(
        random,
        places[:0] if look.empty else places,
        shape,
        usual,
        spheres=look.spheres,
        variety=look.variety,
        fringe_px=look.optics.fringe_px,
    )
    # As bright as it gets: overlaps are no brighter.
    most = usual * random.uniform(0.05, 1) if look.mask or random.random() < 0.08 else np.inf
    # Vibration, drift during the exposure, a spread of energies: edges as wide as those of a rounder void.
    widest = 0.6 if look.mask else 3.5
    blur = min(float(np.exp(random.uniform(np.log(0.2), np.log(widest)))), 0.35 * usual)
    scene = _Scene(look, usual, specimen.Foil.even(shape), voids, most, blur)
    if look.exact:
        flat = [replace(void, length=void.inside * np.float32(usual)) for void in voids]
        scene = replace(scene, voids=flat, most=usual, blur=0.0)
    if look.mask:
        return replace(scene, noise=float(np.exp(random.uniform(np.log(0.003), np.log(0.1)))))
    return _in_a_foil(random, scene)


def _in_a_foil(random: np.random.Generator, scene: _Scene) -> _Scene:
    """The scene with a foil, grain and noise from which a usual void stands out as it should.

    What focus and blur leave of a void's contrast, or of grain, is measured: it changes a hundredfold.
    """
    look, usual, shape = scene.look, scene.usual, scene.foil.brightness.shape
    strength = float(np.exp(random.uniform(np.log(0.03), np.log(0.8))))
    signal = strength if look.empty else _signal(scene)
    # Where voids are seen by their fringes alone, or loops, one looks for places as even as these are faint.
    faint = look.optics.fringe_px or look.empty
    roughest = 6.0 if look.kind == "helium" else 20.0
    rough = min(1.0, signal * float(np.exp(random.uniform(0, np.log(roughest))))) if faint else 1.0
    busy = _busy(random, look, len(scene.voids))
    foil = specimen.foil(random, shape, usual, busy=busy, strength=strength, rough=rough)
    if look.grain:
        grain = 0.1 * specimen.grain(random, shape)
        bare = scene.brightness(replace(scene.foil, phase=grain), np.zeros_like(grain))
        times = min(look.grain * signal / max(float(bare.std()), 1e-6), 10)
        foil = replace(foil, phase=np.float32(times) * grain)
    noise = signal / look.stands_out * min(1.0, usual / 6)
    scene = replace(scene, foil=foil, noise=float(np.clip(noise, 0.002, 0.45)))
    if random.random() < 0.15:
        foil, voids = vacuum.beside_vacuum(random, scene.foil, scene.voids)
        scene = replace(scene, foil=foil, voids=voids)
    return scene


def _signal(scene: _Scene) -> float:
    """Contrast of a sphere of the usual radius in an even foil, with its fringes, as if it were all in its disc."""
    side = 2 * int(2 * scene.usual + 3 * scene.look.optics.fringe_px + 8)
    v, u = np.mgrid[:side, :side] - side / 2
    sphere = 2 * np.sqrt(np.clip(scene.usual**2 - u**2 - v**2, 0, None)).astype(np.float32)
    change = scene.brightness(specimen.Foil.even((side, side)), sphere) - 1
    return float(np.sqrt((change**2).sum() / np.pi) / scene.usual)


def _busy(random: np.random.Generator, look: _Look, voids: int) -> float:
    """How much else the foil holds: much where there are no voids, and among dark ones, which it is like."""
    if look.calm:
        return -1.0
    if look.empty or (voids and look.sign < 0 and random.random() < 0.2):
        return 2.0
    often = 0.7 if voids == 0 else 0.5 if look.sign < 0 else 0.15
    return random.random() if random.random() < often else 0.0


_KINDS = {
    "mass": 0.15,
    "under": 0.16,
    "over": 0.17,
    "mixed": 0.08,
    "helium": 0.15,
    "particles": 0.06,
    "dark": 0.05,
    "loops": 0.1,
    "mask": 0.08,
}


def _look(random: np.random.Generator, usual: float) -> _Look:
    kinds, chances = zip(*_KINDS.items(), strict=True)
    kind = str(random.choice(kinds, p=chances))
    contrast = float(np.exp(random.uniform(np.log(0.06), np.log(0.5))))
    phase = float(np.exp(random.uniform(np.log(0.15), np.log(0.8 if kind == "helium" else 5))))
    over = kind == "over" or (kind == "helium" and random.random() < 0.6)
    state = optics.Optics()
    if kind in ("under", "over", "mixed", "helium") or (kind in ("dark", "loops") and random.random() < 0.4):
        state = optics.Optics(
            _fringe(random, usual, phase, *((0.4, 5.0) if kind == "helium" else (0.06, 2.2))),
            not over,
            random.uniform(0.03, 0.4),
            random.uniform(0, 0.08),
            random.uniform(0, np.pi),
        )
    if kind == "particles":
        contrast = random.uniform(0.25, 0.9)
    if kind in ("under", "over", "helium"):
        # Metals shift the phase ten times and more as much as they absorb.
        contrast = phase * random.uniform(0, 0.12)
    if kind == "mixed":
        phase *= 0.5
    if kind == "mask":
        contrast = 1.0
    # How far a void of the usual size stands out from the noise, from hardly to plainly. An image made smaller has
    # less noise than any camera's; where bubbles or loops are looked for it is the foil that hides them.
    faintest, plainest = {"helium": (2.0, 25.0), "loops": (2.5, 30.0)}.get(kind, (0.8, 10.0))
    plainest = 40.0 if random.random() < 0.15 else plainest
    stands_out = float(np.exp(random.uniform(np.log(faintest), np.log(plainest))))
    if kind == "dark":  # voids upside down: dark inside, and with a bright rim when out of focus
        contrast = -contrast
        state = replace(state, under=False)
    grain = 0.0
    # Strain shows through grain only where that is faint; bubbles are looked for in it though it hides half of them.
    if state.fringe_px and random.random() < (0.9 if kind == "helium" else 0.4):
        least, most = {"helium": (0.1, 0.9), "loops": (0.05, 0.15)}.get(kind, (0.05, 0.5))
        grain = float(np.exp(random.uniform(np.log(least), np.log(most))))
    # Loops and bright voids, when one looks for dark voids.
    negative = over or kind == "loops" or (kind in ("particles", "dark") and random.random() < 0.6)
    return _Look(
        kind=kind,
        contrast=contrast,
        phase_rad=phase if state.fringe_px else 0.0,
        optics=state,
        stands_out=stands_out,
        grain=grain,
        sign=-1 if over or kind == "loops" else 1,
        negative=negative,
        variety=random.uniform(0.1, 0.6) if kind == "particles" else 0.0,
        spheres={"particles": 0.05, "mask": 0.0, "helium": 1.0}.get(kind, 0.5),
        # Bubbles are looked for where nothing else is; particles lie on a film without order.
        calm=kind == "particles" or random.random() < {"helium": 0.9, "under": 0.3, "over": 0.3}.get(kind, 0),
        empty=kind == "loops",
        mask=kind == "mask",
        exact=kind == "mask" and random.random() < 0.6,
    )


def _fringe(random: np.random.Generator, usual: float, phase: float, least: float, most: float) -> float:
    """Width of the first fringe, px: ``least`` to ``most`` times the radius of a usual void."""
    fringe = usual * float(np.exp(random.uniform(np.log(least), np.log(most))))
    # Metals shift the phase by some 0.16 rad/nm, and nobody goes farther than 3 µm from focus, fringes of 2.4 nm.
    return min(max(fringe, 0.6), 0.8 / phase * usual, _MARGIN / 2)


def _circle(void: Void, shape: tuple[int, int]) -> tuple[float, float, float] | None:
    """x, y and radius of the circle as large as a void, px of the image; none if nothing of it is in the image."""
    v, u = np.nonzero(void.inside)
    y, x = v + void.part[0].start - _MARGIN, u + void.part[1].start - _MARGIN
    if not ((x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0])).any():
        return None
    return float(x.mean()), float(y.mean()), float(np.sqrt(len(x) / np.pi))
