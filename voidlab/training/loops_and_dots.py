"""How well loops and dots are detected, and told apart, beside voids or without any."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from voidlab import scores
from voidlab.images.series import open_series
from voidlab.segment.network import OTHERS
from voidlab.segment.network_segmenter import NetworkSegmenter
from voidlab.simulate.micrographs import micrograph
from voidlab.tables.kinds import VOID
from voidlab.training import simulated


def on_simulated(method: NetworkSegmenter, seeds: Iterable[int], size: int = 384) -> dict[str, float]:
    """Precision and recall of loops and dots together, and the share of those found whose kind is right.

    Parameters
    ----------
    seeds
        Of micrographs of ``size`` px, whose contrast the network is told.
    """
    parts = []
    for frame, seed in enumerate(seeds):
        made = micrograph(seed, shape=(size, size))
        told = replace(method, contrast="dark" if made.upside_down else "bright", kinds=(VOID, *OTHERS))
        truth = simulated.without_smaller(made.others, told.min_radius_px)
        found = told.detect(made.as_shown).voids
        parts.append((truth.assign(frame=frame), found[found["kind"] != VOID].assign(frame=frame)))
    truth, found = (pd.concat(each, ignore_index=True) for each in zip(*parts, strict=True))
    score = scores.score_voids(truth, found)
    match = scores.match_voids(truth, found)
    kinds = truth["kind"].to_numpy()[match["truth"]], found["kind"].to_numpy()[match["found"]]
    return {
        "precision": float(score["precision"]),
        "recall": float(score["recall"]),
        "right_kind": float(np.mean(np.equal(*kinds))) if len(match) else np.nan,
    }


def detected(files: Sequence[Path], method: NetworkSegmenter) -> dict[str, float]:
    """How many voids, loops and dots are detected in images without voids."""
    told = replace(method, kinds=(VOID, *OTHERS))
    found = pd.concat([told.find(open_series(file)[0]) for file in files])["kind"]
    return {f"{kind}s": float((found == kind).sum()) for kind in told.kinds}
