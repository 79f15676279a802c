"""What a training leaves: weights with their card, and until then what it goes on with after a stop."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voidlab import __version__
from voidlab.segment import model_file
from voidlab.training.fit import Plan

if TYPE_CHECKING:
    import torch


def finish(model: torch.nn.Module, weights: Path, card: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """Write weights and card, and remove what only a training that is gone on with needs; the card."""
    written = model_file.save_network(model, weights, card)
    plan.checkpoint.unlink(missing_ok=True)
    for folder in (simulated_beside(weights), answers_beside(weights)):
        shutil.rmtree(folder, ignore_errors=True)
    return written


def simulated_beside(weights: Path) -> Path:
    """Folder of the simulated examples that weights are trained on."""
    return weights.with_suffix(".simulated")


def answers_beside(weights: Path) -> Path:
    """Folder of what the network says of altered examples."""
    return weights.with_suffix(".answers")


def versions() -> dict[str, str]:
    import torch

    return {"voidlab": __version__, "torch": torch.__version__, "python": platform.python_version()}
