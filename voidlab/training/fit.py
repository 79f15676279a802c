"""The loop that trains the network: its losses, its steps, and the state on disk from which it goes on."""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voidlab.segment import model_file, network
from voidlab.tables.written import replacing

if TYPE_CHECKING:
    import torch

Log = Callable[[str], None]
Loss = Callable[["torch.Tensor", "tuple[torch.Tensor, ...]"], "torch.Tensor"]


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train, and where to keep the state: training goes on from there.

    ``of`` says what is trained on what: a state of anything else is not gone on from.
    """

    steps: int
    rate: float
    checkpoint: Path
    of: str
    every: int = 250
    memory: float = 0.998  # of the average over the steps that is kept


def loss(raw: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Sum of the losses of the maps.

    Centres, of voids, loops and dots: quality focal loss, doi:10.48550/arXiv.2006.04388. Voids: cross entropy and
    Dice. Radii: smooth L1 of the logarithm near the centres, also of voids too faint to count.
    """
    import torch
    from torch.nn import functional

    centre, void, radius, known, loop, dot, others_known = targets

    def of_centres(given: torch.Tensor, target: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        entropy = functional.binary_cross_entropy_with_logits(given, target, reduction="none")
        focus = (torch.sigmoid(given) - target).abs() ** 2
        return (entropy * focus * counts).sum() / ((target * counts).sum() + 20 * len(target))

    certain = (void < 1.5).float()
    inside = (void == 1).float()
    entropy = functional.binary_cross_entropy_with_logits(raw[:, 0], inside, reduction="none")
    p = torch.sigmoid(raw[:, 0]) * certain
    overlap = 1 - (2 * (p * inside).sum() + 100) / (p.sum() + inside.sum() + 100)
    of_void = (entropy * certain).mean() * 2 + 0.3 * overlap
    near = torch.maximum(centre, torch.maximum(loop, dot))
    near = near * (near > 0.3)
    of_radius = (functional.smooth_l1_loss(raw[:, 2], radius, reduction="none", beta=0.1) * near).sum() / (
        near.sum() + 20
    )
    value = 3 * of_centres(raw[:, 1], centre, known) + of_void + 2 * of_radius
    for given, target in zip(raw.unbind(1)[3:], (loop, dot), strict=True):
        value = value + 0.7 * of_centres(given, target, others_known)
    return value


def fit(
    model: torch.nn.Module,
    stream: Iterator[tuple[torch.Tensor, ...]],
    plan: Plan,
    *,
    loss: Loss = loss,
    score: Callable[[torch.nn.Module], float] | None = None,
    log: Log,
) -> torch.nn.Module:
    """Train ``model``; give the average of its last states, or, with ``score``, the best of these and ``model``.

    Parameters
    ----------
    stream
        Batches as `voidlab.training.examples.batches` gives them, or as ``loss`` takes them.
    loss
        Of what the network says of a batch and of what belongs to it.
    score
        How good a network is, the higher the better; looked at every ``plan.every`` steps.

    Raises
    ------
    ModelError
        If the state on disk is of another training or cannot be read.
    """
    import torch
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    model.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    device = next(model.parameters()).device
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=plan.rate, weight_decay=1e-3, fused=device.type == "cuda"
    )
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(plan.memory), use_buffers=True)
    state = _state(plan, device)
    if "model" in state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        averaged.load_state_dict(state["averaged"])
        log(f"going on from step {state['step']}")
    elif score:
        state.update(best=deepcopy(averaged.module.state_dict()), best_score=score(averaged.module.eval()))
    began, first, mean = time.monotonic(), state["step"], torch.zeros((), device=device)
    for step in range(first, plan.steps):
        _set_rate(optimizer, plan, step)
        value = _step(model, optimizer, next(stream), loss)
        averaged.update_parameters(model)
        mean = value if step == first else 0.98 * mean + 0.02 * value
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
            log(
                f"step {step + 1} of {plan.steps}, loss {float(mean):.3f}{said}, {time.monotonic() - began:.0f} s"
            )
    if state["best"] is not None:
        averaged.module.load_state_dict(state["best"])
    return averaged.module.eval()


def steps_done(plan: Plan) -> int:
    """Steps that an earlier call of `fit` with this plan got to before it was stopped."""
    return int(_state(plan, "cpu")["step"])


def _state(plan: Plan, device: str | torch.device) -> dict[str, Any]:
    """The state that was left on disk, or that of a training not begun."""
    import torch

    begun = {"of": plan.of, "step": 0, "best": None, "best_score": -math.inf}
    if not plan.checkpoint.exists():
        return begun
    anew = f"remove {plan.checkpoint} to begin anew."
    try:
        state = torch.load(plan.checkpoint, weights_only=True, map_location=device)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise model_file.ModelError(f"{plan.checkpoint.name} cannot be read ({error}); {anew}") from None
    if not isinstance(state, dict) or not {"of", *begun} <= set(state):
        raise model_file.ModelError(f"{plan.checkpoint.name} holds no state of a training; {anew}")
    if state.get("of") != plan.of:
        raise model_file.ModelError(
            f"{plan.checkpoint.name} was left by a training of {state.get('of', 'an earlier version')}, this one is "
            f"of {plan.of}. Finish that one with the same command, or {anew}"
        )
    return dict(state)


def _set_rate(optimizer: torch.optim.Optimizer, plan: Plan, step: int) -> None:
    """Warm up over 100 steps, then fall along half a cosine."""
    fall = 0.5 * (1 + math.cos(math.pi * step / plan.steps))
    for group in optimizer.param_groups:
        group["lr"] = plan.rate * min(1.0, (step + 1) / 100) * (0.01 + 0.99 * fall)


def _step(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: Sequence[torch.Tensor], loss: Loss
) -> torch.Tensor:
    import torch

    image, *targets = batch
    fast = getattr(torch, network.arithmetic_of("auto", image.device))
    with torch.autocast(image.device.type, fast, enabled=fast != torch.float32):
        raw = model(image.to(memory_format=torch.channels_last))
    value = loss(raw.float(), tuple(targets))
    optimizer.zero_grad(set_to_none=True)
    value.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return value.detach()
