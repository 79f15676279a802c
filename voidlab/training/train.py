"""Training and fine-tuning of the network, and the card that says how weights were made."""

from __future__ import annotations

import hashlib
import platform
import shutil
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from voidlab import __version__, scores
from voidlab.segment import model_file, network
from voidlab.segment.confidence import Calibration
from voidlab.segment.network_segmenter import NetworkSegmenter
from voidlab.tables.written import digest
from voidlab.training import calibrate, distil, examples, labelled
from voidlab.training.fit import Log, Plan, fit, steps_done
from voidlab.training.labelled import Labelled

if TYPE_CHECKING:
    import torch

_FIRST_SEED = 1_000_000  # of the simulated images trained on; tests and demos use smaller ones
_CALIBRATING_SEED = 1_900_000  # of those its confidence is set by
_CALIBRATING_IMAGES = 220  # for confidence, and as many for what precision and recall follow from
_BATCH = {"cpu": 8, "cuda": 48}  # a GPU is not busy with fewer
_CROP = 256
How = Literal["from nothing", "further", "distil"]
_RATE: dict[How, float] = {"from nothing": 2e-3, "further": 1e-3, "distil": 5e-4}
_USUAL: dict[How, dict[str, int]] = {
    "from nothing": {"images": 8000, "steps": 40_000},
    "further": {"images": 5000, "steps": 13_000},
    "distil": {"images": 1600, "steps": 6000},
}
Contrast = Literal["bright", "dark"]

LIMITS = (
    "Voids of 2.5 to 80 px in radius.",
    "Bright voids or dark ones, not both in one image.",
    "A void that adds less to the image than a sphere of SNR 1 and 8 px may be missed, as may one behind others.",
    "Two voids closer than half the larger radius are taken for one; a quarter of it where their sizes differ much.",
    "The radius is that of the circle as large as the void's outline; where its sides slope, the edge looks nearer.",
)


@dataclass(frozen=True)
class Making:
    """How the shipped weights are made, and from what.

    Attributes
    ----------
    how
        "from nothing"; "further", from the weights that are there, with other simulated images, at half the rate;
        "distil", so that they say at once what they say on average, see `voidlab.training.distil`.
    also
        Labelled images of dark particles (``gold_pairs``, CC-BY-4.0): those of even number are trained on.
    without
        Images without voids, of loops and dots: whether one looks for dark voids or bright ones, there are none.
    images
        How many images to simulate.
    """

    how: How
    seed: int
    steps: int
    images: int
    also: Path | None = None
    without: Path | None = None

    @classmethod
    def usual(cls, how: How, **given: Any) -> Self:
        """With as many images and steps as is usual, where nothing else is given."""
        return cls(how, **_USUAL[how] | given)

    @property
    def then(self) -> Making | None:
        """What is to be done with the weights after it."""
        if self.how != "from nothing":
            return None
        return self.usual("distil", seed=self.seed, also=self.also, without=self.without)

    @property
    def command(self) -> str:
        """The command that does it."""
        folders = f"{' FOLDER' if self.also else ''}{' --without-voids FOLDER' if self.without else ''}"
        return (
            f"voidlab train --{self.how.replace(' ', '-')}{folders} --seed {self.seed} --steps {self.steps}"
        )


def make_weights(weights: Path, making: Making, *, log: Log) -> dict[str, Any]:
    """Make the shipped weights: from simulated images and every second labelled image of a folder.

    Parameters
    ----------
    weights
        File to write, .safetensors; its card comes beside it.

    Returns
    -------
    dict
        The card.
    """
    import torch

    torch.manual_seed(making.seed)
    device = network.usual_device()
    model, before = (
        (network.build_network().to(device), None)
        if making.how == "from nothing"
        else model_file.load_network(weights, device=device)
    )
    first = before["made"]["first_seed_not_seen"] if before else _FIRST_SEED
    seeds = range(first, first + making.images)
    items, others = _real(making)
    log(f"simulating {making.images} images, then training on {device}")
    made = examples.simulated_on_disk(seeds, _simulated(weights), log)
    share = 0.06 if others else 0.03  # gold as often as without the others
    pool = examples.Pool(made, _own(items, others), share)
    begun_with = digest(weights) if before else "nothing"
    of = f"'{making.command}' on {_digest(items + others)}, from {begun_with[:8]}"
    plan = Plan(making.steps, _RATE[making.how], weights.with_suffix(".training.pt"), of, every=500)
    of_batch = making.seed, steps_done(plan), _BATCH[device], _CROP
    if making.how == "distil":
        said = distil.answers_on_disk(
            _simulated(weights), seeds, weights, _answers(weights) / begun_with[:8], log
        )
        stream = distil.batches(pool, said, *of_batch, device=device)
        model = fit(model, stream, plan, loss=distil.loss, log=log)
    else:
        model = fit(model, examples.batches(pool, *of_batch, device=device), plan, log=log)
    features = before["features"] if before else list(network.FEATURES)
    card = {
        "name": weights.stem,
        "features": features,
        **worth_of_confidence(model, log),
        "made": {"crops_a_step": _BATCH[device], **_made(making, seeds, items, others, before)},
        "limits": list(LIMITS),
        "licence": "MIT",
        "scores": {},
    }
    return _finish(model, weights, card, plan)


