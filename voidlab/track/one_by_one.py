"""Voids linked into tracks while the images come in: each image with those before it, nothing with those after it."""

from dataclasses import dataclass

import numpy as np

from voidlab.track.link import least_total_cost


@dataclass(frozen=True)
class Linked:
    """Particle of each void of an image; how many of them are new; the particles that are lost since."""

    particles: np.ndarray
    born: int
    lost: tuple[int, ...]


class LinkerOneByOne:
    """Links as `voidlab.track.link.link_voids` does, an image at a time; the numbers of the particles differ.

    Parameters
    ----------
    search_range_px
        Furthest a void may move from an image to the next, px.
    memory
        Images in which a void may be missing and still be the same.
    """

    def __init__(self, search_range_px: float, memory: int) -> None:
        from trackpy.linking import Linker  # it imports much that only linking needs

        self.memory = memory
        self._linker = Linker(search_range_px, memory=memory, link_strategy=least_total_cost)
        self._levels = 0
        self._seen: dict[int, int] = {}  # the level at which each particle was last seen

    def add(self, xy: np.ndarray) -> Linked:
        """Link the voids at ``xy``, (n, 2) px, drift-corrected, to those before.

        Raises
        ------
        VoidsTooDense
            If too many compete for one another within the search range.
        """
        from trackpy.linking import SubnetOversizeException

        places = np.ascontiguousarray(xy[:, ::-1], np.float64)
        try:
            if self._levels == 0:
                self._linker.init_level(places, 0)
            else:
                self._linker.next_level(places, self._levels)
        except SubnetOversizeException:
            raise VoidsTooDense from None
        particles = np.array(self._linker.particle_ids, np.int64)
        born = sum(particle not in self._seen for particle in particles.tolist())
        self._seen.update(dict.fromkeys(particles.tolist(), self._levels))
        gone = self._levels - self.memory - 1
        lost = tuple(particle for particle, level in self._seen.items() if level <= gone)
        for particle in lost:
            del self._seen[particle]
        self._levels += 1
        return Linked(particles, born, lost)


class VoidsTooDense(Exception):
    """More voids compete for one another within the search range than can be told apart."""
