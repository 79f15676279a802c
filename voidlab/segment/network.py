"""The torch network: image → maps of void probability, of centres of voids, loops and dots, and of radii.

The network looks at an image at its own size, at a third, a quarter and less of it, and for tiny voids at twice its
size, so that it only has to know voids of 2 to 26 px in radius; `voidlab.segment.decode` makes voids of the maps of
all. Nothing here knows of files; weights are read by `voidlab.segment.model_file`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import ndimage

from voidlab.images.binning import block_mean, enlarge, twice_as_large
from voidlab.segment.stripes import without_stripes

if TYPE_CHECKING:
    import torch

FEATURES = (24, 32, 72, 144, 256, 24)
OTHERS = ("loop", "dot")  # what is told from voids
CHANNELS = ("void", "centre", "radius", *OTHERS)
_PLANES = 2  # the image, and whether it is a negative
USUAL_RADIUS_PX = 6.0  # the radius channel is the logarithm of the radius over this
MAX_RADIUS_PX = 26.0  # largest void the network knows, in its own pixels
SCALES = (1, 3, 4, 16, 64)
TWICE = 0.5  # the scale of an image twice as large
_TILE = 1184  # at most: larger ones need more memory
_OVERLAP = 160
_RIM = 40
_BACKGROUND_PX = 40.0
STEP = 32  # sizes the network takes are multiples of this


@dataclass(frozen=True)
class Maps:
    """What the network says of an image at one scale.

    Attributes
    ----------
    scale : float
        Pixels of the image along a pixel of the maps: ``x_image = (x + 0.5) * scale - 0.5``.
    void, centre : ndarray of shape (h, w), float32
        Probability that a pixel lies in a void; how near it is to a void's centre, 0 to 1.
    radius_px : ndarray of shape (h, w), float32
        Radius of what has its centre near, in pixels of the maps.
    others : dict of ndarray
        As ``centre``, of each of `OTHERS`.
    negative : bool
        Whether it was told that it sees the negative of an image, in which voids, loops and dots are bright.
    dark : bool
        Whether it was shown the negative of the image: voids are dark. Without ``negative`` it is one of a dark-field
        detector, whose negative is like an image of bright voids: nothing dark is there but them.
    of_negative : Maps
        What it says of the negative, in which loops and dots are looked for: they are dark under focus too. None if
        these are the maps of the negative, or if nobody asks for loops and dots.
    """

    scale: float
    void: np.ndarray
    centre: np.ndarray
    radius_px: np.ndarray
    others: dict[str, np.ndarray] = field(default_factory=dict)
    negative: bool = False
    dark: bool = False
    of_negative: Maps | None = None

    @property
    def known_px(self) -> int:
        """Pixels of which something is known: elsewhere there is no void, to the bit."""
        return int(np.count_nonzero(self.void))

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        own = sum(each.nbytes for each in (self.void, self.centre, self.radius_px, *self.others.values()))
        return own + (self.of_negative.nbytes if self.of_negative else 0)


def build_network(features: Sequence[int] = FEATURES) -> torch.nn.Module:
    """An untrained network: (n, 2, H, W) → (n, 5, H, W), sides multiples of 32.

    It is given normalised images in which voids are bright, and a plane that is 1 where the image is a negative: what
    is dark beside voids over focus, such as loops, is bright then. A U-Net on blocks of 2×2 px, so that most of its
    work is done at half the size.

    References
    ----------
    Ronneberger, Fischer and Brox, MICCAI 2015, doi:10.1007/978-3-319-24574-4_28.
    """
    from torch import nn

    from voidlab.segment.unet import UNet

    # Sides are multiples of 32, so there is nothing to pad.
    unet: Any = UNet(4 * _PLANES, 4 * len(CHANNELS), features)
    # Most pixels are no void and hardly any is a centre: start from there.
    for channel, start in enumerate((-2.0, -4.0, 0.0, -4.0, -4.0)):
        nn.init.constant_(unet.final_conv.bias[4 * channel : 4 * channel + 4], start)
    return nn.Sequential(nn.PixelUnshuffle(2), unet, nn.PixelShuffle(2))


def normalised(image: np.ndarray) -> np.ndarray:
    """Image (H, W) as the network wants it, float32: no slow background, no stripes, noise and detail about 1.

    What is not finite is taken for the background beside it, and has no say in how much noise and detail there is; an
    image of one value gives zeros.
    """
    image = np.asarray(image, np.float32)
    known = np.isfinite(image)
    if known.all():
        told = detail = without_stripes(image - _background(image))
    elif known.any():
        detail = without_stripes(_detail_of_known(image, known))
        image, told = image[known], detail[known]
    else:
        return np.zeros(image.shape, np.float32)
    largest = float(max(image.max(), -image.min()))
    scale = max(1.4826 * float(_median(np.abs(told))), 0.25 * float(told.std()), 1e-6 * largest, 1e-12)
    detail /= scale
    return np.clip(detail, -12, 12, out=detail)


def _detail_of_known(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The image without the slow background of what is ``known`` of it; elsewhere its mirror image, or else 0.

    So what is not known has no border, as the picture has none: where noise ends the network would see voids.
    """
    centred = np.where(known, image - np.median(image[known]), np.float32(0))
    slow = _background(centred) / np.maximum(_background(known.astype(np.float32)), 1e-6)
    detail = np.where(known, centred - slow, np.float32(0))
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    y, x = (
        2 * near - here
        for near, here in zip(nearest, np.ogrid[: known.shape[0], : known.shape[1]], strict=True)
    )
    inside = (y >= 0) & (y < known.shape[0]) & (x >= 0) & (x < known.shape[1])
    return np.where(inside, detail[np.where(inside, y, 0), np.where(inside, x, 0)], np.float32(0))


