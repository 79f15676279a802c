"""The foil as it would be without voids: wedge, bend contours, mottling, and all in it that is not a void.

Loops, dots, dislocation lines, precipitates and stains are there to be told from voids. All lengths are px.
"""

import numpy as np
from scipy import ndimage

from voidlab.simulate import microscope


def foil(random: np.random.Generator, shape: tuple[int, int], usual: float, *, busy: bool) -> np.ndarray:
    """Brightness (H, W) of the foil without voids, about 1; ``busy``: with more in it than usual."""
    uneven = (
        random.choice([0.05, 0.12, 0.25])
        * random.random()
        * microscope.field(random, shape, random.uniform(20, 150), 2.0)
    )
    wedge = random.uniform(-0.3, 0.3, 2)
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    brightness = np.exp(uneven + 0.5 * (wedge[0] * x + wedge[1] * y))
    for _ in range(random.choice([0, 1, 2], p=[0.45, 0.35, 0.2])):
        brightness = brightness * _bend_contour(random, shape)
    for _ in range(random.choice([0, 1, 2], p=[0.2, 0.5, 0.3])):  # oxide, what polishing left, redeposition
        size = np.exp(random.uniform(np.log(1.0), np.log(14)))
        mottle = microscope.field(random, shape, size, random.choice([0, 2.0, 3.0]))
        brightness = brightness * np.exp(np.exp(random.uniform(np.log(0.003), np.log(0.15))) * mottle)
    drawn = _defects(random, shape, usual, 0.5 if busy else 0.0)
    return np.clip(brightness * np.exp(drawn), 0.05, 4).astype(np.float32)


def _bend_contour(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Two-beam brightness over a smoothly bent foil.

    References
    ----------
    Hirsch et al., Electron Microscopy of Thin Crystals (1965), chapter 8.
    """
    deviation = random.uniform(0.5, 3) * microscope.field(random, shape, random.uniform(60, 200))
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    slope = random.normal(0, 3, 2)
    deviation = deviation + slope[0] * x + slope[1] * y + random.normal()
    # No foil is bent or thinned evenly: contours are ragged, and stronger here than there.
    deviation = deviation + random.uniform(0, 0.4) * microscope.field(random, shape, random.uniform(8, 40))
    thickness = random.uniform(0.5, 3) * (1 + 0.2 * random.normal() * x)
    thickness = thickness * np.exp(
        random.uniform(0, 0.2) * microscope.field(random, shape, random.uniform(30, 150))
    )
    effective = np.sqrt(1 + deviation**2)
    depth = random.uniform(0.1, 0.6) * np.exp(
        -random.uniform(0, 0.6) * np.abs(microscope.field(random, shape, random.uniform(30, 150)))
    )
    # Absorption and a beam that is not quite parallel: the farther from the contour, the fainter the fringes.
    clear = np.exp(-random.uniform(0, 1.2) * np.abs(deviation))
    return 1 - depth * (1 - clear * np.cos(2 * np.pi * thickness * effective)) / 2 / effective**2


def _defects(random: np.random.Generator, shape: tuple[int, int], usual: float, more: float) -> np.ndarray:
    """Logarithm of the brightness that loops, dots, dislocations, precipitates and dirt add.

    ``more`` is added to the chance of each kind.
    """
    drawn = np.zeros(shape, np.float32)
    strength = np.exp(random.uniform(np.log(0.03), np.log(0.6)))
    for draw, share, most in (
        (_dot, 0.35, 60),
        (_loop, 0.35, 30),
        (_line, 0.4, 6),
        (_precipitate, 0.25, 12),
        (_cloud, 0.4, 20),
        (_stain, 0.35, 8),
    ):
        if random.random() < share + more:
            for _ in range(random.integers(1, most + 1)):
                draw(random, drawn, strength * random.uniform(0.3, 1.2), usual)
    return drawn


def _window(
    random: np.random.Generator, drawn: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A part of the image around a random spot, and x, y in it from the spot, px, turned at random."""
    cy, cx = random.uniform(0, drawn.shape[0]), random.uniform(0, drawn.shape[1])
    y0, x0 = max(int(cy - reach), 0), max(int(cx - reach), 0)
    part = drawn[y0 : int(cy + reach) + 1, x0 : int(cx + reach) + 1]
    v, u = np.mgrid[: part.shape[0], : part.shape[1]]
    v, u = v + y0 - cy, u + x0 - cx
    angle = random.uniform(0, np.pi)
    return part, u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)


