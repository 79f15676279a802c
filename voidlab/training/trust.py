"""How far confidence, expected precision and verdict can be trusted: on simulated and on labelled images."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from voidlab import scores
from voidlab.segment.network_segmenter import NetworkSegmenter
from voidlab.simulate.micrographs import Micrograph, micrograph
from voidlab.tables.verdict import DO_NOT_USE, GOOD, VERDICTS
from voidlab.training import labelled, simulated

_BINS, _LEAST_IN_A_BIN = 5, 30
_POOR_F1, _FINE_F1 = 0.7, 0.85


@dataclass(frozen=True)
class Judged:
    """An image, how good the detections are and how good they were said to be.

    Attributes
    ----------
    f1, precision : float
        0 and NaN where there was nothing to hit.
    expected_f1, low, high : float
        Expected F1, and the interval of the expected precision.
    verdict : str
        That on the detections, no better than that on the contrast.
    """

    name: str
    f1: float
    precision: float
    expected_f1: float
    low: float
    high: float
    verdict: str


def judge(name: str, image: np.ndarray, truth: pd.DataFrame, method: NetworkSegmenter) -> Judged:
    """How good the detections in an image are, and how good they are said to be, the contrast left to the method."""
    decided = replace(method, contrast="auto", focus=None).with_contrast_from([image])
    expected = decided.expectation([image])
    assert expected is not None
    assert decided.choice is not None
    found = scores.score_voids(truth, decided.find(image).drop(columns="frame"))
    precision = expected.precision
    return Judged(
        name,
        float(np.nan_to_num(found["f1"])),
        float(found["precision"]),
        expected.f1,
        precision.low if precision else 0.0,
        precision.high if precision else 1.0,
        max(expected.verdict, decided.choice.verdict, key=VERDICTS.index),
    )


def verdicts(
    method: NetworkSegmenter, seeds: Iterable[int], folders: Iterable[Path], *, size: int = 384
) -> dict[str, float]:
    """How the verdicts on simulated and on labelled images stand to their true F1.

    Of simulated images those without a void to find are left out: F1 says nothing there. Voids smaller than the
    method is asked for count neither way.
    """
    every = [
        judge(item.name, item.image, item.voids, method)
        for folder in folders
        for item in labelled.read_labelled(folder)
    ]
    for seed in seeds:
        made = _simulated(seed, size)
        truth = simulated.without_smaller(made.voids, method.min_radius_px)
        if not truth["ignored"].all():
            every.append(judge(str(seed), made.as_shown, truth, method))
    table = pd.DataFrame(every)
    poor, fine = table[table["f1"] < _POOR_F1], table[table["f1"] >= _FINE_F1]
    told = table.dropna(subset="precision")
    return {
        "images": len(table),
        "poor": len(poor),
        "poor_called_good": int((poor["verdict"] == GOOD).sum()),
        "fine": len(fine),
        "fine_called_good": float((fine["verdict"] == GOOD).mean()),
        "fine_called_useless": float((fine["verdict"] == DO_NOT_USE).mean()),
        "rank_correlation": float(stats.spearmanr(table["f1"], table["expected_f1"]).statistic),
        "precision_held": float(told["precision"].between(told["low"], told["high"]).mean()),
        "median_width": float((told["high"] - told["low"]).median()),
    }


def by_look(method: NetworkSegmenter, seeds: Iterable[int], *, size: int = 384) -> dict[str, float]:
    """F1 of simulated micrographs, look by look, and how far confidence is from the share that is right.

    The latter is the largest difference in five bins of confidence with as many detections each. Of looks without a
    void to find it is the false voids per megapixel instead of F1.
    """
    parts: dict[str, list[tuple[pd.DataFrame, pd.DataFrame]]] = {}
    for seed in seeds:
        made = _simulated(seed, size)
        contrast = "dark" if made.upside_down else "bright"
        told = replace(method, contrast=contrast, threshold=0.1, focus=None)
        both = simulated.without_smaller(made.voids, method.min_radius_px), told.find(made.as_shown)
        pair = (each.assign(frame=seed) for each in both)
        parts.setdefault(made.look, []).append(tuple(pair))  # type: ignore[arg-type]
    found = {}
    for look, pairs in sorted(parts.items()):
        truth, seen = (pd.concat(each, ignore_index=True) for each in zip(*pairs, strict=True))
        sure = seen[seen["confidence"] >= method.threshold].reset_index(drop=True)
        if truth["ignored"].all():
            megapixels = len(pairs) * size**2 / 1e6
            found[f"{look}_voids_per_megapixel"] = len(sure) / megapixels
        else:
            found[f"{look}_f1"] = float(scores.score_voids(truth, sure)["f1"])
        found[f"{look}_confidence_error"] = _confidence_error(truth, seen)
    return found


@lru_cache(maxsize=300)  # both tests look at the same ones
def _simulated(seed: int, size: int) -> Micrograph:
    return micrograph(seed, shape=(size, size))


def _confidence_error(truth: pd.DataFrame, found: pd.DataFrame) -> float:
    """Largest difference of mean confidence and share that is right, in bins of as many detections each."""
    right, false = scores.judge_detections(truth, found)
    confidence, right = found["confidence"].to_numpy()[right | false], right[right | false]
    if len(right) < _BINS * _LEAST_IN_A_BIN:
        return np.nan
    bins = np.array_split(np.argsort(confidence), _BINS)
    return float(max(abs(confidence[part].mean() - right[part].mean()) for part in bins))
