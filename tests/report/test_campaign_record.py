"""What a record says of a dataset before it counts beside others: what is odd is told, and hurts nobody else."""

import math

import numpy as np
import pandas as pd
import pytest

from voidlab.report.campaign_record import plain_sample, why_odd


def field(**odd):
    """Numbers of an image, and the voids they are of."""
    quantities = ["areal_density", "mean_diameter_seen", "volume_per_area"]
    here = pd.DataFrame({"quantity": quantities, "value": [1e-3, 10.0, np.nan]})
    counted = pd.DataFrame({"radius_px": [4.0, 5.0, np.nan], "area_px2": [9e4, 9e4, 9e4]})
    counted["size_basis"] = ["edge", "edge", "not a size"]
    for name, value in odd.items():
        table = here if name in here else counted
        table.loc[0, name] = value
    return here, counted


@pytest.mark.parametrize("pixel", [None, 0.5, 2])
def test_a_field_as_a_run_leaves_it_counts(pixel):
    assert why_odd(*field(), pixel) == ""


@pytest.mark.parametrize("pixel", [0, -0.5, math.nan, math.inf, "0.5", True, [1]])
def test_a_width_of_a_pixel_that_is_none(pixel):
    assert "nm per px; expected 0.005 to 200" in why_odd(*field(), pixel)


@pytest.mark.parametrize(
    "odd",
    [
        {"value": math.inf},
        {"radius_px": -1.0},
        {"radius_px": np.nan},
        {"radius_px": 1e300},
        {"area_px2": -1.0},
    ],
)
def test_numbers_that_are_none_of_voids(odd):
    assert why_odd(*field(**odd), 0.5) == "its tables hold numbers that are none of voids"


def test_an_image_that_is_not_in_the_table():
    here, counted = field()
    assert "does not hold the image" in why_odd(here.iloc[:0], counted, 0.5)


def test_of_a_sample_only_what_a_table_can_hold_is_taken_and_nothing_in_place_of_our_columns():
    odd = {
        "big": 10**400,
        "no": math.nan,
        "list": [1],
        "half": "a\ud800",
        "value": 3,
        "specimen": "x",
        "unit": "m",
    }
    assert plain_sample({"dose_dpa": 2.0, "ion": "He", "hot": True, "step": 7, **odd}) == {
        "dose_dpa": 2.0, "ion": "He", "hot": True, "step": 7, "half": "a?",
    }  # fmt: skip
