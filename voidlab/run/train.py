"""Train a network of a project, or make anew the one that comes with the package: `voidlab train`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from voidlab.images.microscope import Mode
from voidlab.project import lock
from voidlab.project.paths import ProjectError, check_name, find_root

if TYPE_CHECKING:
    from voidlab.training.train import Making


def train_network(
    folder: Path,
    name: str,
    *,
    contrast: Literal["bright", "dark"] | None = None,
    mode: Mode | None = None,
    steps: int = 400,
    seed: int,
    log: Callable[[str], None],
) -> str:
    """Go on training the shipped network into ``parameters/NAME.safetensors``; say what came of it.

    Parameters
    ----------
    folder
        Labelled images, see `voidlab.training.labelled.read_labelled`.
    contrast
        Of the labelled voids; left out: bright, in dark field dark.
    mode
        How the images were taken; left out: as their files say.

    Raises
    ------
    ProjectError
        If the name cannot be used or is taken, or that network is being trained already.
    LabelledError
        If ``folder`` holds no labelled images.
    """
    from voidlab.training.fine_tune import fine_tune

    weights = find_root() / "parameters" / f"{check_name(name)}.safetensors"
    if weights.exists():
        raise ProjectError(f"{weights} is there already; choose another --name, or remove it and its .json.")
    with _being_trained(weights):
        card = fine_tune(folder, weights, contrast=contrast, mode=mode, steps=steps, seed=seed, log=log)
    said, scores = "", card["scores"]
    if scores:
        said = (
            f"on images kept aside: F1 {scores['f1_before']:.3f} → {scores['f1']:.3f}, "
            f"radii {100 * scores['radius_bias_before']:+.1f} → {100 * scores['radius_bias']:+.1f} %\n"
        )
    return f"{said}wrote {os.path.relpath(weights)}\nuse it with\n  segment: {{segmenter: {weights.name}}}"


def make_shipped_network(making: Making, log: Callable[[str], None]) -> str:
    """Make the network that comes with voidlab, over the one that is there; say what was written.

    From nothing it is distilled in the end; where the weights that are there are those of the first part, as after a
    stop, that is all that is done.

    Raises
    ------
    ProjectError
        If it is being trained already.
    LabelledError
        If a folder that is trained on holds no such images.
    """
    from voidlab.segment.model_file import SHIPPED
    from voidlab.training.train import are_made, make_weights

    with _being_trained(SHIPPED):
        if making.then is None:
            make_weights(SHIPPED, making, log=log)
        else:
            if are_made(SHIPPED, making):
                log("the weights that are there are made from nothing already; they are distilled now")
            else:
                make_weights(SHIPPED, making, log=log)
            make_weights(SHIPPED, making.then, log=log)
    return f"wrote {SHIPPED}"


@contextmanager
def _being_trained(weights: Path) -> Iterator[None]:
    """Hold the training of ``weights``: two at once would go on from each other's states."""
    file = weights.with_name(f".{weights.stem}.training.lock")
    said = f"{weights.name} is being trained by {{}}; wait for it, or choose another --name. If it is gone, remove "
    with lock.locked(
        file, lambda holder: ProjectError(f"{said.format(holder)}{file.name}.holder."), doing="trained"
    ):
        try:
            yield
        finally:
            file.unlink(missing_ok=True)
