"""Tables for people: no more digits than the errors allow."""

import numpy as np
import pandas as pd
import pytest

from voidlab.tables.digits import as_errors_allow, as_tables_need, rounded


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (12.345678, 0.1234, 12.35),
        (12.345678, 0.0999, 12.346),
        (12345.678, 123.4, 12350.0),
        (-0.000123456, 0.0000012, -0.0001235),
        (0.0, 0.5, 0.0),
        (5.0, 1e-300, 5.0),
        (1234.56789, np.nan, 1234.57),
        (0.0123456, 0.0, 0.01235),
        (np.nan, 0.1, np.nan),
        (np.inf, 0.1, np.inf),
    ],
)
def test_a_number_ends_at_the_second_digit_of_its_error(value, error, shown):
    np.testing.assert_equal(rounded(np.array([value]), np.array([error])), [shown])


def test_errors_are_found_by_their_names():
    made = as_errors_allow(
        pd.DataFrame(
            {
                "particle": [3],
                "growth_nm_per_frame": [0.123456],
                "growth_sigma_nm_per_frame": [0.01234],
                "x_px": [512.345678],
                "sigma_x_px": [0.2222],
                "mean_radius_px": [7.654321],
                "path_length_px": [4321.98765],
                "fate": ["lost"],
            }
        )
    )
    assert made.iloc[0].tolist() == [3, 0.123, 0.012, 512.35, 0.22, 7.654, 4321.99, "lost"]
    assert made["particle"].dtype == np.int64


def test_ends_of_an_interval_end_with_their_value():
    columns = ["low95", "low68", "value", "high68", "high95"]
    made = as_errors_allow(
        pd.DataFrame([[80.12345, 90.12345, 100.12345, 111.98765, 125.5555]], columns=columns)
    )
    assert made.iloc[0].tolist() == [80.0, 90.0, 100.0, 112.0, 126.0]


def test_what_the_user_gave_is_kept_as_it_is():
    made = as_errors_allow(pd.DataFrame({"dose_dpa": [0.0123456], "share": [0.0123456]}), keep=["dose_dpa"])
    assert made.iloc[0].tolist() == [0.0123456, 0.01235]


def test_an_empty_table_stays_empty():
    assert len(as_errors_allow(pd.DataFrame({"x_px": pd.Series(dtype=float)}))) == 0


@pytest.mark.parametrize(("value", "text"), [
    (385.1009087153851, "385.1009"), (-0.01234567891, "-0.01234568"), (1.8e-30 / 7, "2.571429e-31"),
    (123456789.123, "123456800.0"), (656.0, "656.0"), (0.0, "0.0"), (np.nan, "nan"), (-np.inf, "-inf"),
])  # fmt: skip
def test_numbers_of_tables_have_seven_digits(value, text):
    assert repr(float(as_tables_need(pd.DataFrame({"x_px": [value]}))["x_px"].iloc[0])) == text


def test_what_is_no_measured_number_keeps_all_its_digits():
    table = pd.DataFrame({"time_s": [1234567.891], "frame": [123456789], "kind": ["void"], "cut": [True]})
    pd.testing.assert_frame_equal(as_tables_need(table), table)
