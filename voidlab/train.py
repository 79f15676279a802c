"""Training and fine-tuning of the network: losses, the loop, and the card that says how weights were made."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from voidlab import __version__, examples, labelled, network, scores
from voidlab.labelled import Labelled
from voidlab.micrographs import micrograph
from voidlab.paths import replacing
from voidlab.segmenters import NetworkSegmenter

if TYPE_CHECKING:
    import torch

Tell = Callable[[str], None]
_FIRST_SEED = 1_000_000  # of the simulated images trained on; tests and demos use smaller ones
_SETTLING_SEED = 1_900_000  # of those the threshold is settled on
_BATCH = {"cpu": 8, "cuda": 48}  # a GPU is not busy with fewer
_CROP = 256
_POOL = 2000  # simulated images that are held at a time
_EQUALLY_WELL = 0.005  # in F1, no more than chance, with the voids of `even_height`

LIMITS = (
    "Voids of 2.5 to 80 px in radius.",
    "Bright voids or dark ones, not both in one image.",
    "A void that adds less to the image than a sphere of SNR 1 and 8 px may be missed, as may one behind others.",
    "Two voids closer than half the larger radius are taken for one; a quarter of it where their sizes differ much.",
    "The radius is that of the circle as large as the void's outline; where its sides slope, the edge looks nearer.",
)


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train, and where to keep the state: training goes on from there."""

    steps: int
    rate: float
    checkpoint: Path
    every: int = 250
    memory: float = 0.998  # of the average over the steps that is kept