def are_made(weights: Path, making: Making) -> bool:
    """Whether the weights that are there were made so, of the same images."""
    try:
        made = model_file.read_card(weights).get("made", {})
    except model_file.ModelError:
        return False
    images = _digest([each for of in _real(making) for each in of])
    return (made.get("command"), made.get("images")) == (making.command, images)


def _real(making: Making) -> tuple[list[Labelled], list[Labelled]]:
    """Labelled images that are trained on, and those without voids."""
    items = [] if making.also is None else labelled.read_labelled(making.also)[::2]
    return items, [] if making.without is None else labelled.read_without_voids(making.without)


def _made(
    making: Making,
    seeds: range,
    items: Sequence[Labelled],
    without: Sequence[Labelled],
    before: dict[str, Any] | None,
) -> dict[str, Any]:
    """What the card says of how weights were made."""
    data = "simulated micrographs (voidlab.simulate.micrographs)"
    gold = "; gold_pairs, every second image, doi:10.69761/HDTA8338, CC-BY-4.0"
    return {
        "command": making.command,
        "seed": making.seed,
        "steps": making.steps,
        "simulated_images": making.images,
        "first_seed_not_seen": seeds.stop,
        "data": data + (gold if items else ""),
        "images": _digest([*items, *without]),
        **({"without_voids": [item.name for item in without]} if without else {}),
        **_versions(),
        **({"before": before["made"]} if before else {}),
    }


def _own(items: Sequence[Labelled], without: Sequence[Labelled]) -> list[np.ndarray]:
    """Layers of labelled images of dark particles, and of images without voids, which have none of either sign."""
    own = [(item, True) for item in items] + [(item, dark) for item in without for dark in (True, False)]
    return [examples.layers(each) for item, dark in own for each in _usable(item, dark=dark)]


def worth_of_confidence(model: torch.nn.Module, log: Log) -> dict[str, Any]:
    """What the card says of how far to trust the network, from simulated images it was not trained on."""
    log(f"calibrating on {2 * _CALIBRATING_IMAGES} simulated images")
    method = NetworkSegmenter(model)
    seeds = _counted(range(_CALIBRATING_SEED, _CALIBRATING_SEED + 2 * _CALIBRATING_IMAGES), log)
    method = replace(method, calibration=calibrate.calibrate(method, islice(seeds, _CALIBRATING_IMAGES)))
    taught = calibrate.teach(method, seeds)
    return {
        "confidence": {kind: _rounded(each) for kind, each in method.calibration.weights.items()},
        "expected": {
            name: {
                "weights": _rounded(each.weights),
                "in_vain": _rounded(each.in_vain),
                "concentration": round(each.concentration, 2),
            }
            for name, each in taught.items()
        },
    }


def _counted(seeds: Sequence[int], log: Log) -> Iterator[int]:
    """The seeds, and a line in the log for each hundred that are done."""
    for number, seed in enumerate(seeds):
        if number and number % 100 == 0:
            log(f"{number} of {len(seeds)} images")
        yield seed


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]


