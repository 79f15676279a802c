"""Error of a mean radius, from how the radii of all tracks scatter about their lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voidlab.track.growth import fit_lines

_LEAST_FREE = 20
_WORTH_OF_ALL = 4.0  # rows: how much the scatter of all tracks counts beside that of the one


@dataclass(frozen=True)
class RadiusErrors:
    """Relative error of a single radius, of each ``particle``; and how errors 1, 2, … frames apart are correlated.

    An error of a void that stays the same in all its frames, as from its shape, is not seen and not in these.
    """

    particle: np.ndarray
    share: np.ndarray
    correlation: np.ndarray

    @classmethod
    def of(
        cls, particle: np.ndarray, frame: np.ndarray, radius: np.ndarray, piece: np.ndarray, *, unknown: float
    ) -> RadiusErrors:
        """From all tracks, rows sorted by particle and frame; ``unknown``: error where these are too few to tell."""
        lines = fit_lines(particle, frame, radius, piece)
        every, counts = particle[lines.tracks.starts], lines.tracks.counts
        lasting = lines.lasting()
        shown = np.maximum(counts - lasting.taken, 0.2 * np.maximum(lines.free, 1))
        free = np.maximum(lines.free, 0)
        share = lines.scale * np.sqrt(np.maximum(free, 1) / shown) / (lines.tracks.sum(radius) / counts)
        if free.sum() < _LEAST_FREE:
            return cls(every, np.full(len(every), unknown), np.zeros(0))
        order = np.argsort(share)
        middle = share[order][np.searchsorted(np.cumsum(free[order]), free.sum() / 2)]
        if middle < 1e-6:  # radii that do not scatter at all were made, not measured
            return cls(every, np.full(len(every), unknown), np.zeros(0))
        pooled = (free * np.minimum(share, 3 * middle) ** 2 + _WORTH_OF_ALL * middle**2) / (
            free + _WORTH_OF_ALL
        )
        return cls(every, np.sqrt(pooled), lasting.correlation)

    def of_mean(self, particle: np.ndarray, radius: np.ndarray, count: np.ndarray) -> np.ndarray:
        """Standard error of mean radii of so many frames that follow each other."""
        apart = np.arange(1, len(self.correlation) + 1)
        rows = np.clip(1 - apart / count[:, None], 0, None)
        together = (1 + 2 * (rows * self.correlation).sum(axis=1)) / count
        result: np.ndarray = self.share[np.searchsorted(self.particle, particle)] * radius * np.sqrt(together)
        return result
