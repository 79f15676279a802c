"""Voids of simulated micrographs beside what is found: each with its own contrast, frames in order."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from voidlab.simulate.micrographs import micrograph
from voidlab.training.simulated import truth_and_found

SEEDS = range(26, 38)


@dataclass(frozen=True)
class Watch:
    """Finds one void in the middle of the image, and keeps what it is given."""

    contrast: str = "auto"
    given: list = field(default_factory=list)

    def find(self, image):
        self.given.append((self.contrast, image))
        return pd.DataFrame({"x_px": [48.0], "y_px": [48.0], "radius_px": [4.0], "confidence": [0.9]})


@pytest.fixture(scope="module")
def told():
    watch = Watch()
    return watch, *truth_and_found(watch, SEEDS, 96, lambda voids: voids["radius_px"] < 6)


def test_negatives_are_given_as_the_microscope_shows_them(told):
    watch, _, _ = told
    contrasts = [contrast for contrast, _ in watch.given]
    assert set(contrasts) == {"bright", "dark"}
    for seed, (contrast, image) in zip(SEEDS, watch.given, strict=True):
        made = micrograph(seed, shape=(96, 96))
        assert (contrast == "dark") == made.upside_down
        np.testing.assert_array_equal(image, (-1.0 if made.upside_down else 1.0) * made.image)


def test_frames_count_the_micrographs(told):
    _, truth, found = told
    assert found["frame"].tolist() == list(range(12))
    for frame, seed in enumerate(SEEDS):
        made = micrograph(seed, shape=(96, 96)).voids
        assert truth.loc[truth["frame"] == frame, "x_px"].tolist() == made["x_px"].tolist()


def test_what_is_of_no_account_counts_neither_way_nor_is_it_hidden(told):
    _, truth, _ = told
    small = truth["radius_px"] < 6
    assert truth.loc[small, "ignored"].all()
    assert not truth.loc[small, "hidden"].any()
    assert (~truth["ignored"]).any()
    assert truth["hidden"].any()
    assert truth.loc[truth["hidden"], "ignored"].all()
    outside = ~(truth["x_px"].between(0, 95) & truth["y_px"].between(0, 95))
    assert outside.any()
    assert not truth.loc[outside, "hidden"].any()
