"""Videos of voids that coalesce, linked with trackpy and by assignment: the same scores side by side."""

import time

import coalescing
import numpy as np
import pandas as pd

from voidlab import track_scores
from voidlab.assign import link_by_assignment
from voidlab.coalescence import find_merges
from voidlab.track import link_voids

SEEDS = range(100, 104)
LINKERS = {
    "trackpy": lambda voids: link_voids(voids, search_range_px=8, memory=8),
    "assignment": lambda voids: link_by_assignment(voids, search_range_px=4, memory=8),
    "assignment, overlap 0.5": lambda voids: link_by_assignment(
        voids, search_range_px=4, memory=8, overlap=0.5
    ),
}
SHOWN = ["link_jsc", "link_precision", "link_recall", "complete", "purity", "fragments", "alpha", "merge_f1"]


def test_linkers_side_by_side():
    rows = []
    for seed in SEEDS:
        voids, mergers = coalescing.video(seed, step=0.6)
        truth = voids.assign(particle=voids["particle"].astype("Int64").where(voids["particle"] >= 0))
        for name, link in LINKERS.items():
            began = time.perf_counter()
            linked = link(voids.drop(columns="particle"))
            took = time.perf_counter() - began
            events = find_merges(linked, memory=8)
            scores = track_scores.score(
                truth.dropna(subset="particle"), linked, mergers=(mergers, events), resamples=0
            )["value"]
            about = {"linker": name, "seed": seed, "mergers": len(mergers), "seconds": took}
            rows.append(about | scores[SHOWN].to_dict())
    found = pd.DataFrame(rows)
    mean = found.groupby("linker")[["mergers", "seconds", *SHOWN]].mean()
    print(f"\n{len(SEEDS)} videos of 100 voids and 300 frames, 8 % missed, 5 % false, mean over them")
    print(mean.T.round(4).to_string())
    assert (mean["link_jsc"] > 0.99).all()
    assert (mean["merge_f1"] >= 0.8).all()
    ours, theirs = mean.loc["assignment"], mean.loc["trackpy"]
    assert ours["complete"] > theirs["complete"]
    assert np.isfinite(mean.to_numpy()).all()
