"""Simulated micrographs: seeded, every kind of look, truth that agrees with the image."""

import numpy as np
import pytest

from voidlab.simulate import micrographs, microscope, void_shapes
from voidlab.simulate.micrographs import micrograph
from voidlab.simulate.visibility import Visibility, reach


def test_the_same_seed_gives_the_same_micrograph():
    first, again, other = (micrograph(seed, shape=(96, 128)) for seed in (5, 5, 6))
    assert first.image.shape == first.mask.shape == (96, 128)
    assert first.image.dtype == np.uint8
    np.testing.assert_array_equal(first.image, again.image)
    assert first.voids.equals(again.voids)
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("seed", range(12))
def test_truth_lies_in_the_image(seed):
    m = micrograph(seed, shape=(128, 160))
    assert list(m.voids.columns) == ["x_px", "y_px", "radius_px", "snr", "evidence", "overlap", "ignored"]
    assert m.voids["overlap"].between(0, 1).all()
    sure = m.voids[~m.voids["ignored"]]
    assert sure["x_px"].between(0, 159).all()
    assert sure["y_px"].between(0, 127).all()
    at = m.mask[sure["y_px"].round().astype(int), sure["x_px"].round().astype(int)]
    assert at.all()
    assert m.mask.any() == bool((m.voids["evidence"] >= micrographs._LEAST_EVIDENCE).any())


def test_voids_that_count_are_brighter_than_what_is_around_them_more_often_than_not():
    brighter = []
    for seed in range(20):
        m = micrograph(seed, shape=(192, 224))
        if m.mask.any():
            around = ~m.mask
            brighter.append(m.image[m.mask].mean() > m.image[around].mean())
    assert np.mean(brighter) > 0.7


def _void(radius, size=128):
    y, x = np.mgrid[:size, :size] - size / 2
    return 2 * np.sqrt(np.clip(radius**2 - x**2 - y**2, 0, None)) / (2 * radius)


@pytest.mark.parametrize("under", [True, False])
def test_fresnel_contrast_has_the_sign_the_books_give_it(under):
    # Under focus bright inside with a dark rim, over focus the reverse: a void advances the phase less.
    length = _void(10.0)
    image = microscope.intensity(np.ones_like(length), -0.5 * length, microscope.Optics(3.0, under))
    row = image[64, 64:84]
    inside, rim = row[:9].max() - 1, row[9:13].min() - 1
    if not under:
        inside, rim = 1 - row[:9].min(), 1 - row[9:13].max()
    assert inside > 0.03
    assert rim < -0.03


def test_in_focus_a_phase_is_not_seen():
    length = _void(10.0)
    image = microscope.intensity(np.ones_like(length), -0.5 * length, microscope.Optics(0.0))
    np.testing.assert_allclose(image, 1, atol=1e-6)


def test_defocus_keeps_the_electrons():
    image = microscope.intensity(
        np.ones((64, 80)), -1.2 * _void(6, 80)[:64], microscope.Optics(4.0, spread=0.0)
    )
    assert image.mean() == pytest.approx(1, abs=1e-3)


def _evidence(own, others=0.0, *, radius=4.0, noise=1.0):
    """Evidence of a void in the middle of what it adds, in white noise on an even foil; mean over places."""
    grain = noise * np.random.default_rng(0).standard_normal((160, 200))
    visible = Visibility(np.ones_like(grain), grain)
    half = own.shape[0] // 2
    places = [(x, y) for x in range(40, 180, 20) for y in range(40, 140, 20)]
    of = [visible.at((x, y, radius), own, others + 0 * own, (y - half, x - half))[1] for x, y in places]
    return float(np.mean(of))


def _sphere(radius=4.0, x=0.0):
    half = reach(radius)
    v, u = np.mgrid[-half : half + 1, -half : half + 1]
    return np.sqrt(np.clip(1 - ((u - x) ** 2 + v**2) / radius**2, 0, None))


def test_a_sphere_of_snr_1_and_8_px_is_what_just_counts():
    assert _evidence(_sphere()) == pytest.approx(micrographs._LEAST_EVIDENCE, rel=0.05)
    assert _evidence(_sphere(), noise=0.5) == pytest.approx(2 * micrographs._LEAST_EVIDENCE, rel=0.05)
    assert _evidence(_sphere(6.0), radius=6.0) > 1.3 * micrographs._LEAST_EVIDENCE


def test_what_other_voids_add_is_no_evidence():
    hidden = 0 * _sphere()
    assert _evidence(hidden, _sphere()) == 0
    alone, beside, upon = (_evidence(_sphere(), other) for other in (0.0, _sphere(x=9), _sphere(x=2)))
    assert upon < 0.6 * alone
    assert upon < beside <= alone


def test_bent_foils_and_bars_fit_images_of_any_shape():
    for seed in range(30):
        assert micrograph(seed, shape=(33, 47)).image.shape == (33, 47)


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5])
def test_overlap_is_the_share_of_a_void_that_others_share(monkeypatch, seed):
    at = [
        (100.0, 110.0, 12.0),
        (100.0, 110.0, 5.0),
        (180.0, 70.0, 8.0),
    ]  # one within another, and one by itself
    monkeypatch.setattr(void_shapes, "scatter", lambda random, shape, usual: np.array(at))
    monkeypatch.setitem(micrographs._KINDS, "mass", sum(micrographs._KINDS.values()))
    for kind in set(micrographs._KINDS) - {"mass"}:
        monkeypatch.setitem(micrographs._KINDS, kind, 0.0)
    voids = micrograph(seed, shape=(128, 160)).voids
    large, small, alone = voids.to_dict("records")
    assert (small["overlap"], alone["overlap"]) == (1, 0)
    assert large["overlap"] == pytest.approx((small["radius_px"] / large["radius_px"]) ** 2)