def _size(random: np.random.Generator, usual: float) -> float:
    return float(np.clip(usual * np.exp(random.uniform(-1, 1)), 1.5, 45))


def _dot(random: np.random.Generator, drawn: np.ndarray, strength: float, usual: float) -> None:
    """Black dot, at times with the two lobes of a strain field."""
    size = min(_size(random, usual), 12)
    part, u, v = _window(random, drawn, 4 * size)
    bell = np.exp(-((u / size) ** 2 + (v / size / random.uniform(0.5, 1)) ** 2))
    lobes = u / size * 1.6 if random.random() < 0.3 else -1
    part += (strength * lobes * bell).astype(np.float32)


def _loop(random: np.random.Generator, drawn: np.ndarray, strength: float, usual: float) -> None:
    """Dislocation loop: a dark ellipse with nothing special inside, stronger on two sides."""
    size = max(_size(random, usual), 4)
    part, u, v = _window(random, drawn, 1.6 * size + 8)
    flat = random.uniform(0.25, 1)
    around = np.hypot(u, v / flat) + 1e-6
    width = random.uniform(0.08, 0.25) * size + 0.7
    ring = np.exp(-(((around - size) / width) ** 2))
    sides = 1 - random.uniform(0, 0.9) * np.abs(u / around) ** 2
    part -= (strength * ring * sides).astype(np.float32)
    if random.random() < 0.2:
        part += (0.4 * strength * np.exp(-(((around - size - 1.8 * width) / width) ** 2))).astype(np.float32)


def _line(random: np.random.Generator, drawn: np.ndarray, strength: float, usual: float) -> None:
    """Dislocation line: a dark curve of changing strength."""
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


def _precipitate(random: np.random.Generator, drawn: np.ndarray, strength: float, usual: float) -> None:
    """Dark disc or lath with an edge, at times with Moiré fringes."""
    size = _size(random, usual)
    part, u, v = _window(random, drawn, 2 * size + 4)
    flat = random.uniform(0.2, 1)
    body = 1 / (1 + np.exp(np.clip((np.hypot(u, v / flat) - size) / random.uniform(0.3, 1.5), -30, 30)))
    if random.random() < 0.4:
        body = body * (0.6 + 0.4 * np.sin(u * random.uniform(0.3, 1.5)))
    part -= (strength * body).astype(np.float32)


def _cloud(random: np.random.Generator, drawn: np.ndarray, strength: float, usual: float) -> None:
    """Bright patch without an edge: no void, however bright."""
    size = _size(random, usual) * random.uniform(1, 2.5)
    part, u, v = _window(random, drawn, 3 * size)
    part += (0.5 * strength * np.exp(-((u / size) ** 2) - (v / size / random.uniform(0.3, 1)) ** 2)).astype(
        np.float32
    )


def _stain(random: np.random.Generator, drawn: np.ndarray, strength: float, usual: float) -> None:
    """Patch of no shape, dark or bright."""
    size = random.uniform(15, 60)
    part, u, v = _window(random, drawn, 2.2 * size)
    if min(part.shape) < 8:
        return
    ragged = microscope.field(random, (part.shape[0], part.shape[1]), size / 4)
    sign = random.choice([-1.5, 1.0], p=[0.65, 0.35])
    part += (sign * strength * np.exp(-((u / size) ** 2) - (v / size) ** 2) * (0.5 + 0.5 * ragged)).astype(
        np.float32
    )
