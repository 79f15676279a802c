"""The edge of the foil: beyond it there is nothing, which is bright, or what nothing gets through."""

from dataclasses import replace

import numpy as np

from voidlab.simulate import microscope
from voidlab.simulate.foil import Foil
from voidlab.simulate.void_shapes import Void


def beside_vacuum(random: np.random.Generator, foil: Foil, voids: list[Void]) -> tuple[Foil, list[Void]]:
    """The foil with its edge in the image: beyond it there is nothing, or what nothing gets through."""
    shape = foil.brightness.shape
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.mgrid[: shape[0], : shape[1]]
    across = (x / shape[1] - 0.5) * np.cos(angle) + (y / shape[0] - 0.5) * np.sin(angle)
    ragged = (
        0.06 * random.random() * microscope.field(random, (shape[0], shape[1]), random.uniform(5, 60), 2.0)
    )
    edge = random.uniform(0.1, 0.4)
    there = across + ragged < edge
    opaque = random.random() < 0.5
    light = np.float32(random.uniform(0.01, 0.15) if opaque else random.uniform(1.2, 3))
    clear = there.astype(np.float32)
    if opaque:  # foil gets too thick to see through little by little
        soft = random.uniform(0.002, 0.1)
        clear = (1 / (1 + np.exp(np.clip((across + ragged - edge) / soft, -30, 30)))).astype(np.float32)
    cut = replace(
        foil,
        brightness=foil.brightness * clear + light * (1 - clear),
        strain=np.where(there, foil.strain, np.float32(1)),
        phase=np.where(there, foil.phase + np.float32(random.uniform(0, 2)), np.float32(0)),
        contours=[replace(each, depth=each.depth * clear) for each in foil.contours],
        objects=[each for each in foil.objects if _inside(there, each[1], each[2])],
    )
    kept = [
        replace(void, length=void.length * there[void.part], inside=void.inside & there[void.part])
        for void in voids
        if (void.inside & there[void.part]).sum() > 0.9 * void.inside.sum()
    ]
    return cut, kept


def _inside(there: np.ndarray, x: float, y: float) -> bool:
    row, column = (min(max(round(at), 0), side - 1) for at, side in zip((y, x), there.shape, strict=True))
    return bool(there[row, column])
