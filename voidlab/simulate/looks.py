"""What kinds of micrographs there are: what is in the foil, how it is looked at, and how plainly it shows."""

from dataclasses import dataclass, replace

import numpy as np

from voidlab.simulate.draws import log_uniform
from voidlab.simulate.microscope import Optics

MARGIN = 48  # px that are simulated around an image: as far as its fringes reach


@dataclass(frozen=True)
class Look:
    """What kind of micrograph it is."""

    kind: str
    contrast: float  # brightness of a usual void over its surroundings, by absorption
    phase_rad: float  # phase shift of a usual void
    optics: Optics
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


def look_of(random: np.random.Generator, usual: float) -> Look:
    """One at random for voids of some usual radius, px."""
    kinds, chances = zip(*_KINDS.items(), strict=True)
    kind = str(random.choice(kinds, p=chances))
    contrast = log_uniform(random, 0.06, 0.5)
    phase = log_uniform(random, 0.15, 0.8 if kind == "helium" else 5)
    over = kind == "over" or (kind == "helium" and random.random() < 0.6)
    state = _optics(random, kind, usual, phase, over=over)
    if kind == "particles":
        contrast = random.uniform(0.25, 0.9)
    if kind in ("under", "over", "helium"):
        # Metals shift the phase ten times and more as much as they absorb.
        contrast = phase * random.uniform(0, 0.12)
    if kind == "mixed":
        phase *= 0.5
    if kind == "mask":
        contrast = 1.0
    stands_out = _stands_out(random, kind)
    if kind == "dark":  # voids upside down: dark inside, and with a bright rim when out of focus
        contrast = -contrast
        state = replace(state, under=False)
    grain = _grain(random, kind) if state.fringe_px else 0.0
    # Loops and bright voids, when one looks for dark voids.
    negative = over or kind == "loops" or (kind in ("particles", "dark") and random.random() < 0.6)
    return Look(
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


def _optics(random: np.random.Generator, kind: str, usual: float, phase: float, *, over: bool) -> Optics:
    """In focus, or out of it where voids are looked at by their fringes, and at times else."""
    by_fringes = kind in ("under", "over", "mixed", "helium")
    if not by_fringes and not (kind in ("dark", "loops") and random.random() < 0.4):
        return Optics()
    return Optics(
        _fringe(random, usual, phase, *((0.4, 5.0) if kind == "helium" else (0.06, 2.2))),
        not over,
        random.uniform(0.03, 0.4),
        random.uniform(0, 0.08),
        random.uniform(0, np.pi),
    )


def _stands_out(random: np.random.Generator, kind: str) -> float:
    """How far a void of the usual size stands out from the noise, from hardly to plainly.

    An image made smaller has less noise than any camera's; where bubbles or loops are looked for it is the foil that
    hides them.
    """
    faintest, plainest = {"helium": (2.0, 25.0), "loops": (2.5, 30.0)}.get(kind, (0.8, 10.0))
    return log_uniform(random, faintest, 40.0 if random.random() < 0.15 else plainest)


def _grain(random: np.random.Generator, kind: str) -> float:
    """Grain over the contrast of a void; 0 where there is none.

    Strain shows through grain only where that is faint; bubbles are looked for in it though it hides half of them.
    """
    if random.random() >= (0.9 if kind == "helium" else 0.4):
        return 0.0
    return log_uniform(random, *{"helium": (0.1, 0.9), "loops": (0.05, 0.15)}.get(kind, (0.05, 0.5)))


def _fringe(random: np.random.Generator, usual: float, phase: float, least: float, most: float) -> float:
    """Width of the first fringe, px: ``least`` to ``most`` times the radius of a usual void."""
    fringe = usual * log_uniform(random, least, most)
    # Metals shift the phase by some 0.16 rad/nm, and nobody goes farther than 3 µm from focus, fringes of 2.4 nm.
    return min(max(fringe, 0.6), 0.8 / phase * usual, MARGIN / 2)
