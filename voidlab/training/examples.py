"""What the network learns from: images with the maps it should give, simulated or labelled by a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from voidlab.images.binning import block_mean
from voidlab.segment import network
from voidlab.segment.discs import Discs, draw_discs
from voidlab.simulate.micrographs import micrograph
from voidlab.training.labelled import Labelled
from voidlab.training.on_disk import Log, OnDisk, on_disk

if TYPE_CHECKING:
    import torch

_LAYERS = ("image", "centre", "void", "radius", "known", "loop", "dot", "others_known")
CROP = 256  # px; of what is trained on
_SIZE = 320
_SEEN_SMALLER, _SMALLER_SIZE = 8, 272  # one in so many is made smaller, to this size
_SPECK_PX = 1.0  # smaller ones count neither way
_IGNORED_RIM = 1.3  # voids, loops and dots up to this much larger than the network knows count neither way


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
    loop, dot, others_known : uint8
        As ``centre`` and ``known``.
    negative : bool
        Whether the image is a negative.
    """

    image: np.ndarray
    centre: np.ndarray
    void: np.ndarray
    radius: np.ndarray
    known: np.ndarray
    loop: np.ndarray
    dot: np.ndarray
    others_known: np.ndarray
    negative: bool


def example(
    image: np.ndarray, mask: np.ndarray, voids: pd.DataFrame, others: pd.DataFrame | None, *, negative: bool
) -> Example:
    """Example from an image, its mask, its voids and what else is in it.

    Parameters
    ----------
    voids
        ``x_px, y_px, radius_px, ignored`` (to find it or not is all the same), ``sized`` (its radius is known).
    others
        ``kind, x_px, y_px, radius_px, ignored`` of loops and dots; None: not known.
    negative
        Whether the image is a negative.
    """
    shape = image.shape
    centre, radius, of_ignored, radius_of_ignored = np.zeros((4, *shape), np.float32)
    known, unknown = np.ones(shape, np.uint8), np.zeros(shape, bool)
    for x, y, r, ignored, sized in voids[["x_px", "y_px", "radius_px", "ignored", "sized"]].to_numpy(float):
        too_large = r > network.MAX_RADIUS_PX
        part, distance2 = _around(x, y, r, shape)
        if ignored or too_large:
            if ignored or r < _IGNORED_RIM * network.MAX_RADIUS_PX:
                known[part][distance2 < r**2] = 0
            if ignored:
                unknown[part] |= distance2 < (1.1 * r + 1) ** 2
        if too_large or not sized:
            continue
        _draw_bell(*((of_ignored, radius_of_ignored) if ignored else (centre, radius)), part, distance2, r)
    known[centre > 0.1] = 1  # next to a void that counts, another that does not changes nothing
    # Were radii learnt from plain voids only, faint ones would come out as large as plain ones have to be.
    open_to_both = known == 0
    centre = np.where(open_to_both, of_ignored, centre)
    radius = np.where(open_to_both, radius_of_ignored, radius)
    void = np.where(mask, 1, np.where(unknown, 2, 0)).astype(np.uint8)
    of_kind, others_known = _bells_of_others(others, shape, centre, radius)
    loop, dot = (np.round(of_kind[kind] * 255).astype(np.uint8) for kind in network.OTHERS)
    return Example(
        network.normalised(image).astype(np.float16),
        np.round(centre * 255).astype(np.uint8),
        void,
        radius.astype(np.float16),
        known,
        loop,
        dot,
        others_known,
        negative,
    )


def _around(x: float, y: float, r: float, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], np.ndarray]:
    """The part of an image around a circle, and the squared distance of its pixels from the centre, px²."""
    reach = max(1.5 * r, 4)
    rows = slice(max(int(y - reach), 0), max(int(y + reach) + 2, 0))
    columns = slice(max(int(x - reach), 0), max(int(x + reach) + 2, 0))
    v, u = np.ogrid[rows.start : min(rows.stop, shape[0]), columns.start : min(columns.stop, shape[1])]
    return (rows, columns), ((u - x) ** 2 + (v - y) ** 2).astype(np.float32)