def preprocess(image: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """What the network is shown of an image at one scale, and where something is known of the image.

    Parameters
    ----------
    image : ndarray of shape (H, W)
        Voids brighter than their surroundings.
    scale
        Pixels of the image along a pixel of the maps.

    Returns
    -------
    picture : ndarray, float32
        Normalised, its sides mirrored to the next multiple of `STEP`.
    known : ndarray of shape (h, w), bool
    """
    small = at_scale(np.asarray(image, np.float32), scale)
    margins = tuple((0, -side % STEP) for side in small.shape)
    mode: Literal["reflect", "edge"] = "reflect" if min(small.shape) >= STEP else "edge"
    picture = normalised(small)
    return np.pad(picture, margins, mode=mode) if np.any(margins) else picture, np.isfinite(small)


def at_scale(image: np.ndarray, scale: float) -> np.ndarray:
    """Image (H, W) made so many times smaller, or twice as large."""
    return twice_as_large(image) if scale == TWICE else block_mean(image, int(scale), pad=True)


def forward(
    model: torch.nn.Module, picture: np.ndarray, arithmetic: str = "auto", *, negative: bool = False
) -> np.ndarray:
    """What the network says of a picture, (5, h, w) float32; ``arithmetic`` as `arithmetic_of` takes it.

    ``negative`` says that the picture is the negative of an image, so that its dark voids are bright.
    """
    import torch

    device = next(model.parameters()).device
    planes = np.stack([picture, np.full_like(picture, negative)])
    x = torch.from_numpy(planes)[None].to(device)
    dtype: torch.dtype = getattr(torch, arithmetic_of(arithmetic, device))
    with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        raw = _tiled(model, x) if max(picture.shape) > _TILE else model(x).float()
    return np.asarray(raw[0].cpu().numpy())


def to_maps(
    raw: np.ndarray, known: np.ndarray, scale: float, *, negative: bool = False, dark: bool = False
) -> Maps:
    """Maps from an answer of the network; where nothing is known there is no void, whatever stood in for it."""
    height, width = known.shape
    void, centre, radius, *others = raw[:, :height, :width]
    size = USUAL_RADIUS_PX * np.exp(np.clip(radius, -2, 2.5))
    of_others = {name: _sigmoid(each, known) for name, each in zip(OTHERS, others, strict=False)}
    return Maps(scale, _sigmoid(void, known), _sigmoid(centre, known), size, of_others, negative, dark)


def fuse_for_inference(model: torch.nn.Module) -> torch.nn.Module:
    """The same network, no longer to be trained, that in bfloat16 says nearly what it says in float32.

    Its normalisations become part of its convolutions, so that it rounds half as often, and its last step is float32.
    ``model`` itself is changed.
    """
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    class InFloat32(torch.nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.autocast(x.device.type, enabled=False):
                return torch.as_tensor(super().forward(x.float()))

    from voidlab.segment.unet import Convolution

    blocks: list[Any] = [module for module in model.modules() if isinstance(module, Convolution)]
    for block in blocks:
        block.conv = fuse_conv_bn_eval(block.conv, block.adn.N)
        block.adn.N = torch.nn.Identity()
    unet: Any = model.get_submodule("1")
    unet.final_conv = InFloat32(unet.final_conv)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def usual_device() -> str:
    """A GPU where there is one: "cuda" or "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def arithmetic_of(asked: str = "auto", device: torch.device | None = None) -> str:
    """What a network computes in on ``device`` (None: the processor): "float32" or "bfloat16".

    "auto" is bfloat16 where the device multiplies it by itself, about twice as fast, else float32: elsewhere bfloat16
    would be imitated, slower than float32, or refused. Radii of single voids differ between the two by up to 10 %.
    """
    import torch

    if asked != "auto":
        return asked
    if device is not None and device.type == "cuda":
        by_itself = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        by_itself = (device is None or device.type == "cpu") and _has_bfloat16()
    return "bfloat16" if by_itself else "float32"


def _tiled(model: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    import torch

    from voidlab.segment.unet import in_tiles

    def predict(tile: torch.Tensor) -> torch.Tensor:
        return model(tile).float()

    # What a tile says near its border it says of half a neighbourhood: there the next tile counts.
    from_border = [np.minimum(np.arange(side), np.arange(side)[::-1]) for side in map(_side, x.shape[-2:])]
    inner = np.clip((np.minimum.outer(*from_border) - _RIM) / _RIM, 1e-4, 1)
    return in_tiles(x, predict, torch.from_numpy(inner.astype(np.float32)), _OVERLAP)


def _side(size: int) -> int:
    """Side of the tiles that cover so many pixels: as few tiles as can be, no larger than they have to be."""
    tiles = max(math.ceil((size - _OVERLAP) / (_TILE - _OVERLAP)), 1)
    return STEP * math.ceil((size + (tiles - 1) * _OVERLAP) / (tiles * STEP))


@lru_cache
def _has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 by itself."""
    import torch

    can = torch.cpu.get_capabilities()
    return bool(can.get("avx512_bf16") or can.get("amx_bf16") or can.get("bf16"))


def _background(image: np.ndarray) -> np.ndarray:
    """What changes over more than some 40 px, computed on an eighth of the size."""
    step = 8
    small = ndimage.gaussian_filter(block_mean(image, step, pad=True), _BACKGROUND_PX / step, mode="reflect")
    return enlarge(small, step, (image.shape[0], image.shape[1]))


def _sigmoid(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Probability from log odds, 0 where nothing is known; in the memory of one map."""
    odds: np.ndarray = np.clip(values, -30, 30)
    np.negative(odds, out=odds)
    np.exp(odds, out=odds)
    odds += 1
    np.divide(1, odds, out=odds)
    odds *= known
    return odds


def _median(values: np.ndarray) -> np.floating[Any]:
    """As `numpy.median` of numbers that are no NaN, and puts them in another order.

    One search for the middle takes a tenth of the time of its three.
    """
    half, parted = values.size // 2, values.reshape(-1)
    parted.partition(half)
    upper: np.floating[Any] = parted[half]
    return upper if values.size % 2 else (parted[:half].max() + upper) / values.dtype.type(2)
