"""The foil as it would be without voids: wedge, bend contours, mottling, and all in it that is not a void.

Loops, dots, dislocation lines, precipitates and stains are there to be told from voids. All lengths are px.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import ndimage

from voidlab.simulate import microscope
from voidlab.simulate.bend_contours import BendContour, bend_contour

LOOP, DOT = "loop", "dot"


@dataclass(frozen=True)
class Defects:
    """What is drawn that is no void: the logarithm of the brightness it adds, and what and where it is.

    Attributes
    ----------
    drawn : ndarray of shape (H, W), float32
    objects : list of tuple
        Kind, x, y, radius (px; of the circle as large) and strength of each loop and dot.
    """

    drawn: np.ndarray
    objects: list[tuple[str, float, float, float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Foil:
    """A foil without voids.

    Attributes
    ----------
    brightness : ndarray of shape (H, W), float32
        What it lets through, about 1; it goes through the microscope.
    strain : ndarray of shape (H, W), float32
        Factor by which diffraction changes the brightness; it makes no Fresnel fringe.
    phase : ndarray of shape (H, W), float32
        Phase shift of what has no order, such as oxide and redeposited metal: out of focus it is grain; rad.
    objects
        As in `Defects`.
    contours
        What lets through more or less also by the voids in it.
    """

    brightness: np.ndarray
    strain: np.ndarray
    phase: np.ndarray
    objects: list[tuple[str, float, float, float, float]] = field(default_factory=list)
    contours: list[BendContour] = field(default_factory=list)

    def lets_through(self, missing: np.ndarray) -> np.ndarray:
        """Brightness where voids take away so much of it, px, but for what they absorb less."""
        brightness = self.brightness
        for contour in self.contours:
            brightness = brightness * contour.at(missing)
        return np.clip(brightness, 0.05, 4)

    def contours_in(self, part: tuple[slice, slice]) -> "Foil":
        """An even foil of the size of a part of the image, with the contours there."""
        contours = [contour.part(part) for contour in self.contours]
        rows, columns = self.brightness[part].shape
        return replace(Foil.even((rows, columns)), contours=contours)

    @classmethod
    def even(cls, shape: tuple[int, int]) -> "Foil":
        """One with nothing in it."""
        ones = np.ones(shape, np.float32)
        return cls(ones, ones, np.zeros(shape, np.float32))


def draw_foil(
    random: np.random.Generator,
    shape: tuple[int, int],
    usual: float,
    *,
    thickness_px: float,
    busy: float,
    strength: float,
    rough: float = 1.0,
) -> Foil:
    """A foil without voids.

    Parameters
    ----------
    usual
        Usual radius of its voids, px.
    thickness_px
        Thickness of the foil, px.
    busy : float
        How much more there is in it than usual, 0 to 1; -1: nothing but an uneven film; 2: crowds of loops or dots.
    strength : float
        How much the logarithm of the brightness changes at a usual loop, dot or line.
    rough : float
        How uneven and mottled it is, over the usual.
    """
    uneven = (
        rough
        * random.choice([0.05, 0.12, 0.25])
        * random.random()
        * microscope.field(random, shape, random.uniform(20, 150), 2.0)
    )
    wedge = np.sqrt(rough) * random.uniform(-0.3, 0.3, 2)
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    brightness = np.exp(uneven + 0.5 * (wedge[0] * x + wedge[1] * y))
    count = 0 if busy < 0 else random.choice([0, 1, 2], p=[0.45, 0.35, 0.2])
    contours = [bend_contour(random, shape, thickness_px) for _ in range(count)]
    for _ in range(random.choice([0, 1, 2], p=[0.2, 0.5, 0.3])):  # oxide, what polishing left, redeposition
        size = np.exp(random.uniform(np.log(1.0), np.log(14)))
        mottle = microscope.field(random, shape, size, random.choice([0, 2.0, 3.0]))
        spread = rough * np.exp(random.uniform(np.log(0.003), np.log(0.15)))
        brightness = brightness * np.exp(spread * mottle)
    thick, strained = Defects(np.zeros(shape, np.float32)), Defects(np.zeros(shape, np.float32))
    if busy > 1:
        _draw_crowd(random, thick, strained, usual, strength)
        busy = 0.0
    if busy >= 0 and random.random() < 0.35:
        _draw_specks(random, thick, strained, usual, strength)
    _draw_defects(random, thick, strained, usual, busy, strength)
    return Foil(
        np.clip(brightness * np.exp(thick.drawn), 0.05, 4).astype(np.float32),
        np.clip(np.exp(strained.drawn), 0.05, 4),
        np.zeros(shape, np.float32),
        thick.objects + strained.objects,
        contours,
    )


def draw_grain(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """What has no order, such as oxide and redeposited metal, of standard deviation 1: out of focus it is grain."""
    return microscope.field(random, shape, random.uniform(0.3, 1.2))


def _draw_defects(
    random: np.random.Generator,
    thick: Defects,
    strained: Defects,
    usual: float,
    busy: float,
    strength: float,
) -> None:
    """Loops, dots, dislocations, precipitates and dirt; ``busy`` is added to the chance of each kind.

    What scatters by its strain has no edge that makes a fringe: most loops, dots and lines.
    """
    for draw, share, most, by_strain in (
        (_dot, 0.35, 60, 0.8),
        (_loop, 0.35, 30, 0.8),
        (_rod, 0.2, 30, 0.8),
        (_bean, 0.15, 30, 1.0),
        (_line, 0.4, 6, 0.8),
        (_precipitate, 0.25, 12, 0.4),
        (_cloud, 0.4, 20, 0.4),
        (_stain, 0.35, 8, 0.4),
    ):
        if random.random() < share + busy / 2:
            crowd = 4 if busy and random.random() < 0.4 else 1
            into = strained if random.random() < by_strain else thick
            like = usual * np.exp(random.uniform(-0.7, 0.7))  # those of one kind are of about one size
            for _ in range(random.integers(1, crowd * most + 1)):
                draw(random, into, strength * random.uniform(0.3, 1.2), like)


def _draw_crowd(
    random: np.random.Generator, thick: Defects, strained: Defects, usual: float, strength: float
) -> None:
    """Loops and dots in numbers, of one kind to three, as irradiation makes them."""
    kinds = [_dot, _loop, _rod, _bean, _precipitate]
    for which in random.choice(len(kinds), random.integers(1, 4), replace=False):
        like = usual * np.exp(random.uniform(-0.7, 0.7))
        coverage = np.exp(random.uniform(np.log(0.01), np.log(0.25)))
        count = int(np.clip(coverage * thick.drawn.size / (np.pi * like**2), 5, 400))
        into = strained if random.random() < 0.8 else thick
        for _ in range(count):
            kinds[which](random, into, strength * random.uniform(0.3, 1.2), like)


def _draw_specks(
    random: np.random.Generator, thick: Defects, strained: Defects, usual: float, strength: float
) -> None:
    """Dots much smaller than the voids, in numbers: small clusters of what irradiation knocks loose, or dirt."""
    like = max(usual * random.uniform(0.1, 0.35), 1.0)
    coverage = np.exp(random.uniform(np.log(0.0005), np.log(0.02)))
    count = int(np.clip(coverage * thick.drawn.size / (np.pi * like**2), 5, 400))
    into = strained if random.random() < 0.8 else thick
    for _ in range(count):
        _dot(random, into, strength * random.uniform(0.1, 1.0), like)


def _window(
    random: np.random.Generator, drawn: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[float, float]]:
    """A part of the image around a random spot, x and y in it from the spot, turned at random, and the spot; px."""
    cy, cx = random.uniform(0, drawn.shape[0]), random.uniform(0, drawn.shape[1])
    y0, x0 = max(int(cy - reach), 0), max(int(cx - reach), 0)
    part = drawn[y0 : int(cy + reach) + 1, x0 : int(cx + reach) + 1]
    v, u = np.mgrid[: part.shape[0], : part.shape[1]]
    v, u = v + y0 - cy, u + x0 - cx
    angle = random.uniform(0, np.pi)
    return part, u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle), (cx, cy)


def _size(random: np.random.Generator, usual: float) -> float:
    return float(np.clip(usual * np.exp(random.normal(0, 0.4)), 1.2, 45))


def _dot(random: np.random.Generator, into: Defects, strength: float, usual: float) -> None:
    """Black dot, at times with the two lobes of a strain field."""
    size = min(_size(random, usual), 12)
    part, u, v, spot = _window(random, into.drawn, 4 * size)
    flat = random.uniform(0.5, 1)
    steep = random.choice([1.0, 2.0])  # a bell, or a disc with soft edges
    bell = np.exp(-(((u / size) ** 2 + (v / size / flat) ** 2) ** steep))
    lobes = u / size * 1.6 if random.random() < 0.3 else -1
    part += (strength * lobes * bell).astype(np.float32)
    into.objects.append((DOT, *spot, size * np.sqrt(flat), strength))


def _loop(random: np.random.Generator, into: Defects, strength: float, usual: float) -> None:
    """Dislocation loop: a dark ellipse with nothing special inside, stronger on two sides, at times half of it."""
    size = max(_size(random, usual), 3)
    part, u, v, spot = _window(random, into.drawn, 1.6 * size + 8)
    flat = random.uniform(0.25, 1)
    around = np.hypot(u, v / flat) + 1e-6
    width = random.uniform(0.08, 0.3) * size + 0.7
    ring = np.exp(-(((around - size) / width) ** 2))
    sides = 1 - random.uniform(0, 0.9) * np.abs(u / around) ** 2
    if random.random() < 0.2:  # an arc
        sides = sides / (1 + np.exp(-8 * u / around))
    part -= (strength * ring * sides).astype(np.float32)
    if random.random() < 0.3:  # filled, as loops with a stacking fault are
        part -= (random.uniform(0.2, 0.8) * strength * (around < size)).astype(np.float32)
    if random.random() < 0.2:
        part += (0.4 * strength * np.exp(-(((around - size - 1.8 * width) / width) ** 2))).astype(np.float32)
    into.objects.append((LOOP, *spot, size * np.sqrt(flat), strength))


def _rod(random: np.random.Generator, into: Defects, strength: float, usual: float) -> None:
    """A loop seen edge-on, or a needle: a short dark stroke, at times with a bright line beside it."""
    size = max(_size(random, usual), 3) * random.uniform(1, 2)
    thick = max(0.8, size * random.uniform(0.08, 0.3))
    part, u, v, spot = _window(random, into.drawn, 1.3 * size + 3 * thick)
    body = np.exp(-((u / size) ** 4) - (v / thick) ** 2)
    part -= (strength * body).astype(np.float32)
    if random.random() < 0.3:
        part += (0.5 * strength * np.exp(-((u / size) ** 4) - ((v - 2 * thick) / thick) ** 2)).astype(
            np.float32
        )
    into.objects.append((LOOP, *spot, np.sqrt(size * thick), strength))


def _bean(random: np.random.Generator, into: Defects, strength: float, usual: float) -> None:
    """Coffee bean: two dark lobes with a bright line between them, the strain of a small loop or precipitate."""
    size = max(_size(random, usual), 2)
    part, u, v, spot = _window(random, into.drawn, 3 * size)
    body = np.exp(-((np.hypot(u, v) / size) ** 2)) * np.abs(u / size) * 2.3
    part -= (strength * body).astype(np.float32)
    into.objects.append((LOOP, *spot, size, strength))


def _line(random: np.random.Generator, into: Defects, strength: float, usual: float) -> None:
    """Dislocation line: a dark curve of changing strength."""
    drawn = into.drawn
    steps = random.integers(30, 300)
    heading = random.uniform(0, 2 * np.pi) + np.cumsum(random.normal(0, 0.06, steps))
    xs = random.uniform(0, drawn.shape[1]) + 2 * np.cumsum(np.cos(heading))
    ys = random.uniform(0, drawn.shape[0]) + 2 * np.cumsum(np.sin(heading))
    ok = (xs >= 0) & (ys >= 0) & (xs < drawn.shape[1] - 1) & (ys < drawn.shape[0] - 1)
    wave = 1 + random.uniform(0, 0.9) * np.sin(np.arange(steps) * random.uniform(0.05, 0.6))
    mark = np.zeros_like(drawn)
    np.add.at(mark, (ys[ok].astype(int), xs[ok].astype(int)), wave[ok].astype(np.float32))
    width = random.uniform(0.8, 4)
    mark = ndimage.gaussian_filter(mark, width, truncate=3)
    peak = mark.max()
    if peak > 0:
        drawn -= np.float32(1.2 * strength) * mark / peak


def _precipitate(random: np.random.Generator, into: Defects, strength: float, usual: float) -> None:
    """Dark disc or lath with an edge, at times with Moiré fringes."""
    size = _size(random, usual)
    part, u, v, spot = _window(random, into.drawn, 2 * size + 4)
    flat = random.uniform(0.2, 1)
    body = 1 / (1 + np.exp(np.clip((np.hypot(u, v / flat) - size) / random.uniform(0.3, 1.5), -30, 30)))
    if random.random() < 0.4:
        body = body * (0.6 + 0.4 * np.sin(u * random.uniform(0.3, 1.5)))
    part -= (strength * body).astype(np.float32)
    into.objects.append((DOT, *spot, size * np.sqrt(flat), strength))


def _cloud(random: np.random.Generator, into: Defects, strength: float, usual: float) -> None:
    """Bright patch without an edge: no void, however bright."""
    size = _size(random, usual) * random.uniform(1, 2.5)
    part, u, v, _ = _window(random, into.drawn, 3 * size)
    part += (0.5 * strength * np.exp(-((u / size) ** 2) - (v / size / random.uniform(0.3, 1)) ** 2)).astype(
        np.float32
    )


def _stain(random: np.random.Generator, into: Defects, strength: float, usual: float) -> None:
    """Patch of no shape, dark or bright."""
    size = random.uniform(15, 60)
    part, u, v, _ = _window(random, into.drawn, 2.2 * size)
    if min(part.shape) < 8:
        return
    ragged = microscope.field(random, (part.shape[0], part.shape[1]), size / 4)
    sign = random.choice([-1.5, 1.0], p=[0.65, 0.35])
    part += (sign * strength * np.exp(-((u / size) ** 2) - (v / size) ** 2) * (0.5 + 0.5 * ragged)).astype(
        np.float32
    )
