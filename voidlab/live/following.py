"""Drift and tracks of the images so far, each image placed against those before it; all of it provisional."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from voidlab.drift.correlate import Shift
from voidlab.drift.one_by_one import DriftOneByOne
from voidlab.drift.pairs import partners_before
from voidlab.images.label_stack import PackedLabels
from voidlab.project.parameters.models import TrackParameters
from voidlab.segment.frame import FrameResult
from voidlab.track.link import linkable
from voidlab.track.mergers import find_merges
from voidlab.track.one_by_one import LinkerOneByOne, VoidsTooDense
from voidlab.track.search_range import choose_search_range

RANGE_FROM = 10  # images, that tell how far voids move
_TRAIL = 30  # places of a void that are kept
_BESIDE_PX = 12.0  # from circle to circle: what may have merged


@dataclass
class Followed:
    """Where an image lies, px, and what its voids are.

    ``particles`` has a number for each void of the image, -1 for those that are not linked; None before the search
    range is known.
    """

    frame: int
    x_px: float = math.nan
    y_px: float = math.nan
    is_lost: bool = False
    particles: np.ndarray | None = None
    born: int = 0
    lost: int = 0
    merged: int = 0
    tracks: int = 0


@dataclass
class _Track:
    places: deque[tuple[int, float, float, float, bool]] = field(default_factory=lambda: deque(maxlen=_TRAIL))


class Following:
    """Follows the drift and the voids, in the order of the frames.

    Parameters
    ----------
    shape
        (H, W) of the images, px.
    asked
        Parameters of the stage track.
    shifts
        Shifts between images that are known, by the digests of both.
    """

    def __init__(
        self, shape: tuple[int, int], asked: TrackParameters, shifts: Mapping[tuple[str, str], Shift]
    ) -> None:
        self.shape, self._asked, self._shifts = shape, asked, shifts
        self.frames: list[int] = []
        self.too_dense = False
        self.search_range_px = math.nan
        self._drift = DriftOneByOne(shape)
        self._digests: list[str] = []
        self._linker: LinkerOneByOne | None = None
        self._early: list[tuple[Followed, pd.DataFrame]] = []
        self._tracks: dict[int, _Track] = {}

    def add(self, frame: int, digest: str, result: FrameResult) -> tuple[list[Followed], dict[str, Shift]]:
        """Follow one more image; give it, and others that can be linked by now, and the shifts that were measured."""
        row = len(self._digests)
        known = {
            a: self._shifts[self._digests[a], digest]
            for a in partners_before(row)
            if (self._digests[a], digest) in self._shifts
        }
        placed = self._drift.add(_mask(result, self.shape), known)
        self._digests.append(digest)
        self.frames.append(frame)
        new = {self._digests[a]: shift for a, shift in placed.shifts.items() if a not in known}
        followed = Followed(frame, placed.x_px, placed.y_px, placed.is_lost)
        self._early.append((followed, result.voids))
        if self._linker is None and len(self._early) < RANGE_FROM:
            return [followed], new
        return self.link_now(), new

    def link_now(self) -> list[Followed]:
        """Link what waits for the search range, with the range that the images so far tell."""
        if self._linker is None:
            self.search_range_px = self._range()
            self._linker = LinkerOneByOne(self.search_range_px, self._asked.memory)
        early, self._early = self._early, []
        return [self._linked(followed, voids) for followed, voids in early]

    @property
    def is_waiting(self) -> bool:
        """Whether images wait to be linked, of which at least two tell how far voids move."""
        return len(self._early) > 1

    def path(self) -> np.ndarray:
        """Drift of all images from all pairs together, (n, 2) px."""
        return self._drift.solve()

    def trails(self, particles: np.ndarray) -> dict[int, list[tuple[float, float]]]:
        """Drift-corrected places of these particles so far."""
        return {
            int(particle): [(x, y) for _, x, y, _, _ in self._tracks[int(particle)].places]
            for particle in particles
            if int(particle) in self._tracks
        }

    def close(self) -> None:
        """Remove the temporary file of the masks."""
        self._drift.close()

    def _range(self) -> float:
        if self._asked.search_range_px != "auto":
            return self._asked.search_range_px
        placed = [
            _corrected(self._chosen(voids), followed).assign(frame=followed.frame)
            for followed, voids in self._early
        ]
        return choose_search_range(pd.concat(placed, ignore_index=True)).px

    def _chosen(self, voids: pd.DataFrame) -> pd.DataFrame:
        return linkable(voids, link_edge_voids=self._asked.link_edge_voids)

    def _linked(self, followed: Followed, voids: pd.DataFrame) -> Followed:
        assert self._linker is not None
        chosen = self._chosen(voids)
        x, y = chosen["x_px"].to_numpy() - followed.x_px, chosen["y_px"].to_numpy() - followed.y_px
        try:
            found = self._linker.add(np.column_stack([x, y]))
        except VoidsTooDense:
            self.too_dense = True
            self.search_range_px /= 2
            self._linker = LinkerOneByOne(self.search_range_px, self._asked.memory)
            self._tracks.clear()
            return followed
        particles = np.full(len(voids), -1, np.int64)
        particles[voids.index.get_indexer(chosen.index)] = found.particles
        radius, cut = chosen["radius_px"].to_numpy(), chosen["touches_edge"].to_numpy()
        for particle, *place in zip(found.particles, x, y, radius, cut, strict=True):
            self._tracks.setdefault(int(particle), _Track()).places.append((followed.frame, *place))
        followed.merged = self._merges(found.lost)
        for particle in found.lost:
            self._tracks.pop(particle, None)
        followed.particles, followed.born = particles, found.born
        followed.lost, followed.tracks = len(found.lost), len(self._tracks)
        return followed

    def _merges(self, lost: tuple[int, ...]) -> int:
        """How many of the particles that are ``lost`` became one with another."""
        merged = 0
        for particle in lost:
            beside = self._beside(particle)
            if len(beside) < 2:
                continue
            rows = [
                {"particle": name, "frame": frame, "x_px": x, "y_px": y, "radius_px": r, "touches_edge": cut}
                for name in beside
                for frame, x, y, r, cut in self._tracks[name].places
            ]
            events = find_merges(pd.DataFrame(rows), memory=self._asked.memory)
            merged += int((events["parent_a"] == particle).sum())
        return merged

    def _beside(self, particle: int) -> list[int]:
        """The particle and those whose circles were near its own when it was last seen."""
        track = self._tracks.get(particle)
        if track is None or not track.places:
            return []
        _, x, y, radius, _ = track.places[-1]
        return [
            name
            for name, other in self._tracks.items()
            if name == particle
            or any(
                math.hypot(x - u, y - v) < radius + r + _BESIDE_PX
                for _, u, v, r, _ in list(other.places)[-4:]
            )
        ]


def _corrected(voids: pd.DataFrame, followed: Followed) -> pd.DataFrame:
    """``voids`` with their centres freed of the drift of the image."""
    return voids.assign(x_px=voids["x_px"] - followed.x_px, y_px=voids["y_px"] - followed.y_px)


def _mask(result: FrameResult, shape: tuple[int, int]) -> np.ndarray:
    labels = result.labels
    if labels is None:
        return np.zeros(shape, bool)
    return np.asarray((labels.unpacked() if isinstance(labels, PackedLabels) else labels) > 0)
