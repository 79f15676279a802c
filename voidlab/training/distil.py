"""One look as good as eight: the network learns to say at once what it says on average.

Of an image unlike those it was trained on the network says something else when it is turned, and the mean of what it
says of all eight positions is steadier than each of them. It learns that mean, on images altered so that they are
like no micrograph; there the truth is of no use, but what the network says need not depend on their position.

References
----------
Hinton, Vinyals and Dean, doi:10.48550/arXiv.1503.02531: a network learns from what others say on average.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from voidlab.segment import model_file, network
from voidlab.simulate.draws import log_uniform
from voidlab.training import examples, fit
from voidlab.training.on_disk import Log, OnDisk, on_disk

if TYPE_CHECKING:
    import torch

_POSITIONS = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]
_TIMES = 2  # that each image is altered
_TRUE_SHARE = 4  # of a batch one in so many is of true examples: what was learnt is not forgotten
_TRIES = 50  # to find another image of the same sign
_RADIUS = network.CHANNELS.index("radius")


def answers_on_disk(made: Path, seeds: Sequence[int], weights: Path, folder: Path, log: Log) -> OnDisk:
    """What the network of ``weights`` says of altered examples, on average; files not in ``folder`` are made.

    Parameters
    ----------
    made, seeds
        Folder of the simulated examples, and which of these.

    Returns
    -------
    OnDisk
        Arrays (7, h, w), float16: the altered image, the mean answer (see `mean_answer`), whether it is a negative.
    """
    files = [folder / f"{seed}-{time}.npy" for seed in seeds for time in range(_TIMES)]
    return on_disk(files, partial(_answered, made, seeds, weights), log, what="answers of the network")


def _answered(made: Path, seeds: Sequence[int], weights: Path, file: Path) -> np.ndarray:
    """The altered example, and what is said of it, that belongs into ``file``."""
    seed, time = map(int, file.stem.split("-"))
    random = np.random.default_rng([seed, time])
    image, negative = _image_of(made, seed)
    drawn = (_image_of(made, int(each)) for each in random.choice(seeds, size=_TRIES))
    others = (each for each, sign in drawn if sign == negative and each.shape >= image.shape)
    other = next(others, image)[: image.shape[0], : image.shape[1]]
    picture = altered(image, other, random)
    answer = mean_answer(_teacher(weights), picture, negative=negative)
    return np.concatenate([picture[None], answer, np.full_like(picture, negative)[None]]).astype(np.float16)


def _image_of(made: Path, seed: int) -> tuple[np.ndarray, bool]:
    """Image of an example, its sides cut to what the network takes, and whether it is a negative."""
    layers = np.load(made / f"{seed}.npy", mmap_mode="r")
    side = min(layers.shape[1:]) // network.STEP * network.STEP
    return np.array(layers[0, :side, :side], np.float32), bool(layers[-1, 0, 0])


@lru_cache
def _teacher(weights: Path) -> torch.nn.Module:
    import torch

    torch.set_num_threads(1)  # each core has a process
    return network.fuse_for_inference(model_file.load_network(weights, device="cpu")[0])


def altered(image: np.ndarray, other: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A normalised image, at times mixed with the ``other``, with texture, noise, blur, clipped; normalised anew."""
    if random.random() < 0.25:
        share = random.uniform(0.3, 0.7)
        image = (share * image + (1 - share) * other) / np.hypot(share, 1 - share)
    if random.random() < 0.5:
        image = image + log_uniform(random, 0.2, 1.5) * _texture(random, image.shape)
    if random.random() < 0.3:
        image = image + random.uniform(0, 0.8) * random.standard_normal(image.shape)
    if random.random() < 0.3:
        image = ndimage.gaussian_filter(image, random.uniform(0.3, 1.2))
    if random.random() < 0.3:
        most = random.uniform(2, 8)
        image = most * np.tanh(image / most)
    return network.normalised(image)


