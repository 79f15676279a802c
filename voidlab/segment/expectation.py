"""How many detections are right, and how many voids are missed, before anybody has looked: with intervals.

A network that is out of its depth contradicts itself: it is told so by its confidence, and by what it says of the
same image turned and enlarged. Both are weighed as simulated micrographs teach.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import betaln

from voidlab.segment.discs import Discs
from voidlab.tables.verdict import CHECK, DO_NOT_USE, GOOD

LEVEL = 0.9
ENLARGED = 1.2
_GOOD_F1, _USELESS_F1 = 0.84, 0.5
_WIDEST = 0.4  # interval of precision that may still be called good


@dataclass(frozen=True)
class Looks:
    """Two looks at some images, the second at them turned and enlarged.

    Attributes
    ----------
    detections, sure : float
        Detections, and the sum of their confidences.
    candidates : float
        Sum of the confidences of all that may be a void.
    confirmed : float
        Sum of the confidences that the second look has in the detections of the first.
    others, known : float
        Detections of the second look, and the sum of the confidences that the first has in them.
    """

    detections: float = 0.0
    sure: float = 0.0
    candidates: float = 0.0
    confirmed: float = 0.0
    others: float = 0.0
    known: float = 0.0

    def __add__(self, other: Self) -> "Looks":
        return Looks(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def for_precision(self, *, undecided: bool) -> np.ndarray:
        """What speaks for the precision, (5,); ``undecided``: the contrast is."""
        return self._speaks(_log_odds(self.sure, self.detections), self.confirmed, self.detections, undecided)

    def for_recall(self, *, undecided: bool) -> np.ndarray:
        """What speaks for the recall, (5,)."""
        return self._speaks(_log_odds(self.sure, self.candidates), self.known, self.others, undecided)

    def _speaks(self, own: float, again: float, of: float, undecided: bool) -> np.ndarray:
        return np.array([1, own, _log_odds(again, of), undecided, np.log1p(self.detections)])


def turned(image: np.ndarray) -> np.ndarray:
    """``image`` (H, W) turned by 90° and enlarged, as the second look is at."""
    return np.asarray(ndimage.zoom(np.rot90(np.asarray(image, np.float32)), ENLARGED, order=1))


def turned_back(discs: Discs, shape: tuple[int, ...]) -> Discs:
    """Discs of the `turned` image where they lie in that of this shape, (H, W)."""
    height, width = shape
    # The corners' centres of pixels stay in the corners.
    along, across = ((side - 1) / max(round(side * ENLARGED) - 1, 1) for side in (height, width))
    return replace(discs, x=width - 1 - discs.y * across, y=discs.x * along, radius=discs.radius / ENLARGED)


def look_twice(first: Discs, second: Discs, threshold: float) -> Looks:
    """What two looks at one image, candidates of both, say of each other."""
    one, two = first.at_least(threshold), second.at_least(threshold)
    return Looks(
        len(one),
        one.confidence.sum(),
        first.confidence.sum(),
        _confidence_at(one, second),
        len(two),
        _confidence_at(two, first),
    )


def _confidence_at(discs: Discs, others: Discs) -> float:
    """Sum of the confidences of the others nearest to these discs, as far as they are at the same place."""
    if not len(discs) or not len(others):
        return 0.0
    places = (np.stack([each.x, each.y], axis=1) for each in (discs, others))
    here, there = places
    distance, nearest = cKDTree(there).query(here)
    return float(others.confidence[nearest][distance <= np.maximum(3, discs.radius / 2)].sum())


@dataclass(frozen=True)
class Share:
    """A share between 0 and 1 with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"


