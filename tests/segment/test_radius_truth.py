"""Radii against the physics: images by another program, whose radii are known. ``-s`` prints the table."""

import sys

import pytest

from radius_truth import measured

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def images(shared):
    """A row per image: its conditions, and what of it the defaults measure."""
    made = measured(shared / "multislice_truth")
    columns = [
        "image",
        "recall",
        "detected",
        "ratio",
        "volume",
        "not_a_size",
        "inside",
        "fringe_over_radius",
        "defocus",
    ]
    sys.stdout.write(f"\n{made[columns].round(3).to_string(index=False)}\n")
    return made


@pytest.fixture
def off_focus(images):
    """Those that voids of 2 nm and more are seen out of focus in."""
    far = (images["fringe_over_radius"] > 0.1) & (images["r_nm"] >= 2)
    return images[far]


def test_every_sphere_is_within_4_percent_and_every_faceted_void_within_6(off_focus):
    spheres, facets = off_focus[off_focus["shape"] == "sphere"], off_focus[off_focus["shape"] == "facets"]
    assert len(spheres) >= 20
    assert spheres["ratio"].between(0.96, 1.04).all()
    assert facets["ratio"].between(0.94, 1.06).all()
    assert off_focus["ratio"].mean() == pytest.approx(1, abs=0.015)


def test_volumes_are_right_in_the_mean(off_focus):
    for _, group in off_focus.groupby(off_focus["defocus_nm"] > 0):
        assert group["volume"].mean() == pytest.approx(1, abs=0.03)
        assert group["volume"].std() < 0.065


def test_voids_smaller_than_their_fringe_are_no_sizes_and_others_are(images):
    seen = images[images["recall"] > 0]
    assert (seen.loc[seen["fringe_over_radius"] > 1.5, "not_a_size"] >= 0.95).all()
    assert (seen.loc[seen["fringe_over_radius"] < 1.1, "not_a_size"] <= 0.02).all()


def test_small_ones_are_within_10_percent_as_long_as_they_are_sizes(images):
    small = images[(images["r_nm"] == 1) & images["defocus_nm"].abs().between(100, 500)]
    assert len(small) == 4
    assert small["ratio"].between(0.9, 1.1).all()


def test_the_defocus_that_the_images_show_is_the_true_one(images):
    """Those of .5 to 2 µm, of which the fringes of voids of 2 nm and more can be measured."""
    far = images[images["defocus_nm"].abs().between(500, 2000) & (images["r_nm"] >= 2)]
    seen = far["defocus"].dropna()
    sys.stdout.write(
        f"\ndefocus over the true one, {len(seen)} of {len(far)} images: {seen.describe().round(2)}\n"
    )
    assert len(seen) >= 0.9 * len(far)
    assert seen.median() == pytest.approx(1, abs=0.1)
    assert seen.quantile(0.1) >= 0.7
    assert seen.quantile(0.9) <= 1.3


def test_the_error_holds_what_is_true(off_focus):
    assert off_focus["inside"].min() >= 0.98
