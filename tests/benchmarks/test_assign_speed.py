"""Links by assignment against trackpy: videos of voids that merge, and a crowd in which trackpy gives up."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

import coalescing
from coalescing import complete_share, edges, hits
from voidlab.track import assign
from voidlab.track.assign import link_by_assignment
from voidlab.track.link import LinkError, link_voids
from voidlab.track.mergers import find_merges

LINKERS = {
    "trackpy": lambda voids: link_voids(voids, search_range_px=8, memory=8),
    "assignment": lambda voids: link_by_assignment(voids, search_range_px=8, memory=8),
}


@pytest.mark.slow
def test_links_and_merges_against_trackpy():
    rows = []
    for seed in range(100, 105):
        voids, merges = coalescing.video(seed, step=0.6)
        for name, link in LINKERS.items():
            linked = link(voids.drop(columns="particle"))
            found = find_merges(linked, memory=8)
            name_of = voids["particle"].groupby(linked["particle"]).agg(lambda names: names.mode().iloc[0])
            true, made = edges(voids), edges(linked)
            rows.append(
                {
                    "linker": name,
                    "jaccard": len(true & made) / len(true | made),
                    "complete": complete_share(voids, linked),
                    "f1": 2 * hits(merges, found, name_of) / (len(merges) + len(found)),
                }
            )
    mean = pd.DataFrame(rows).groupby("linker").mean()
    print(f"\n5 videos of 100 voids and 300 frames, 8 % missed, 5 % false:\n{mean.round(4)}")
    assert mean.loc["assignment", "jaccard"] >= mean.loc["trackpy", "jaccard"]
    assert mean.loc["assignment", "complete"] >= mean.loc["trackpy", "complete"]
    assert mean.loc["assignment", "f1"] >= 0.8


def crowd(count, frames, seed=0):
    """Voids some 6 px apart, so that each has a handful of others within 8 px; all move by some tenths of a px."""
    random = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(count)))
    place = 6.0 * np.stack([np.arange(count) % side, np.arange(count) // side], axis=1)
    place += random.uniform(-1.5, 1.5, place.shape)
    parts = []
    for frame in range(frames):
        place = place + random.normal(0, 0.3, place.shape)
        about = {"frame": frame, "label": np.arange(count) + 1, "x_px": place[:, 0], "y_px": place[:, 1]}
        parts.append(pd.DataFrame(about))
    return pd.concat(parts, ignore_index=True).assign(radius_px=2.0)


@pytest.mark.slow
def test_a_crowd_of_a_hundred_thousand():
    voids = crowd(100_000, 5)
    began = time.perf_counter()
    found = link_by_assignment(voids, search_range_px=8)
    took = time.perf_counter() - began
    spread = found.groupby("label")["particle"].agg(["min", "max"])
    right = (spread["min"] == spread["max"]).mean()
    with pytest.raises(LinkError, match="reaches past too many neighbours"):
        link_voids(crowd(5_000, 2), search_range_px=8)
    print(
        f"\n5 frames of 100,000 voids, 6 px apart, range 8 px: {took:.1f} s, {right:.1%} of the tracks right"
    )
    assert right > 0.99


def as_a_whole(source, target, cost, sources, targets):
    """All voids of a frame in one assignment; see `voidlab.track.assign._cheapest`."""
    wanted, row = np.unique(source, return_inverse=True)
    alone = np.arange(len(wanted))
    numbers = np.append(cost + 1e-9, np.ones(len(wanted)))
    places = (np.append(row, alone), np.append(target, targets + alone))
    weights = csr_matrix((numbers, places), shape=(len(wanted), targets + len(wanted)))
    rows, columns = min_weight_full_bipartite_matching(weights)
    return np.stack([wanted[rows], columns], axis=1)[columns < targets]


def test_a_crowd_is_linked_sooner_than_as_a_whole(benchmark, monkeypatch):
    voids = crowd(30_000, 5)

    def cpu_seconds():
        began = time.process_time()
        found = link_by_assignment(voids, search_range_px=8)
        return found, time.process_time() - began

    now, now_s = benchmark.pedantic(cpu_seconds, rounds=1, warmup_rounds=1)
    monkeypatch.setattr(assign, "_cheapest", as_a_whole)
    before, before_s = cpu_seconds()
    assert now.equals(before)
    print(
        f"\n5 frames of 30,000 voids: as a whole {before_s:.1f} CPU-s, those that compete {now_s:.2f}: "
        f"{before_s / now_s:.0f} times faster"
    )
    assert before_s / now_s >= 4
