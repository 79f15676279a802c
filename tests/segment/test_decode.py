"""Maps → voids, loops, dots, on maps drawn by hand: none, one, two that overlap, a small in front of a large one."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import ndimage

from voidlab.segment import decode
from voidlab.segment.confidence import Calibration
from voidlab.segment.discs import Discs
from voidlab.segment.network import Maps
from voidlab.segment.network_segmenter import NetworkSegmenter

SHAPE = (160, 224)


def maps_of(*circles, scale=1, peak=0.9):
    """Maps that a perfect network would give for circles (x, y, radius) in px of the image."""
    shape = tuple(-(-n // scale) for n in SHAPE)
    y, x = np.mgrid[: shape[0], : shape[1]]
    void, centre, radius = (
        np.zeros(shape, np.float32),
        np.zeros(shape, np.float32),
        np.ones(shape, np.float32),
    )
    for cx, cy, r in circles:
        cx, cy, r = (cx + 0.5) / scale - 0.5, (cy + 0.5) / scale - 0.5, r / scale
        distance = np.hypot(x - cx, y - cy)
        void = np.maximum(void, (1 / (1 + np.exp(np.clip(4 * (distance - r), -50, 50)))).astype(np.float32))
        bell = (peak * np.exp(-(distance**2) / (2 * (0.2 * r + 0.5) ** 2))).astype(np.float32)
        radius = np.where(bell > centre, np.float32(r), radius)
        centre = np.maximum(centre, bell)
    return Maps(scale, void, centre, radius)


def both(*circles):
    fine = [c for c in circles if c[2] <= 26]
    coarse = [c for c in circles if c[2] >= 12]
    return maps_of(*fine), maps_of(*coarse, scale=4)


def test_nothing():
    found = decode.decode_discs(both())
    assert len(found) == 0
    labels, probability = decode.draw_labels(found, both())
    assert not labels.any()
    assert labels.shape == probability.shape == SHAPE


@pytest.mark.parametrize("radius", [2.5, 6, 14, 20, 30, 60])
def test_one_to_a_fraction_of_a_pixel(radius):
    maps = both((100.3, 80.6, radius))
    found = decode.decode_discs(maps)
    assert len(found) == 1
    assert (found.x[0], found.y[0]) == (pytest.approx(100.3, abs=0.25), pytest.approx(80.6, abs=0.25))
    assert found.radius[0] == pytest.approx(radius, rel=0.02)
    labels, _ = decode.draw_labels(found, maps)
    assert np.sqrt((labels == 1).sum() / np.pi) == pytest.approx(radius, rel=0.05, abs=0.3)


def test_two_that_overlap_keep_their_full_circles():
    maps = both((90, 80, 12), (104, 80, 10))
    found = decode.decode_discs(maps)
    assert sorted(found.radius) == pytest.approx([10, 12], rel=0.03)
    labels, _ = decode.draw_labels(found, maps)
    assert set(np.unique(labels)) == {0, 1, 2}


def test_a_small_one_in_front_of_a_large_one_is_kept():
    found = decode.decode_discs(both((100, 80, 50), (112, 90, 5)))
    assert sorted(found.radius) == pytest.approx([5, 50], rel=0.05)


def test_confidence_is_one_half_where_the_network_is_as_often_wrong_as_right():
    even = Calibration({"void": (-np.log(0.3 / 0.7), 1.0, *[0.0] * 9)})
    found = decode.decode_discs((maps_of((60, 60, 8), peak=0.3),), calibration=even)
    assert found.confidence[0] == pytest.approx(0.5, abs=0.02)


def beside(voids, **others):
    """Maps of voids with those of loops and dots, each of one (x, y, radius) and its peak."""
    every = maps_of(*voids)
    of_kind, radius = {}, every.radius_px
    for kind in ("loop", "dot"):
        circle, peak = others.get(kind, (None, 0))
        alone = maps_of(*([circle] if circle else []), peak=peak)
        radius = np.where(alone.centre > every.centre, alone.radius_px, radius)
        of_kind[kind] = alone.centre
    return replace(every, radius_px=radius, others=of_kind)


def decoded(maps, kinds=("void",), **settings):
    return NetworkSegmenter(torch.nn.Identity(), kinds=kinds, **settings).decode((maps,))


def test_each_thing_is_what_its_map_says():
    maps = beside([(60, 60, 8)], loop=((120, 80, 10), 0.8), dot=((170, 40, 4), 0.7))
    found = decode.decode_discs((maps,))
    assert list(found.kind) == ["void", "loop", "dot"]  # the surest first
    assert found.x == pytest.approx([60, 120, 170], abs=0.25)
    assert found.radius == pytest.approx([8, 10, 4], rel=0.03)
    assert found.confidence == pytest.approx([0.9, 0.8, 0.7], abs=0.02)


def test_what_is_surely_a_loop_or_a_dot_is_found_however_unsure_it_is_which():
    """A network that says loop 0.5 and dot 0.4 is sure that there is one of them."""
    maps = beside([], loop=((120, 80, 10), 0.5), dot=((120, 80, 10), 0.4))
    found = decode.decode_discs((maps,))
    assert list(found.kind) == ["loop"]
    assert found.confidence[0] == pytest.approx(0.9, abs=0.02)
    other = beside([], loop=((120, 80, 10), 0.4), dot=((120, 80, 10), 0.5))
    assert list(decode.decode_discs((other,)).kind) == ["dot"]
    assert len(decode.decode_discs((maps,), kinds=("void", "dot"))) == 0


def test_loops_and_dots_are_looked_for_in_the_negative():
    negative = replace(beside([], loop=((120, 80, 10), 0.8)), negative=True)
    maps = replace(beside([(60, 60, 8)], dot=((170, 40, 4), 0.9)), of_negative=negative)
    found = decode.decode_discs((maps,))
    assert list(found.kind) == ["void", "loop"]
    assert found.x == pytest.approx([60, 120], abs=0.25)
    assert found.radius == pytest.approx([8, 10], rel=0.03)


@pytest.mark.parametrize("peak", [0.95, 0.7])
@pytest.mark.parametrize("away", [0, 2])
def test_where_there_is_a_void_there_is_no_loop(peak, away):
    """So that the voids are the same whether loops are asked for or not."""
    maps = beside([(100, 80, 10)], loop=((100 + away, 80, 10), peak))
    alone, both = (decode.decode_discs((maps,), kinds=kinds) for kinds in (("void",), ("void", "loop")))
    for found in (alone, both):
        assert list(found.kind) == ["void"]
        assert found.confidence[0] == pytest.approx(0.9, abs=0.03)
    (loop,) = decode.decode_discs((maps,), kinds=("loop",)).kind
    assert loop == "loop"


@pytest.mark.parametrize(
    "kinds", [("void",), ("loop",), ("dot",), ("loop", "dot"), ("void", "loop", "dot"), ()]
)
def test_the_kinds_asked_for_are_those_given(kinds):
    maps = beside([(60, 60, 8)], loop=((120, 80, 10), 0.8), dot=((170, 40, 4), 0.7))
    found = decoded(maps, kinds)
    assert sorted(found.voids["kind"]) == sorted(kinds)
    drawn = found.voids["kind"] == "void"  # loops and dots are circles in the table, and have no pixels
    assert set(np.unique(found.labels)) - {0} == set(found.voids.loc[drawn, "label"])
    assert found.voids["label"].is_unique
    assert found.smaller == found.larger == 0


@pytest.mark.parametrize("loop", [(66, 60, 10), (120, 80, 10)], ids=["upon the void", "apart"])
def test_no_void_changes_for_the_loops_beside_it(loop):
    maps = beside([(60, 60, 8), (90, 100, 6)], loop=(loop, 0.95), dot=((170, 40, 4), 0.7))
    alone, together = decoded(maps), decoded(maps, ("void", "loop", "dot"))
    assert len(together.voids) == len(alone.voids) + 2
    pd.testing.assert_frame_equal(together.voids[: len(alone.voids)], alone.voids)
    assert np.array_equal(together.labels, alone.labels)
    assert np.array_equal(together.probability, alone.probability)


def test_a_faint_void_and_a_loop_at_one_place_wait_for_the_series():
    faint = maps_of((100, 80, 10), peak=0.2)
    maps = replace(faint, others=beside([], loop=((101, 80, 10), 0.9)).others)
    assert decoded(maps, ("void", "loop")).voids["kind"].tolist() == ["loop"]
    waiting = decoded(maps, ("void", "loop"), use_series=True)
    assert waiting.voids["kind"].tolist() == ["void", "loop"]
    pd.testing.assert_frame_equal(waiting.voids[:1], decoded(maps, use_series=True).voids)


def test_a_dot_is_no_other_dot_when_loops_are_not_asked_for():
    """What is a loop at one scale and, less surely, a dot at another is a loop."""
    both = tuple(beside([], **{kind: ((120, 80, 10), peak)}) for kind, peak in (("loop", 0.8), ("dot", 0.6)))
    assert list(decode.decode_discs(both).kind) == ["loop"]
    assert len(decode.decode_discs(both, kinds=("void", "dot"))) == 0


def test_a_faint_void_that_only_the_series_could_confirm_takes_no_pixels_away():
    plain = maps_of((60, 60, 12), (160, 80, 12))
    faint = maps_of((76, 60, 9), (120, 120, 8), peak=0.3)
    both = {name: np.maximum(getattr(plain, name), getattr(faint, name)) for name in ("void", "centre")}
    radius = np.where(plain.centre > faint.centre, plain.radius_px, faint.radius_px)
    maps = replace(plain, **both, radius_px=radius)
    alone, with_faint = (decoded(maps, use_series=use) for use in (False, True))
    assert len(with_faint.voids) == len(alone.voids) + 2
    pd.testing.assert_frame_equal(with_faint.voids[:2], alone.voids)
    assert np.array_equal(np.where(with_faint.labels <= 2, with_faint.labels, 0), alone.labels)


def test_loops_and_dots_have_the_area_of_their_circle_and_touch_the_edge():
    maps = beside([], loop=((12, 80, 10), 0.9), dot=((170, 40, 4), 0.7))
    voids = decoded(maps, ("loop", "dot")).voids
    assert voids["kind"].tolist() == ["loop", "dot"]
    assert voids["label"].tolist() == [1, 2]
    assert voids["touches_edge"].tolist() == [True, False]
    assert voids["area_px"].to_numpy() == pytest.approx(np.pi * voids["radius_px"].to_numpy() ** 2)


def test_a_loop_that_lies_where_the_image_shows_no_specimen_does_not_count():
    maps = beside([(60, 60, 8)], loop=((120, 80, 10), 0.9), dot=((170, 40, 4), 0.7))
    valid = np.ones(SHAPE, bool)
    valid[:, 165:] = False  # the dot lies there, the loop nearby
    within = decoded(maps, ("void", "loop", "dot")).within(valid, 40)
    assert within.voids["kind"].tolist() == ["void", "loop"]
    assert within.voids["touches_edge"].tolist() == [False, True]
    assert within.voids["area_px"].iloc[1] == pytest.approx(np.pi * 100, rel=0.06)


def test_what_is_outside_the_limits_is_counted_of_the_kinds_asked_for():
    maps = beside([(60, 60, 8)], loop=((120, 80, 10), 0.8), dot=((170, 40, 4), 0.7))
    found = decoded(maps, ("void", "dot"), min_radius_px=5)
    assert (len(found.voids), found.smaller, found.larger) == (1, 1, 0)


def test_a_void_upon_a_loop_shares_its_pixels():
    maps = beside([(110, 80, 8)], loop=((122, 80, 10), 0.8))
    found = decode.decode_discs((maps,))
    assert list(found.kind) == ["void", "loop"]
    assert set(np.unique(decode.draw_labels(found, (maps,))[0])) == {0, 1, 2}


def test_maps_of_older_networks_hold_voids_only():
    assert set(decode.decode_discs(both((60, 60, 8), (120, 80, 40))).kind) == {"void"}


def test_discs_are_voids_unless_it_is_said():
    one = np.ones(2)
    assert list(Discs(one, one, one, one).kind) == ["void", "void"]
    of_both = Discs(one, one, one, one, np.array(["loop", "dot"]))
    assert list(of_both.of(["dot", "void"]).kind) == ["dot"]
    assert list(of_both.within(0, 2).kind) == ["loop", "dot"]
    assert len(of_both.at_least(2)) == 0


def brute_force(x, y, radius):
    """What `once` keeps, one after the other."""
    kept = []
    for i in range(len(x)):
        for j in kept:
            larger, smaller = max(radius[i], radius[j]), min(radius[i], radius[j])
            distance = np.hypot(x[i] - x[j], y[i] - y[j])
            if distance < 0.25 * larger or (larger < 1.7 * smaller and distance < 0.5 * larger):
                break
        else:
            kept.append(i)
    return kept


@pytest.mark.parametrize("seed", range(5))
def test_each_is_taken_once_whatever_the_sizes(seed):
    random = np.random.default_rng(seed)
    x, y = random.uniform(0, 150, (2, 120))
    radius = np.exp(random.uniform(0, np.log(60), 120))
    assert decode.once(x, y, radius).tolist() == brute_force(x, y, radius)


def test_many_small_ones_around_large_ones_take_little_memory():
    """Noise of an image of 2048² px has tens of thousands of peaks; all pairs within a large radius took 23 GB."""
    random = np.random.default_rng(0)
    x, y = random.uniform(0, 2048, (2, 30_000))
    radius = np.where(np.arange(30_000) < 20, 400.0, 3.0)
    tracemalloc.start()
    assert 15_000 < len(decode.once(x, y, radius)) < 30_000
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (64, 7), (65, 70), (129, 3)])
def test_a_peak_is_as_high_as_all_beside_it(shape):
    centre = np.random.default_rng(0).random(shape, dtype=np.float32)
    centre[centre < 0.5] = 0
    smooth = ndimage.gaussian_filter(centre, 0.6, truncate=3.0)
    assert np.array_equal(decode._tops(centre), smooth == ndimage.maximum_filter(smooth, 3))
