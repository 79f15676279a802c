"""Every detection has one outcome, and the reason why it is in no track."""

import pandas as pd
import pytest

import situations
from voidlab import tables, track
from voidlab.track import outcomes


def found(rows):
    """Voids from (frame, label, touches_edge, corrected)."""
    table = pd.DataFrame(rows, columns=["frame", "label", "touches_edge", "corrected"])
    return table.assign(x_px=50.0, y_px=50.0)


def test_each_outcome_once():
    voids = found(
        [(0, 1, False, ""), (1, 1, False, ""), (1, 2, False, ""), (1, 3, True, ""), (2, 1, False, "deleted"),
         (2, 2, False, "")]
    )  # fmt: skip
    linked = voids.iloc[[0, 1, 2, 5]].assign(particle=pd.array([0, 0, 1, pd.NA], dtype="Int64"))
    accounts = outcomes.find_outcomes(voids, linked)
    assert accounts["outcome"].tolist() == ["linked", "linked", "single", "rejected", "rejected", "rejected"]
    assert accounts["reason"].tolist() == [
        "", "", "nothing near enough before or after", "touches the border", "deleted by hand", "given to no track",
    ]  # fmt: skip
    assert accounts["particle"].dropna().tolist() == [0, 0, 1]
    assert outcomes.count_outcomes(accounts)["detections"].sum() == len(voids)


@pytest.mark.parametrize("situation", situations.ALL, ids=lambda situation: situation.__name__)
def test_nothing_is_lost(situation):
    voids = situation().drop(columns="particle")
    linked = track.link_voids(track.linkable(voids), search_range_px=situations.SEARCH_RANGE_PX)
    accounts = outcomes.find_outcomes(voids, linked)
    assert len(accounts) == len(voids)
    assert outcomes.count_outcomes(accounts)["detections"].sum() == len(voids)
    assert (accounts["outcome"] == "rejected").sum() == len(voids) - len(linked)


def test_links_of_other_voids_are_refused():
    voids = found([(0, 1, False, "")])
    with pytest.raises(ValueError, match="1 are none of the 1 found"):
        outcomes.find_outcomes(voids, pd.DataFrame({"frame": [5], "label": [1], "particle": [0]}))


def test_nothing():
    accounts = outcomes.find_outcomes(tables.empty("voids"), tables.empty("links"))
    assert accounts.empty
    assert outcomes.count_outcomes(accounts).empty
