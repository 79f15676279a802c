"""A video of voids that wander and become one when they touch: known tracks and merges, imperfect detections."""

import numpy as np
import pandas as pd

from voidlab import tables

SHAPE = (600, 800)


def video(
    seed,
    *,
    voids=100,
    frames=300,
    step=0.35,
    noise=0.4,
    size_noise=0.03,
    missed=0.08,
    false=0.05,
    shape=SHAPE,
):
    """Detected voids with their true ``particle`` (-1: false), and the true merges; volume is conserved.

    Of those that merge the larger keeps its number. Steps, positions and radii are in px, ``shape`` is (H, W).
    """
    random = np.random.default_rng(seed)
    place = random.uniform([0, 0], [shape[1], shape[0]], (voids, 2))
    radius, there = random.lognormal(np.log(8), 0.3, voids), np.ones(voids, bool)
    rows, merges = [], []
    for frame in range(1, frames + 1):
        place += random.normal(0, step, place.shape)
        apart = np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1))
        close = (apart < radius[:, None] + radius[None]) & there[:, None] & there[None]
        for i, j in np.argwhere(np.triu(close, 1)):
            if there[i] and there[j]:
                large, small = (i, j) if radius[i] >= radius[j] else (j, i)
                weight = radius[[large, small]] ** 3
                place[large] = np.average(place[[large, small]], axis=0, weights=weight)
                radius[large], there[small] = weight.sum() ** (1 / 3), False
                if frame > 1:  # those that lie on each other from the start were never two
                    merges.append((frame, small, large))
        seen = np.flatnonzero(there & (random.random(voids) >= missed))
        spurious = random.poisson(false * there.sum())
        rows.append(
            pd.DataFrame(
                {
                    "frame": frame,
                    "particle": np.append(seen, np.full(spurious, -1)),
                    "x_px": np.append(place[seen, 0], random.uniform(0, shape[1], spurious)),
                    "y_px": np.append(place[seen, 1], random.uniform(0, shape[0], spurious)),
                    "radius_px": np.append(radius[seen], random.lognormal(np.log(6), 0.3, spurious)),
                }
            )
        )
    table = pd.concat(rows, ignore_index=True)
    table["x_px"] += random.normal(0, noise, len(table))
    table["y_px"] += random.normal(0, noise, len(table))
    table["radius_px"] *= np.exp(random.normal(0, size_noise, len(table)))
    table["label"] = table.groupby("frame").cumcount() + 1
    reach = table["radius_px"] + 8
    x, y = table["x_px"], table["y_px"]
    touches = (x < reach) | (y < reach) | (x > shape[1] - 1 - reach) | (y > shape[0] - 1 - reach)
    rest = {
        "area_px": np.pi * table["radius_px"] ** 2,
        "kind": "void",
        "confidence": 0.9,
        "touches_edge": touches,
    }
    known = tables.check(table.assign(**rest).astype({"particle": "int64"}), "voids")
    return known, pd.DataFrame(merges, columns=["frame", "parent_a", "parent_b"])


def edges(voids):
    """Pairs of detections that follow each other in a track."""
    rows = voids.sort_values(["particle", "frame"])
    particle = rows["particle"].to_numpy()
    keys = list(zip(rows["frame"], rows["label"], strict=True))
    follows = (particle[1:] == particle[:-1]) & (particle[1:] >= 0)
    return {(keys[i], keys[i + 1]) for i in np.flatnonzero(follows)}


def hits(true, found, name_of, frames=3):
    """Merges found within so many frames, both parents right, each once."""
    left = [(merge.frame, {merge.parent_a, merge.parent_b}) for merge in true.itertuples()]
    count = 0
    for event in found.itertuples():
        parents = {name_of[event.parent_a], name_of[event.parent_b]}
        fits = [known for known in left if known[1] == parents and abs(known[0] - event.frame) <= frames]
        if fits:
            left.remove(fits[0])
            count += 1
    return count


def complete_share(voids, linked):
    """Share of the true tracks of 4 frames or more all of whose detections are one track that holds no others."""
    known = pd.DataFrame({"true": voids["particle"], "found": linked["particle"]})
    real = known[known["true"] >= 0]
    sizes, long = known["found"].value_counts(), real["true"].value_counts()
    whole = 0
    for name in long[long >= 4].index:
        found = real.loc[real["true"] == name, "found"]
        whole += (found == found.iloc[0]).all() and sizes[found.iloc[0]] == len(found)
    return whole / (long >= 4).sum()
