"""Links by assignment: the named situations, any order, any density; sizes that tell voids apart."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

import situations
from voidlab.track import assign
from voidlab.track.assign import _scatter, link_by_assignment

ALL = pytest.mark.parametrize("situation", situations.ALL, ids=lambda situation: situation.__name__)


def link(voids, **options):
    known = {"search_range_px": situations.SEARCH_RANGE_PX, "memory": 2, "size_sigma": np.inf} | options
    return link_by_assignment(voids.drop(columns="particle"), **known)


def same_tracks(found, true):
    table = pd.crosstab(found.to_numpy(), true.to_numpy()) > 0
    return (table.sum(axis=0) <= 1).all() and (table.sum(axis=1) <= 1).all()


@ALL
def test_named_situations(situation):
    voids = situation()
    found = link(voids)
    assert same_tracks(found["particle"], voids["particle"])
    pd.testing.assert_frame_equal(found.drop(columns="particle"), voids.drop(columns="particle"))
    assert found["particle"].dtype == "int64"
    assert not found.duplicated(["particle", "frame"]).any()


@ALL
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 999))
def test_the_order_of_the_rows_does_not_matter(situation, seed):
    voids = situation()
    shuffled = link(voids.sample(frac=1, random_state=seed)).sort_index()
    pd.testing.assert_series_equal(shuffled["particle"], link(voids)["particle"])


def test_sizes_tell_two_that_swap_places_apart():
    rows = [(0, 1, 50, 50, 4.0), (1, 1, 54, 50, 8.0), (0, 2, 53, 50, 4.0), (1, 2, 51, 50, 8.0)]
    voids = situations.voids(rows)
    assert same_tracks(link(voids, size_sigma=0.15)["particle"], voids["particle"])
    assert not same_tracks(link(voids)["particle"], voids["particle"])


def test_the_gate_grows_with_the_gap():
    far = situations.voids([(0, 1, 50, 50, 4.0), (0, 4, 57, 50, 4.0)])
    assert link(far)["particle"].tolist() == [0, 0]
    assert link(far, memory=1)["particle"].tolist() == [0, 1]
    near = situations.voids([(0, 1, 50, 50, 4.0), (0, 2, 57, 50, 4.0)])
    assert link(near)["particle"].tolist() == [0, 1]


def test_theleast_total_cost_is_taken():
    """The nearest pair is given up for two links in place of one."""
    rows = [(0, 1, 50, 50, 4.0), (1, 1, 54, 50, 4.0), (0, 2, 53, 50, 4.0), (1, 2, 58, 50, 4.0)]
    voids = situations.voids(rows)
    assert same_tracks(link(voids)["particle"], voids["particle"])


def test_a_crowd_is_linked():
    """Every void has a dozen neighbours within the search range, in one web."""
    random = np.random.default_rng(0)
    place = random.uniform(0, 150, (2000, 2))
    frames = [
        pd.DataFrame(
            {"frame": f, "label": np.arange(2000) + 1, "x_px": place[:, 0] + 0.1 * f, "y_px": place[:, 1]}
        )
        for f in range(3)
    ]
    found = link_by_assignment(pd.concat(frames).assign(radius_px=3.0), search_range_px=7)
    spread = found.groupby("label")["particle"].agg(lambda numbers: numbers.max() - numbers.min())
    right = (spread == 0).mean()
    assert right > 0.97


@pytest.mark.parametrize("change", [{"x_px": np.nan}, {"radius_px": 0.0}])
def test_what_cannot_be_linked_is_refused(change):
    with pytest.raises(ValueError, match="7 of 7 voids have no finite position or no radius above 0"):
        link(situations.one().assign(**change))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999), overlap=st.sampled_from([0.0, 0.5]))
def test_other_labels_in_another_order_are_the_same_tracks(seed, overlap):
    random = np.random.default_rng(seed)
    place = random.uniform(0, 120, (60, 2))
    rows = [
        (n, frame, *(place[n] + random.normal(0, 1.0, 2)), random.uniform(3, 6))
        for frame in range(6)
        for n in range(60)
        if random.random() > 0.1
    ]
    voids = situations.voids(rows)
    other = voids.sample(frac=1, random_state=seed)
    other["label"] = other.groupby("frame").cumcount() + 1
    found = link(other, search_range_px=5, overlap=overlap).sort_index()
    assert same_tracks(found["particle"], link(voids, search_range_px=5, overlap=overlap)["particle"])


def test_overlap_tells_a_large_void_that_shifts_from_a_small_one_beside_it():
    """As far away, but only one of the two shares ground with it."""
    rows = [(0, 1, 50, 50, 6.0), (0, 2, 55, 50, 6.0), (1, 2, 45, 50, 1.0)]
    voids = situations.voids(rows)
    assert link(voids, search_range_px=8, overlap=0.5)["particle"].tolist() == [0, 0, 1]
    far = situations.voids([(0, 1, 50, 50, 2.0), (0, 2, 55, 50, 2.0)])
    assert link(far, search_range_px=6, overlap=1.0)["particle"].tolist() == [0, 1]
    assert link(far, search_range_px=6)["particle"].tolist() == [0, 0]


@pytest.mark.parametrize(("noise", "told"), [(0.05, 5 / 3 * 0.05 * np.sqrt(2)), (0.001, 0.03)])
def test_how_well_sizes_are_known_is_told_from_the_voids(noise, told):
    random = np.random.default_rng(0)
    particle = np.tile(np.arange(50), 30)  # frame by frame, as the linker has them
    size = np.log(random.uniform(3, 20, 50))[particle] + random.normal(0, noise, len(particle))
    assert _scatter(particle, size) == pytest.approx(told, rel=0.1)
    assert _scatter(particle[:100], size[:100]) == 0.15  # 50 changes are too few to tell


@pytest.mark.parametrize("size_noise", [0.02, 0.1])
def test_a_void_is_not_joined_with_one_of_another_size_whatever_the_noise(size_noise):
    """Of r = 12 px, gone after five frames; then one of r = 3 px 2 px away, and 30 steady ones around them."""
    random = np.random.default_rng(2)

    def seen(radius):
        return radius * np.exp(random.normal(0, size_noise))

    rows = [(n, frame, 60 * (n % 6), 60 * (n // 6), seen(8.0)) for n in range(30) for frame in range(10)]
    rows += [
        (30 + frame // 5, frame, 500 + 2 * (frame // 5), 100, seen((12.0, 3.0)[frame // 5]))
        for frame in range(10)
    ]
    voids = situations.voids(rows)
    assert same_tracks(link(voids, size_sigma=None, search_range_px=20)["particle"], voids["particle"])
    few = voids[voids["particle"] >= 29]  # too few to tell the noise
    assert same_tracks(link(few, size_sigma=None, search_range_px=20)["particle"], few["particle"])


def test_a_radius_that_is_off_now_and_then_does_not_break_a_track():
    """By a fifth, where it is otherwise good to a fiftieth."""
    random = np.random.default_rng(3)
    off = np.where(random.random((30, 40)) < 0.02, 0.18, random.normal(0, 0.02, (30, 40)))
    size = 8 * np.exp(off)
    rows = [(n, frame, 60 * (n % 6), 60 * (n // 6), size[n, frame]) for n in range(30) for frame in range(40)]
    voids = situations.voids(rows)
    assert link(voids, size_sigma=None, search_range_px=20)["particle"].nunique() <= 31


def test_sizes_that_are_well_known_tell_two_apart_by_themselves():
    """A crowd of steady voids; two of slightly different size swap places."""
    random = np.random.default_rng(1)
    rows = [
        (n, frame, 40 * (n % 8), 40 * (n // 8), (4 + 0.2 * n) * np.exp(random.normal(0, 0.01)))
        for n in range(2, 40)
        for frame in range(6)
    ]
    rows += [(n, 0, 500 + 3 * n, 50, 5.0 + n) for n in (0, 1)] + [
        (n, 1, 503 - 3 * n, 50, 5.0 + n) for n in (0, 1)
    ]
    voids = situations.voids(rows)
    assert same_tracks(link(voids, size_sigma=None)["particle"], voids["particle"])
    assert not same_tracks(link(voids, size_sigma=0.3)["particle"], voids["particle"])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("side_px", [20.0, 45.0, 120.0])
def test_those_that_compete_are_solved_as_the_whole_would_be(seed, side_px, monkeypatch):
    random = np.random.default_rng(seed)
    before, after = random.uniform(0, side_px, (60, 2)), random.uniform(0, side_px, (55, 2))
    source, target, distance = assign._near(before, after, np.where(np.arange(60) < 40, 8.0, 11.0))
    cost = np.full((60, 55 + 60), 1.0)
    near = distance < 8
    source, target = source[near], target[near]
    cost[source, target] = (distance[near] / 8) ** 2
    rows, columns = linear_sum_assignment(cost)
    wanted = np.stack([rows, columns], axis=1)[columns < 55]
    wanted = wanted[cost[wanted[:, 0], wanted[:, 1]] < 1]
    for share, pairs in ((1.0, 1), (1.0, 3000), (0.0, 3000)):
        monkeypatch.setattr(assign, "_MANY_COMPETE", share)
        monkeypatch.setattr(assign, "_PAIRS_AT_ONCE", pairs)
        found = assign._cheapest(source, target, cost[source, target], 60, 55)
        assert found.tolist() == wanted.tolist()


def test_near_are_all_pairs_within_the_gate_of_the_first():
    random = np.random.default_rng(0)
    before, after = random.uniform(0, 50, (40, 2)), random.uniform(0, 60, (30, 2))
    gate = random.choice([6.0, 8.5, 12.0], 40)
    source, target, distance = assign._near(before, after, gate)
    apart = np.hypot(*(after[None] - before[:, None]).transpose(2, 0, 1))
    assert np.stack([source, target], axis=1).tolist() == np.argwhere(apart <= gate[:, None]).tolist()
    np.testing.assert_array_equal(distance, apart[source, target])
    assert [len(part) for part in assign._near(before[:0], after, gate[:0])] == [0, 0, 0]
    assert [len(part) for part in assign._near(before, after[:0], gate)] == [0, 0, 0]