def fine_tune(folder: Path, weights: Path, *, dark: bool, steps: int, seed: int, log: Log) -> dict[str, Any]:
    """Go on from the shipped weights with a person's labelled images, half of the time; the other half is simulated.

    Every fourth image, of three at least, is kept aside: the state that does best on these is the one kept, by F1
    less the share by which radii are off; it may be the one begun with. Its confidence is set anew then:
    another network is sure of other things.

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
    aside = items[2::4] if len(items) >= 3 else []
    kept = [item for item in items if not any(item is other for other in aside)]
    used = {item.name: usable for item in kept if (usable := _usable(item, dark=dark))}
    if not used:
        raise labelled.LabelledError(f"no image of {folder} is larger than {_CROP} px in both directions.")
    model, card = model_file.load_network()
    contrast: Contrast = "dark" if dark else "bright"
    _warn_of_contrast(kept[:3], model, card, contrast, log)
    before = _scores_on(aside, model, card, contrast)
    command = f"voidlab train {folder.name} --name {weights.stem} --contrast {contrast} --seed {seed} --steps {steps}"
    of = f"'{command}' on {_digest(items)}"
    plan = Plan(steps, 3e-4, weights.with_suffix(".training.pt"), of, every=50, memory=0.98)
    if aside:
        log(f"{len(used)} images to train on, {len(aside)} kept aside; F1 on these so far {before['f1']:.3f}")
    else:
        log(f"{len(used)} images to train on; with three or more, one would be kept aside to judge by")
    made = examples.simulated_on_disk(range(_FIRST_SEED, _FIRST_SEED + 100), _simulated(weights), log)
    device = next(model.parameters()).device.type
    pool = examples.Pool(made, [examples.layers(each) for usable in used.values() for each in usable])
    stream = examples.batches(pool, seed, steps_done(plan), _BATCH[device], _CROP, device=device)

    begun_with = deepcopy(model.state_dict())

    def worth(found: dict[str, float]) -> float:
        return found["f1"] - abs(found["radius_bias"])

    def score(model: torch.nn.Module) -> float:
        return worth(_scores_on(aside, model, card, contrast))

    model = fit(model, stream, plan, score=score if aside else None, log=log)
    card |= worth_of_confidence(model, log)
    after = _scores_on(aside, model, card, contrast)
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
            **_versions(),
        },
        "licence": "of the network begun with: MIT; the labelled images are yours",
        "scores": {f"{name}_before": value for name, value in before.items()} | after,
    }
    return _finish(model, weights, card, plan)


def _are_the_same(model: torch.nn.Module, state: dict[str, torch.Tensor]) -> bool:
    return all(bool((value == state[name]).all()) for name, value in model.state_dict().items())


def _finish(model: torch.nn.Module, weights: Path, card: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """Write weights and card, and remove what only a training that is gone on with needs; the card."""
    written = model_file.save_network(model, weights, card)
    plan.checkpoint.unlink(missing_ok=True)
    for folder in (_simulated(weights), _answers(weights)):
        shutil.rmtree(folder, ignore_errors=True)
    return written


def _simulated(weights: Path) -> Path:
    """Folder of the simulated examples that weights are trained on."""
    return weights.with_suffix(".simulated")


def _answers(weights: Path) -> Path:
    """Folder of what the network says of altered examples."""
    return weights.with_suffix(".answers")


def _usable(item: Labelled, *, dark: bool) -> list[examples.Example]:
    return [e for e in examples.of_labelled(item, dark=dark) if min(e.image.shape) >= _CROP]


def _scores_on(
    items: Sequence[Labelled], model: torch.nn.Module, card: dict[str, Any], contrast: Contrast
) -> dict[str, float]:
    """F1 and bias of the radii on labelled images, 0 where nothing is hit; nothing without images."""
    if not items:
        return {}
    method = NetworkSegmenter(model.eval(), contrast=contrast, calibration=Calibration(card["confidence"]))
    found = scores.score_voids(*labelled.truth_and_found(items, method))
    return {name: float(np.nan_to_num(found[name])) for name in ("f1", "radius_bias")}


def _warn_of_contrast(
    items: Sequence[Labelled], model: torch.nn.Module, card: dict[str, Any], contrast: Contrast, log: Log
) -> None:
    """Say so if the labelled voids look like those of the other contrast."""
    other: Contrast = "bright" if contrast == "dark" else "dark"
    f1, f1_of_other = (_scores_on(items, model, card, each)["f1"] for each in (contrast, other))
    if f1_of_other > f1 + 0.2:
        log(
            f"The labelled voids look {other}: F1 is {f1_of_other:.2f} with --contrast {other}, {f1:.2f} with "
            f"--contrast {contrast}, which is trained now."
        )


def _digest(items: Sequence[Labelled]) -> str:
    """What tells these labelled images from others."""
    digest = hashlib.sha256()
    for item in items:
        digest.update(np.ascontiguousarray(item.image).tobytes() + item.voids.to_numpy(float).tobytes())
    return f"{len(items)} labelled images ({digest.hexdigest()[:8]})"


def _versions() -> dict[str, str]:
    import torch

    return {"voidlab": __version__, "torch": torch.__version__, "python": platform.python_version()}
