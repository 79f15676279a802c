"""Making of the weights that come with voidlab, and the card that says how they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from voidlab.segment import model_file, network
from voidlab.tables.written import digest
from voidlab.training import calibrate, distil, examples, labelled
from voidlab.training.fit import Log, Plan, fit, steps_done
from voidlab.training.labelled import Labelled
from voidlab.training.written import answers_beside, finish, simulated_beside, versions

FIRST_SEED = 1_000_000  # of the simulated images trained on; tests and demos use smaller ones
CROPS_A_STEP = {"cpu": 8, "cuda": 48}  # a GPU is not busy with fewer
How = Literal["from nothing", "further", "distil"]
_RATE: dict[How, float] = {"from nothing": 2e-3, "further": 1e-3, "distil": 5e-4}
_USUAL: dict[How, dict[str, int]] = {
    "from nothing": {"images": 8000, "steps": 40_000},
    "further": {"images": 5000, "steps": 13_000},
    "distil": {"images": 1600, "steps": 6000},
}
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
    first = before["made"]["first_seed_not_seen"] if before else FIRST_SEED
    seeds = range(first, first + making.images)
    items, others = _real(making)
    log(f"simulating {making.images} images, then training on {device}")
    made = examples.simulated_on_disk(seeds, simulated_beside(weights), log)
    share = 0.06 if others else 0.03  # gold as often as without the others
    pool = examples.Pool(made, _own(items, others), share)
    begun_with = digest(weights) if before else "nothing"
    of = f"'{making.command}' on {labelled.digest_of(items + others)}, from {begun_with[:8]}"
    plan = Plan(making.steps, _RATE[making.how], weights.with_suffix(".training.pt"), of, every=500)
    of_batch = making.seed, steps_done(plan), CROPS_A_STEP[device], examples.CROP
    if making.how == "distil":
        said = distil.answers_on_disk(
            simulated_beside(weights), seeds, weights, answers_beside(weights) / begun_with[:8], log
        )
        stream = distil.batches(pool, said, *of_batch, device=device)
        model = fit(model, stream, plan, loss=distil.loss, log=log)
    else:
        model = fit(model, examples.batches(pool, *of_batch, device=device), plan, log=log)
    features = before["features"] if before else list(network.FEATURES)
    card = {
        "name": weights.stem,
        "features": features,
        **calibrate.for_card(model, log),
        "made": {"crops_a_step": CROPS_A_STEP[device], **_made(making, seeds, items, others, before)},
        "limits": list(LIMITS),
        "licence": "MIT",
        "scores": {},
    }
    return finish(model, weights, card, plan)


def are_made(weights: Path, making: Making) -> bool:
    """Whether the weights that are there were made so, of the same images."""
    try:
        made = model_file.read_card(weights).get("made", {})
    except model_file.ModelError:
        return False
    images = labelled.digest_of([each for of in _real(making) for each in of])
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
        "images": labelled.digest_of([*items, *without]),
        **({"without_voids": [item.name for item in without]} if without else {}),
        **versions(),
        **({"before": before["made"]} if before else {}),
    }


def _own(items: Sequence[Labelled], without: Sequence[Labelled]) -> list[np.ndarray]:
    """Layers of labelled images of dark particles, and of images without voids, which have none of either sign."""
    own = [(item, True) for item in items] + [(item, dark) for item in without for dark in (True, False)]
    return [examples.layers(each) for item, dark in own for each in examples.large_enough(item, dark=dark)]
