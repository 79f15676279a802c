"""The simulated foil: what is drawn is listed where it is, and shows as what it is in the microscope."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from voidlab.simulate import looks, micrographs, microscope
from voidlab.simulate.foil import (
    Defects,
    Foil,
    _bean,
    _cloud,
    _dot,
    _draw_crowd,
    _line,
    _loop,
    _precipitate,
    _rod,
    _stain,
    draw_foil,
    draw_grain,
)
from voidlab.simulate.vacuum import beside_vacuum
from voidlab.simulate.void_shapes import Void

SHAPE = (200, 280)
LISTED = {
    _dot: "dot",
    _precipitate: "dot",
    _loop: "loop",
    _rod: "loop",
    _bean: "loop",
}


def nothing(shape=SHAPE):
    return Defects(np.zeros(shape, np.float32))


@pytest.mark.parametrize("draw", LISTED, ids=lambda draw: draw.__name__.strip("_"))
@pytest.mark.parametrize("seed", range(8))
def test_a_defect_is_listed_where_it_is_drawn(draw, seed):
    random, into = np.random.default_rng(seed), nothing()
    draw(random, into, 0.4, 8.0)
    ((kind, x, y, radius, strength),) = into.objects
    assert (kind, strength) == (LISTED[draw], 0.4)
    assert 0 <= x <= SHAPE[1]
    assert 0 <= y <= SHAPE[0]
    assert 1 <= radius <= 45
    changed = np.abs(into.drawn) > 0.02
    v, u = np.nonzero(changed)
    assert len(v)
    away = np.hypot(u - x, v - y)
    long = 2 if draw is _precipitate else 5  # of those that are long and thin, over the radius
    assert away.max() < long * radius + 10
    inside = (4 * radius < x < SHAPE[1] - 4 * radius) and (4 * radius < y < SHAPE[0] - 4 * radius)
    if inside:
        weight = np.abs(into.drawn)
        cy, cx = ndimage.center_of_mass(weight)
        assert np.hypot(cx - x, cy - y) < 0.7 * radius + 0.5  # an arc, a moiré, a line on one side: no more
        assert changed.sum() > 0.5 * np.pi * radius**2 or draw is _loop


@pytest.mark.parametrize("draw", LISTED, ids=lambda draw: draw.__name__.strip("_"))
def test_a_defect_is_dark_and_as_strong_as_it_says(draw):
    deepest = []
    for seed in range(20):
        into = nothing()
        draw(np.random.default_rng(seed), into, 0.4, 8.0)
        deepest.append(into.drawn.min())
    assert -0.4 * 2 < np.median(deepest) < -0.4 * 0.5


@pytest.mark.parametrize("draw", [_line, _cloud, _stain])
def test_what_has_no_place_of_its_own_is_not_listed(draw):
    into = nothing()
    for seed in range(3):
        draw(np.random.default_rng(seed), into, 0.4, 8.0)
    assert into.drawn.any()
    assert into.objects == []


def test_a_foil_lists_all_of_its_defects():
    for seed in range(30):
        foil = draw_foil(np.random.default_rng(seed), SHAPE, 6.0, thickness_px=60.0, busy=1.0, strength=0.4)
        assert {kind for kind, *_ in foil.objects} <= {"loop", "dot"}
        if len(foil.objects) > 20 and (foil.strain != 1).any() and foil.strain.min() < 0.9:
            break
    else:
        pytest.fail("none with many")
    assert foil.brightness.shape == foil.strain.shape == foil.phase.shape == SHAPE
    assert not foil.phase.any()


def test_a_film_without_order_holds_nothing():
    for seed in range(20):
        foil = draw_foil(np.random.default_rng(seed), SHAPE, 6.0, thickness_px=60.0, busy=-1.0, strength=0.4)
        assert foil.objects == []
        assert (foil.strain == 1).all()


def test_a_crowd_is_many_of_a_few_kinds_and_sizes():
    for seed in range(10):
        thick, strained = nothing(), nothing()
        _draw_crowd(np.random.default_rng(seed), thick, strained, 6.0, 0.4)
        objects = thick.objects + strained.objects
        assert len(objects) >= 5
        assert {kind for kind, *_ in objects} <= {"loop", "dot"}
        assert min(thick.drawn.min(), strained.drawn.min()) < -0.1  # they are dark
    crowded = draw_foil(np.random.default_rng(3), SHAPE, 6.0, thickness_px=60.0, busy=2.0, strength=0.4)
    assert len(crowded.objects) > 10


def test_a_rough_foil_is_rougher():
    even, rough = (
        np.mean(
            [
                draw_foil(
                    np.random.default_rng(s), SHAPE, 6.0, thickness_px=60.0, busy=-1.0, strength=0.4, rough=r
                ).brightness.std()
                for s in range(20)
            ]
        )
        for r in (0.05, 1.0)
    )
    assert even < 0.4 * rough  # the wedge goes with the root


def scene(foil, voids=(), *, fringe=4.0, under=True):
    """A foil looked at with a microscope without blur."""
    optics = microscope.Optics(fringe, under, spread=0.05)
    look = replace(looks.look_of(np.random.default_rng(0), 6.0), optics=optics, phase_rad=0.5, contrast=0.1)
    return micrographs._Scene(look, 6.0, 60.0, foil, list(voids), np.inf, 0.0)


def seen(foil, **how):
    """What comes to the detector of a foil without voids."""
    return scene(foil, **how).brightness(foil, np.zeros(foil.brightness.shape, np.float32))


def disc(value, shape=(128, 160), radius=20):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.where(np.hypot(y - shape[0] / 2, x - shape[1] / 2) < radius, value, 1).astype(np.float32)


def test_strain_makes_no_fringe_and_thickness_does():
    even = Foil.even((128, 160))
    by_strain = seen(replace(even, strain=disc(0.5)))
    np.testing.assert_allclose(by_strain, disc(0.5), atol=1e-3)
    by_thickness = seen(replace(even, brightness=disc(0.5)))
    outside = disc(0.5) == 1
    assert np.abs(by_thickness[outside] - 1).max() > 0.1


def test_grain_shows_out_of_focus_only():
    random = np.random.default_rng(0)
    grain = draw_grain(random, SHAPE)
    assert grain.std() == pytest.approx(1, rel=0.1)
    foil = replace(
        draw_foil(random, SHAPE, 6.0, thickness_px=60.0, busy=-1.0, strength=0.4), phase=0.3 * grain
    )
    smooth = replace(foil, phase=0 * foil.phase)
    np.testing.assert_allclose(seen(foil, fringe=0.0), seen(smooth, fringe=0.0), atol=1e-6)
    for under in (True, False):
        assert (seen(foil, under=under) / seen(smooth, under=under)).std() > 0.05


def square(x, y, half=6):
    inside = np.ones((2 * half, 2 * half), bool)
    return Void((slice(y - half, y + half), slice(x - half, x + half)), inside * np.float32(9), inside)


@pytest.mark.parametrize("seed", range(10))
def test_vacuum_holds_neither_voids_nor_defects(seed):
    random = np.random.default_rng(seed)
    foil = draw_foil(random, SHAPE, 6.0, thickness_px=60.0, busy=1.0, strength=0.4)
    # A phase that vacuum has not tells where the foil is.
    foil = replace(foil, phase=np.ones(SHAPE, np.float32))
    foil = replace(foil, objects=[("dot", x, y, 4.0, 0.5) for x in range(280) for y in range(0, 200, 5)])
    voids = [square(x, y) for x in range(10, 270, 14) for y in range(10, 190, 14)]
    cut, kept = beside_vacuum(random, foil, voids)
    vacuum = cut.phase == 0
    assert 0.02 < vacuum.mean() < 0.6
    light = cut.brightness[vacuum]
    assert light.min() >= 1.2 or light.min() <= 0.3  # vacuum, or what gets too thick to see through
    if light.min() >= 1.2:
        assert np.ptp(light) == 0
    assert (cut.strain[vacuum] == 1).all()
    assert 0 < len(cut.objects) < len(foil.objects)
    assert not any(vacuum[y, x] for _, x, y, *_ in cut.objects)
    assert 0 < len(kept) < len(voids)
    for void in kept:
        assert not void.inside[vacuum[void.part]].any()
        assert not void.length[vacuum[void.part]].any()
        assert void.inside.sum() > 0.9 * 144  # those that the edge cuts are none


@pytest.mark.parametrize("under", [True, False])
def test_the_edge_of_the_foil_has_the_fringe_of_a_void(under):
    """Vacuum advances the phase as a void does: under focus there is a bright fringe beyond the edge."""
    fringes = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        cut, _ = beside_vacuum(random, Foil.even((160, 200)), [])
        cut = replace(cut, brightness=np.ones_like(cut.brightness))  # the fringe alone, of the phase
        there = cut.phase != 0
        if np.ptp(cut.phase) > 2.5 or np.ptp(cut.phase) < 0.3:
            continue
        image = seen(cut, fringe=3.0, under=under)
        beyond = ~there & (ndimage.distance_transform_edt(~there) < 2.5)
        inner = np.zeros_like(beyond)
        inner[12:-12, 12:-12] = True
        fringes.append(float(image[beyond & inner].mean()) - 1)
    assert len(fringes) > 5
    assert all(fringe > 0.02 if under else fringe < -0.02 for fringe in fringes), fringes