@dataclass(frozen=True)
class Teacher:
    """How a share follows from what speaks for it, and how firmly images keep to it.

    Some images are not understood at all, as where the contrast was mistaken: there the share is 0. Of the others
    it scatters about the expected one as a beta distribution of this ``concentration`` does.

    Attributes
    ----------
    weights, in_vain : sequence of 5 floats
        Of the log-odds of the share, and of those that an image is not understood.
    concentration : float
    """

    weights: Sequence[float]
    in_vain: Sequence[float]
    concentration: float

    def of(self, spoken: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Chance that it is in vain, and the two parameters of the beta distribution.

        Parameters
        ----------
        spoken : ndarray of shape (5,) or (n, 5)
            What speaks for one image or many.
        """
        vain, value = (
            np.clip(1 / (1 + np.exp(-np.asarray(spoken @ np.array(each)))), 1e-3, 1 - 1e-3)
            for each in (self.in_vain, self.weights)
        )
        return vain, value * self.concentration, (1 - value) * self.concentration

    def expect(self, spoken: np.ndarray, count: float) -> Share:
        """The share of ``count`` things, with the shortest interval that holds it in nine cases of ten."""
        vain, right, wrong = self.of(spoken)
        number = max(round(count), 1)
        counts = np.arange(number + 1)
        # Of the beta-binomial distribution; of scipy.stats, which has it too, the import takes longer than all this.
        log_chances = betaln(counts + right, number - counts + wrong) - betaln(right, wrong)
        log_chances -= np.log(number + 1) + betaln(counts + 1, number - counts + 1)
        chances = (1 - vain) * np.exp(log_chances)
        chances[0] += vain
        low, high = shortest(chances, LEVEL)
        return Share(float((1 - vain) * right / (right + wrong)), low / number, high / number)


def shortest(chances: np.ndarray, level: float) -> tuple[int, int]:
    """First and last of the fewest numbers from 0 on, side by side, whose ``chances`` (n,) add up to ``level``.

    Of as few the ones most likely. A small chance far from the rest so widens nothing, as it would an interval that
    leaves the same chance outside on either side.
    """
    up_to = np.concatenate([[0], np.cumsum(chances)])
    enough = min(level, float(up_to[-1]))
    first = np.arange(len(chances))
    behind = np.searchsorted(up_to, up_to[:-1] + enough - 1e-12)
    first, behind = first[behind <= len(chances)], behind[behind <= len(chances)]
    best = np.lexsort((-(up_to[behind] - up_to[first]), behind - first))[0]
    return int(first[best]), int(behind[best]) - 1


@dataclass(frozen=True)
class Expectation:
    """What is expected of the detections of a series, and whether to trust them.

    Attributes
    ----------
    precision, recall : Share or None
        None where nothing was detected.
    verdict : str
        "good", "check" or "do not use".
    reasons : list of str
        A sentence each.
    """

    precision: Share | None
    recall: Share | None
    verdict: str
    reasons: list[str]

    @property
    def f1(self) -> float:
        """Expected F1, 0 where nothing was detected."""
        if self.precision is None or self.recall is None:
            return 0.0
        p, r = self.precision.value, self.recall.value
        return 2 * p * r / (p + r)


def expect(looks: Iterable[Looks], taught: Mapping[str, Teacher], *, undecided: bool) -> Expectation:
    """Precision, recall and verdict from looks at images of a series; ``undecided``: the contrast is."""
    each: Sequence[Looks] = list(looks)
    total = sum(each, Looks())
    if not total.detections:
        return Expectation(None, None, CHECK, ["nothing was detected"])
    precision = taught["precision"].expect(total.for_precision(undecided=undecided), total.detections)
    speaks = total.for_recall(undecided=undecided)
    detected = (
        taught["recall"].expect(speaks, 1).value
    )  # of how many there are, does not depend on their number
    recall = taught["recall"].expect(speaks, total.detections * precision.value / max(detected, 0.05))
    made = Expectation(precision, recall, GOOD, [])
    reasons = [
        f"of the detections {precision} are expected to be voids",
        f"of the voids that can be seen {recall} are expected to be detected",
    ]
    if made.f1 < _USELESS_F1:
        verdict = DO_NOT_USE
    elif made.f1 < _GOOD_F1 or precision.high - precision.low > _WIDEST:
        verdict = CHECK
    else:
        verdict = GOOD
    return Expectation(precision, recall, verdict, reasons)


def _log_odds(part: float, whole: float) -> float:
    """Of a share, as if one thing more of either kind had been seen."""
    share = (part + 0.5) / (whole + 1)
    return float(np.log(share / (1 - share)))
