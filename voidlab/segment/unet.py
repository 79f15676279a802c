"""The U-Net of the network, and an image too large for it taken in tiles.

Layers, their names and their order are those of MONAI's ``BasicUNet``, whose weights it takes; MONAI itself takes
seconds to import, in every process that segments. This module imports torch: import it inside functions.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn


class Convolution(nn.Sequential):
    """Convolution of 3 × 3 px, normalisation over the batch, and what is negative set to 0."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.adn = nn.Sequential()
        self.adn.add_module("N", nn.BatchNorm2d(outputs))
        self.adn.add_module("A", nn.ReLU(inplace=True))


class _TwoConvolutions(nn.Sequential):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_0 = Convolution(inputs, outputs)
        self.conv_1 = Convolution(outputs, outputs)


class _Down(nn.Sequential):
    """To half the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.max_pooling = nn.MaxPool2d(2)
        self.convs = _TwoConvolutions(inputs, outputs)


class _Up(nn.Module):
    """To twice the size, joined with what was there at that size on the way down."""

    def __init__(self, inputs: int, beside: int, outputs: int, *, halves: bool = True) -> None:
        super().__init__()
        enlarged = inputs // 2 if halves else inputs
        self.upsample = nn.Sequential()
        self.upsample.add_module("deconv", nn.ConvTranspose2d(inputs, enlarged, 2, stride=2))
        self.convs = _TwoConvolutions(beside + enlarged, outputs)

    def forward(self, x: torch.Tensor, beside: torch.Tensor) -> torch.Tensor:
        joined: torch.Tensor = self.convs(torch.cat([beside, self.upsample(x)], dim=1))
        return joined


class UNet(nn.Module):
    """(n, inputs, H, W) → (n, outputs, H, W), sides multiples of 16: nothing is padded.

    ``features`` are the channels of five sizes, from the whole to a sixteenth, and those before the last step.
    """

    def __init__(self, inputs: int, outputs: int, features: Sequence[int]) -> None:
        super().__init__()
        whole, half, quarter, eighth, sixteenth, last = features
        self.conv_0 = _TwoConvolutions(inputs, whole)
        self.down_1 = _Down(whole, half)
        self.down_2 = _Down(half, quarter)
        self.down_3 = _Down(quarter, eighth)
        self.down_4 = _Down(eighth, sixteenth)
        self.upcat_4 = _Up(sixteenth, eighth, eighth)
        self.upcat_3 = _Up(eighth, quarter, quarter)
        self.upcat_2 = _Up(quarter, half, half)
        self.upcat_1 = _Up(half, whole, last, halves=False)
        self.final_conv = nn.Conv2d(last, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x0 = self.conv_0(x)
        x1 = self.down_1(x0)
        x2 = self.down_2(x1)
        x3 = self.down_3(x2)
        x4 = self.down_4(x3)
        back = self.upcat_2(self.upcat_3(self.upcat_4(x4, x3), x2), x1)
        result: torch.Tensor = self.final_conv(self.upcat_1(back, x0))
        return result


def in_tiles(
    x: torch.Tensor, predict: Callable[[torch.Tensor], torch.Tensor], weight: torch.Tensor, overlap: int
) -> torch.Tensor:
    """What ``predict`` says of each tile of ``x``, (1, channels, H, W); where tiles overlap the mean by ``weight``.

    Parameters
    ----------
    weight : Tensor of shape (h, w)
        How much a tile counts at each of its pixels; all tiles are as large, and no larger than ``x``.
    overlap
        Pixels that neighbouring tiles share at least.
    """
    h, w = weight.shape
    height, width = x.shape[-2:]
    tiles = [
        (..., slice(first, first + h), slice(begin, begin + w))
        for first in _starts(height, h, overlap)
        for begin in _starts(width, w, overlap)
    ]
    weight = weight.to(x.dtype)
    count = torch.zeros((1, 1, height, width), dtype=x.dtype)
    for tile in tiles:
        count[tile] += weight
    whole = torch.zeros(0)
    for tile in tiles:
        said = predict(x[tile]) * weight.to(x.device)
        if not len(whole):
            whole = torch.zeros((1, said.shape[1], height, width), dtype=x.dtype)
        whole[tile] += said.to("cpu")
    return whole / count


def _starts(size: int, side: int, overlap: int) -> list[int]:
    """Where tiles begin along a side of ``size`` pixels; the last ends with it."""
    if size == side:
        return [0]
    return [min(start, size - side) for start in range(0, size - overlap, side - overlap)]