def _texture(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Noise of standard deviation 1: of a power law, or with detail of about one size."""
    along_y, along_x = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
    frequency = np.hypot(along_y, along_x) + 1e-3
    if random.random() < 0.5:
        strength = frequency ** -random.uniform(0.3, 1.5)
    else:
        usual, width = log_uniform(random, 0.03, 0.35), random.uniform(0.15, 0.6)
        strength = np.exp(-0.5 * (np.log(frequency / usual) / width) ** 2)
    texture = np.fft.irfft2(np.fft.rfft2(random.standard_normal(shape)) * strength, shape)
    return np.asarray(texture / texture.std())


def mean_answer(model: torch.nn.Module, picture: np.ndarray, *, negative: bool) -> np.ndarray:
    """Mean of what the network says of a square picture turned and mirrored.

    Returns
    -------
    ndarray of shape (5, h, w), float32
        Probabilities of void, centre, loop and dot, and the logarithm of the radius, as `network.CHANNELS`.
    """
    total = np.zeros((len(network.CHANNELS), *picture.shape), np.float32)
    for turns, mirrored in _POSITIONS:
        seen = np.rot90(picture, turns)
        raw = network.forward(model, seen[:, ::-1] if mirrored else seen, negative=negative)
        said = 1 / (1 + np.exp(-np.clip(raw, -30, 30)))
        said[_RADIUS] = raw[_RADIUS]
        total += np.rot90(said[:, :, ::-1] if mirrored else said, -turns, (1, 2))
    return total / len(_POSITIONS)


def batches(
    pool: examples.Pool, answers: Sequence[np.ndarray], seed: int, first: int, batch: int, size: int,
    *, device: str | torch.device = "cpu",
) -> Iterator[tuple[torch.Tensor, ...]]:  # fmt: skip
    """Endless batches of crops, the first of true examples and the others of answers, as `loss` takes them.

    Yields
    ------
    picture, *targets : Tensor
        As `voidlab.training.examples.batches`, but there are more pictures than targets; what belongs to the others
        comes last, (n, 5, size, size).
    """
    import torch

    true = batch // _TRUE_SHARE
    stream = examples.batches(pool, seed, first, true, size, device=device)
    for step in count(first):
        random = np.random.default_rng([seed, step, 1])
        chosen = [answers[int(k)] for k in random.integers(len(answers), size=batch - true)]
        crops = torch.from_numpy(
            np.stack([examples.crop(each, random, size) for each in chosen]).astype(np.float32)
        )
        crops = crops.to(device)
        picture, *targets = next(stream)
        yield torch.cat([picture, crops[:, [0, -1]]]), *targets, crops[:, 1:-1]


def loss(raw: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Loss of a batch of `batches`: of the true examples that of the training, of the others how unlike they are."""
    *true, said = targets
    return fit.loss(raw[: len(true[0])], tuple(true)) + _unlike(raw[len(true[0]) :], said)


def _unlike(raw: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
    """How far answers are from those given: as `voidlab.training.fit.loss`, with probabilities as targets."""
    import torch
    from torch.nn import functional

    entropy = functional.binary_cross_entropy_with_logits(raw, said.clamp(0, 1), reduction="none")
    _, centre, radius, loop, dot = said.unbind(1)

    def of_centres(channel: int) -> torch.Tensor:
        far = (torch.sigmoid(raw[:, channel]) - said[:, channel]).abs()
        return (entropy[:, channel] * far).sum() / (said[:, channel].sum() + 20 * len(said))

    near = torch.maximum(centre, torch.maximum(loop, dot))
    near = near * (near > 0.1)
    away = functional.smooth_l1_loss(raw[:, 2], radius, reduction="none", beta=0.1)
    of_radius = (away * near).sum() / (near.sum() + 20)
    return (
        3 * of_centres(1) + 2 * entropy[:, 0].mean() + 0.7 * (of_centres(3) + of_centres(4)) + 2 * of_radius
    )
