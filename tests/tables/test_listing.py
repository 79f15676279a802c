"""A list that is cut says so."""

import pytest

from voidlab.tables.listing import name_first, number_of, span


@pytest.mark.parametrize(
    ("items", "said"), [([], ""), ([4], "4"), ([4, 5], "4, 5"), (range(4, 77), "4, 5 and 71 more")]
)
def test_what_is_left_out_is_counted(items, said):
    assert name_first(items, 2) == said


def test_one_of_something_is_singular():
    assert [number_of(number, "void") for number in (0, 1, 2, 1204)] == [
        "0 voids",
        "1 void",
        "2 voids",
        "1,204 voids",
    ]


def test_a_span_of_one_value_is_that_value():
    assert (span([3, -60.5, 60]), span([-80, -80.0])) == ("-60.5 to 60", "-80")