def loss(raw: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Sum of the losses of the three maps.

    Centres: quality focal loss, doi:10.48550/arXiv.2006.04388. Voids: cross entropy and Dice. Radii: smooth L1 of the
    logarithm near the centres, also of voids too faint to count.
    """
    import torch
    from torch.nn import functional

    centre, void, radius, known = targets
    entropy = functional.binary_cross_entropy_with_logits(raw[:, 1], centre, reduction="none")
    focus = (torch.sigmoid(raw[:, 1]) - centre).abs() ** 2
    of_centre = (entropy * focus * known).sum() / ((centre * known).sum() + 20 * len(centre))
    certain = (void < 1.5).float()
    inside = (void == 1).float()
    entropy = functional.binary_cross_entropy_with_logits(raw[:, 0], inside, reduction="none")
    p = torch.sigmoid(raw[:, 0]) * certain
    overlap = 1 - (2 * (p * inside).sum() + 100) / (p.sum() + inside.sum() + 100)
    of_void = (entropy * certain).mean() * 2 + 0.3 * overlap
    near = centre * (centre > 0.3)
    of_radius = (functional.smooth_l1_loss(raw[:, 2], radius, reduction="none", beta=0.1) * near).sum() / (
        near.sum() + 20
    )
    return 3 * of_centre + of_void + 2 * of_radius


def fit(
    model: torch.nn.Module,
    stream: Iterator[tuple[torch.Tensor, ...]],
    plan: Plan,
    *,
    score: Callable[[torch.nn.Module], float] | None = None,
    tell: Tell,
) -> torch.nn.Module:
    """Train ``model``; give the average of its last states, or, with ``score``, the best of these.

    Parameters
    ----------
    stream
        Batches as `voidlab.examples.batches` gives them.
    score
        How good a network is, the higher the better; looked at every ``plan.every`` steps.
    """
    import torch
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    model.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    device = next(model.parameters()).device
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=plan.rate, weight_decay=1e-3, fused=device.type == "cuda"
    )
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(plan.memory), use_buffers=True)
    state: dict[str, Any] = {"step": 0, "best": None, "best_score": -math.inf}
    if plan.checkpoint.exists():
        state = torch.load(plan.checkpoint, weights_only=True, map_location=device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        averaged.load_state_dict(state["averaged"])
        tell(f"going on from step {state['step']}")
    began, mean = time.monotonic(), torch.zeros((), device=device)
    for step in range(state["step"], plan.steps):
        _set_rate(optimizer, plan, step)
        value = _step(model, optimizer, next(stream))
        averaged.update_parameters(model)
        mean = value if step == state["step"] else 0.98 * mean + 0.02 * value
        if (step + 1) % plan.every == 0 or step + 1 == plan.steps:
            said = ""
            if score:
                found = score(averaged.module.eval())
                said = f", score {found:.3f}"
                if found > state["best_score"]:
                    state.update(best=deepcopy(averaged.module.state_dict()), best_score=found)
            state.update(
                step=step + 1,
                model=model.state_dict(),
                optimizer=optimizer.state_dict(),
                averaged=averaged.state_dict(),
            )
            with replacing(plan.checkpoint) as temporary:
                torch.save(state, temporary)
            tell(
                f"step {step + 1} of {plan.steps}, loss {float(mean):.3f}{said}, {time.monotonic() - began:.0f} s"
            )
    if state["best"] is not None:
        averaged.module.load_state_dict(state["best"])
    return averaged.module.eval()


def _set_rate(optimizer: torch.optim.Optimizer, plan: Plan, step: int) -> None:
    """Warm up over 100 steps, then fall along half a cosine."""
    fall = 0.5 * (1 + math.cos(math.pi * step / plan.steps))
    for group in optimizer.param_groups:
        group["lr"] = plan.rate * min(1.0, (step + 1) / 100) * (0.01 + 0.99 * fall)


def _step(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: Sequence[torch.Tensor]
) -> torch.Tensor:
    import torch

    image, *targets = batch
    with torch.autocast(image.device.type, torch.bfloat16):
        raw = model(image[:, None].to(memory_format=torch.channels_last))
    value = loss(raw.float(), tuple(targets))
    optimizer.zero_grad(set_to_none=True)
    value.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return value.detach()


def make_weights(
    weights: Path, *, also: Path | None, images: int, steps: int, seed: int, further: bool, tell: Tell
) -> dict[str, Any]:
    """Make the shipped weights: from simulated images and every second labelled image of a folder.

    ``further`` goes on from the weights that are there, with other simulated images, at half the rate.

    Parameters
    ----------
    weights
        File to write, .safetensors; its card comes beside it.
    also
        Labelled images of dark particles (``gold_pairs``, CC-BY-4.0): those of even number are trained on.
    images
        How many images to simulate.

    Returns
    -------
    dict
        The card.
    """
    import torch

    torch.manual_seed(seed)
    device = network.usual_device()
    model, before = network.load(weights, device=device) if further else (network.build().to(device), None)
    first = before["made"]["first_seed_not_seen"] if before else _FIRST_SEED
    held = min(images, _POOL)
    fresh = examples.simulated_stream(range(first, first + images))
    tell(f"simulating the first {held} of {images} images, then training on {device}")
    own = [] if also is None else [e for item in labelled.read(also)[::2] for e in _usable(item, dark=True)]
    pool = examples.Pool(islice(fresh, held), own, 0.03, fresh, (images - held) / steps)
    stream = examples.batches(pool, np.random.default_rng(seed), _BATCH[device], _CROP, device=device)
    plan = Plan(steps, 1e-3 if further else 2e-3, weights.with_suffix(".training.pt"), every=500)
    model = fit(model, stream, plan, tell=tell)
    card = {
        "name": weights.stem,
        "features": list(network.FEATURES),
        "even": even_height(model),
        "made": {
            "command": f"voidlab train {'--further' if further else '--from-nothing'}"
            + (" FOLDER" if also else ""),
            "seed": seed,
            "steps": steps,
            "crops_a_step": _BATCH[device],
            "simulated_images": images,
            "first_seed_not_seen": first + images,
            "data": "simulated micrographs (voidlab.micrographs)"
            + ("; gold_pairs, every second image, doi:10.69761/HDTA8338, CC-BY-4.0" if also else ""),
            **_versions(),
            **({"before": before["made"]} if before else {}),
        },
        "limits": list(LIMITS),
        "licence": "MIT",
        "scores": {},
    }
    network.save(model, weights, card)
    plan.checkpoint.unlink(missing_ok=True)
    return card


def even_height(model: torch.nn.Module, images: int = 60) -> float:
    """Height of a centre peak from which voids should count, by F1 on simulated images.

    Many heights do equally well. Of these it is the highest: a count that is published rather misses a void than
    holds one that is none.
    """
    truths, finds = [], []
    method = NetworkSegmenter(model, "bright", threshold=0.1, min_radius_px=1.5)  # confidence is the height
    for number in range(images):
        made = micrograph(_SETTLING_SEED + number, shape=(384, 384))
        size = made.voids["radius_px"]
        unknown = made.voids["ignored"] | (size < 2) | (size > 80)
        truths.append(made.voids.assign(frame=number, ignored=unknown))
        finds.append(method.find(made.image).assign(frame=number))
    truth, found = pd.concat(truths, ignore_index=True), pd.concat(finds, ignore_index=True)
    heights = np.linspace(0.1, 0.7, 31)
    f1 = np.array(
        [
            scores.score_voids(truth, found[found["confidence"] >= height].reset_index(drop=True))["f1"]
            for height in heights
        ]
    )
    return round(float(heights[f1 >= np.nanmax(f1) - _EQUALLY_WELL].max()), 3)


def fine_tune(
    folder: Path, weights: Path, *, dark: bool, steps: int, seed: int, tell: Tell
) -> dict[str, Any]:
    """Go on from the shipped weights with a person's labelled images, half of the time; the other half is simulated.

    Every fourth image, of three at least, is kept aside: the state that does best on these is the one kept.

    Returns
    -------
    dict
        The card of the weights written.

    Raises
    ------
    LabelledError
        If the folder holds no labelled images, or none large enough.
    """
    import torch

    torch.manual_seed(seed)
    items = labelled.read(folder)
    aside = items[2::4] if len(items) >= 3 else []
    kept = [item for item in items if not any(item is other for other in aside)]
    own = [example for item in kept for example in _usable(item, dark=dark)]
    if not own:
        raise labelled.LabelledError(f"no image of {folder} is larger than {_CROP} px in both directions.")
    model, card = network.load()
    simulated = examples.simulated_stream(range(_FIRST_SEED, _FIRST_SEED + 100))
    device = next(model.parameters()).device.type
    stream = examples.batches(
        examples.Pool(simulated, own), np.random.default_rng(seed), _BATCH[device], _CROP, device=device
    )
    plan = Plan(steps, 3e-4, weights.with_suffix(".training.pt"), every=50, memory=0.98)
    score = _score_on(aside, card, dark) if aside else None
    before = score(model.eval()) if score else None
    if before is not None:
        tell(f"{len(kept)} images to train on, {len(aside)} kept aside; F1 on these so far {before:.3f}")
    else:
        tell(f"{len(kept)} images to train on; with three or more, one would be kept aside to judge by")
    model = fit(model, stream, plan, score=score, tell=tell)
    card.pop("scored", None)  # that was of the weights begun with
    card = {
        **card,
        "name": weights.stem,
        "made": {
            "command": f"voidlab train {folder.name} --name {weights.stem}",
            "from": "voids",
            "seed": seed,
            "steps": steps,
            "data": [item.name for item in kept],
            "kept_aside": [item.name for item in aside],
            **_versions(),
        },
        "scores": {"f1_before": before, "f1": score(model) if score else None},
    }
    network.save(model, weights, card)
    plan.checkpoint.unlink(missing_ok=True)
    return card


def _usable(item: Labelled, *, dark: bool) -> list[examples.Example]:
    return [e for e in examples.of_labelled(item, dark=dark) if min(e.image.shape) >= _CROP]


def _score_on(
    aside: Sequence[Labelled], card: dict[str, Any], dark: bool
) -> Callable[[torch.nn.Module], float]:
    def score(model: torch.nn.Module) -> float:
        method = NetworkSegmenter(model, "dark" if dark else "bright", even=card["even"])
        return float(scores.score_voids(*labelled.truth_and_found(aside, method))["f1"])

    return score


def _versions() -> dict[str, str]:
    import torch

    return {"voidlab": __version__, "torch": torch.__version__, "python": platform.python_version()}
