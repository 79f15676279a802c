"""How places in one image lie in another of the same field: a shift, a magnification and a turn."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import KDTree
from scipy.special import pdtrc

_OFF_PX = 16.0  # furthest that a shift may be off
_BY_LUCK = 1e-3  # probability that another one brings so many places together
# Tried, the likeliest first: to 6 % and half a degree.
_MAGNIFICATIONS = 1 + 0.005 * np.array(sorted(range(-12, 13), key=abs))
_TURNS = np.exp(0.003j * np.array(sorted(range(-3, 4), key=abs)))
_LEAST_PLACES = 6  # from which a magnification is found; of fewer only the shift
_ROUNDS = 10
_LEAST_SCATTER_PX = 0.3
_LEAST_SIGMA_PX = 0.1  # of a shift by places


@dataclass(frozen=True)
class Similarity:
    """Where an image has what another one shows.

    Attributes
    ----------
    middle : tuple of float
        x and y about which it is magnified and turned, px.
    shift : ndarray of shape (2,)
        By how much the middle itself is moved, x and y, px.
    turn : complex
        Magnification × exp(i × angle).
    """

    middle: tuple[float, float]
    shift: np.ndarray
    turn: complex = 1 + 0j

    @property
    def magnification(self) -> float:
        return abs(self.turn)

    @property
    def angle_deg(self) -> float:
        """Angle that it is turned by, from x to y, degrees."""
        return float(np.degrees(np.angle(self.turn)))

    def of(self, places: np.ndarray) -> np.ndarray:
        """Where ``places`` (n, 2), x and y, lie."""
        return _as_places(_as_complex(places, self.middle) * self.turn) + self.middle + self.shift

    def shift_sigma_px(self, here: np.ndarray, there: np.ndarray) -> float:
        """Standard error of the shift, per axis, px, by how far places that it was fitted to are apart.

        The shift is that of the middle: it is known less well where all places lie on one side of it.
        """
        apart = there - self.of(here)
        scatter = 1.4826 * np.median(np.abs(apart - np.median(apart, axis=0)), axis=0)
        away = here - self.middle
        centre = away.mean(axis=0)
        spread = float(((away - centre) ** 2).sum())
        lever = (centre @ centre) * len(here) / spread if len(here) >= _LEAST_PLACES and spread else 0.0
        return max(
            1.2533 * float(scatter.max()) * float(1 + lever) ** 0.5 / len(here) ** 0.5, _LEAST_SIGMA_PX
        )

    def back(self, places: np.ndarray) -> np.ndarray:
        """What lies at these ``places`` (n, 2)."""
        away = _as_complex(places - self.shift, self.middle)
        return _as_places(away / self.turn) + self.middle

    def fitted_to(self, here: np.ndarray, there: np.ndarray, *, shift_is_known: bool = False) -> "Similarity":
        """The one that takes ``here`` (n, 2) to ``there``; places that stay far apart count less.

        Of fewer than six places the magnification and the angle stay; with ``shift_is_known`` the shift does.

        References
        ----------
        Holland and Welsch (1977), robust regression by reweighted least squares, doi:10.1080/03610927708827533.
        """
        if len(here) < _LEAST_PLACES or not np.ptp(here, axis=0).any():
            rest = there - replace(self, shift=np.zeros(2)).of(here)
            return self if shift_is_known or not len(here) else replace(self, shift=np.median(rest, axis=0))
        away, moved = (_as_complex(places, self.middle) for places in (here, there))
        shift, turn = complex(*self.shift), self.turn
        for _ in range(_ROUNDS):
            off = np.abs(moved - shift - turn * away)
            weight = 1 / (1 + (off / max(1.4826 * float(np.median(off)), _LEAST_SCATTER_PX)) ** 2)
            if shift_is_known:
                turn = (weight * np.conj(away) * (moved - shift)).sum() / (weight * np.abs(away) ** 2).sum()
                continue
            one, two = ((weight * each).sum() / weight.sum() for each in (away, moved))
            turn = (weight * np.conj(away - one) * (moved - two)).sum() / (
                weight * np.abs(away - one) ** 2
            ).sum()
            shift = two - turn * one
        return replace(self, shift=np.array([shift.real, shift.imag]), turn=complex(turn))


def tried_shifts(reach_px: float) -> float:
    """How many shifts `likeliest` tries that are farther apart than ``reach_px``."""
    return (_OFF_PX / reach_px) ** 2


def likeliest(
    here: np.ndarray,
    there: np.ndarray,
    start: Similarity,
    reach_px: float,
    area_px: float,
    *,
    shift_is_known: bool = False,
) -> Similarity:
    """The magnification, and the shift near that of ``start``, that bring most places (n, 2) together.

    Parameters
    ----------
    reach_px
        Places so near to each other are together.
    area_px
        Of the image, px²: ``start`` stays where so many would lie together by luck.
    """
    if not len(here) or not len(there):
        return start
    turns = [complex(m * turn) for turn in _TURNS for m in _MAGNIFICATIONS]
    tried = [_voted(here, there, replace(start, turn=turn), reach_px) for turn in turns]
    count, best = max(tried, key=lambda each: each[0])  # of as many the first
    together = KDTree(there).query(start.of(here))[0] <= reach_px
    by_chance = np.pi * reach_px**2 * len(here) * len(there) / area_px
    by_luck = len(turns) * tried_shifts(reach_px) * pdtrc(count - 1, by_chance) > _BY_LUCK
    if count <= together.sum() or by_luck:
        return start
    if count < _LEAST_PLACES:
        _, best = _voted(here, there, start, reach_px)
    return replace(best, shift=start.shift) if shift_is_known else best


def _voted(here: np.ndarray, there: np.ndarray, move: Similarity, reach_px: float) -> tuple[int, Similarity]:
    """How many pairs of places the best shift near that of ``move`` brings together, and ``move`` with it."""
    near = KDTree(there).query_ball_point(move.of(here), _OFF_PX)
    i = np.repeat(np.arange(len(here)), [len(each) for each in near])
    if not len(i):
        return 0, move
    off = there[np.concatenate([np.asarray(each, int) for each in near])] - move.of(here)[i]
    votes = KDTree(off)
    counts = votes.query_ball_point(off, reach_px, return_length=True)
    best = int(np.argmax(counts))
    shift = np.median(off[votes.query_ball_point(off[best], reach_px)], axis=0)
    return int(counts[best]), replace(move, shift=move.shift + shift)


def _as_complex(places: np.ndarray, middle: tuple[float, float]) -> np.ndarray:
    return (places[:, 0] - middle[0]) + 1j * (places[:, 1] - middle[1])


def _as_places(numbers: np.ndarray) -> np.ndarray:
    return np.stack([numbers.real, numbers.imag], axis=1)
