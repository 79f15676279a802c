"""Simulated micrographs: seeded, every kind of look, truth that agrees with the image."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from voidlab.simulate import looks, micrographs, microscope, vacuum, void_shapes
from voidlab.simulate.bend_contours import BendContour
from voidlab.simulate.foil import Foil
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
    assert list(m.voids.columns) == [
        *("x_px", "y_px", "radius_px", "volume_radius_px"),
        *("snr", "evidence", "overlap", "ignored"),
    ]
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


def test_light_that_is_not_parallel_blurs_the_image_and_keeps_the_electrons():
    def image(spread, fringe_px=4.0):
        optics = microscope.Optics(fringe_px, spread=spread)
        return microscope.intensity(np.ones((128, 128)), -1.0 * _void(10.0), optics)

    sharp, blurred, more = (image(spread) for spread in (0.0, 0.2, 0.4))
    for each in (sharp, blurred, more):
        assert each.mean() == pytest.approx(1, abs=1e-3)
    assert sharp.std() > 1.05 * blurred.std() > 1.05**2 * more.std()
    np.testing.assert_allclose(image(0.4, 0.0), 1, atol=1e-6)  # in focus it does nothing


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


def test_what_is_dark_inside_a_bright_edge_is_not_seen_as_a_bright_void():
    """Over focus by much, with what it absorbs less: on the negative a dark spot, edged."""
    half = reach(4.0)
    distance = np.hypot(*np.mgrid[-half : half + 1, -half : half + 1])
    edged = 2.0 * ((distance > 2.5) & (distance < 4)) - 6.0 * (distance < 2.5)
    assert _evidence(np.abs(edged), noise=0.1) > 3 * micrographs._LEAST_EVIDENCE
    assert _evidence(edged, noise=0.1) < micrographs._LEAST_EVIDENCE


def test_of_what_the_file_has_not_kept_there_is_no_evidence():
    own, half = _sphere(), reach(4.0)
    grain = 0.05 * np.random.default_rng(0).standard_normal((80, 90))
    seen = [Visibility(np.ones_like(grain), grain)]
    part = (slice(40 - half, 41 + half), slice(45 - half, 46 + half))
    for kept in (0.8, 0.2, 0.0):  # what compression has made of it
        left = grain.copy()
        left[part] -= (1 - kept) * own
        seen.append(Visibility(np.ones_like(grain), left))
    evidence = [each.at((45, 40, 4.0), own, 0 * own, (40 - half, 45 - half))[1] for each in seen]
    assert evidence[1] > 0.3 * evidence[0]  # what was lost counts as noise, too
    assert evidence[2] < 0.3 * evidence[1]
    assert evidence[3] < micrographs._LEAST_EVIDENCE


def test_outside_of_the_image_there_is_no_noise():
    visible = Visibility(np.ones((20, 30)), np.full((20, 30), 0.5))
    there = visible._grain_in((-2, 27), (5, 6))
    assert there.tolist() == [[0.0] * 6] * 2 + [[0.5] * 3 + [0.0] * 3] * 3


def test_a_bubble_much_smaller_than_its_fringe_is_seen_as_the_disc_that_its_image_is():
    def evidence(fringe_px):
        state = microscope.Optics(fringe_px, spread=0.2)
        v, u = np.mgrid[-64:65, -64:65]
        phase = -0.2 * np.sqrt(np.clip(1 - (u**2 + v**2) / 25, 0, None))
        own = microscope.intensity(np.ones_like(phase), phase, state) - 1
        return [_evidence(own, radius=r, noise=0.01) for r in sorted(micrographs._seen_as(5.0, state))]

    own, widened = evidence(15.0)
    assert widened > 1.3 * own
    own, widened = evidence(2.0)
    assert own > widened


def test_a_large_void_that_a_bend_contour_crosses_is_seen_by_its_outline():
    """Bright in one half and dark in the other, so that disc and edge come to nothing in the mean."""
    v, u = np.mgrid[-64:65, -64:65]

    def evidence(radius, of_dark_half):
        inside = np.hypot(u, v) < radius
        return _evidence(np.where(u < 0, of_dark_half, 1.0) * inside, radius=radius, noise=0.3)

    bright, crossed, dark = (evidence(12.0, half) for half in (1.0, -1.0, -4.0))
    assert 0.5 * bright < crossed < 1.5 * bright
    assert dark < crossed  # mostly dark: a dark disc
    assert evidence(4.0, -1.0) < 0.3 * evidence(4.0, 1.0)  # too small to follow its outline


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
    monkeypatch.setitem(looks._KINDS, "mass", sum(looks._KINDS.values()))
    for kind in set(looks._KINDS) - {"mass"}:
        monkeypatch.setitem(looks._KINDS, kind, 0.0)
    voids = micrograph(seed, shape=(128, 160)).voids
    large, small, alone = voids.to_dict("records")
    assert (small["overlap"], alone["overlap"]) == (1, 0)
    assert large["overlap"] == pytest.approx((small["radius_px"] / large["radius_px"]) ** 2)


def _scene_of(seed, shape):
    """What a micrograph is of, and what would come to the detector, without noise."""
    random = np.random.default_rng(np.random.SeedSequence([seed, 7]))
    scene = micrographs._scene(random, tuple(side + 2 * looks.MARGIN for side in shape))
    return scene, scene.brightness(scene.foil, scene.of_all_voids(lambda void: void.length))[micrographs._CUT]


def only(monkeypatch, kind):
    """Micrographs of one kind."""
    for each in looks._KINDS:
        monkeypatch.setitem(looks._KINDS, each, float(each == kind))


def without_burnt_in(monkeypatch):
    monkeypatch.setattr(microscope, "_burn_in", lambda random, picture: np.zeros(picture.size[::-1], bool))


@pytest.mark.parametrize("kind", ["over", "under", "mass", "helium"])
def test_a_negative_is_the_negative_of_what_the_microscope_shows(monkeypatch, kind):
    only(monkeypatch, kind)
    without_burnt_in(monkeypatch)
    agree = []
    for seed in range(12):
        m = micrograph(seed, shape=(128, 160))
        scene, clean = _scene_of(seed, (128, 160))
        assert m.upside_down == (scene.look.sign < 0)
        assert not (m.upside_down and scene.look.optics.under)
        alike = np.corrcoef(m.image.ravel(), clean.ravel())[0, 1]
        if abs(alike) > 0.2:  # else noise hides it
            agree.append((alike < 0) == m.upside_down)
    assert len(agree) >= 6
    assert all(agree)


@pytest.mark.parametrize("fringe", [1.0, 8.0])
def test_over_focus_by_little_voids_are_bright_and_looked_for_as_such(fringe):
    """By what they absorb less; further out the fringe outweighs it, and they are dark."""
    look = replace(
        looks.look_of(np.random.default_rng(0), 8.0),
        **{"kind": "over", "contrast": 0.2, "phase_rad": 2.0, "empty": False, "sign": -1, "negative": True},
        optics=microscope.Optics(fringe, under=False),
    )
    v, u = np.mgrid[:96, :96] - 48
    sphere = 2 * np.sqrt(np.clip(64 - u**2 - v**2, 0, None)).astype(np.float32)
    void = void_shapes.Void((slice(0, 96), slice(0, 96)), sphere, sphere > 1)
    scene = micrographs._Scene(look, 8.0, 60.0, Foil.even((96, 96)), [void], np.inf, 0.3)
    of = micrographs._with_sign(scene)
    assert (of.sign, of.negative) == ((1, False) if fringe == 1.0 else (-1, True))
    assert micrographs._with_sign(replace(scene, look=replace(look, empty=True))).negative


def test_a_void_in_a_bend_contour_is_as_dark_or_bright_as_a_foil_thinner_by_it():
    """On the contour, of a foil of one extinction length: half an extinction length less is the darkest."""
    even, ones = np.zeros((64, 64), np.float32), np.ones((64, 64), np.float32)
    contour = BendContour(even, ones, 0.6 * ones, ones, 40.0)
    foil = replace(Foil.even((64, 64)), contours=[contour])
    for missing, brightness in ((0, 1.0), (10, 0.7), (20, 0.4), (40, 1.0)):
        assert foil.lets_through(missing * ones) == pytest.approx(brightness * ones, abs=1e-6)
    there = foil.contours_in((slice(3, 9), slice(60, 64)))
    assert there.lets_through(20 * ones[:6, :4]) == pytest.approx(0.4 * ones[:6, :4], abs=1e-6)
    off = replace(contour, deviation=30 * ones)
    assert off.at(20 * ones) == pytest.approx(ones, abs=1e-3)


def test_the_sphere_as_large_as_a_void_is_that_of_its_volume(monkeypatch):
    """Of round voids that lie wholly in the foil it is the circle; of those cut off it is smaller."""
    only(monkeypatch, "helium")
    at = np.array([[100.0, 90.0, 12.0]])
    monkeypatch.setattr(void_shapes, "scatter", lambda random, shape, usual: at)
    monkeypatch.setattr(vacuum, "beside_vacuum", lambda random, foil, voids: (foil, voids))
    ratios = []
    for seed in range(40):
        voids = micrograph(seed, shape=(96, 96)).voids
        ratios.append(voids["volume_radius_px"][0] / voids["radius_px"][0])
    assert np.median(ratios) == pytest.approx(1, abs=0.02)
    assert np.min(ratios) < 0.9


def test_loops_in_a_negative_are_bright_and_else_dark(monkeypatch):
    """The network is told the sign: what is dark in the microscope is bright in the negative, as voids are."""
    without_burnt_in(monkeypatch)
    drawn = [("dot", 130.0, 120.0, 7.0, 0.6), ("dot", 220.0, 180.0, 7.0, 0.6)]

    def foil_with_dots(random, shape, usual, *, thickness_px, busy, strength, rough):
        y, x = np.mgrid[: shape[0], : shape[1]]
        bells = sum(np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / r**2) for _, cx, cy, r, _ in drawn)
        return replace(Foil.even(shape), strain=np.exp(-0.6 * bells).astype(np.float32), objects=drawn)

    monkeypatch.setattr(micrographs, "draw_foil", foil_with_dots)
    monkeypatch.setattr(void_shapes, "scatter", lambda random, shape, usual: np.zeros((0, 3)))
    monkeypatch.setattr(vacuum, "beside_vacuum", lambda random, foil, voids: (foil, voids))
    for kind, bright in (("over", True), ("mass", False), ("under", False)):
        only(monkeypatch, kind)
        plain = 0
        for seed in range(12):
            m = micrograph(seed, shape=(160, 224))
            if bright and not m.upside_down:  # over focus by so little that voids are bright
                continue
            assert m.upside_down == bright
            for x, y, snr in m.others[["x_px", "y_px", "snr"]].to_numpy(float):
                around = m.image[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4].mean()
                if snr > 3:
                    plain += 1
                    assert (around > np.median(m.image)) == bright
        assert plain >= 4


def test_the_look_for_loops_is_a_negative_without_voids(monkeypatch):
    only(monkeypatch, "loops")
    for seed in range(4):
        m = micrograph(seed, shape=(160, 224))
        assert m.upside_down
        assert m.voids.empty
        assert not m.mask.any()
        assert len(m.others)


@pytest.mark.parametrize("kind", ["under", "helium"])
def test_voids_stand_out_whatever_the_focus_leaves_of_them(monkeypatch, kind):
    """Of many micrographs most show most of their voids, and few show none."""
    only(monkeypatch, kind)
    shares = []
    for seed in range(100, 116):
        voids = micrograph(seed, shape=(224, 224)).voids
        inside = voids[voids["x_px"].between(0, 223) & voids["y_px"].between(0, 223)]
        if len(inside) >= 3:
            shares.append(1 - inside["ignored"].mean())
    assert np.median(shares) > 0.4
    assert np.mean(np.array(shares) == 0) < 0.3


@pytest.mark.parametrize(("fringe", "blur"), [(0.0, 0.5), (2.0, 0.5), (12.0, 0.5), (4.0, 3.0)])
def test_noise_goes_by_the_contrast_that_is_left_of_a_void(fringe, blur):
    """A faint void has little noise around it, so that it stands out as far as one that is plain."""
    look = looks.look_of(np.random.default_rng(0), 6.0)
    look = replace(
        look,
        optics=microscope.Optics(fringe, True, 0.1) if fringe else microscope.Optics(),
        phase_rad=0.5 if fringe else 0.0,
        contrast=0.1,
        stands_out=4.0,
        grain=0.0,
        calm=True,
    )
    even = Foil.even((200, 200))
    scene = micrographs._in_a_foil(
        np.random.default_rng(1), micrographs._Scene(look, 6.0, 60.0, even, [], np.inf, blur)
    )
    v, u = np.mgrid[:200, :200] - 100
    sphere = 2 * np.sqrt(np.clip(36 - u**2 - v**2, 0, None)).astype(np.float32)
    change = scene.brightness(even, sphere) - 1
    assert np.sqrt((change**2).sum()) / scene.noise == pytest.approx(4 * 6 * np.sqrt(np.pi), rel=0.02)


@pytest.mark.parametrize("seed", range(24))
def test_loops_and_dots_that_count_lie_in_the_image_and_show(seed):
    m = micrograph(seed, shape=(128, 160))
    assert list(m.others.columns) == ["kind", "x_px", "y_px", "radius_px", "snr", "ignored"]
    assert set(m.others["kind"]) <= {"loop", "dot"}
    assert m.others["ignored"].dtype == bool
    sure = m.others[~m.others["ignored"]]
    assert sure["x_px"].between(0, 159).all()
    assert sure["y_px"].between(0, 127).all()
    assert (sure["snr"] >= micrographs._LEAST_SNR).all()


def test_what_hardly_shows_counts_neither_way():
    """One that counts; one too small, one too faint, one too faint to be listed; outside; under a banner."""
    at = looks.MARGIN
    objects = [
        ("loop", at + 20.0, at + 20.0, 8.0, 0.3),
        ("dot", at + 60.0, at + 20.0, 1.6, 0.2),
        ("dot", at + 60.0, at + 40.0, 4.0, 0.05),
        ("dot", at + 60.0, at + 60.0, 4.0, 0.02),
        ("loop", at - 5.0, at + 20.0, 8.0, 0.3),
        ("loop", at + 20.0, at + 75.0, 8.0, 0.3),
    ]
    covered = np.zeros((80, 100), bool)
    covered[70:] = True
    others = micrographs._others(replace(Foil.even((176, 196)), objects=objects), covered, noise=0.1)
    assert others["snr"].tolist() == pytest.approx([3, 0.8, 0.5, 3, 3])
    assert others["ignored"].tolist() == [False, True, True, True, True]
    assert others[["x_px", "y_px"]].to_numpy()[0].tolist() == [20, 20]


def test_a_foil_without_loops_has_none_with_all_columns():
    others = micrographs._others(Foil.even((176, 196)), np.zeros((80, 100), bool), 0.1)
    assert len(others) == 0
    assert others.dtypes.astype(str).to_dict() == {
        "kind": "object",
        "x_px": "float64",
        "y_px": "float64",
        "radius_px": "float64",
        "snr": "float64",
        "ignored": "bool",
    }


@pytest.mark.parametrize("draw", [microscope._scale_bar, microscope._banner, microscope._words])
@pytest.mark.parametrize("grey", [0, 90, 255])
def test_what_is_burnt_in_covers_whatever_was_there(monkeypatch, draw, grey):
    monkeypatch.setattr(microscope, "_scale_bar", draw)
    monkeypatch.setattr(microscope, "_banner", draw)
    monkeypatch.setattr(microscope, "_words", draw)
    for seed in range(5):
        flat, other = (Image.new("L", (220, 160), each) for each in (grey, 128))
        covered = microscope._burn_in(np.random.default_rng(seed), flat)
        assert np.array_equal(covered, microscope._burn_in(np.random.default_rng(seed), other))
        assert covered.shape == (160, 220)
        assert 0 < covered.mean() < 0.9
        assert (np.asarray(flat)[~covered] == grey).all()


@pytest.mark.parametrize("kind", ["mass", "over", "mask"])
def test_voids_under_a_banner_count_neither_way(monkeypatch, kind):
    only(monkeypatch, kind)

    write = microscope.write

    def with_banner(random, image):
        grey, told, covered = write(random, image)
        covered[100:160] = True
        return np.where(covered, 255, grey), np.where(covered, told.max(), told), covered

    without_burnt_in(monkeypatch)
    counted = []
    for seed in range(8):
        plain = micrograph(seed, shape=(200, 240))
        with monkeypatch.context() as patched:
            patched.setattr(microscope, "write", with_banner)
            m = micrograph(seed, shape=(200, 240))
        under = m.voids["y_px"].between(99.5, 159.5, inclusive="neither")
        assert m.voids.loc[under, "ignored"].all()
        assert not m.mask[100:160].any()
        of_others = m.others[m.others["y_px"].between(99.5, 159.5, inclusive="neither")]
        assert of_others["ignored"].all()
        counted.append((~plain.voids.loc[under, "ignored"]).sum())
    assert sum(counted) > 5  # without the banner some of them count
