"""Networks of others: a ``torch.export`` file (.pt2) and a JSON file that says what goes in and what comes out.

A .pt2 file is a program, so it is only run with ``trust=True``. The JSON file beside it, of the same name::

    {"size": [1024, 1024],             pixels (height, width) the network takes; null: the image's own, of any size
     "channels": 3,                    the grey image is repeated
     "mean": [0.485, 0.456, 0.406],    subtracted from grey values of 0 to 1,
     "std": [0.229, 0.224, 0.225],     then divided by
     "output": "logits",               or "probability": (1, 1, height, width)
     "min_area_px": 50}                smaller pieces are dropped, in pixels of the network
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt, ValidationError
from scipy import ndimage

from voidlab import tables
from voidlab.measure import measure_voids
from voidlab.segment.model_file import ModelError, in_words
from voidlab.segment.segmentation import Segmentation, grey
from voidlab.segment.segmenter import Segmenter
from voidlab.tables.reading import read_bytes

if TYPE_CHECKING:
    import torch

_MOST_BYTES = 10**7  # of a description
_ROUNDING = 1e-3  # beyond 0 and 1 that resampled grey values may be
PICKLES = (".pth", ".pt", ".pkl", ".pickle", ".ckpt", ".bin")


class Description(BaseModel):
    """What a network takes and gives; see the module's text."""

    model_config = ConfigDict(strict=True, frozen=True)
    size: tuple[PositiveInt, PositiveInt] | None
    channels: PositiveInt
    mean: tuple[FiniteFloat, ...]
    std: tuple[Annotated[FiniteFloat, Field(gt=0)], ...]
    output: Literal["logits", "probability"]
    min_area_px: NonNegativeInt


@dataclass(frozen=True)
class ExportedSegmenter(Segmenter):
    """A network of somebody else's that gives void probabilities; voids are its connected pieces.

    `detect` is `maps`, which takes the time, then `decode`, which depends on threshold and sizes: keep the
    probability to try other ones.
    """

    model: torch.nn.Module
    description: Description
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    at_once: ClassVar[int] = 4  # one in the network, the others being read or measured

    def with_contrast_from(self, images: Iterable[np.ndarray]) -> Self:
        """This segmenter; "auto" is taken for bright: it shows the network the image as it is."""
        return replace(self, contrast="bright") if self.contrast == "auto" else self

    def detect(self, image: np.ndarray) -> Segmentation:
        return self.decode(self.maps(image))

    def maps(self, image: np.ndarray) -> np.ndarray:
        """Void probability (H, W), float32, of each pixel of ``image`` (H, W).

        Raises
        ------
        ValueError
            If the grey values are not those of `from_0_to_1`.
        ModelError
            If the network cannot work on the image, or gives something else.
        """
        import torch
        from torch.nn.functional import interpolate

        image = from_0_to_1(image)
        shape = (image.shape[0], image.shape[1])
        size = self.description.size or shape
        x = torch.from_numpy(np.nan_to_num(1 - image if self.contrast == "dark" else image))[None, None]
        x = interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
        mean, std = (
            torch.tensor(v).reshape(1, -1, 1, 1) for v in (self.description.mean, self.description.std)
        )
        x = (x.repeat(1, self.description.channels, 1, 1) - mean) / std
        y = self._answer(x)
        y = torch.sigmoid(y) if self.description.output == "logits" else y
        # Both sizes count from the centre of the first pixel: centres stay where they are.
        y = interpolate(y, shape, mode="bilinear", align_corners=False)
        return np.asarray(y[0, 0].numpy())

    def _answer(self, x: torch.Tensor) -> torch.Tensor:
        """What the network says of (1, channels, height, width): (1, 1, height, width) float32."""
        import torch

        try:
            with self._one_at_a_time, torch.inference_mode():
                y = self.model(x)
        except Exception as error:  # whatever a program of others may raise
            raise ModelError(
                f"the network '{self.name}' cannot work on {tuple(x.shape)}: {error}. If its program is for one size "
                f"or number of channels, say which: 'size' and 'channels' in {self.name}.json."
            ) from error
        if not isinstance(y, torch.Tensor) or y.ndim != 4 or y.shape[:2] != (1, 1):
            given = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
            raise ModelError(
                f"the network '{self.name}' gives {given}; expected (1, 1, height, width): void or not. Export a "
                "module that returns only that; of two classes, the logit of void less that of the other."
            )
        return y.float()

    def decode(self, probability: np.ndarray) -> Segmentation:
        """Probability, labels and voids from the void probability of an image."""
        labels, _ = ndimage.label(probability >= self.threshold)
        height, width = self.description.size or probability.shape
        least = self.description.min_area_px * probability.size / (height * width)
        voids = measure_voids(labels, edge_buffer_px=self.edge_buffer_px, probability=probability)
        largest = self._largest(probability.shape)
        keep = (voids["area_px"] >= least) & voids["radius_px"].between(self.min_radius_px, largest)
        labels = np.where(np.isin(labels, voids.loc[keep, "label"]), labels, 0).astype(np.int32)
        voids = tables.check(voids[keep].reset_index(drop=True), "voids")
        return Segmentation(
            probability, labels, voids, contrast="dark" if self.contrast == "dark" else "bright"
        )


