"""What the network learns from: images with the maps it should give, simulated or labelled by a person."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from voidlab.images.binning import block_mean
from voidlab.segment import network
from voidlab.segment.discs import Discs, draw_discs
from voidlab.simulate.micrographs import micrograph
from voidlab.training.labelled import Labelled

if TYPE_CHECKING:
    import torch

_AHEAD = 64  # images that are simulated before they are asked for
_SIZE = 320
_SEEN_SMALLER, _SMALLER_SIZE = 8, 272  # one in so many is made smaller, to this size
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
        1 where the target ``centre`` counts; where it does not it says how near the centre of a void is that may or
        may not be found, but whose radius is known.
    """

    image: np.ndarray
    centre: np.ndarray
    void: np.ndarray
    radius: np.ndarray
    known: np.ndarray


def example(image: np.ndarray, mask: np.ndarray, voids: pd.DataFrame) -> Example:
    """Example from an image, its mask and its voids.

    Parameters
    ----------
    voids
        ``x_px, y_px, radius_px, ignored`` (to find it or not is all the same), ``sized`` (its radius is known).
    """
    shape = image.shape
    centre, radius, of_ignored, radius_of_ignored = np.zeros((4, *shape), np.float32)
    known, unknown = np.ones(shape, np.uint8), np.zeros(shape, bool)
    for x, y, r, ignored, sized in voids[["x_px", "y_px", "radius_px", "ignored", "sized"]].to_numpy(float):
        too_large = r > network.MAX_RADIUS_PX
        reach = max(1.5 * r, 4)
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
        if too_large or not sized:
            continue
        bells, radii = (of_ignored, radius_of_ignored) if ignored else (centre, radius)
        bell = np.exp(-distance2 / (2 * (0.2 * r + 0.5) ** 2))
        stronger = bell > bells[part]
        bells[part] = np.where(stronger, bell, bells[part])
        radii[part] = np.where(stronger, np.log(r / network.USUAL_RADIUS_PX), radii[part])
    known[centre > 0.1] = 1  # next to a void that counts, another that does not changes nothing
    # Were radii learnt from plain voids only, faint ones would come out as large as plain ones have to be.
    open_to_both = known == 0
    centre = np.where(open_to_both, of_ignored, centre)
    radius = np.where(open_to_both, radius_of_ignored, radius)
    void = np.where(mask, 1, np.where(unknown, 2, 0)).astype(np.uint8)
    return Example(
        network.normalised(image).astype(np.float16),
        np.round(centre * 255).astype(np.uint8),
        void,
        radius.astype(np.float16),
        known,
    )


def simulated(seed: int) -> Example:
    """Example number ``seed`` of the simulation.

    One in eight is of a larger image made smaller, as the network sees every image too: less noise, and what has no
    edges stands out.
    """
    factor = 1 if seed % _SEEN_SMALLER else 2 + seed // _SEEN_SMALLER % 3
    size = _SIZE if factor == 1 else factor * _SMALLER_SIZE
    m = micrograph(seed, shape=(size, size))
    return _made_smaller(
        m.image.astype(np.float32), m.mask.astype(np.float32), m.voids.assign(sized=True), factor
    )


def simulated_stream(seeds: Iterable[int]) -> Iterator[Example]:
    """Examples of ``seeds`` in their order, made side by side."""
    # Not forked: the process that asks may hold a GPU and threads. Where there are many cores, two are left to it.
    workers = max(2, (os.cpu_count() or 1) - 2)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_behind_the_training) as executor:
        waiting: deque[Future[Example]] = deque()
        try:
            for seed in seeds:
                waiting.append(executor.submit(simulated, seed))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            executor.shutdown(cancel_futures=True)


