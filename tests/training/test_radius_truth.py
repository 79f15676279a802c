"""What the card says of radii in focus pairs, with a segmenter that finds what it is told to."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import tifffile

from voidlab import tables
from voidlab.training.radius_truth import pair_scores

SHAPE, MAGNIFICATION = (300, 400), 1.03


def field(seed):
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(40.0, 361, 40), np.arange(40.0, 261, 40))
    return x.ravel() + random.uniform(-12, 12, x.size), y.ravel() + random.uniform(-12, 12, y.size)


def voids(x, y, radius, confidence):
    rows = pd.DataFrame(
        {"frame": 0, "label": np.arange(1, len(x) + 1), "x_px": x, "y_px": y, "radius_px": radius}
    )
    rows = rows.assign(
        kind="void",
        area_px=250.0,
        touches_edge=False,
        confidence=confidence,
        size_basis="fringe",
        radius_sigma_px=0.5,
    )
    return tables.select(rows.assign(radius_shared_sigma_px=0.3), "voids")


@dataclass(frozen=True)
class Told:
    """Finds a field of voids under focus, and over focus all but the last ten, larger, in an image magnified."""

    contrast: str = "auto"
    other: bool = False

    def find(self, image):
        x, y = field(0)
        if self.contrast == "bright":
            return voids(x, y, 9.0, np.where(np.arange(len(x)) < 40, 0.9, 0.6))
        if self.other:
            x, y = field(1)
        x, y = (x[:-10] - 199.5) * MAGNIFICATION + 199.5 + 6, (y[:-10] - 149.5) * MAGNIFICATION + 149.5 - 4
        return voids(x, y, 9.0 * MAGNIFICATION * 1.05, 0.9)


@pytest.fixture
def folder(tmp_path):
    for name in "ab":
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros(SHAPE, np.uint8))
    (tmp_path / "pairs.csv").write_text("under_focus,over_focus,dy_px,dx_px\na.tif,b.tif,-4,6\n")
    return tmp_path


def test_voids_are_found_again_where_one_image_is_magnified_and_radii_are_compared_at_one_scale(folder):
    count = len(field(0)[0])
    found = pair_scores(folder, Told())
    assert (found["pairs"], found["refused"]) == (1, 0)
    assert found["found_again"] == pytest.approx((count - 10) / found["under"])
    assert found["sure_found_again"] == 1
    assert found["sized"] == count - 10
    assert found["radius_over_under"] == pytest.approx(1.05, rel=0.003)


def test_a_pair_in_which_no_voids_lie_together_is_counted_and_stops_nothing(folder):
    found = pair_scores(folder, Told(other=True))
    assert (found["pairs"], found["refused"], found["sized"]) == (0, 1, 0)
