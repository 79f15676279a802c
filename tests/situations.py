"""Named situations: small tables of voids whose true tracks (`particle`) are known.

Every situation can be linked rightly with ``search_range_px=SEARCH_RANGE_PX`` and ``memory=2``.
"""

import numpy as np
import pandas as pd

from voidlab import tables

SEARCH_RANGE_PX = 5.0
SHAPE = (96, 128)


def voids(rows):
    """Table ``voids`` with ``particle`` from rows of (particle, frame, x, y, radius)."""
    table = pd.DataFrame(rows, columns=["particle", "frame", "x_px", "y_px", "radius_px"])
    table = table.sort_values(["frame", "particle"], ignore_index=True)
    table["label"] = table.groupby("frame").cumcount() + 1
    reach = table["radius_px"] + 8
    x, y = table["x_px"], table["y_px"]
    touches = (x < reach) | (y < reach) | (x > SHAPE[1] - 1 - reach) | (y > SHAPE[0] - 1 - reach)
    table = table.assign(
        area_px=np.pi * table["radius_px"] ** 2, kind="void", confidence=0.9, touches_edge=touches
    )
    return tables.check(table.astype({"particle": "int64"}), "voids")


def moving(particle, frames, start, step=(0.0, 0.0), radius=4.0):
    """Rows of a void that moves by ``step`` from frame to frame; at ``start`` in frame 1."""
    return [(particle, f, start[0] + step[0] * (f - 1), start[1] + step[1] * (f - 1), radius) for f in frames]


def none():
    return tables.empty("voids").assign(particle=pd.Series(dtype="int64"))


def one():
    return voids(moving(0, range(1, 8), (60.3, 40.7), (0.5, -0.25)))


def one_at_the_edge():
    """Cut by the left border in all frames."""
    return voids(moving(0, range(1, 6), (2.0, 50.0), (0.2, 0.0)))


def two_that_touch():
    """Two circles with one point in common, at rest; the second is smaller."""
    return voids(moving(0, range(1, 7), (50, 50), radius=5.0) + moving(1, range(1, 7), (58, 50), radius=3.0))


def two_that_cross():
    """Their paths cross; when one is at the crossing, the other is some 8 px away."""
    return voids(moving(0, range(1, 16), (30, 50), (3, 0)) + moving(1, range(1, 16), (51, 23), (0, 3)))


def two_that_merge():
    """From frame 6 on only the larger is left, with the volume of both, at their common centre of mass."""
    larger, smaller = 6.0, 4.0
    apart = [60 + 10 + 2 * (5 - frame) for frame in range(1, 6)]
    share = smaller**3 / (larger**3 + smaller**3)
    both = (larger**3 + smaller**3) ** (1 / 3)
    rows = moving(0, range(1, 6), (60, 48), radius=larger)
    rows += [(1, frame, x, 48.0, smaller) for frame, x in zip(range(1, 6), apart, strict=True)]
    return voids(rows + moving(0, range(6, 11), (60 + 10 * share, 48), radius=both))


def one_missing_for_a_frame():
    """Not seen in frame 4, while another is."""
    seen = [1, 2, 3, 5, 6, 7]
    return voids(moving(0, seen, (40, 40), (1, 0.5)) + moving(1, range(1, 8), (90, 60)))


def one_that_leaves():
    """Moves out through the right border; the last frame shows only the other."""
    return voids(moving(0, range(1, 6), (112, 30), (3, 0)) + moving(1, range(1, 8), (40, 60)))


def one_that_enters_late():
    return voids(moving(0, range(1, 9), (40, 60)) + moving(1, range(5, 9), (80, 30), (0.5, 0.5)))


def dense_lattice():
    """A square lattice, 10 px apart, that moves by 1 px a frame."""
    places = [(15.0 + 10 * i, 15.0 + 10 * j) for j in range(7) for i in range(10)]
    rows = [moving(n, range(1, 5), place, (1, 0), radius=3.0) for n, place in enumerate(places)]
    return voids([row for each in rows for row in each])


ALL = (
    none,
    one,
    one_at_the_edge,
    two_that_touch,
    two_that_cross,
    two_that_merge,
    one_missing_for_a_frame,
    one_that_leaves,
    one_that_enters_late,
    dense_lattice,
)
