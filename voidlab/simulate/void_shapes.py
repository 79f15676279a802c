"""The voids of a simulated foil: how large they are, where they lie, their shapes, and the foil each takes away."""

from dataclasses import dataclass

import numpy as np

from voidlab.simulate.draws import log_uniform
from voidlab.simulate.visibility import reach


@dataclass(frozen=True)
class Void:
    """A void, in a part of the image that is large enough to see it in.

    Attributes
    ----------
    part
        Rows and columns.
    length : ndarray of shape (h, w), float32
        Length of foil that it takes away at each pixel of the part, px.
    inside : ndarray of shape (h, w), bool
        Where it lies.
    """

    part: tuple[slice, slice]
    length: np.ndarray
    inside: np.ndarray


def scatter(random: np.random.Generator, shape: tuple[int, int], usual: float) -> np.ndarray:
    """Voids (n, 3) as x, y, radius: log-normal or bimodal sizes, at random, in clumps or along lines."""
    coverage = log_uniform(random, 0.004, 0.3)
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
    radius = np.clip(radius, 1.0, 90)
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


def shaped(
    random: np.random.Generator,
    voids: np.ndarray,
    shape: tuple[int, int],
    *,
    thickness_px: float,
    spheres: float,
    variety: float,
    fringe_px: float,
) -> list[Void]:
    """Give the voids that `scatter` placed their shape and depth.

    Parameters
    ----------
    thickness_px
        Of the foil, px.
    spheres
        How often they are round.
    variety
        Spread of the contrast from one to the next, as crystals have it; voids have none.
    fringe_px
        Width of the first Fresnel fringe: a void is seen so much farther than it reaches.
    """
    others = 1 - spheres
    # Out of focus it is faceted ones that have a rim of their own shape.
    faceted = 0.45 if fringe_px else 0.2
    shape_of = random.choice(
        ["sphere", "facets", "blunt"], p=[spheres, faceted * others, (1 - faceted) * others]
    )
    share_faceted = {"facets": random.choice([0.3, 1.0])}.get(shape_of, 0.0)
    # A sphere, or one with flat faces towards the beam: its rim is steeper and its top flatter.
    blunt = np.float32(np.exp(random.uniform(np.log(4), np.log(30))) if shape_of == "blunt" else 2)
    turn = _rotation(random)
    truncation = random.uniform(0.75, 1.35)
    stretch = random.choice([1.0, random.uniform(1, 1.4)], p=[0.75, 0.25])
    half = thickness_px / 2
    made = []
    for x, y, radius in voids:
        far = reach(radius) + int(2 * fringe_px)
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
        made.append(Void((rows, columns), length * np.float32(random.lognormal(0, variety)), inside))
    return made


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
