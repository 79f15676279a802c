"""Linking an image at a time gives the tracks that linking them all together gives."""

import numpy as np
import pandas as pd
import pytest

from voidlab.track.link import link_voids
from voidlab.track.one_by_one import LinkerOneByOne, VoidsTooDense


def wandering(frames=30, voids=40, seed=4):
    """Voids that wander, each missing now and then."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 400, (voids, 2)) + np.cumsum(rng.normal(0, 1.5, (frames, voids, 2)), axis=0)
    rows = [
        {"frame": frame, "x_px": x, "y_px": y}
        for frame in range(frames)
        for x, y in xy[frame][rng.random(voids) > 0.1]
    ]
    table = pd.DataFrame(rows)
    return table.assign(label=table.groupby("frame").cumcount() + 1, kind="void")


def test_the_tracks_are_those_of_all_images_together():
    voids = wandering()
    together = link_voids(voids, search_range_px=9, memory=2)["particle"].to_numpy()
    linker = LinkerOneByOne(9, memory=2)
    steps = [linker.add(rows[["x_px", "y_px"]].to_numpy()) for _, rows in voids.groupby("frame")]
    one_by_one = pd.factorize(np.concatenate([step.particles for step in steps]))[0]
    assert np.array_equal(one_by_one, together)
    assert sum(step.born for step in steps) == together.max() + 1
    lost = [particle for step in steps for particle in step.lost]
    last = voids.assign(particle=together).groupby("particle")["frame"].max()
    assert len(lost) == len(set(lost)) == (last <= 29 - 3).sum()


def test_no_voids_are_normal_and_too_many_are_told():
    linker = LinkerOneByOne(5, memory=1)
    for xy in (np.zeros((0, 2)), np.array([[3.0, 4.0]]), np.zeros((0, 2)), np.array([[4.0, 4.0]])):
        found = linker.add(xy)
    assert (found.born, found.lost) == (0, ())
    crowd = np.random.default_rng(1).uniform(0, 5, (80, 2))
    dense = LinkerOneByOne(50, memory=0)
    dense.add(crowd)
    with pytest.raises(VoidsTooDense):
        dense.add(crowd)
