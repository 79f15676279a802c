"""What the network learns from: images with the maps it should give, simulated or labelled by a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from voidlab import network
from voidlab.discs import Discs, draw
from voidlab.labelled import Labelled
from voidlab.micrographs import micrograph

_IGNORED_RIM = 1.3  # voids this much larger than the network knows count neither way


@dataclass(frozen=True)
class Example:
    """An image and what the network should say of it; all arrays are (H, W).

    Attributes
    ----------
    image : float16
        Normalised.
    centre, void, radius : uint8, uint8, float16
        Targets: 0 to 255; 0, 1 or 2 (unknown); logarithm of the radius over the usual one.
    known : uint8
        1 where the target ``centre`` counts.
    """

    image: np.ndarray
    centre: np.ndarray
    void: np.ndarray
    radius: np.ndarray
    known: np.ndarray


def example(image: np.ndarray, mask: np.ndarray, voids: pd.DataFrame) -> Example:
    """Example from an image, its mask and its voids (``x_px, y_px, radius_px, ignored``)."""
    shape = image.shape
    centre, radius = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    known, unknown = np.ones(shape, np.uint8), np.zeros(shape, bool)
    for x, y, r, ignored in voids[["x_px", "y_px", "radius_px", "ignored"]].to_numpy(float):
        too_large = r > network.MAX_RADIUS_PX
        reach = 1.1 * r + 1 if ignored or too_large else max(1.5 * r, 4)
        rows = slice(max(int(y - reach), 0), max(int(y + reach) + 2, 0))
        columns = slice(max(int(x - reach), 0), max(int(x + reach) + 2, 0))
        v, u = np.ogrid[rows.start : min(rows.stop, shape[0]), columns.start : min(columns.stop, shape[1])]
        distance2 = ((u - x) ** 2 + (v - y) ** 2).astype(np.float32)
        part = (rows, columns)
        if ignored or too_large:
            if ignored or r < _IGNORED_RIM * network.MAX_RADIUS_PX:
                known[part][distance2 < r**2] = 0
            if ignored:
                unknown[part] |= distance2 < (1.1 * r + 1) ** 2
            continue
        bell = np.exp(-distance2 / (2 * (0.2 * r + 0.5) ** 2))
        stronger = bell > centre[part]
        centre[part] = np.where(stronger, bell, centre[part])
        radius[part] = np.where(stronger, np.log(r / network.USUAL_RADIUS_PX), radius[part])
    known[centre > 0.1] = 1  # next to a void that counts, another that does not changes nothing
    void = np.where(mask, 1, np.where(unknown, 2, 0)).astype(np.uint8)
    return Example(
        network.normalised(image).astype(np.float16),
        np.round(centre * 255).astype(np.uint8),
        void,
        radius.astype(np.float16),
        known,
    )


def simulated(seed: int, size: int = 320) -> Example:
    """Example number ``seed`` of the simulation."""
    m = micrograph(seed, shape=(size, size))
    return example(m.image.astype(np.float32), m.mask, m.voids)


def simulated_pool(seeds: range, *, workers: int = 2, tell: Callable[[str], None]) -> list[Example]:
    """Examples of all ``seeds``, made side by side."""
    pool = []
    with ProcessPoolExecutor(workers) as executor:
        for made in executor.map(simulated, seeds, chunksize=8):
            pool.append(made)
            if len(pool) % 500 == 0:
                tell(f"{len(pool)} of {len(seeds)} images simulated")
    return pool


def of_labelled(labelled: Labelled, *, dark: bool = False) -> list[Example]:
    """Examples from a labelled image, at every size at which the network may meet it.

    ``dark``: its voids are darker than their surroundings.
    """
    image = -labelled.image if dark else labelled.image
    made = []
    for factor in (1, 2, 3, 4):
        small = network.reduced(image, factor)
        if min(small.shape) < 96:
            break
        voids = labelled.voids.copy()
        voids[["x_px", "y_px"]] = (voids[["x_px", "y_px"]] + 0.5) / factor - 0.5
        voids["radius_px"] = voids["radius_px"] / factor
        voids["ignored"] |= voids["radius_px"] < 1.5
        mask = _circles(labelled) if labelled.mask is None else labelled.mask
        made.append(example(small, network.reduced(mask.astype(np.float32), factor) >= 0.5, voids))
    return made


def _circles(labelled: Labelled) -> np.ndarray:
    """Mask of the circles that count."""
    voids = labelled.voids[~labelled.voids["ignored"]]
    x, y, radius = voids[["x_px", "y_px", "radius_px"]].to_numpy(float).T
    shape = (labelled.image.shape[0], labelled.image.shape[1])
    return draw(Discs(x, y, radius, np.ones(len(voids))), shape)[0] > 0


def batches(
    pool: Sequence[Example], random: np.random.Generator, batch: int, size: int
) -> Iterator[tuple[np.ndarray, ...]]:
    """Endless batches of crops, turned and mirrored, with a little more noise and another contrast."""
    while True:
        crops = [_crop(pool[int(random.integers(len(pool)))], random, size) for _ in range(batch)]
        yield tuple(np.stack(part) for part in zip(*crops, strict=True))


def _crop(whole: Example, random: np.random.Generator, size: int) -> tuple[np.ndarray, ...]:
    height, width = whole.image.shape
    y, x = random.integers(0, height - size + 1), random.integers(0, width - size + 1)
    turns, mirrored = int(random.integers(4)), random.random() < 0.5
    cut = []
    for part in (whole.image, whole.centre, whole.void, whole.radius, whole.known):
        piece = np.rot90(part[y : y + size, x : x + size], turns)
        cut.append(np.ascontiguousarray(piece[:, ::-1] if mirrored else piece))
    image = cut[0].astype(np.float32) * np.float32(np.exp(random.normal(0, 0.2)))
    if random.random() < 0.3:
        image = image + np.float32(random.uniform(0, 0.6)) * random.standard_normal(
            image.shape, dtype=np.float32
        )
    return (image, *cut[1:])
