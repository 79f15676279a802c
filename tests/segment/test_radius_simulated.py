"""What radii in simulated micrographs are off by, against the errors they are given. ``-s`` prints the table.

Of looks in which voids are seen by their phase more than by their absorption, as in metals, with facets, depths,
grain and what else is in a foil. True is the radius of the sphere as large as what of a void lies in the foil.
"""

import sys

import numpy as np
import pandas as pd
import pytest

from voidlab import segment
from voidlab.simulate.micrographs import micrograph
from voidlab.tables.size_basis import FRINGE

pytestmark = pytest.mark.slow

# The first ones in which three voids or more have a fringe, by its width over the radius and by the focus. In truth
# it is no wider than 1.2 radii: beyond, it is found too narrow in most simulated images, as docs/radii.md says.
SEEDS = {
    "near focus": [
        10000, 10002, 10011, 10026, 10029, 10040, 10080, 10084, 10106, 10111, 10119, 10130,
        10138, 10145, 10173, 10177, 10180, 10215, 10218, 10219, 10236, 10255, 10271, 10275,
        10278, 10293, 10321, 10333, 10336, 10341, 10342, 10345, 10352, 10355, 10364, 10397,
        10399, 10405, 10415, 10424, 10432, 10435, 10442, 10447, 10463, 10465, 10474, 10484,
        10485, 10524, 10541, 10560, 10563, 10583, 10585, 10601, 10611, 10614, 10619, 10620,
        10626, 10629, 10632, 10671, 10673, 10694,
    ],
    "under focus": [
        10032, 10087, 10091, 10112, 10118, 10149, 10191, 10222, 10256, 10259, 10298, 10300,
        10366, 10373, 10409, 10426, 10429, 10433, 10451, 10471, 10488, 10490, 10519, 10544,
        10550, 10573, 10587, 10634, 10639, 10660, 10679, 10681, 10684,
    ],
    "over focus": [
        10015, 10036, 10037, 10048, 10081, 10107, 10109, 10127, 10129, 10132, 10157, 10204,
        10221, 10268, 10295, 10323, 10337, 10371, 10404, 10436, 10437, 10444, 10521, 10535,
        10537, 10584, 10605, 10663, 10665, 10666, 10692,
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def measured():
    """Of each image the median of radius over true, and the share of the voids whose error holds the truth."""
    method = segment.load_segmenter("voids")
    rows = [(focus, seed, *_of_image(method, seed)) for focus, seeds in SEEDS.items() for seed in seeds]
    table = pd.DataFrame(rows, columns=["focus", "seed", "voids", "ratio", "inside"])
    groups = table.groupby("focus")[["ratio", "inside"]].mean().round(3)
    sys.stdout.write(f"\n{table.round(3).to_string(index=False)}\n{groups}\n")
    return table


def _of_image(method, seed):
    made = micrograph(seed, shape=(384, 384))
    voids = method.run(made.as_shown).voids
    voids = voids[voids["size_basis"] == FRINGE]
    truth = made.voids[~made.voids["ignored"]]
    away = np.hypot(*(np.subtract.outer(voids[n].to_numpy(), truth[n].to_numpy()) for n in ("x_px", "y_px")))
    at, true = away.argmin(axis=1), truth["volume_radius_px"].to_numpy()
    hit = (away.min(axis=1) < np.maximum(3, true[at] / 2)) & ~pd.Series(at).duplicated().to_numpy()
    radius, sigma = (voids[name].to_numpy()[hit] for name in ("radius_px", "radius_sigma_px"))
    off = radius - true[at[hit]]
    return len(off), float(np.median(radius / true[at[hit]])), float(np.mean(np.abs(off) <= sigma))


@pytest.mark.parametrize("focus", SEEDS)
def test_one_standard_error_holds_two_of_three(measured, focus):
    assert 0.6 <= measured.loc[measured["focus"] == focus, "inside"].mean() <= 0.76


def test_radii_are_right_in_the_mean_of_all_images(measured):
    assert measured["ratio"].median() == pytest.approx(1, abs=0.03)
