"""How good a segmenter is on labelled images: a table of scores with intervals, and a sheet of hits and misses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from voidlab import scores
from voidlab.images.series import Calibration
from voidlab.report.figures.voids import hits_and_misses
from voidlab.tables.rows import spread_rows
from voidlab.tables.written import replacing_own
from voidlab.training.labelled import Finder, Labelled, truth_and_found

RULES: dict[str, float | None] = {"centre": None, "IoU 0.1": 0.1, "IoU 0.3": 0.3, "IoU 0.5": 0.5}


@dataclass(frozen=True)
class Evaluation:
    """What a segmenter found in labelled images, and what that is worth.

    Attributes
    ----------
    truth, found : DataFrame
        Voids of all images; ``frame`` counts the images.
    scores : DataFrame
        ``rule`` (what counts as a match), ``score, value, low, high`` (95 % interval).
    sizes : DataFrame
        Recall by diameter, see `voidlab.scores.recall_by_size`.
    """

    truth: pd.DataFrame
    found: pd.DataFrame
    scores: pd.DataFrame
    sizes: pd.DataFrame

    def row(self, score: str, rule: str = "centre") -> pd.Series:
        """One score, with its interval."""
        return self.scores[(self.scores["rule"] == rule) & (self.scores["score"] == score)].iloc[0]

    def of(self, score: str, rule: str = "centre") -> float:
        """Value of one score."""
        return float(self.row(score, rule)["value"])


def evaluate_segmenter(
    labelled: Sequence[Labelled], finder: Finder, *, log: Callable[[str], None] = lambda text: None
) -> Evaluation:
    """Find the voids of labelled images and score them."""
    truth, found = truth_and_found(labelled, finder, log=log)
    parts = []
    for rule, iou in RULES.items():
        part = scores.score_intervals(truth, found, iou=iou)
        parts.append(part.rename_axis("score").reset_index().assign(rule=rule))
    table = pd.concat(parts, ignore_index=True)[["rule", "score", "value", "low", "high"]]
    return Evaluation(truth, found, table, scores.recall_by_size(truth, found))


def draw_sheet(labelled: Sequence[Labelled], judgement: Evaluation, *, most: int = 6) -> Figure:
    """Images with what was hit, missed and false positives; at most ``most``, spread over all."""
    shown = spread_rows(len(labelled), most, down=True)
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(5.2 * columns, 5.4 * rows), squeeze=False, layout="constrained"
    )
    every = scores.objects(judgement.truth, judgement.found)
    for ax in axes.ravel()[len(shown) :]:
        ax.set_axis_off()
    for ax, number in zip(axes.ravel(), shown, strict=False):
        image = labelled[number].image
        low, high = np.percentile(image, [0.5, 99.5])
        stretched = np.clip((image - low) / max(high - low, 1e-9), 0, 1)
        hits_and_misses(stretched, every[every["frame"] == number], ax, Calibration(None, "unknown"))
        ax.set_title(labelled[number].name, fontsize=9)
    return figure


def write_evaluation(folder: Path, labelled: Sequence[Labelled], judgement: Evaluation) -> list[Path]:
    """Write scores.csv, recall-by-size.csv and hits-and-misses.png into ``folder``; say which files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / name for name in ("scores.csv", "recall-by-size.csv", "hits-and-misses.png")]
    for file, table in zip(files, (judgement.scores, judgement.sizes), strict=False):
        with replacing_own(file) as temporary:
            table.to_csv(temporary, index=False, float_format="%.5g")
    drawn = draw_sheet(labelled, judgement)
    with replacing_own(files[2]) as temporary:
        drawn.savefig(temporary, format="png", dpi=130)
    plt.close(drawn)
    return files


def evaluation_in_words(judgement: Evaluation) -> str:
    """The scores people ask for, in lines."""
    lines = ["                  precision    recall        F1"]
    for rule in RULES:
        values = [judgement.of(score, rule) for score in ("precision", "recall", "f1")]
        lines.append(f"{rule + ' match':16}" + "".join(f"{value:10.3f}" for value in values))
    for score, text in (
        ("radius_bias", "radius bias"),
        ("radius_spread", "radius spread"),
        ("count_error", "count error"),
        ("volume_error", "sum of d³ error"),
    ):
        row = judgement.row(score)
        lines.append(
            f"{text:16}{100 * row['value']:+9.1f} %  (95 %: {100 * row['low']:+.1f} to {100 * row['high']:+.1f})"
        )
    return "\n".join(lines)
