"""Which rows to look at where there are more than need be."""

import numpy as np


def spread_rows(count: int, most: int, *, down: bool = False) -> np.ndarray:
    """At most ``most`` of the rows 0 to ``count`` - 1, evenly spread from the first to the last.

    Between two rows the nearer one is taken, or with ``down`` the one before.
    """
    rows = np.linspace(0, count - 1, min(count, most))
    return np.unique((rows if down else rows.round()).astype(int))
