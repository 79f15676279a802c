"""Scores of tracking: cases worked out by hand, the slow way of the definitions, and tracks of another program."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linear_sum_assignment

from by_hand import tracks
from voidlab import scores
from voidlab.scores import tracks as track_scores
from voidlab.track.assign import link_by_assignment
from voidlab.track.link import link_voids


def table(*rows):
    """(particle, frame, x, y)"""
    found = pd.DataFrame(rows, columns=["particle", "frame", "x_px", "y_px"])
    return found.assign(radius_px=4.0).astype({"particle": "Int64"})


def straight(particle, frames, x, y):
    return [(particle, frame, x, y) for frame in frames]


def values(truth, found, **options):
    return track_scores.score_tracks_in_full(truth, found, resamples=20, **options)["value"]


def slowly(truth, found, gate):
    """Alpha, beta, Jaccard and RMSE as their definitions read: every pair of tracks, every frame."""
    frames = sorted(set(truth["frame"]) | set(found["frame"]))
    of = [
        [{r.frame: (r.x_px, r.y_px) for r in track.itertuples()} for _, track in side.groupby("particle")]
        for side in (truth.dropna(subset="particle"), found.dropna(subset="particle"))
    ]

    def distance(one, other):
        total = 0.0
        for frame in frames:
            if frame in one and frame in other:
                total += min(np.hypot(*np.subtract(one[frame], other[frame])), gate)
            elif frame in one or frame in other:
                total += gate
        return total

    true, given = of

    def near(one, other):
        return any(np.hypot(*np.subtract(one[f], other[f])) < gate for f in one.keys() & other)

    cost = np.array(
        [
            [distance(a, b) if near(a, b) else 1e9 for b in given] + [distance(a, {}) + 1e-9] * len(true)
            for a in true
        ]
    )
    rows, columns = linear_sum_assignment(cost)
    chosen = {i: j for i, j in zip(rows, columns, strict=True) if j < len(given)}
    nothing = sum(distance(a, {}) for a in true)
    spurious = sum(distance(given[j], {}) for j in range(len(given)) if j not in chosen.values())
    apart = [
        np.hypot(*np.subtract(true[i][f], given[j][f]))
        for i, j in chosen.items()
        for f in true[i].keys() & given[j]
    ]
    hits = [d for d in apart if d < gate]
    positions = sum(map(len, true)) + sum(map(len, given))
    best = cost[rows, columns].sum()
    return {
        "alpha": 1 - best / nothing,
        "beta": (nothing - best) / (nothing + spurious),
        "jsc": len(hits) / (positions - len(hits)),
        "jsc_tracks": len(chosen) / (len(true) + len(given) - len(chosen)),
        "rmse_px": np.sqrt(np.mean(np.square(hits))),
    }


def test_the_challenge_by_hand():
    """One true track of 4 found 3 px off in 3 frames, one of 2 missed, and a false one of 3; the gate is 5."""
    truth = table(*straight(0, range(4), 10, 10), *straight(1, range(2), 100, 10))
    found = table(*straight(5, range(3), 13, 10), *straight(6, range(3), 200, 200))
    found = track_scores.score_tracks_in_full(truth, found, gate_px=5, resamples=0)["value"]
    # d(X, ∅) = 6 × 5; d(X, Y) = 3 × 3 + 5 + 2 × 5; the false track costs 3 × 5.
    assert found["alpha"] == pytest.approx(1 - 24 / 30)
    assert found["beta"] == pytest.approx((30 - 24) / (30 + 15))
    assert found["jsc"] == pytest.approx(3 / (3 + 3 + 3))
    assert found["jsc_tracks"] == pytest.approx(1 / 3)
    assert found["rmse_px"] == pytest.approx(3)


def test_a_track_is_paired_with_none_where_that_costs_less():
    """Near in one frame, and spread over ten others: no pair."""
    truth, found = table((0, 0, 10, 10)), table(*straight(0, range(11), 11, 10))
    assert values(truth, found)["alpha"] == 0
    assert values(truth, found)["beta"] == 0


@pytest.mark.parametrize("seed", range(4))
def test_as_the_definitions_read(seed):
    random = np.random.default_rng(seed)
    truth, found = [], []
    for n in range(12):
        start, x, y = random.integers(0, 6), *random.uniform(0, 60, 2)
        for frame in range(start, start + random.integers(1, 9)):
            truth.append((n, frame, x, y))
            if random.random() > 0.2:
                name = n if random.random() > 0.2 else random.integers(0, 12)
                if (name, frame) not in {row[:2] for row in found}:
                    found.append((name, frame, *(np.array([x, y]) + random.normal(0, 2, 2))))
    truth, found = table(*truth), table(*found)
    quick = values(truth, found, gate_px=5)
    for name, value in slowly(truth, found, 5).items():
        assert quick[name] == pytest.approx(value), name


def test_links_score_as_they_do_elsewhere():
    rows = [(frame, 0, 0, 7) for frame in range(1, 5)]
    rows += [(frame, 1, 1, 8 if frame <= 2 else 9) for frame in range(1, 5)]
    rows += [(5, 2, None, 9), (6, 3, 4, None), (6, 4, None, None)]
    truth, found = tracks(*rows)
    quick = values(truth, found)
    for name, value in scores.score_tracks(truth, found).items():
        assert quick[name] == pytest.approx(value, nan_ok=True), name
    assert quick["complete"] == 0.5


def test_mergers_need_the_right_parents_at_about_the_right_time():
    truth = table(
        *straight(0, range(9), 10, 10), *straight(1, range(4), 20, 10), *straight(2, range(4), 60, 10)
    )
    found = truth.assign(particle=truth["particle"] + 10)
    true = pd.DataFrame({"frame": [4, 6], "parent_a": [1, 2], "parent_b": [0, 0]})
    given = pd.DataFrame({"frame": [6, 6, 12], "parent_a": [10, 11, 12], "parent_b": [11, 12, 10]})
    score = values(truth, found, mergers=(true, given), merge_frames=3)
    assert score["merge_precision"] == pytest.approx(1 / 3)
    assert score["merge_recall"] == pytest.approx(1 / 2)
    assert score["merge_f1"] == pytest.approx(2 / 5)


def test_the_truth_against_itself_is_perfect_and_nothing_has_no_score():
    truth = table(*[row for n in range(5) for row in straight(n, range(6), 20 * n, 10)])
    score = track_scores.score_tracks_in_full(truth, truth, mergers=None)
    assert (
        score.loc[["alpha", "beta", "jsc", "jsc_tracks", "link_jsc", "complete", "purity"], "value"] == 1
    ).all()
    assert (score.loc[["alpha", "link_jsc"], "low"] == 1).all()
    assert score["meaning"].str.len().gt(20).all()
    nothing = track_scores.score_tracks_in_full(truth.iloc[:0], truth.iloc[:0])
    assert nothing["value"].isna().all()
    missed = track_scores.score_tracks_in_full(truth, truth.iloc[:0])["value"]
    assert (missed["alpha"], missed["jsc"], missed["link_recall"]) == (0, 0, 0) or np.isnan(
        missed["link_recall"]
    )


def test_intervals_hold_the_value_and_shrink_with_more_tracks():
    random = np.random.default_rng(3)

    def made(count):
        rows = [row for n in range(count) for row in straight(n, range(6), 20 * n, 10)]
        truth = table(*rows)
        cut = truth["particle"].isin(np.flatnonzero(random.random(count) < 0.3)) & (truth["frame"] > 2)
        return truth, truth.assign(particle=truth["particle"].where(~cut, truth["particle"] + 1000))

    few, many = (track_scores.score_tracks_in_full(*made(count)) for count in (20, 320))
    for score in (few, many):
        row = score.loc["complete"]
        assert row["low"] < row["value"] < row["high"]
    width = (few["high"] - few["low"]) / (many["high"] - many["low"])
    assert 2.5 < width["complete"] < 7


def _trackmate(folder, name):
    """Tracks of TrackMate on images whose true tracks are known."""
    spots = pd.read_csv(folder / f"{name}_spots.csv", index_col=0).set_index("id")
    links = pd.read_csv(folder / f"{name}_edges.csv", index_col=0)
    track_of = (
        pd.concat([links.set_index(end)["track_id"] for end in ("spot_source_id", "spot_target_id")])
        .groupby(level=0)
        .first()
    )
    named = {"position_x": "x_px", "position_y": "y_px"}
    return spots.rename(columns=named).assign(particle=track_of.astype("Int64"), radius_px=3.0).reset_index()


def _truth(folder):
    rows = []
    for number, track in enumerate(ElementTree.parse(folder / "FakeTracks_ISBI.xml").iter("particle")):
        rows += [(number, int(d.get("t")), float(d.get("x")), float(d.get("y"))) for d in track]
    return table(*rows)


def test_tracks_of_another_program_score_as_the_definitions_read(shared):
    folder = shared / "tracking_reference"
    truth = _truth(folder / "stracking_faketracks")
    for name in ("trackmate_tracks_with_gap_closing", "trackmate_tracks_without_gap_closing"):
        theirs = _trackmate(folder / "laptrack_trackmate_ref", name)
        quick = values(truth, theirs)
        for score, value in slowly(truth, theirs, 5.0).items():
            assert quick[score] == pytest.approx(value), (name, score)


@pytest.mark.parametrize("link", [link_voids, link_by_assignment])
def test_our_links_of_its_spots_are_those_of_another_program(shared, link):
    theirs = _trackmate(
        shared / "tracking_reference/laptrack_trackmate_ref", "trackmate_tracks_with_gap_closing"
    )
    spots = theirs.drop(columns="particle").assign(
        label=theirs.groupby("frame").cumcount() + 1, touches_edge=False
    )
    ours = link(spots, search_range_px=15.0, memory=1)
    score = values(theirs.dropna(subset="particle"), ours)
    assert score["link_recall"] > 0.9


def test_a_particle_that_stands_twice_in_a_frame_is_refused():
    voids = table(*straight(0, range(7), 50, 50))
    twice = pd.concat([voids, voids])
    with pytest.raises(ValueError, match="found: 7 rows give a particle a second void"):
        track_scores.score_tracks_in_full(voids, twice)
    with pytest.raises(ValueError, match="truth: 7 rows"):
        track_scores.score_tracks_in_full(twice, voids)
