"""What confidence means: the probability of being what it is taken for, from what the maps say of a peak."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

NAMES = (
    *("constant", "height", "void", "against", "radius", "doubt", "unrest"),
    *("negative", "height, negative", "smaller", "scale"),
)
_LEAST = 0.003  # logarithms of odds are those of 0.003 to 0.997
_AREA_OF_UNREST = 2500  # px for a peak
_LEAST_SURE, _MOST_SMALLER = 4, 2.0
_DOUBTFUL = 0.35  # peaks of images that the network does not understand are mostly lower


def evidence(
    height: np.ndarray,
    void: np.ndarray,
    against: np.ndarray,
    radius: np.ndarray,
    scale: np.ndarray,
    *,
    smaller: np.ndarray,
    unrest: float,
    negative: bool,
) -> np.ndarray:
    """What speaks for each peak of what is sought in one image, (n, 11), see ``NAMES``.

    Parameters
    ----------
    height : ndarray of shape (n,)
        Of the peak in the map of what is sought, 0 to 1.
    void, against : ndarray of shape (n,)
        Probability of void there, and how near it is to the centre of something else.
    radius : ndarray of shape (n,)
        Relative to the usual one of the maps.
    scale : ndarray of shape (n,)
        Pixels of the image along a pixel of the maps: what is as large as these has no fine edges.
    smaller : ndarray of shape (n,)
        How much smaller it is than the sure ones of the image, see `smaller_than_sure`.
    unrest
        How high the peaks are that noise and grain have, see `unrest_of`.
    negative
        Whether dark voids were looked for.
    """
    sure = height >= _DOUBTFUL
    doubt = np.log((height[~sure].sum() + 0.5) / (height[sure].sum() + 0.5))
    odds = _log_odds(height)
    ones = np.ones(len(height))
    columns = [ones, odds, _log_odds(void), _log_odds(against), np.log(radius), doubt * ones]
    columns.append(float(_log_odds(np.asarray(unrest))) * ones)
    return np.stack([*columns, negative * ones, negative * odds, smaller, np.log(scale)], axis=1)


def smaller_than_sure(radius: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """Logarithm of each radius over the median of the ``sure`` ones, as far as it is below: specks among voids.

    0 where fewer than four are sure.
    """
    if len(sure) < _LEAST_SURE:
        return np.zeros(len(radius))
    return np.clip(np.log(radius / np.median(sure)), -_MOST_SMALLER, 0)


def unrest_of(peaks: np.ndarray, pixels: int) -> float:
    """Height of the peaks that are everywhere: of as many as one in 50 × 50 px the lowest.

    Parameters
    ----------
    peaks : ndarray of shape (n,)
        Heights of all peaks of a map of so many ``pixels``.
    """
    most = pixels // _AREA_OF_UNREST
    if most >= len(peaks):
        return 0.0
    return float(-np.partition(-peaks, most)[most])


@dataclass(frozen=True)
class Calibration:
    """Weights of what speaks for what is sought, by its name; what has no weights goes by height alone.

    References
    ----------
    Platt, Advances in Large Margin Classifiers (1999), 61: logistic regression on a classifier's scores.
    """

    weights: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def confidence(self, what: str, spoken: np.ndarray) -> np.ndarray:
        """Probability of being ``what`` is sought, for each row of `evidence`."""
        weights = self.weights.get(what, (0.0, 1.0, *(0.0,) * (len(NAMES) - 2)))
        return np.asarray(1 / (1 + np.exp(-spoken @ np.array(weights))))


def _log_odds(probability: np.ndarray) -> np.ndarray:
    p = np.clip(probability, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(p / (1 - p)))
