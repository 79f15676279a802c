"""Go on training the network that comes with voidlab on a person's own labelled images."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from voidlab import scores
from voidlab.images.microscope import Mode
from voidlab.segment import model_file
from voidlab.segment.confidence import Calibration
from voidlab.segment.network_segmenter import NetworkSegmenter
from voidlab.training import calibrate, examples, labelled
from voidlab.training.fit import Log, Plan, fit, steps_done
from voidlab.training.labelled import Labelled
from voidlab.training.train import CROPS_A_STEP, FIRST_SEED
from voidlab.training.written import finish, simulated_beside, versions

if TYPE_CHECKING:
    import torch

Contrast = Literal["bright", "dark"]


def fine_tune(
    folder: Path,
    weights: Path,
    *,
    contrast: Contrast | None = None,
    mode: Mode | None = None,
    steps: int,
    seed: int,
    log: Log,
) -> dict[str, Any]:
    """Go on from the shipped weights with a person's labelled images, half of the time; the other half is simulated.

    Every fourth image, of three at least, is kept aside: the state that does best on these is the one kept, by F1
    less the share by which radii are off; it may be the one begun with. Its confidence is set anew then:
    another network is sure of other things.

    Parameters
    ----------
    weights
        File to write, .safetensors; its card comes beside it.
    contrast
        Of the labelled voids; left out: bright, in dark field dark.
    mode
        How the images were taken; left out: as their files say.

    Returns
    -------
    dict
        The card of the weights written.

    Raises
    ------
    LabelledError
        If the folder holds no labelled images, or none large enough.
    ModelError
        If another training was stopped half way in the same place.
    """
    import torch

    torch.manual_seed(seed)
    items = labelled.read_labelled(folder)
    mode = mode or labelled.mode_of(items)
    in_dark_field = mode not in (None, "bright field")
    contrast = contrast or ("dark" if in_dark_field else "bright")
    aside = items[2::4] if len(items) >= 3 else []
    kept = [item for item in items if not any(item is other for other in aside)]
    used = {
        item.name: usable for item in kept if (usable := _usable(item, contrast, in_dark_field=in_dark_field))
    }
    if not used:
        raise labelled.LabelledError(
            f"no image of {folder} is larger than {examples.CROP} px in both directions."
        )
    model, card = model_file.load_network()
    as_asked = NetworkSegmenter(model, contrast=contrast, dark_field=in_dark_field)
    _warn_of_contrast(kept[:3], as_asked, card, log)
    before = _scores_on(aside, as_asked, card)
    look = f"--contrast {contrast}" + (f" --mode {mode!r}" if mode else "")
    command = f"voidlab train {folder.name} --name {weights.stem} {look} --seed {seed} --steps {steps}"
    of = f"'{command}' on {labelled.digest_of(items)}"
    plan = Plan(steps, 3e-4, weights.with_suffix(".training.pt"), of, every=50, memory=0.98)
    if aside:
        log(f"{len(used)} images to train on, {len(aside)} kept aside; F1 on these so far {before['f1']:.3f}")
    else:
        log(f"{len(used)} images to train on; with three or more, one would be kept aside to judge by")
    made = examples.simulated_on_disk(range(FIRST_SEED, FIRST_SEED + 100), simulated_beside(weights), log)
    device = next(model.parameters()).device.type
    pool = examples.Pool(made, [examples.layers(each) for usable in used.values() for each in usable])
    stream = examples.batches(
        pool, seed, steps_done(plan), CROPS_A_STEP[device], examples.CROP, device=device
    )

    begun_with = deepcopy(model.state_dict())

    def worth(found: dict[str, float]) -> float:
        return found["f1"] - abs(found["radius_bias"])

    def score(model: torch.nn.Module) -> float:
        return worth(_scores_on(aside, replace(as_asked, model=model), card))

    model = fit(model, stream, plan, score=score if aside else None, log=log)
    card |= calibrate.for_card(model, log)
    after = _scores_on(aside, replace(as_asked, model=model), card)
    worse = bool(aside) and worth(after) < worth(before)
    if worse:
        log("on the images kept aside it is worse than the network begun with, which is kept")
        (model, card), after = model_file.load_network(), before
    card.pop("scored", None)  # that was of the weights begun with
    card = {
        **card,
        "name": weights.stem,
        "made": {
            "command": command,
            "from": "voids",
            "seed": seed,
            "steps": steps,
            "kept": "the network begun with"
            if worse or _are_the_same(model, begun_with)
            else "the network trained",
            "data": list(used),
            "kept_aside": [item.name for item in aside],
            **versions(),
        },
        "licence": "of the network begun with: MIT; the labelled images are yours",
        "scores": {f"{name}_before": value for name, value in before.items()} | after,
    }
    return finish(model, weights, card, plan)


def _are_the_same(model: torch.nn.Module, state: dict[str, torch.Tensor]) -> bool:
    return all(bool((value == state[name]).all()) for name, value in model.state_dict().items())


def _usable(item: Labelled, contrast: Contrast, *, in_dark_field: bool) -> list[examples.Example]:
    """Examples as they will be shown to the network: of dark field the negative, as if it were of bright field."""
    if in_dark_field and contrast == "dark":
        item, contrast = replace(item, image=-item.image), "bright"
    return examples.large_enough(item, dark=contrast == "dark")


def _scores_on(items: Sequence[Labelled], method: NetworkSegmenter, card: dict[str, Any]) -> dict[str, float]:
    """F1 and bias of the radii on labelled images, 0 where nothing is hit; nothing without images."""
    if not items:
        return {}
    method = replace(method, model=method.model.eval(), calibration=Calibration(card["confidence"]))
    found = scores.score_voids(*labelled.truth_and_found(items, method))
    return {name: float(np.nan_to_num(found[name])) for name in ("f1", "radius_bias")}


def _warn_of_contrast(
    items: Sequence[Labelled], method: NetworkSegmenter, card: dict[str, Any], log: Log
) -> None:
    """Say so if the labelled voids look like those of the other contrast."""
    contrast, other = method.contrast, "bright" if method.contrast == "dark" else "dark"
    f1, f1_of_other = (
        _scores_on(items, replace(method, contrast=each), card)["f1"] for each in (contrast, other)
    )
    if f1_of_other > f1 + 0.2:
        log(
            f"The labelled voids look {other}: F1 is {f1_of_other:.2f} with --contrast {other}, {f1:.2f} with "
            f"--contrast {contrast}, which is trained now."
        )
