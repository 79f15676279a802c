"""Discs: what every method that finds voids gives, before labels and tables are made of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, fields

import numpy as np


@dataclass(frozen=True)
class Discs:
    """Discs found in an image: centre and radius in px, how sure each is (0 to 1) to be what it is, and what that is.

    ``kind`` is "void" if it is left out, else "void", "loop" or "dot" for each.
    """

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    confidence: np.ndarray
    kind: np.ndarray = field(default_factory=lambda: np.zeros(0, "U4"))

    def __post_init__(self) -> None:
        if len(self.kind) != len(self.x):
            object.__setattr__(self, "kind", np.full(len(self.x), "void"))

    def __len__(self) -> int:
        return len(self.x)

    def at_least(self, confidence: float) -> Discs:
        """Those at least this sure."""
        return self.where(self.confidence >= confidence)

    def within(self, low: float, high: float) -> Discs:
        """Those with a radius between ``low`` and ``high``, px."""
        return self.where((self.radius >= low) & (self.radius <= high))

    def of(self, kinds: Collection[str]) -> Discs:
        """Those of these kinds."""
        return self.where(np.isin(self.kind, list(kinds)))

    def where(self, rows: np.ndarray) -> Discs:
        """Those of a mask."""
        return Discs(*(getattr(self, each.name)[rows] for each in fields(self)))

    def and_also(self, others: Discs) -> Discs:
        """These, then the others."""
        both = ((getattr(self, each.name), getattr(others, each.name)) for each in fields(self))
        return Discs(*map(np.concatenate, both))


def draw_discs(discs: Discs, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Label image and probability of discs.

    Where discs overlap a pixel goes to the one whose centre is nearest in terms of its radius.

    Returns
    -------
    labels : ndarray of shape (H, W), int32
        Disc i as i + 1.
    probability : ndarray of shape (H, W), float32
        Confidence of the disc, falling to zero over its edge.
    """
    labels, probability = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    nearest = np.full(shape, np.inf, np.float32)
    for i, (x, y, radius) in enumerate(zip(discs.x, discs.y, discs.radius, strict=True)):
        reach = radius + 3
        rows = slice(max(int(y - reach), 0), max(int(y + reach) + 2, 0))
        columns = slice(max(int(x - reach), 0), max(int(x + reach) + 2, 0))
        ys, xs = np.ogrid[rows.start : min(rows.stop, shape[0]), columns.start : min(columns.stop, shape[1])]
        distance = np.hypot(ys - y, xs - x).astype(np.float32)
        sure = discs.confidence[i] / (1 + np.exp(4 * np.clip(distance - radius, -20, 20)))
        np.maximum(probability[rows, columns], sure, out=probability[rows, columns])
        share = distance / np.float32(radius)
        mine = (share <= 1) & (share < nearest[rows, columns])
        labels[rows, columns][mine] = i + 1
        nearest[rows, columns][mine] = share[mine]
    return labels, probability
