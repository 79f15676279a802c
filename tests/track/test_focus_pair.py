"""Voids of two images of one field, under focus and over it: which are one, and what both say of it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from voidlab import tables
from voidlab.images.errors import ImagesError
from voidlab.tables.focus import OF_PAIR
from voidlab.track import focus_pair
from voidlab.track.focus_pair import drift_of_pair, match_pair, pair_of_series

SHAPE, SHIFT = (300, 420), (37.0, -22.0)
PAIR = pd.DataFrame({"frame": [1, 2], "focus": list(OF_PAIR)})
SERIES = PAIR.assign(focus="")


def voids(x, y, radius, *, frame=1, sigma=0.08, shared=0.06, basis="fringe"):
    """Table ``voids`` of these."""
    count = len(x)
    rows = pd.DataFrame(
        {
            "frame": frame,
            "label": np.arange(1, count + 1),
            "x_px": x,
            "y_px": y,
            "radius_px": np.broadcast_to(np.asarray(radius, float), count),
            "area_px": 100.0,
            "kind": "void",
            "confidence": 0.9,
            "touches_edge": False,
            "size_basis": basis,
        }
    )
    rows = rows.assign(
        radius_sigma_px=sigma * rows["radius_px"], radius_shared_sigma_px=shared * rows["radius_px"]
    )
    return tables.select(rows, "voids")


def field(seed=0, count=30):
    random = np.random.default_rng(seed)
    x, y = random.uniform(60, 360, count), random.uniform(50, 250, count)
    apart = np.array([(np.hypot(x[i] - x[:i], y[i] - y[:i]) > 25).all() for i in range(count)])
    return x[apart], y[apart], random.uniform(5, 11, apart.sum())


def pair(ratio=1.0, off=0.5, seed=0):
    """The same voids under focus, and over it at places moved by `SHIFT`, with a little scatter, in another order."""
    x, y, radius = field(seed)
    random = np.random.default_rng(seed + 1)
    moved = x + SHIFT[0] + random.normal(0, off, len(x)), y + SHIFT[1] + random.normal(0, off, len(x))
    order = random.permutation(len(x))
    return voids(x, y, radius, frame=2), voids(moved[0][order], moved[1][order], ratio * radius[order])


def test_every_void_finds_its_other_image_and_the_shift_is_that_of_the_voids():
    under, over = pair(ratio=1.04)
    found = match_pair(under, over, (SHIFT[0] + 2, SHIFT[1] - 1.5), SHAPE)
    table = found.table
    assert table["seen_in"].tolist() == ["both"] * len(under)
    assert found.shift_px == pytest.approx(SHIFT, abs=0.4)
    assert found.move.magnification == pytest.approx(1, abs=0.005)
    assert found.ratio * found.move.magnification == pytest.approx(1.04)
    at = under.set_index("label")["radius_px"].loc[table["label_under"].astype(int)].to_numpy()
    np.testing.assert_allclose(table["radius_under_px"], at)
    np.testing.assert_allclose(table["radius_over_px"], 1.04 * at)


@pytest.mark.parametrize(("magnification", "angle_deg"), [(1.035, 0.0), (0.98, -0.3), (1.02, 0.4)])
@pytest.mark.parametrize("shift_is_known", [True, False])
def test_an_image_that_is_magnified_and_turned_is_laid_on_the_other(magnification, angle_deg, shift_is_known):
    """About the middle of the image; in real pairs it is up to 3.8 %, 10 px at the border."""
    x, y, radius = field()
    random = np.random.default_rng(5)
    away = (x - 209.5) + 1j * (y - 149.5)
    moved = away * magnification * np.exp(1j * np.radians(angle_deg)) + random.normal(
        0, 0.5, (2, len(x))
    ).T @ [1, 1j]
    over = voids(moved.real + 209.5 + 6, moved.imag + 149.5 - 4, magnification * 1.1 * radius)
    found = match_pair(voids(x, y, radius, frame=2), over, (6, -4), SHAPE, shift_is_known=shift_is_known)
    assert (found.table["seen_in"] == "both").all()
    assert found.shift_px == pytest.approx((6, -4), abs=0.5)
    assert found.move.magnification == pytest.approx(magnification, abs=0.004)
    assert found.move.angle_deg == pytest.approx(angle_deg, abs=0.25)
    assert found.ratio == pytest.approx(1.1, rel=0.004)
    np.testing.assert_allclose(found.table[["x_px", "y_px"]].to_numpy()[:, 1], np.sort(y), atol=1.5)
    true = np.sort(found.table["radius_under_px"]) * 1.05  # half of what each image says
    np.testing.assert_allclose(np.sort(found.table["radius_px"]), true, rtol=0.01)


def test_both_images_give_one_size_in_nm_whatever_their_pixels():
    """Pixels of 0.5 nm under focus and 0.48 nm over it: the fit takes the difference out, by 0.5 nm all are right."""
    x, y, radius_nm = field()
    away = np.stack([x - 209.5, y - 149.5])
    over_x, over_y = away * 0.5 / 0.48 + [[209.5], [149.5]]
    under = voids(x, y, radius_nm / 0.5, frame=2)
    over = voids(over_x, over_y, radius_nm / 0.48)
    found = match_pair(under, over, (0, 0), SHAPE)
    assert found.move.magnification == pytest.approx(0.5 / 0.48, abs=0.001)
    assert found.ratio == pytest.approx(1, abs=0.001)
    order = np.argsort(found.table["radius_px"])
    np.testing.assert_allclose(0.5 * found.table["radius_px"][order], np.sort(radius_nm), rtol=0.001)


def test_the_radius_is_of_both_and_what_voids_share_does_not_average_out():
    under, over = pair(off=0.0)
    over = over.assign(radius_px=1.1 * over["radius_px"])
    table = match_pair(under, over, SHIFT, SHAPE).table
    true = table["radius_under_px"]
    part = 1 / (1 + 1.0)  # equal errors, as those were given beforehand
    np.testing.assert_allclose(table["radius_px"], true * (1 + 0.1 * part))
    own = np.sqrt(0.08**2 - 0.06**2)
    np.testing.assert_allclose(table["radius_sigma_px"], true * np.hypot(0.06, own / np.sqrt(2)))


def test_a_radius_that_is_no_size_does_not_count():
    under, over = pair()
    nothing = over.assign(size_basis="not a size", radius_sigma_px=np.nan, radius_shared_sigma_px=np.nan)
    found = match_pair(under, nothing, SHIFT, SHAPE)
    np.testing.assert_allclose(found.table["radius_px"], found.table["radius_under_px"])
    assert np.isnan(found.ratio)
    assert set(found.table["size_basis_under"]) == {"fringe"}
    assert set(found.table["size_basis_over"]) == {"not a size"}
    neither = match_pair(nothing, nothing, (0, 0), SHAPE).table
    assert neither["radius_sigma_px"].isna().all()
    np.testing.assert_allclose(neither["radius_px"], neither["radius_under_px"])


def test_what_one_image_shows_is_told_from_what_lies_outside_the_other():
    under, over = pair()
    beyond = voids(
        [410.0, 15.0], [290.0, 20.0], 7.0, frame=2
    )  # over focus they would lie at 447, and at y = −2
    only = voids([200.0], [270.0], 7.0, frame=2).assign(label=99)
    under = pd.concat([under.iloc[1:], beyond.assign(label=[50, 51]), only], ignore_index=True)
    table = match_pair(under, over, SHIFT, SHAPE).table
    counts = table["seen_in"].value_counts().to_dict()
    assert counts == {"both": len(under) - 3, "over only": 1, "outside the other": 2, "under only": 1}
    assert table.loc[table["seen_in"] == "under only", "label_under"].tolist() == [99]
    assert table.loc[table["seen_in"] == "over only", "label_under"].isna().all()
    assert table.loc[table["seen_in"] == "over only", "radius_px"].notna().all()


def test_one_void_is_matched_once_only():
    under = voids([100.0, 106.0, 200.0], [100.0, 100.0, 60.0], 8.0)
    over = voids([103.0, 200.0], [100.0, 60.0], 8.0)
    table = match_pair(under, over, (0, 0), SHAPE).table
    assert table["seen_in"].value_counts().to_dict() == {"both": 2, "under only": 1}


def test_images_of_other_fields_are_refused_with_what_was_found():
    (x, y, radius), (x2, y2, radius2) = field(1), field(2)
    with pytest.raises(
        ImagesError, match=r"the images are no pair: of \d+ voids under focus and \d+ over focus"
    ):
        match_pair(voids(x, y, radius), voids(x2, y2, radius2), (0, 0), SHAPE)
    with pytest.raises(ImagesError, match="0 lie in the same places"):
        match_pair(voids(x, y, radius), voids([], [], 1.0), (np.nan, np.nan), SHAPE)


def test_of_twenty_wrong_pairs_none_is_taken():
    """The best of many shifts brings some voids together in any two fields."""
    for seed in range(20):
        (x, y, radius), (x2, y2, radius2) = field(seed), field(seed + 100)
        with pytest.raises(ImagesError, match="the images are no pair"):
            match_pair(voids(x, y, radius), voids(x2, y2, radius2), (0, 0), SHAPE)


def test_of_a_series_the_first_frame_is_over_focus():
    under, over = pair()
    found = pair_of_series(pd.concat([over, under]), correlated(*SHIFT), SHAPE)
    assert found.shift_px == pytest.approx(SHIFT, abs=0.4)
    assert (found.table["seen_in"] == "both").all()
    np.testing.assert_allclose(found.table[["x_px", "y_px"]].min(), under[["x_px", "y_px"]].min(), atol=1)


def correlated(x, y, *, reference=1, flag=""):
    """Table ``drift`` of a pair as a correlation has it: frame 1 is over focus."""
    moved = [x, y] if reference == 2 else [-x, -y]
    rows = {1: ([0.0, 0.0], "reference"), 2: (moved, flag)}
    if reference == 2:
        rows = {1: (moved, flag), 2: ([0.0, 0.0], "reference")}
    return tables.select(
        pd.DataFrame(
            {
                "frame": frame,
                "drift_x_px": at[0],
                "drift_y_px": at[1],
                "drift_sigma_px": 0.0 if said == "reference" else 0.2,
                "pairs_kept": 1,
                "flag": said,
            }
            for frame, (at, said) in rows.items()
        ),
        "drift",
    )


@pytest.mark.parametrize("reference", [1, 2])
def test_the_drift_of_a_pair_is_that_of_its_voids_and_the_same_on_every_page(reference):
    under, over = pair()
    both = pd.concat([over, under], ignore_index=True)
    was = correlated(SHIFT[0] + 5, SHIFT[1] - 4, reference=reference)  # as dark and bright discs mislead it
    drift, said = drift_of_pair(was, both, PAIR, SHAPE)
    rows = drift.set_index("frame")
    assert rows.loc[reference, ["drift_x_px", "drift_y_px", "drift_sigma_px"]].tolist() == [0, 0, 0]
    shift = rows.loc[1, ["drift_x_px", "drift_y_px"]] - rows.loc[2, ["drift_x_px", "drift_y_px"]]
    sigma = rows.loc[3 - reference, "drift_sigma_px"]
    assert shift.tolist() == pytest.approx(SHIFT, abs=4 * sigma)
    assert 0.1 <= sigma < 0.25  # half a px of scatter of some 20 voids
    assert rows["flag"].tolist() == ["reference" if frame == reference else "" for frame in (1, 2)]
    for reach in ("auto", 4.0):
        found = pair_of_series(both, drift, SHAPE, reach_px=reach)
        assert found.shift_px == tuple(shift)
        assert found.shift_sigma_px == sigma
    again, _ = drift_of_pair(drift, both, PAIR, SHAPE)
    np.testing.assert_allclose(
        again[["drift_x_px", "drift_y_px"]], drift[["drift_x_px", "drift_y_px"]], atol=1e-4
    )
    assert f"by the {len(under)} voids that both show; it would be 42.0, -26.0 px by correlation." in said


def test_voids_that_scatter_more_than_correlations_err_leave_the_shift_with_an_honest_error():
    x, y = np.array([100.0, 200.0, 300.0]), np.array([100.0, 150.0, 80.0])
    under = voids(x, y, 16.0, frame=2)
    over = voids(x + SHIFT[0] + [5, -5, 0], y + SHIFT[1] + [-5, 4, 0], 16.0)
    both = pd.concat([over, under], ignore_index=True)
    drift, said = drift_of_pair(correlated(*SHIFT), both, PAIR, SHAPE)
    assert drift["drift_x_px"].tolist() == [0, -SHIFT[0]]
    assert drift["drift_sigma_px"].tolist() == [0, 1.5]
    assert "by correlation" in said


def test_the_drift_of_a_pair_whose_voids_do_not_match_and_of_a_series_stays():
    (x, y, radius), (x2, y2, radius2) = field(1), field(2)
    other = pd.concat([voids(x, y, radius), voids(x2, y2, radius2, frame=2)], ignore_index=True)
    drift, said = drift_of_pair(correlated(3, 4), other, PAIR, SHAPE)
    assert drift["drift_x_px"].tolist() == [0, -3]
    assert drift["drift_sigma_px"].tolist() == [0, 1.5]
    assert "no voids lie together, so it is not to be trusted" in said
    under, over = pair()
    both = pd.concat([over, under], ignore_index=True)
    drift, said = drift_of_pair(correlated(3, 4), both, SERIES, SHAPE)
    pd.testing.assert_frame_equal(drift, correlated(3, 4))
    assert said == ""
    still = pd.concat([over.assign(x_px=over["x_px"] - SHIFT[0], y_px=over["y_px"] - SHIFT[1]), under])
    drift, _ = drift_of_pair(correlated(np.nan, np.nan, flag="not connected"), still, PAIR, SHAPE)
    assert drift.loc[1, ["drift_x_px", "drift_y_px"]].tolist() == pytest.approx([0, 0], abs=0.5)
    assert drift["flag"].tolist() == ["reference", ""]
    lost, _ = drift_of_pair(correlated(np.nan, np.nan, flag="not connected"), other, PAIR, SHAPE)
    assert lost["flag"].tolist() == ["reference", "not connected"]


def test_a_large_image_that_is_turned_is_found_again_by_the_stage_pair():
    """0.5° moves what lies at its border by 18 px; a shift of the middle alone brings hardly any voids together."""
    shape, random = (4096, 4096), np.random.default_rng(3)
    x, y = random.uniform(50, 4040, (2, 150))
    moved = (x - 2047.5 + 1j * (y - 2047.5)) * 1.02 * np.exp(1j * np.radians(0.5)) + 2047.5 * (1 + 1j)
    over = voids(moved.real + 30, moved.imag - 20, 12.0)
    both = pd.concat([over, voids(x, y, 12.0, frame=2)])
    drift, said = drift_of_pair(correlated(29.0, -20.0), both, PAIR, shape)
    assert "magnified by 1.020 and turned by +0.5°" in said
    found = pair_of_series(both, drift, shape)
    assert (found.table["seen_in"] == "both").sum() >= 140
    assert found.move.angle_deg == pytest.approx(0.5, abs=0.02)


def test_the_middle_is_known_less_well_where_all_voids_lie_in_a_corner():
    errors, sigmas = [], []
    for seed in range(30):
        random = np.random.default_rng(seed)
        x, y = random.uniform(10, 90, (2, 16))
        off = random.normal(0, 0.4, (2, 16))
        found = match_pair(voids(x, y, 9.0), voids(x + 5 + off[0], y - 3 + off[1], 9.0), (5, -3), (300, 420))
        errors.append(np.hypot(*(np.array(found.shift_px) - (5, -3))) / 2**0.5)
        sigmas.append(found.shift_sigma_px)
    assert np.median(sigmas) > 0.5
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.mean(sigmas), rel=0.5)


def test_of_few_voids_no_magnification_is_taken():
    random = np.random.default_rng(0)
    for _ in range(20):
        x, y = random.uniform(60, 360, 4), random.uniform(50, 250, 4)
        off = random.normal(0, 1.5, (2, 4))
        found = match_pair(voids(x, y, 9.0), voids(x + off[0], y + off[1], 9.0), (0, 0), SHAPE)
        assert found.move.magnification == 1


@pytest.mark.parametrize(
    ("nm", "sigma", "said"),
    [
        (None, None, "5.0, -3.0 px"),
        (None, 0.1, "5.00, -3.00 ± 0.10 px"),
        (0.2, 0.1, "1.000, -0.600 ± 0.020 nm"),
        (0.1, 0.4, "0.500, -0.300 ± 0.040 nm"),
        (2.0, 8.0, "10.0, -6.0 ± 16.0 nm"),
    ],
)
def test_the_error_of_a_shift_is_read_with_two_digits(nm, sigma, said):
    assert focus_pair._shown((5.0, -3.0), sigma, SimpleNamespace(pixel_size_nm=nm)) == said
