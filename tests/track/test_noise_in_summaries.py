"""What noise adds to displacements, paths and radii of voids at rest, as the meanings of the columns say."""

import numpy as np
import pandas as pd
import pytest

from voidlab import tables, track
from voidlab.tables.catalogue import TABLES

NOISE, SCATTER = 0.3, 0.2
MEANINGS = {column.name: column.meaning for column in TABLES["tracks"].columns}


def summed_up(frames, distance=0.0, voids=4000):
    """Tracks of voids of radius 8 px that are at rest, or move evenly by ``distance`` px in all."""
    random = np.random.default_rng(frames)
    particle, frame = np.repeat(np.arange(voids), frames), np.tile(np.arange(frames), voids)
    linked = pd.DataFrame(
        {
            "particle": particle, "frame": frame, "label": 1,
            "x_px": 50 + distance * frame / (frames - 1) + random.normal(0, NOISE, len(frame)),
            "y_px": 60 + random.normal(0, NOISE, len(frame)),
            "radius_px": 8 + random.normal(0, SCATTER, len(frame)), "touches_edge": False,
        }
    )  # fmt: skip
    return tables.check(track.summarize_tracks(linked), "tracks").mean(numeric_only=True)


@pytest.mark.parametrize(("frames", "furthest", "radius"), [(5, 2.7, 1.2), (20, 3.4, 1.9), (100, 4.0, 2.5)])
def test_of_voids_at_rest(frames, furthest, radius):
    mean = summed_up(frames)
    assert mean["mean_radius_px"] == pytest.approx(8, abs=4 * SCATTER / np.sqrt(4000 * frames))
    assert mean["net_displacement_px"] / NOISE == pytest.approx(np.sqrt(np.pi), abs=0.06)
    assert mean["path_length_px"] / NOISE / (frames - 1) == pytest.approx(np.sqrt(np.pi), abs=0.03)
    assert mean["max_displacement_px"] / NOISE == pytest.approx(furthest, abs=0.1)
    assert (8 - mean["min_radius_px"]) / SCATTER == pytest.approx(radius, abs=0.07)
    assert (mean["max_radius_px"] - 8) / SCATTER == pytest.approx(radius, abs=0.07)
    assert f"{furthest} σ over {frames}" in MEANINGS["max_displacement_px"]
    assert f"{radius} σ over {frames}" in MEANINGS["min_radius_px"]
    for name in ("net_displacement_px", "path_length_px"):
        assert "1.8 " in MEANINGS[name]


@pytest.mark.parametrize("distance", [1.0, 3.0, 10.0])
def test_of_voids_that_move_far(distance):
    longer = summed_up(10, distance, voids=40_000)["net_displacement_px"] - distance
    assert longer == pytest.approx(NOISE**2 / distance, abs=0.01)
