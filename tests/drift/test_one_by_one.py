"""Drift while the images come in: near that of the whole series, known pairs are not measured again."""

import numpy as np
import pytest

from voidlab.drift.estimate import estimate_drift
from voidlab.drift.one_by_one import DriftOneByOne
from voidlab.drift.pairs import partners_before

SHAPE = (200, 260)


def masks(drifts, *, seed=5, voids=60):
    """Void masks that drift by ``drifts`` (n, 2), x and y in px."""
    places = np.random.default_rng(seed).uniform(-80, 340, (voids, 2))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    made = []
    for dx, dy in drifts:
        mask = np.zeros(SHAPE, bool)
        for px, py in places:
            mask |= (x - px - dx) ** 2 + (y - py - dy) ** 2 < 36
        made.append(mask)
    return made


def of_a_stage(drifts, seed=5):
    """Void masks of a specimen that is larger than the field by as much as the stage drives, (n, 2) in px."""
    rng = np.random.default_rng(seed)
    low, high = -drifts.max(axis=0) - 20, np.array(SHAPE[::-1]) - drifts.min(axis=0) + 20
    voids = rng.uniform(low, high, (round(1e-3 * np.prod(high - low)), 2))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for drift in drifts:
        mask = np.zeros(SHAPE, bool)
        seen = voids + drift + rng.normal(0, 0.4, voids.shape)
        inside = ((seen > -8) & (seen < np.array(SHAPE[::-1]) + 8)).all(axis=1)
        for px, py in seen[inside & (rng.random(len(seen)) < 0.9)]:
            mask |= (x - px) ** 2 + (y - py) ** 2 < 36
        yield mask


def followed(drifts):
    live = DriftOneByOne(SHAPE)
    placed = [live.add(mask) for mask in of_a_stage(drifts)]
    solved = live.solve()
    live.close()
    found = np.array([(each.x_px, each.y_px) for each in placed])
    return found, solved, [row for row, each in enumerate(placed) if each.is_lost]


@pytest.mark.parametrize("step", [(26, 15), (-40, 0), (0.9, 27)])
def test_a_field_that_leaves_within_a_few_images_is_followed_all_the_way(step):
    drifts = np.cumsum(np.full((80, 2), step) + np.random.default_rng(1).normal(0, 0.5, (80, 2)), axis=0)
    drifts -= drifts[0]
    found, solved, lost = followed(drifts)
    assert lost == []
    assert np.abs(found - drifts).max() < 1.5
    assert np.abs(solved - drifts).max() < 2


def test_a_jump_of_the_stage_is_lost_at_once_and_what_follows_is_followed_also_when_it_goes_back():
    there = np.cumsum(np.random.default_rng(1).normal((0.3, 0.2), 0.5, (90, 2)), axis=0)
    there -= there[0]
    drifts = there.copy()
    drifts[40:60] += (900, -500)
    found, solved, lost = followed(drifts)
    assert lost == [40]
    assert np.array_equal(found[40], found[39])
    for result in (found, solved):
        off = result - drifts
        assert np.abs(off[:40]).max() < 1
        assert np.abs(off[40:60] - off[40]).max() < 1  # where it is, is not known; how it drifts there is
        assert np.abs(off[60:]).max() < 1


@pytest.fixture(scope="module")
def drifting():
    steps = np.random.default_rng(2).normal((1.2, -0.7), 0.8, (40, 2))
    drifts = np.cumsum(steps, axis=0)
    return drifts - drifts[0], masks(drifts)


def test_provisional_and_solved_drift_are_near_the_truth_and_that_of_the_whole_series(drifting):
    truth, images = drifting
    live = DriftOneByOne(SHAPE)
    placed = [live.add(mask) for mask in images]
    whole = estimate_drift(images).drift_px
    assert np.abs(live.provisional() - truth).max() < 0.5
    assert np.abs(live.solve() - truth).max() < 0.4
    assert np.abs(live.solve() - whole).max() < 0.3
    assert not any(each.is_lost for each in placed)
    assert (placed[0].x_px, placed[0].y_px, dict(placed[0].shifts)) == (0, 0, {})
    live.close()


def test_pairs_that_are_known_are_not_measured_again(drifting, monkeypatch):
    _, images = drifting
    first, again = DriftOneByOne(SHAPE), DriftOneByOne(SHAPE)
    known = [first.add(mask).shifts for mask in images[:12]]
    monkeypatch.setattr(again._correlator, "shift", None)
    for mask, shifts in zip(images[:12], known, strict=True):
        again.add(mask, shifts)
    first.close()
    again.close()
    assert np.array_equal(again.provisional(), first.provisional())


def test_another_field_of_view_is_lost_and_an_empty_mask_stays_where_the_last_was(drifting):
    _, images = drifting
    live = DriftOneByOne(SHAPE)
    for mask in images[:10]:
        last = live.add(mask)
    nothing = live.add(np.zeros(SHAPE, bool))
    assert (nothing.x_px, nothing.y_px, dict(nothing.shifts)) == (last.x_px, last.y_px, {})
    assert not nothing.is_lost
    (other,) = masks([(0, 0)], seed=77)
    assert live.add(other).is_lost
    assert not live.add(images[10]).is_lost
    live.close()


def test_masks_that_are_taken_up_are_fetched_when_another_is_compared_with_them(drifting):
    _, images = drifting
    straight, fetched = DriftOneByOne(SHAPE), []
    placed = [straight.add(mask) for mask in images]
    live = DriftOneByOne(SHAPE, lambda row: fetched.append(row) or images[row])
    for each in placed[:30]:
        live.take_up((each.x_px, each.y_px), is_blank=False, shifts=each.shifts)
    assert len(live) == 30
    assert fetched == []
    again = [live.add(mask) for mask in images[30:]]
    assert again == placed[30:]
    assert sorted(fetched) == sorted({a for row in range(30, 40) for a in partners_before(row) if a < 30})
    assert np.array_equal(live.solve(), straight.solve())
    so_far = straight.so_far()
    straight.add(images[0])
    assert len(so_far.solve()) == 40
    live.close()
    straight.close()


def test_partners_grow_with_the_logarithm_and_hold_both_ends():
    assert partners_before(0) == []
    assert partners_before(1) == [0]
    assert partners_before(5) == [4, 3, 2, 1, 0]
    assert len(partners_before(3999)) <= 15
    assert {3998, 0} <= set(partners_before(3999))
    assert min(partners_before(100)) == 0
