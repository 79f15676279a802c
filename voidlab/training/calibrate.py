"""What a network's confidence is worth: fitted on simulated micrographs that were not trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import optimize, special

from voidlab import scores
from voidlab.segment import decode
from voidlab.segment.confidence import NAMES, Calibration
from voidlab.segment.expectation import Teacher
from voidlab.segment.network import OTHERS
from voidlab.segment.network_segmenter import NetworkSegmenter
from voidlab.simulate.micrographs import Micrograph, micrograph
from voidlab.tables.kinds import VOID
from voidlab.training import simulated
from voidlab.training.on_disk import Log

if TYPE_CHECKING:
    import torch

# Real images hold so many times more that looks like a void and is none; of loops and dots they do not.
_HARDER = {VOID: 2.0, decode.LOOP_OR_DOT: 1.0}
_FIRST_SEED = 1_900_000  # of the images simulated for it
_IMAGES = 220  # for confidence, and as many for what precision and recall follow from
_LEAST_IMAGES = 10
_PRIOR = 0.002  # how firmly weights stay near 0, or that of the height near 1


@dataclass(frozen=True)
class Judged:
    """Peaks of what is sought in one image: what speaks for each, (n, 11), and whether each was right."""

    spoken: np.ndarray
    right: np.ndarray


def for_card(model: torch.nn.Module, log: Log) -> dict[str, Any]:
    """What the card says of how far to trust the network, from simulated images it was not trained on."""
    log(f"calibrating on {2 * _IMAGES} simulated images")
    method = NetworkSegmenter(model)
    seeds = _counted(range(_FIRST_SEED, _FIRST_SEED + 2 * _IMAGES), log)
    method = replace(method, calibration=calibrate(method, islice(seeds, _IMAGES)))
    taught = teach(method, seeds)
    return {
        "confidence": {kind: _rounded(each) for kind, each in method.calibration.weights.items()},
        "expected": {
            name: {
                "weights": _rounded(each.weights),
                "in_vain": _rounded(each.in_vain),
                "concentration": round(each.concentration, 2),
            }
            for name, each in taught.items()
        },
    }


def _counted(seeds: Sequence[int], log: Log) -> Iterator[int]:
    """The seeds, and a line in the log for each hundred that are done."""
    for number, seed in enumerate(seeds):
        if number and number % 100 == 0:
            log(f"{number} of {len(seeds)} images")
        yield seed


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]


def calibrate(method: NetworkSegmenter, seeds: Iterable[int], size: int = 384) -> Calibration:
    """Calibration of a network on simulated micrographs, of ``size`` px, of these seeds."""
    sought: dict[str, list[Judged]] = {what: [] for what in decode.SOUGHT}
    for seed in seeds:
        made = micrograph(seed, shape=(size, size))
        contrast = "dark" if made.upside_down else "bright"
        maps = replace(method, contrast=contrast, kinds=(VOID, *OTHERS)).maps(made.as_shown)
        for what, images in sought.items():
            images.append(_judged(decode.peaks(maps, what), _truth(made, what)))
    return Calibration({what: _fitted(each, _HARDER[what]) for what, each in sought.items()})


def teach(method: NetworkSegmenter, seeds: Iterable[int], size: int = 384) -> dict[str, Teacher]:
    """How precision and recall follow from two looks, on simulated micrographs whose contrast it decides itself.

    Those without a void to detect say nothing: whether there are any is not for it to expect. Nothing is learnt where
    there are too few in which it detects anything.
    """
    spoken: dict[str, list[np.ndarray]] = {"precision": [], "recall": []}
    counts: dict[str, list[tuple[int, int]]] = {"precision": [], "recall": []}
    for seed in seeds:
        made = micrograph(seed, shape=(size, size))
        if made.voids["ignored"].all():
            continue
        decided = replace(method, contrast="auto", focus=None).with_contrast_from([made.as_shown])
        looks = decided.look_twice(made.as_shown)
        undecided = decided.choice is not None and decided.choice.undecided
        truth = simulated.without_smaller(made.voids, decided.min_radius_px)
        score = scores.score_voids(truth, decided.find(made.as_shown))
        hits, misses, false = (int(score[name]) for name in ("hits", "misses", "false_positives"))
        for name, speaks, wrong in (
            ("precision", looks.for_precision(undecided=undecided), false),
            ("recall", looks.for_recall(undecided=undecided), misses),
        ):
            if hits + wrong and looks.detections:
                spoken[name].append(speaks)
                counts[name].append((hits, wrong))
    if min(map(len, counts.values())) < _LEAST_IMAGES:
        return {}
    return {name: _taught(np.array(spoken[name]), np.array(counts[name])) for name in spoken}


def _taught(spoken: np.ndarray, counts: np.ndarray) -> Teacher:
    """The most likely teacher: of the share of right ones, given how many were right and wrong in each image."""
    right, wrong = counts.T
    known = spoken.shape[1]
    # Weights near these, unless there is much to say against: what is sure is right and seldom in vain.
    usual = np.concatenate([[0, 0.5, 0.5, 0, 0], [-2, -0.5, -0.5, 0, 0], [2.5]])

    def teacher(values: np.ndarray) -> Teacher:
        weights, in_vain = values[:known].tolist(), values[known:-1].tolist()
        return Teacher(weights, in_vain, float(np.exp(np.clip(values[-1], -2, 6))))

    def loss(values: np.ndarray) -> float:
        vain, a, b = teacher(values).of(spoken)
        likely = np.log1p(-vain) + special.betaln(right + a, wrong + b) - special.betaln(a, b)
        likely = np.where(right == 0, np.logaddexp(likely, np.log(vain)), likely)
        away = values - usual
        return float(-likely.sum() + away @ away)

    return teacher(optimize.minimize(loss, usual, method="BFGS").x)


def _truth(made: Micrograph, what: str) -> pd.DataFrame:
    """The voids of a micrograph, or its loops and dots: of these what lies where a void is counts neither way."""
    if what == VOID:
        return made.voids
    return pd.concat([made.others, made.voids.assign(ignored=True)], ignore_index=True)


def _judged(peaks: decode.Peaks, truth: pd.DataFrame) -> Judged:
    """Which peaks are right; those at what counts neither way are left out.

    Of several at one object the highest is right, and the others are left out: they are the same detection.
    """
    order = np.argsort(-peaks.spoken[:, NAMES.index("height")], kind="stable")
    places = {"x_px": peaks.x, "y_px": peaks.y, "radius_px": peaks.radius}
    found, spoken = pd.DataFrame(places).iloc[order], peaks.spoken[order]
    once = decode.once(*found.to_numpy().T)
    found, spoken = found.iloc[once].reset_index(drop=True), spoken[once]
    right, false = scores.judge_detections(truth, found)
    return Judged(spoken[right | false], right[right | false])


def _fitted(images: Sequence[Judged], harder: float) -> tuple[float, ...]:
    """Weights of a logistic regression in which an image counts with the root of its peaks.

    Peaks that are wrong count ``harder`` times as much.
    """
    start = np.zeros(len(NAMES))
    start[NAMES.index("height")] = 1
    spoken = np.concatenate([each.spoken for each in images])
    right = np.concatenate([each.right for each in images])
    if not len(right):
        return tuple(start.tolist())
    weight = np.concatenate([np.full(len(each.right), max(len(each.right), 1) ** -0.5) for each in images])
    weight = np.where(right, weight, harder * weight)
    weight /= weight.mean()

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        odds = spoken @ weights
        p = 1 / (1 + np.exp(-odds))
        value = weight @ np.logaddexp(0, np.where(right, -odds, odds)) / len(right)
        away = weights - start
        slope = spoken.T @ (weight * (p - right)) / len(right) + _PRIOR * np.append(0, away[1:])
        return value + _PRIOR / 2 * away[1:] @ away[1:], slope

    best = optimize.minimize(loss, start, jac=True, method="BFGS")
    return tuple(float(value) for value in best.x)