def _behind_the_training() -> None:
    """Take the cores that the training leaves, and end when it ends, killed or not."""
    if hasattr(os, "nice"):  # Windows has none
        os.nice(10)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def of_labelled(labelled: Labelled, *, dark: bool = False) -> list[Example]:
    """Examples from a labelled image, at every size at which the network may meet it.

    ``dark``: its voids are darker than their surroundings.
    """
    image = -labelled.image if dark else labelled.image
    mask = (_circles(labelled) if labelled.mask is None else labelled.mask).astype(np.float32)
    voids = labelled.voids.assign(sized=~labelled.voids["ignored"])  # of one that the border cuts it is not
    factors = [factor for factor in (1, 2, 3, 4) if -(-min(image.shape) // factor) >= 96]
    return [_made_smaller(image, mask, voids, factor) for factor in factors]


def _made_smaller(image: np.ndarray, mask: np.ndarray, voids: pd.DataFrame, factor: int) -> Example:
    """Example from an image of which every pixel is the mean of ``factor`` × ``factor``."""
    voids = voids.copy()
    voids[["x_px", "y_px"]] = (voids[["x_px", "y_px"]] + 0.5) / factor - 0.5
    voids["radius_px"] = voids["radius_px"] / factor
    speck = voids["radius_px"] < 1.5
    voids["ignored"] |= speck
    voids["sized"] &= ~speck
    return example(block_mean(image, factor, pad=True), block_mean(mask, factor, pad=True) >= 0.5, voids)


def _circles(labelled: Labelled) -> np.ndarray:
    """Mask of the circles that count."""
    voids = labelled.voids[~labelled.voids["ignored"]]
    x, y, radius = voids[["x_px", "y_px", "radius_px"]].to_numpy(float).T
    shape = (labelled.image.shape[0], labelled.image.shape[1])
    return draw_discs(Discs(x, y, radius, np.ones(len(voids))), shape)[0] > 0


@dataclass(frozen=True)
class Pool:
    """What batches are drawn from.

    Attributes
    ----------
    simulated
        Examples from the simulation.
    own
        Examples from labelled images.
    share : float
        How often a crop is of ``own``.
    fresh
        Examples that take the place of the oldest simulated ones, ``renewed`` of them at each batch.
    renewed : float
    """

    simulated: Iterable[Example]
    own: Iterable[Example] = ()
    share: float = 0.5
    fresh: Iterator[Example] = field(default_factory=lambda: iter(()))
    renewed: float = 0.0


def batches(
    pool: Pool, random: np.random.Generator, batch: int, size: int, *, device: str | torch.device = "cpu"
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Endless batches of crops, turned and mirrored, with a little more noise and another contrast.

    Yields
    ------
    image, centre, void, radius, known : Tensor of shape (batch, size, size), float32
        On ``device``; as in `Example`, but the centres from 0 to 1.
    """
    import torch

    simulated = [_layers(each, device) for each in pool.simulated]
    own = [_layers(each, device) for each in pool.own]
    oldest, due = 0, 0.0
    while True:
        due += pool.renewed
        while due >= 1:
            due -= 1
            if (new := next(pool.fresh, None)) is not None:
                simulated[oldest % len(simulated)] = _layers(new, device)
                oldest += 1
        chosen = [own if own and random.random() < pool.share else simulated for _ in range(batch)]
        crops = [_crop(group[int(random.integers(len(group)))], random, size) for group in chosen]
        image, centre, void, radius, known = torch.stack(crops).float().unbind(1)
        image = image * _column(np.exp(random.normal(0, 0.2, batch)), device)
        noise = np.where(random.random(batch) < 0.3, random.uniform(0, 0.6, batch), 0)
        image = image + _column(noise, device) * torch.randn_like(image)
        for n in np.flatnonzero(random.random(batch) < 0.2):
            width = int(random.integers(1, network.STEP))
            _mirror_a_margin((image[n], centre[n], void[n], known[n]), width)
        yield image, centre / 255, void, radius, known


def _layers(each: Example, device: str | torch.device) -> torch.Tensor:
    """The five arrays of an example, (5, H, W), float16."""
    import torch

    parts = (each.image, each.centre, each.void, each.radius, each.known)
    return torch.stack([torch.from_numpy(part).to(device, torch.float16) for part in parts])


def _crop(layers: torch.Tensor, random: np.random.Generator, size: int) -> torch.Tensor:
    height, width = layers.shape[1:]
    y, x = (int(random.integers(0, side - size + 1)) for side in (height, width))
    piece = layers[:, y : y + size, x : x + size].rot90(int(random.integers(4)), (1, 2))
    return piece.flip(2) if random.random() < 0.5 else piece


def _column(values: np.ndarray, device: str | torch.device) -> torch.Tensor:
    import torch

    return torch.from_numpy(values.astype(np.float32)).to(device)[:, None, None]


def _mirror_a_margin(of: tuple[torch.Tensor, ...], width: int) -> None:
    """Fill the last rows as `network.preprocess` does for an image that is no multiple of its step; none counts."""
    image, centre, void, known = of
    image[-width:] = image[-2 * width - 1 : -width - 1].flip(0)
    centre[-width:] = 0
    void[-width:] = 2
    known[-width:] = 0
