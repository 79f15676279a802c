"""Figures of a focus pair: what is no size is told from what is."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from voidlab.report.figures.focus_pair import radii
from voidlab.tables.units import IN_PX
from voidlab.track.focus_pair import BOTH


def found(size_basis_over):
    """A pair of three voids that are 4 % larger over focus, as it is magnified by so much."""
    table = pd.DataFrame(
        {
            "seen_in": BOTH,
            "radius_under_px": [5.0, 8.0, 12.0],
            "radius_over_px": [5.2, 8.32, 12.48],
            "size_basis_under": "fringe",
            "size_basis_over": size_basis_over,
        }
    )
    return SimpleNamespace(table=table, move=SimpleNamespace(magnification=1.04), ratio=1.0)


@pytest.mark.parametrize(
    ("basis", "hollow"), [(["fringe", "fringe", "not a size"], [12.0]), (["network"] * 3, [])]
)
def test_voids_without_a_size_are_hollow_and_the_legend_says_so(basis, hollow):
    figure = radii(found(basis), IN_PX)
    (ax,) = figure.axes
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    drawn = {line.get_markerfacecolor() == "none": line for line in dots}
    assert drawn.get(True, dots[0]).get_xdata().tolist() == (hollow or [5.0, 8.0, 12.0])
    np.testing.assert_allclose(drawn[False].get_xdata(), drawn[False].get_ydata())
    named = [text.get_text() for text in ax.get_legend().get_texts()]
    assert (f"{len(hollow)} smaller than their fringe: not a size" in named) == bool(hollow)
    assert f"{3 - len(hollow)} with a size in both" in named
    plt.close(figure)