def _bell(distance2: np.ndarray, r: float) -> np.ndarray:
    return np.asarray(np.exp(-distance2 / (2 * (0.2 * r + 0.5) ** 2)))


def _draw_bell(
    bells: np.ndarray, radii: np.ndarray, part: tuple[slice, slice], distance2: np.ndarray, r: float
) -> None:
    """The target of a centre, and of the radius near it, where no other centre is nearer."""
    bell = _bell(distance2, r)
    stronger = bell > bells[part]
    bells[part] = np.where(stronger, bell, bells[part])
    radii[part] = np.where(stronger, np.log(r / network.USUAL_RADIUS_PX), radii[part])


def _bells_of_others(
    others: pd.DataFrame | None, shape: tuple[int, ...], centre: np.ndarray, radius: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Centres of loops and dots, and where they are known; their radii go where no void's is."""
    of_kind = {kind: np.zeros(shape, np.float32) for kind in network.OTHERS}
    if others is None:
        return of_kind, np.zeros(shape, np.uint8)
    known = np.ones(shape, np.uint8)
    strongest, radii = np.zeros((2, *shape), np.float32)
    too_large = others["radius_px"] > network.MAX_RADIUS_PX
    counts = others[~others["ignored"] & ~too_large]
    for kind, x, y, r in counts[["kind", "x_px", "y_px", "radius_px"]].itertuples(index=False):
        part, distance2 = _around(x, y, r, shape)
        of_kind[kind][part] = np.maximum(of_kind[kind][part], _bell(distance2, r))
        _draw_bell(strongest, radii, part, distance2, r)
    radius[:] = np.where(strongest > centre, radii, radius)
    unsure = others["ignored"] | (too_large & (others["radius_px"] < _IGNORED_RIM * network.MAX_RADIUS_PX))
    for x, y, r in others.loc[unsure, ["x_px", "y_px", "radius_px"]].to_numpy(float):
        part, distance2 = _around(x, y, r, shape)
        known[part][distance2 < max(r, 2) ** 2] = 0
    known[strongest > 0.1] = 1
    return of_kind, known


def simulated(seed: int) -> Example:
    """Example number ``seed`` of the simulation.

    One in eight is of a larger image made smaller, as the network sees every image too: less noise, and what has no
    edges stands out.
    """
    factor = 1 if seed % _SEEN_SMALLER else 2 + seed // _SEEN_SMALLER % 3
    size = _SIZE if factor == 1 else factor * _SMALLER_SIZE
    m = micrograph(seed, shape=(size, size))
    found = (m.image.astype(np.float32), m.mask.astype(np.float32), m.voids.assign(sized=True), m.others)
    return _made_smaller(*found, factor, negative=m.upside_down)


def simulated_on_disk(seeds: Sequence[int], folder: Path, log: Log) -> OnDisk:
    """Layers of the examples of ``seeds``, kept in files in ``folder``; those not there are made, side by side."""
    return on_disk([folder / f"{seed}.npy" for seed in seeds], _layers_of, log, what="images simulated")


def _layers_of(file: Path) -> np.ndarray:
    """Layers of the simulated example that belongs into ``file``."""
    return layers(simulated(int(file.stem)))


def of_labelled(labelled: Labelled, *, dark: bool = False) -> list[Example]:
    """Examples from a labelled image, at every size at which the network may meet it.

    ``dark``: its voids are darker than their surroundings.
    """
    image = -labelled.image if dark else labelled.image
    mask = (_circles(labelled) if labelled.mask is None else labelled.mask).astype(np.float32)
    voids = labelled.voids.assign(sized=~labelled.voids["ignored"])  # of one that the border cuts it is not
    factors = [factor for factor in (1, 2, 3, 4) if -(-min(image.shape) // factor) >= 96]
    return [_made_smaller(image, mask, voids, None, factor, negative=dark) for factor in factors]


def large_enough(labelled: Labelled, *, dark: bool) -> list[Example]:
    """Examples from an image labelled by a person that crops to train on can be taken of."""
    return [each for each in of_labelled(labelled, dark=dark) if min(each.image.shape) >= CROP]


def _made_smaller(
    image: np.ndarray,
    mask: np.ndarray,
    voids: pd.DataFrame,
    others: pd.DataFrame | None,
    factor: int,
    *,
    negative: bool,
) -> Example:
    """Example from an image of which every pixel is the mean of ``factor`` × ``factor``."""
    voids, others = _smaller(voids, factor), None if others is None else _smaller(others, factor)
    voids["sized"] &= voids["radius_px"] >= _SPECK_PX
    image, mask = block_mean(image, factor, pad=True), block_mean(mask, factor, pad=True) >= 0.5
    return example(image, mask, voids, others, negative=negative)


def _smaller(circles: pd.DataFrame, factor: int) -> pd.DataFrame:
    """Circles in the image made smaller; specks count neither way."""
    xy = (circles[["x_px", "y_px"]] + 0.5) / factor - 0.5
    smaller = circles.assign(x_px=xy["x_px"], y_px=xy["y_px"], radius_px=circles["radius_px"] / factor)
    return smaller.assign(ignored=smaller["ignored"] | (smaller["radius_px"] < _SPECK_PX))


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
    simulated, own
        Layers of examples from the simulation, and of labelled images.
    share : float
        How often a crop is of ``own``.
    """

    simulated: Sequence[np.ndarray]
    own: Sequence[np.ndarray] = ()
    share: float = 0.5


def batches(
    pool: Pool, seed: int, first: int, batch: int, size: int, *, device: str | torch.device = "cpu"
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Endless batches of crops, turned and mirrored, with a little more noise and another contrast.

    The batch of each step is drawn by ``seed`` and the number of the step, from ``first`` on: a training that was
    stopped goes on as it would have.

    Yields
    ------
    picture : Tensor of shape (batch, 2, size, size), float32
        Image and sign, as the network takes them.
    centre, void, radius, known, loop, dot, others_known : Tensor of shape (batch, size, size), float32
        On ``device``; as in `Example`, but the centres from 0 to 1.
    """
    import torch

    for step in count(first):
        random = np.random.default_rng([seed, step])
        chosen = [
            pool.own if pool.own and random.random() < pool.share else pool.simulated for _ in range(batch)
        ]
        crops = np.stack([crop(group[int(random.integers(len(group)))], random, size) for group in chosen])
        image, centre, void, radius, known, loop, dot, others_known, sign = crops.astype(np.float32).swapaxes(
            0, 1
        )
        image *= np.exp(random.normal(0, 0.2, batch))[:, None, None].astype(np.float32)
        noise = np.where(random.random(batch) < 0.3, random.uniform(0, 0.6, batch), 0)
        image += noise[:, None, None].astype(np.float32) * random.standard_normal(image.shape, np.float32)
        for n in np.flatnonzero(random.random(batch) < 0.2):
            width = int(random.integers(1, network.STEP))
            image[n, -width:] = image[n, -2 * width - 1 : -width - 1][::-1]
            for target, value in ((centre, 0), (void, 2), (known, 0), (loop, 0), (dot, 0), (others_known, 0)):
                target[n, -width:] = value
        targets = (centre / 255, void, radius, known, loop / 255, dot / 255, others_known)
        yield tuple(torch.from_numpy(each).to(device) for each in (np.stack([image, sign], axis=1), *targets))


def layers(each: Example) -> np.ndarray:
    """The arrays of an example, (9, H, W), float16."""
    parts = [getattr(each, name) for name in _LAYERS]
    sign = np.full_like(each.image, each.negative)
    return np.stack([*parts, sign]).astype(np.float16)


def crop(each: np.ndarray, random: np.random.Generator, size: int) -> np.ndarray:
    """A part of layers (n, H, W), ``size`` px wide and high, turned and mirrored at random."""
    height, width = each.shape[1:]
    y, x = (int(random.integers(0, side - size + 1)) for side in (height, width))
    read = np.array(each[:, y : y + size, x : x + size])  # a view would keep the file open
    piece = np.rot90(read, int(random.integers(4)), (1, 2))
    return piece[:, :, ::-1] if random.random() < 0.5 else piece
