"""Simulated micrographs of every look a void has, with the truth from geometry: what the network is trained on.

A micrograph is a foil (wedge, bend contours, mottling), what is in it (voids in 3D; loops, dots, dislocation lines,
precipitates, which are no voids), an exit wave, a microscope out of focus or not, and a detector. Voids always come
out brighter than their surroundings: images of dark ones are turned upside down before they are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import ndimage

from voidlab import optics, specimen
from voidlab.visibility import Visibility, reach

_MARGIN = 48
_LEAST_EVIDENCE = 8.5  # of a sphere of SNR 1 and radius 4 px, on an even foil in uncorrelated noise

_CUT = (slice(_MARGIN, -_MARGIN), slice(_MARGIN, -_MARGIN))

Part = tuple[slice, slice]


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
    """What lies under the beam, with a margin around it, and how it is looked at.

    ``voids``: of each a part of the image, the length of foil it takes away at each pixel of it, and where it lies.
    """

    look: _Look
    usual: float
    foil: np.ndarray
    voids: list[tuple[Part, np.ndarray, np.ndarray]]
    most: float  # length of foil beyond which it gets no brighter
    blur: float

    def missing(self) -> np.ndarray:
        """Length of foil that the voids take away at each pixel."""
        total = np.zeros(self.foil.shape, np.float32)
        for part, length, _ in self.voids:
            total[part] += length
        return total

    def voids_at(self) -> np.ndarray:
        """How many voids lie at each pixel."""
        count = np.zeros(self.foil.shape, np.int32)
        for part, _, inside in self.voids:
            count[part] += inside
        return count

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
    look, missing = scene.look, scene.missing()
    without = scene.brightness(scene.foil, np.zeros_like(missing))
    clean = scene.brightness(scene.foil, missing)
    sign = -1 if look.upside_down else 1
    taken = clean[_CUT] if look.exact else optics.detect(random, clean[_CUT], look.noise)
    image, told = optics.write(random, sign * taken)

    def shown(brightness: np.ndarray) -> np.ndarray:
        return np.clip(sign * brightness, told.min(), told.max())

    grain = told - shown(clean[_CUT])
    visible = Visibility(shown(without[_CUT]), grain)
    rows, mask, voids_at = [], np.zeros(missing.shape, bool), scene.voids_at()
    for part, length, inside in scene.voids if look.contrast > 0 else []:  # dark discs are no voids
        if not (circle := _circle(part, inside, shape)):
            continue
        even, there = np.ones_like(length), missing[part]
        light = scene.brightness(even, there) - scene.brightness(even, there - length)
        own = shown(clean[part]) - shown(clean[part] - light * without[part])
        others = shown(clean[part]) - shown(without[part]) - own
        corner = (part[0].start - _MARGIN, part[1].start - _MARGIN)
        contrast, evidence = visible.at(circle, own, others, corner)
        seen = evidence >= _LEAST_EVIDENCE
        mask[part] |= inside & seen
        outside = not (0 <= circle[0] <= shape[1] - 1 and 0 <= circle[1] <= shape[0] - 1)
        snr = contrast / max(float(grain.std()), 1e-6)
        overlap = np.mean(voids_at[part][inside] > 1)
        rows.append((*circle, snr, evidence, overlap, outside or not seen))
    columns = ["x_px", "y_px", "radius_px", "snr", "evidence", "overlap", "ignored"]
    table = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[:6], float) | {"ignored": bool})
    return Micrograph(image, mask[_CUT], table)


def _scene(random: np.random.Generator, shape: tuple[int, int]) -> _Scene:
    usual = float(np.exp(random.uniform(np.log(2.2), np.log(20))))
    look = _look(random, usual)
    population = _population(random, shape, usual)
    voids = _lengths(random, population, shape, usual, look)
    # As bright as it gets: overlaps are no brighter.
    most = usual * random.uniform(0.05, 1) if look.mask or random.random() < 0.08 else np.inf
    foil = np.ones(shape, np.float32)
    if not look.mask:
        foil = specimen.foil(random, shape, usual, busy=len(voids) == 0 and random.random() < 0.6)
    # Vibration, drift during the exposure, a spread of energies: edges as wide as those of a rounder void.
    widest = 0.6 if look.mask else 3.5
    blur = min(float(np.exp(random.uniform(np.log(0.2), np.log(widest)))), 0.35 * usual)
    if look.exact:
        voids = [(part, inside * np.float32(usual), inside) for part, _, inside in voids]
        most, blur = usual, 0.0
    return _Scene(look, usual, foil, voids, most, blur)


_KINDS = {
    "mass": 0.28,
    "under": 0.2,
    "over": 0.11,
    "mixed": 0.12,
    "particles": 0.09,
    "dark": 0.12,
    "mask": 0.08,
}


def _look(random: np.random.Generator, usual: float) -> _Look:
    kinds, chances = zip(*_KINDS.items(), strict=True)
    kind = random.choice(kinds, p=chances)
    fringe = usual * float(np.exp(random.uniform(np.log(0.12), np.log(1.6))))
    phase = float(np.exp(random.uniform(np.log(0.15), np.log(2.5))))
    # Metals shift the phase by some 0.16 rad/nm, and nobody goes farther than 3 µm from focus, fringes of 2.4 nm.
    fringe = min(max(fringe, 0.8), 0.8 / phase * usual)
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
    exact = mask and random.random() < 0.5
    return _Look(contrast, phase, state, float(noise), kind == "over", variety, spheres, mask, exact)


def _population(random: np.random.Generator, shape: tuple[int, int], usual: float) -> np.ndarray:
    """Voids (n, 3) as x, y, radius: log-normal or bimodal sizes, at random, in clumps or along lines."""
    coverage = float(np.exp(random.uniform(np.log(0.004), np.log(0.3))))
    if random.random() < 0.1:
        return np.zeros((0, 3))
    crowded = random.random() < 0.15  # side by side without overlap, as densely as they go
    if crowded:
        coverage = random.uniform(0.15, 0.9)
    spread = random.uniform(0.08, 0.5)
    mean_area = np.pi * usual**2 * np.exp(2 * spread**2)
    count = int(np.clip(coverage * shape[0] * shape[1] / mean_area, 1, 1500))
    radius = usual * random.lognormal(0, spread, count)
    if random.random() < 0.35:  # bubbles and voids
        other = usual * np.exp(random.uniform(-1.5, 1.5))
        some = random.random(count) < random.uniform(0.05, 0.6)
        radius = np.where(some, other * random.lognormal(0, 0.3, count), radius)
    if random.random() < 0.15:
        radius[: random.integers(1, 4)] = random.uniform(20, 90)
    radius = np.clip(radius, 1.5, 90)
    large = np.cumsum(np.pi * radius**2) > max(coverage, 0.4) * shape[0] * shape[1]
    radius = radius[~large]
    x, y = random.uniform(0, 1, (2, len(radius))) * np.array([[shape[1]], [shape[0]]])
    if random.random() < 0.25:  # on dislocations or boundaries, or in clumps
        drawn = random.random(len(radius)) < random.uniform(0.3, 0.8)
        line = random.integers(0, 4, len(radius))
        ends = random.uniform(0, max(shape), (4, 2, 2))
        along = random.random((len(radius), 1)) * random.choice([0.15, 1.0])
        spot = ends[line, 0] + along * (ends[line, 1] - ends[line, 0])
        spot = spot + random.normal(0, 2 * usual, (len(radius), 2))
        x, y = np.where(drawn, spot[:, 0], x), np.where(drawn, spot[:, 1], y)
    there = (x > 0) & (y > 0) & (x < shape[1]) & (y < shape[0])
    voids = np.stack([x, y, radius], axis=1)[there]
    return _apart(voids, random.uniform(1.0, 1.2) if crowded else random.uniform(0.2, 0.6))


def _apart(voids: np.ndarray, closest: float) -> np.ndarray:
    """Voids without those whose centre is nearer to an earlier one than ``closest`` times the sum of their radii.

    Two that lie nearly on top of each other nobody could tell apart.
    """
    kept = np.zeros((len(voids), 3))
    count = 0
    for void in voids:
        before = kept[:count]
        distance = np.hypot(before[:, 0] - void[0], before[:, 1] - void[1])
        if (distance >= closest * (before[:, 2] + void[2])).all():
            kept[count] = void
            count += 1
    return kept[:count]


_CUBE = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
_OCTAHEDRON = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]], float) / np.sqrt(3)


def _lengths(
    random: np.random.Generator,
    voids: np.ndarray,
    shape: tuple[int, int],
    usual: float,
    look: _Look,
) -> list[tuple[Part, np.ndarray, np.ndarray]]:
    """Of each void a part of the image, the length of foil it takes away at each pixel of it, and where it lies."""
    others = 1 - look.spheres
    # Out of focus it is faceted ones that have a rim of their own shape.
    faceted = 0.45 if look.optics.fringe_px else 0.2
    shape_of = random.choice(
        ["sphere", "facets", "blunt"], p=[look.spheres, faceted * others, (1 - faceted) * others]
    )
    share_faceted = {"facets": random.choice([0.3, 1.0])}.get(shape_of, 0.0)
    # A sphere, or one with flat faces towards the beam: its rim is steeper and its top flatter.
    blunt = np.float32(np.exp(random.uniform(np.log(4), np.log(30))) if shape_of == "blunt" else 2)
    turn = _rotation(random)
    truncation = random.uniform(0.75, 1.35)
    stretch = random.choice([1.0, random.uniform(1, 1.4)], p=[0.75, 0.25])
    half = usual * random.uniform(1.5, 12)  # half the foil's thickness
    made = []
    for x, y, radius in voids:
        far = reach(radius) + int(2 * look.optics.fringe_px)
        rows = slice(max(int(y) - far, 0), min(int(y) + far + 1, shape[0]))
        columns = slice(max(int(x) - far, 0), min(int(x) + far + 1, shape[1]))
        v, u = np.mgrid[rows, columns].astype(np.float32)
        u, v = (u - np.float32(x)) * np.float32(stretch), v - np.float32(y)
        if random.random() < share_faceted and radius > 4:
            wobble = turn if random.random() < 0.8 else _rotation(random)
            low, high = _polyhedron(u, v, radius, wobble, truncation)
        else:
            share = np.clip(1 - (np.hypot(u, v) / np.float32(radius)) ** blunt, 0, None)
            chord = np.float32(radius) * share ** (1 / blunt)
            low, high = -chord, chord
        depth = random.uniform(-half, half)
        length = np.minimum(high + depth, half) - np.maximum(low + depth, -half)
        length = np.clip(length, 0, None).astype(np.float32)
        inside = length > 0.15 * radius
        made.append(((rows, columns), length * np.float32(random.lognormal(0, look.variety)), inside))
    return made


def _circle(part: Part, inside: np.ndarray, shape: tuple[int, int]) -> tuple[float, float, float] | None:
    """x, y and radius of the circle as large as a void, px of the image; none if nothing of it is in the image."""
    v, u = np.nonzero(inside)
    y, x = v + part[0].start - _MARGIN, u + part[1].start - _MARGIN
    if not ((x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0])).any():
        return None
    return float(x.mean()), float(y.mean()), float(np.sqrt(len(x) / np.pi))


def _polyhedron(
    u: np.ndarray, v: np.ndarray, radius: float, turn: np.ndarray, truncation: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where the beam enters and leaves a truncated octahedron: low and high, (H, W)."""
    low, high = np.full(u.shape, -np.inf, np.float32), np.full(u.shape, np.inf, np.float32)
    for normals, distance in ((_CUBE, truncation), (_OCTAHEDRON, 1.0)):
        for nx, ny, nz in normals @ turn:
            across = (nx * u + ny * v).astype(np.float32)
            for sign in (-1, 1):
                bound = distance * radius - sign * across
                if abs(nz) < 0.02:
                    high = np.where(bound < 0, -np.inf, high)
                elif sign * nz > 0:
                    high = np.minimum(high, bound / (sign * nz))
                else:
                    low = np.maximum(low, bound / (sign * nz))
    return low, np.maximum(high, low)


def _rotation(random: np.random.Generator) -> np.ndarray:
    """A rotation (3, 3): most of them near a zone axis, as microscopists choose them."""
    q, r = np.linalg.qr(random.standard_normal((3, 3)))
    q = q * np.sign(np.diag(r))
    if random.random() < 0.7:
        angle = random.uniform(0, 2 * np.pi)
        c, s = np.cos(angle), np.sin(angle)
        tilt = np.linalg.qr(np.eye(3) + 0.05 * random.standard_normal((3, 3)))[0]
        about = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        edge_on = np.array([[1, 0, 0], [0, np.sqrt(0.5), -np.sqrt(0.5)], [0, np.sqrt(0.5), np.sqrt(0.5)]])
        q = (edge_on if random.random() < 0.5 else np.eye(3)) @ about @ tilt
    return q