def from_0_to_1(image: np.ndarray) -> np.ndarray:
    """Grey values of 0 to 1, (H, W) float32: of 8 and 16 bits over the largest of their kind, others as they are.

    A network that was trained on 0 to 1 would be blind on any other scale, and nobody would be told.

    Raises
    ------
    ValueError
        If others are not within 0 and 1.
    """
    image = grey(image)
    if image.dtype.kind in "iu" and image.dtype.itemsize <= 2:
        values = image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)
    else:
        values = image.astype(np.float32)
    known = values[~np.isnan(values)]
    if known.size and not (known.min() >= -_ROUNDING and known.max() <= 1 + _ROUNDING):
        low, high = np.nanmin(image), np.nanmax(image)
        raise ValueError(
            f"image has grey values of {low:g} to {high:g} ({image.dtype}); expected 0 to 1, as "
            "voidlab.images.open_series gives them, or uint8 or uint16."
        )
    return values


def load_exported(path: Path, **settings: Any) -> ExportedSegmenter:
    """Segmenter of a .pt2 file, which is trusted, and its description, with the ``settings`` of a `Segmenter`.

    Raises
    ------
    ValueError
        If one of the two files is missing or wrong.
    """
    description = read_description(path.with_suffix(".json"))
    import torch

    try:
        model = torch.export.load(path).module()
    except Exception as error:  # whatever a file that is none may raise
        raise ModelError(f"{path.name} cannot be loaded as a torch.export file: {error}") from None
    return ExportedSegmenter(model, description, name=path.stem, **settings)


def read_description(path: Path) -> Description:
    """Description in a JSON file.

    Raises
    ------
    ValueError
        Saying what is missing or wrong.
    """
    try:
        description = Description.model_validate_json(read_bytes(path, _MOST_BYTES))
    except FileNotFoundError:
        raise ModelError(f"{path.name} is missing: it says what the network takes and gives.") from None
    except (OSError, ValidationError) as error:
        said = in_words(error) if isinstance(error, ValidationError) else error
        raise ModelError(
            f"{path.name} does not say what the network takes and gives: {said}. Expected the keys "
            f"{', '.join(Description.model_fields)}; README, 'A network of your own', has an example."
        ) from None
    channels, mean, std = description.channels, len(description.mean), len(description.std)
    if not mean == std == channels:
        raise ModelError(
            f"{path.name}: expected {channels} numbers in mean and in std, one for each of the channels; found "
            f"{mean} and {std}."
        )
    return description


def why_no_pickle(path: Path) -> str:
    """Why a pickled model is refused, and what to do."""
    return (
        f"{path.name} is a pickle: opening it runs whatever is in it, and needs the very versions it was made with. "
        "It is not opened here. In the environment it works in, write it once as .pt2 and .json: README, "
        "'A network of your own'."
    )
