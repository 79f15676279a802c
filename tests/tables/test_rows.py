"""Rows spread over a series."""

import pytest

from voidlab.tables.rows import spread_rows


@pytest.mark.parametrize(
    ("count", "most", "nearest", "before"),
    [
        (0, 4, [], []),
        (1, 4, [0], [0]),
        (3, 4, [0, 1, 2], [0, 1, 2]),
        (6, 4, [0, 2, 3, 5], [0, 1, 3, 5]),
        (6, 1, [0], [0]),
    ],
)
def test_rows_are_spread_from_the_first_to_the_last(count, most, nearest, before):
    assert spread_rows(count, most).tolist() == nearest
    assert spread_rows(count, most, down=True).tolist() == before
