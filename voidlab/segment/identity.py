"""All that decides what a segmenter finds in an image, as JSON can hold it: two of one identity find the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from voidlab.segment.classical_segmenter import ClassicalSegmenter
from voidlab.segment.network_segmenter import NetworkSegmenter
from voidlab.segment.segmenter import Segmenter
from voidlab.segment.torch_export import ExportedSegmenter

if TYPE_CHECKING:
    import torch

_OF_VOIDLAB = (ClassicalSegmenter, NetworkSegmenter, ExportedSegmenter)
_MODEL, _HOW_DECIDED = "model", "choice"


def identity_of(segmenter: Segmenter) -> dict[str, Any] | None:
    """Settings and network of a segmenter, the network as a digest; None where they cannot be told.

    Those of this package have one. One of your own has none, as its code is not known here, unless it has a method
    ``identity()``: the text that this gives must change whenever what it finds would.
    """
    kind, own = type(segmenter), getattr(segmenter, "identity", None)
    if kind not in _OF_VOIDLAB and not callable(own):
        return None
    named = fields(segmenter if kind in _OF_VOIDLAB else Segmenter)
    settings = {
        field.name: getattr(segmenter, field.name)
        for field in named
        if field.name not in (_MODEL, _HOW_DECIDED) and not field.name.startswith("_")
    }
    try:
        told: dict[str, Any] = json.loads(json.dumps(settings, default=_plain, sort_keys=True))
    except TypeError:
        return None
    model = getattr(segmenter, _MODEL, None) if kind in _OF_VOIDLAB else None
    return {
        **told,
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "own": str(own()) if callable(own) else "",
        _MODEL: digest_of_network(model) if model is not None else "",
    }


def digest_of_network(model: torch.nn.Module) -> str:
    """Digest of a network's layers, its weights and the kind of device that they are on."""
    digest = hashlib.sha256(_structure(model).encode())
    for name, tensor in _tensors(model):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} {tensor.device.type}".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _structure(model: torch.nn.Module) -> str:
    """The layers; of a program, as torch.export writes them, its code too."""
    return f"{model} {getattr(model, 'code', '')}"


def _tensors(model: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    import torch

    for name, module in model.named_modules():
        held = {**vars(module), **module._parameters, **module._buffers}
        for of, value in sorted(held.items()):
            if isinstance(value, torch.Tensor):
                yield f"{name}.{of}", value


def _bytes(tensor: torch.Tensor) -> bytes:
    import torch

    return bytes(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())


def _plain(value: object) -> object:
    """What JSON does not know as what it knows.

    Raises
    ------
    TypeError
        If it cannot be told whole.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
