"""Matching and scoring, on cases small enough to score by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from by_hand import tracks, voids
from voidlab import scores


def test_nothing_against_nothing():
    score = scores.score_voids(voids(), voids())
    assert (score["hits"], score["misses"], score["false_positives"]) == (0, 0, 0)
    assert np.isnan(score["f1"])


def test_by_hand():
    truth = voids((10, 10, 4), (50, 20, 10), (90, 20, 5))
    found = voids((12, 10, 4.4), (54, 23, 9), (30, 30, 5))
    score = scores.score_voids(truth, found)
    assert (score["hits"], score["misses"], score["false_positives"]) == (2, 1, 1)
    assert score["precision"] == pytest.approx(2 / 3)
    assert score["recall"] == pytest.approx(2 / 3)
    assert score["f1"] == pytest.approx(2 / 3)
    assert score["radius_error"] == pytest.approx(0.1)
    assert score["radius_bias"] == pytest.approx(0.0)
    assert score["count_error"] == pytest.approx(0.0)
    assert score["volume_error"] == pytest.approx((4.4**3 + 9**3 + 5**3) / (4**3 + 10**3 + 5**3) - 1)


def test_the_reach_grows_with_the_void_but_is_three_pixels_at_least():
    assert len(scores.match_voids(voids((0, 0, 2)), voids((2.9, 0, 2)))) == 1
    assert len(scores.match_voids(voids((0, 0, 2)), voids((3.1, 0, 2)))) == 0
    assert len(scores.match_voids(voids((0, 0, 20)), voids((0, 9.9, 2)))) == 1
    assert len(scores.match_voids(voids((0, 0, 20)), voids((0, 9.9, 2)), share=0.25)) == 0


def test_one_find_between_two_voids_is_one_hit():
    matches = scores.match_voids(voids((0, 0, 8), (6, 0, 8)), voids((2.5, 0, 8)))
    assert matches["truth"].tolist() == [0]


def test_the_most_matches_win_over_the_nearest():
    # Greedy would take the nearest pair (1, 0) and leave true void 0 without a partner.
    matches = scores.match_voids(voids((0, 0, 8), (5, 0, 8)), voids((4, 0, 8), (8.5, 0, 8)))
    assert dict(zip(matches["truth"], matches["found"], strict=True)) == {0: 0, 1: 1}


def test_ignored_voids_count_for_nothing():
    truth = voids((10, 10, 4), (50, 20, 4)).assign(ignored=[False, True])
    score = scores.score_voids(truth, voids((10, 10, 4), (50, 20, 4)))
    assert (score["hits"], score["misses"], score["false_positives"]) == (1, 0, 0)
    score = scores.score_voids(truth, voids((10, 10, 4)))
    assert (score["hits"], score["misses"], score["false_positives"]) == (1, 0, 0)


def test_a_void_that_the_border_cuts_may_be_found_whole():
    """Its label has the middle of the part that is left."""
    truth = voids((6, 30, 6), (60, 30, 10)).assign(ignored=[True, False])
    whole, beside = voids((-3, 30, 20), (60, 30, 10)), voids((-3, 30, 6), (60, 30, 10))
    assert scores.score_voids(truth, whole)["false_positives"] == 0
    assert scores.score_voids(truth, beside)["false_positives"] == 1
    wide_beside_one_that_counts = voids((60, 30, 10), (48, 30, 30))
    assert scores.score_voids(truth, wide_beside_one_that_counts)["false_positives"] == 1


def test_frames_are_kept_apart():
    truth = voids((10, 10, 4), (10, 10, 4), frame=[1, 2])
    found = voids((10, 10, 4), (10, 10, 4), frame=[2, 3])
    matches = scores.match_voids(truth, found)
    assert matches[["truth", "found"]].to_numpy().tolist() == [[1, 0]]


@given(st.integers(0, 10_000))
def test_shuffled_voids_score_the_same(seed):
    random = np.random.default_rng(seed)
    truth = voids(*random.uniform((0, 0, 2), (60, 40, 9), (20, 3)))
    found = voids(*random.uniform((0, 0, 2), (60, 40, 9), (25, 3)))
    one = scores.score_voids(truth, found)
    other = scores.score_voids(
        truth.sample(frac=1, random_state=seed), found.sample(frac=1, random_state=seed)
    )
    pd.testing.assert_series_equal(one, other)


def test_the_truth_against_itself_is_perfect():
    random = np.random.default_rng(0)
    truth = voids(*random.uniform((0, 0, 2), (600, 400, 9), (200, 3)))
    score = scores.score_voids(truth, truth)
    assert score["f1"] == 1
    assert score["radius_error"] == 0


def test_iou_of_circles_by_hand():
    iou = scores.circle_iou(
        np.array([0.0, 0.0, 20.0, 1.0]), np.array([5.0, 5.0, 5.0, 4.0]), np.array([5.0, 2.5, 5.0, 8.0])
    )
    assert iou.tolist() == pytest.approx([1, 0.25, 0, 0.25])
    # Two unit circles one radius apart share 2π/3 − √3/2.
    lens = 2 * np.pi / 3 - np.sqrt(3) / 2
    one = scores.circle_iou(np.array([1.0]), np.array([1.0]), np.array([1.0]))
    assert one[0] == pytest.approx(lens / (2 * np.pi - lens))


def test_iou_matches_ask_for_size_as_well_as_place():
    truth, found = voids((10, 10, 8)), voids((10, 10, 5))
    assert len(scores.match_voids(truth, found)) == 1
    assert len(scores.match_voids(truth, found, iou=0.3)) == 1
    assert len(scores.match_voids(truth, found, iou=0.5)) == 0


def test_every_void_is_accounted_for():
    truth = voids((10, 10, 4), (50, 20, 10), (90, 20, 5)).assign(ignored=[False, False, True])
    found = voids((12, 10, 4.4), (30, 30, 5), (90, 20, 5))
    every = scores.objects(truth, found)
    assert every["outcome"].tolist() == ["hit", "miss", "false"]
    assert every["found_radius_px"].tolist()[0] == 4.4
    assert len(scores.objects(voids(), voids())) == 0


def test_recall_by_diameter():
    truth, found = (
        voids((10, 10, 1), (50, 20, 3), (90, 20, 3), (50, 90, 30)),
        voids((50, 20, 3), (50, 90, 30)),
    )
    table = scores.recall_by_size(truth, found)
    assert table["voids"].tolist() == [1, 2, 0, 0, 1]
    assert table["hits"].tolist() == [0, 1, 0, 0, 1]
    assert np.isnan(table["recall"].iloc[2])
    assert table["from_px"].tolist() == [0, 4, 8, 16, 32]


def test_intervals_hold_the_value_and_shrink_with_more_voids():
    def series(n):
        rows = [(20 * i, 0, 5) for i in range(n)]
        return voids(*rows), voids(*[row for i, row in enumerate(rows) if i % 5])

    few, many = (scores.score_intervals(*series(n), resamples=200).loc["recall"] for n in (20, 500))
    assert few["low"] < few["value"] < few["high"]
    assert many["value"] == pytest.approx(0.8)
    # Binomial: 0.8 ± 1.96 × sqrt(0.8 × 0.2 / 500).
    assert many["high"] - many["low"] == pytest.approx(2 * 0.035, rel=0.25)
    assert many["high"] - many["low"] < 0.4 * (few["high"] - few["low"])


def test_intervals_of_nothing_are_empty_not_an_error():
    table = scores.score_intervals(voids(), voids())
    assert table["value"].isna().any()
    assert table.loc["hits", "value"] == 0


def test_tracks_by_hand():
    """Track 0 is whole; track 1 is cut in two; a false detection is appended to the second piece."""
    rows = [(frame, 0, 0, 7) for frame in range(1, 5)]
    rows += [(frame, 1, 1, 8 if frame <= 2 else 9) for frame in range(1, 5)]
    rows += [(5, 2, None, 9)]
    score = scores.score_tracks(*tracks(*rows))
    assert score["link_recall"] == pytest.approx(5 / 6)
    assert score["link_precision"] == pytest.approx(5 / 6)
    assert score["link_jsc"] == pytest.approx(5 / 7)
    assert score["complete"] == pytest.approx(1 / 2)
    assert score["purity"] == pytest.approx(8 / 9)
    assert score["fragments"] == pytest.approx(3 / 2)


def test_tracks_that_were_not_found_at_all():
    score = scores.score_tracks(*tracks(*[(frame, 0, 0, None) for frame in range(1, 6)]))
    assert score["link_jsc"] == 0
    assert score["complete"] == 0
    assert np.isnan(score["purity"])


def test_no_tracks_have_no_score():
    nothing = voids().assign(frame=pd.Series(dtype="int64"), particle=pd.Series(dtype="Int64"))
    assert scores.score_tracks(nothing, nothing).isna().all()
