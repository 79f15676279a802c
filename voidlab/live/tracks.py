"""Tracks of the voids so far, an image at a time: which void is which, how many began, were lost, or became one."""

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from voidlab.live.followed import Followed
from voidlab.project.parameters.models import TrackParameters
from voidlab.track.link import linkable
from voidlab.track.mergers import find_merges
from voidlab.track.one_by_one import LinkerOneByOne, VoidsTooDense
from voidlab.track.search_range import choose_search_range

RANGE_FROM = 10  # images, that tell how far voids move
TRAIL = 30  # places of a void that are kept
_BESIDE_PX = 12.0  # from circle to circle: what may have merged


@dataclass
class _Track:
    places: deque[tuple[int, float, float, float, bool]] = field(default_factory=lambda: deque(maxlen=TRAIL))


class Tracks:
    """Links the voids of images, in the order of the frames, by nearest positions freed of drift."""

    def __init__(self, asked: TrackParameters) -> None:
        self.too_dense = False
        self.search_range_px = math.nan
        self._asked = asked
        self._linker: LinkerOneByOne | None = None
        self._early: list[tuple[Followed, pd.DataFrame]] = []
        self._tracks: dict[int, _Track] = {}

    def add(self, followed: Followed, voids: pd.DataFrame) -> list[Followed]:
        """Link the ``voids`` of one more image; give the images that are linked by it."""
        self._early.append((followed, voids))
        return [] if self._linker is None and len(self._early) < RANGE_FROM else self.link_now()

    def link_now(self) -> list[Followed]:
        """Link what waits for the search range, with the range that the images so far tell."""
        if self._linker is None:
            self._start(self._range())
        early, self._early = self._early, []
        return [self._linked(followed, voids) for followed, voids in early]

    def go_on_with(self, range_px: float, memory_of: list[tuple[Followed, pd.DataFrame]]) -> None:
        """Take up tracks after a restart: link the last images anew, as they are needed to go on from."""
        self._start(range_px)
        for followed, voids in memory_of:
            self._linked(followed.without_particles(), voids)

    @property
    def needed(self) -> int:
        """Images before the next one on which its tracks, and their trails, rest."""
        return TRAIL + self._asked.memory + 1

    @property
    def is_waiting(self) -> bool:
        """Whether images wait to be linked, of which at least two tell how far voids move."""
        return len(self._early) > 1

    def trails(self, particles: np.ndarray) -> dict[int, list[tuple[float, float]]]:
        """Drift-corrected places of these particles so far."""
        return {
            int(particle): [(x, y) for _, x, y, _, _ in self._tracks[int(particle)].places]
            for particle in particles
            if int(particle) in self._tracks
        }

    def _start(self, range_px: float) -> None:
        self.search_range_px = range_px
        self._linker = LinkerOneByOne(range_px, self._asked.memory)
        self._tracks.clear()

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
        followed.search_range_px = self.search_range_px
        try:
            found = self._linker.add(np.column_stack([x, y]))
        except VoidsTooDense:
            self.too_dense = True
            self._start(self.search_range_px / 2)
            return followed
        particles = np.full(len(voids), -1, np.int64)
        particles[voids.index.get_indexer(chosen.index)] = found.particles
        radius, cut = chosen["radius_px"].to_numpy(), chosen["touches_edge"].to_numpy()
        for particle, *place in zip(found.particles, x, y, radius, cut, strict=True):
            self._tracks.setdefault(int(particle), _Track()).places.append((followed.frame, *place))
        followed.merged = self._merges(found.lost)
        for particle in found.lost:
            self._tracks.pop(particle, None)
        followed.particles, followed.is_linked, followed.born = particles, True, found.born
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
