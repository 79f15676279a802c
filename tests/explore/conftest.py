"""An explorer of the small dataset, its model, and a mouse over it, for the tests of the explorer."""

from types import SimpleNamespace

import pytest

from voidlab import explore
from voidlab.explore.state import Model
from voidlab.run import stage


@pytest.fixture
def model(finished, monkeypatch):
    """The model of the finished run; write nothing with it."""
    monkeypatch.chdir(finished[0].root)
    return Model(stage.open_stage("segment", "small"))


@pytest.fixture
def explorer(copied, monkeypatch):
    """The explorer of a copy of the finished run that a test may change."""
    monkeypatch.chdir(copied.root / "notebooks")
    return explore.open_explorer("small").explorer


@pytest.fixture
def mouse():
    """Makes events of the mouse at (x, y) of some axes."""

    def at(ax, x, y, *, button=1, held=(), step=0):
        right, up = ax.transData.transform((x, y))
        return SimpleNamespace(
            inaxes=ax, xdata=x, ydata=y, x=right, y=up, button=button, modifiers=frozenset(held), step=step
        )

    return at
