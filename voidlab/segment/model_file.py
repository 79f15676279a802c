"""Weights of the network in a .safetensors file, and the card beside it that says how they were made."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from voidlab.errors import VoidlabError
from voidlab.segment import network
from voidlab.segment.confidence import NAMES
from voidlab.segment.network import FEATURES
from voidlab.tables.reading import read_text
from voidlab.tables.written import replacing

if TYPE_CHECKING:
    import torch

SHIPPED = Path(str(files(__package__))) / "weights" / "voids.safetensors"


_MOST_BYTES = 10**7  # of a card
Width = Annotated[int, Field(gt=0, le=1024)]  # a network of wider layers takes more memory than there is


class ModelError(VoidlabError):
    """A segmenter that cannot be used, and what to do."""


_Weights = Annotated[list[FiniteFloat], Field(min_length=len(NAMES), max_length=len(NAMES))]


class _Expected(BaseModel):
    """How a share follows from two looks, see `voidlab.segment.expectation.Teacher`."""

    weights: Annotated[list[FiniteFloat], Field(min_length=5, max_length=5)]
    in_vain: Annotated[list[FiniteFloat], Field(min_length=5, max_length=5)]
    concentration: Annotated[FiniteFloat, Field(gt=0)]


class _Card(BaseModel):
    """What the network rests on of a card; the rest of it is for people."""

    model_config = ConfigDict(strict=True)
    features: Annotated[list[Width], Field(min_length=len(FEATURES), max_length=len(FEATURES))]
    confidence: dict[Literal["void", "loop or dot"], _Weights]
    expected: dict[Literal["precision", "recall"], _Expected] = {}


def load_network(
    path: Path = SHIPPED, *, device: str | None = None
) -> tuple[torch.nn.Module, dict[str, Any]]:
    """Network with the weights of a file, ready to be used, and the card beside it.

    Parameters
    ----------
    path
        A ``.safetensors`` file; its card is the ``.json`` file of the same name.
    device
        "cpu" or "cuda"; left out: a GPU where there is one.

    Raises
    ------
    ModelError
        If the files are missing or are not weights of this network.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    card = read_card(path)
    shape = _Card.model_validate(card)
    model = network.build_network(shape.features)
    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise ModelError(f"{path.name} does not hold weights of this network: {error}") from None
    _refuse(path, [name for name, value in model.state_dict().items() if not torch.isfinite(value).all()])
    model = model.eval().to(device or network.usual_device())
    return model.to(memory_format=torch.channels_last), card  # type: ignore[call-overload]


def check_weights(path: Path) -> None:
    """Look whether the file at ``path`` holds weights, all of them numbers, without building the network.

    Raises
    ------
    ModelError
        If it does not.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            values = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no mapping
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path.name} does not hold weights of this network: {error}") from None
    if not values:
        raise ModelError(f"{path.name} does not hold weights of this network: nothing is in it")
    _refuse(path, [name for name, value in values.items() if not np.isfinite(value).all()])


def _refuse(path: Path, broken: Sequence[str]) -> None:
    if broken:
        raise ModelError(
            f"{len(broken)} of the weights in {path.name}, the first {broken[0]}, are no finite numbers: it would "
            "find no void in any image. Take a copy of the file from before, or train the network again."
        )


def save_network(model: torch.nn.Module, path: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Write weights to ``path`` (.safetensors) and beside it their card; give the card."""
    from safetensors.torch import save as as_bytes

    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with replacing(path) as temporary:
        temporary.write_bytes(as_bytes(tensors))
    write_card(path, card)
    return card


def read_card(path: Path) -> dict[str, Any]:
    """The card of weights: how they were made, with what data and licence, how good they are.

    Raises
    ------
    ModelError
        If there is none, or it is not of a voidlab network.
    """
    card_path = path.with_suffix(".json")
    try:
        card: dict[str, Any] = json.loads(read_text(card_path, _MOST_BYTES))
        _Card.model_validate(card)
    except FileNotFoundError:
        raise ModelError(f"{card_path.name} is missing beside {path.name}; a network has both.") from None
    except RecursionError:
        raise ModelError(f"{card_path.name} is nested far deeper than the card of a network is.") from None
    except (OSError, ValueError) as error:
        said = in_words(error) if isinstance(error, ValidationError) else error
        raise ModelError(
            f"{card_path.name} is not the card of a voidlab network: {said}. Take the one that was written with "
            f"{path.name}; if this is the one, by another version of voidlab, train the network again."
        ) from None
    return card


def write_card(path: Path, card: dict[str, Any]) -> None:
    """Write the card of the weights in ``path``."""
    with replacing(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def in_words(errors: ValidationError) -> str:
    """What was found wrong with the values of a card or of settings, one after the other."""
    return "; ".join(
        f"{'.'.join(map(str, error['loc']))}: {error['msg']}"
        + ("" if error["type"] in ("missing", "json_invalid") else f", found {reprlib.repr(error['input'])}")
        for error in errors.errors()
    )
