"""Images of a slab with voids, made when asked for: what each void lets through, an uneven foil, noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from voidlab.images.binning import block_mean
from voidlab.images.smooth import gaussian

_MEAN_FREE_PATH = 5.0  # in median void diameters: a median void is 22 % brighter than the foil


@dataclass(frozen=True, eq=False)
class SlabImages(Sequence[np.ndarray]):
    """Images (H, W), float32, 0 to 1; each is made from its own seed, in whatever order they are asked for."""

    shape: tuple[int, int]
    voids: pd.DataFrame
    seed: int
    noise: float
    radius_px: float
    drift: np.ndarray

    @cached_property
    def _of_frame(self) -> dict[Any, pd.DataFrame]:
        return dict(iter(self.voids.groupby("frame")))

    def __len__(self) -> int:
        return len(self.drift)

    def __getitem__(self, row):  # type: ignore[no-untyped-def]
        row = range(len(self))[row]
        here = self._of_frame.get(row + 1)
        missing = np.zeros(self.shape) if here is None else _missing_foil(here, self.shape)
        let_through = np.exp(missing / (2 * self.radius_px * _MEAN_FREE_PATH))
        transmitted = _background(self.seed, row, self.shape, self.drift[row]) * let_through
        blurred = gaussian(transmitted, 0.8)
        random = np.random.default_rng(np.random.SeedSequence([self.seed, 2, row]))
        noisy = blurred + self.noise * 0.5 * np.sqrt(2 * blurred) * random.standard_normal(self.shape)
        return np.clip(noisy, 0, 1).astype(np.float32)


def _background(seed: int, row: int, shape: tuple[int, int], drift: np.ndarray) -> np.ndarray:
    """Brightness of the foil: a wedge and slow unevenness that drift with it, a bend contour that wanders."""
    random = np.random.default_rng(np.random.SeedSequence([seed, 3]))
    u = (np.arange(shape[1]) - drift[0]) / max(shape)
    v = (np.arange(shape[0])[:, None] - drift[1]) / max(shape)
    brightness = 0.5 + 0.12 * (u - 0.4)
    for _ in range(4):
        ku, kv, phase = *random.normal(0, 5, 2), random.uniform(0, 2 * np.pi)
        along, down = ku * u + phase, kv * v
        # The sine of their sum, from those of a row and of a column.
        brightness = brightness + 0.02 * (np.sin(along) * np.cos(down) + np.cos(along) * np.sin(down))
    slope, start = random.uniform(-0.5, 0.5), random.uniform(0.3, 0.7)
    across = u - start - slope * v - 0.012 * row
    return brightness * (1 - 0.22 * np.exp(-((across / 0.06) ** 2)))


def _missing_foil(voids: pd.DataFrame, shape: tuple[int, int]) -> np.ndarray:
    """Length of foil that the voids take away along the beam at each pixel, px."""
    total = np.zeros(shape)
    for x, y, radius in voids[["x_px", "y_px", "radius_px"]].to_numpy():
        rows, columns = part = around(x, y, radius, shape)
        # A pixel is the mean over a grid of points in it: a void's edge is not a staircase.
        fine = (np.arange(3) - 1) / 3
        ys = (np.arange(rows.start, rows.stop)[:, None] + fine).ravel() - y
        xs = (np.arange(columns.start, columns.stop)[:, None] + fine).ravel() - x
        inside = radius**2 - ys[:, None] ** 2 - xs[None, :] ** 2
        chord = 2 * np.sqrt(np.clip(inside, 0, None))
        total[part] += block_mean(chord, 3)
    return total


def around(x: float, y: float, radius: float, shape: tuple[int, int]) -> tuple[slice, slice]:
    """The part (y, x) of an image that a void may reach; empty where it lies outside."""
    reach = radius + 1

    def span(centre: float, size: int) -> slice:
        start = min(max(int(np.floor(centre - reach)), 0), size)
        return slice(start, max(min(int(np.ceil(centre + reach)) + 1, size), start))

    return span(y, shape[0]), span(x, shape[1])
