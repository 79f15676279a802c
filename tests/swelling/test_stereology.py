"""What is seen in a foil against what is in the material: exact in the mean, for every size and shape."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from voidlab.swelling import stereology


def foil_weights(seen, power):
    """Weight of voids seen with diameters ``seen``, in foil thicknesses; see `stereology.foil_series`.

    The sum of the weights per area is, without bias, the number (power 0), total diameter (1) or total cube of
    diameters (3) of the voids per area and foil thickness.
    """
    seen = np.asarray(seen, np.float64)
    series = stereology.foil_series(power, float(seen.max(initial=0)))
    return seen**power * np.polynomial.polynomial.polyval(seen, series)


@pytest.mark.parametrize("power", [0, 1, 2, 3])
@pytest.mark.parametrize("true", [0.01, 0.1, 0.4, 1.0, 2.0])
def test_a_sphere_counts_for_its_power_cut_or_not(power, true):
    # Centres per thickness: 1 inside, ``true`` outside, half of it beyond each surface.
    height = (np.arange(200_000) + 0.5) / 200_000 * true / 2
    caps = 2 * np.sqrt(true**2 / 4 - height**2)
    mean = foil_weights(np.array([true]), power)[0]
    mean += true * foil_weights(caps, power).mean()
    assert mean == pytest.approx(true**power, rel=1e-5)


def test_a_thick_foil_needs_no_correction():
    seen = np.array([1e-4, 2e-4])
    np.testing.assert_allclose(foil_weights(seen, 3), seen**3, rtol=2e-4)


def test_no_voids_have_no_weights():
    assert foil_weights(np.array([]), 3).shape == (0,)


@pytest.mark.parametrize("radius", [2.0, 10.0, 19.0])
def test_the_number_per_area_is_right_for_small_and_large_voids(radius):
    random = np.random.default_rng(int(radius))
    shape, far = (60, 140), 30
    area = (shape[0] + 2 * far) * (shape[1] + 2 * far)
    count = 200_000
    x = random.uniform(-far, shape[1] + far, count)
    y = random.uniform(-far, shape[0] + far, count)
    seen = stereology.inclusion_area(x, y, np.full(count, radius), shape, margin_px=2)
    whole = seen > 0
    assert 0 < whole.sum() < count
    expected = count / area
    assert np.sum(1 / seen[whole]) == pytest.approx(expected, abs=4 * expected / np.sqrt(whole.sum()))


def test_a_void_wider_than_the_image_is_never_whole():
    assert stereology.inclusion_area(np.array([5.0]), np.array([3.0]), np.array([9.0]), (8, 12)).tolist() == [
        0
    ]


def test_a_void_that_just_fits_is_whole():
    # Pixels 0 to 9 reach from -0.5 to 9.5.
    area = stereology.inclusion_area(np.array([4.5]), np.array([4.5]), np.array([4.9]), (10, 20))
    assert area[0] == pytest.approx((20 - 9.8) * (10 - 9.8))


CORNERS = {
    "cube": [[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)],
    "truncated octahedron": [
        np.roll([0, a, b], k) for a in (-1, 1) for b in (-2, 2) for k in range(3)
    ] + [np.roll([0, b, a], k) for a in (-1, 1) for b in (-2, 2) for k in range(3)],
}  # fmt: skip


@pytest.mark.parametrize("shape", CORNERS)
@pytest.mark.parametrize("beam", [(0, 0, 1), (1, 1, 0), (1, 1, 1), (1, 2, -3)])
def test_the_factor_is_that_of_the_shadow_along_the_beam(shape, beam):
    corners = np.array(CORNERS[shape], float)
    turned = Rotation.align_vectors([[0, 0, 1]], [np.array(beam) / np.linalg.norm(beam)])[0].apply(corners)
    shadow = ConvexHull(turned[:, :2]).volume  # the area, in two dimensions
    volume = ConvexHull(corners).volume
    sphere = np.pi / 6 * (4 * shadow / np.pi) ** 1.5
    assert stereology.shape_factor(shape, beam) == pytest.approx(volume / sphere, rel=1e-6)


@pytest.mark.parametrize("shape", CORNERS)
def test_over_all_directions_the_volume_of_many_is_right(shape):
    corners = np.array(CORNERS[shape], float)
    turns = Rotation.random(4000, np.random.default_rng(1))
    shadows = np.array([ConvexHull(turn.apply(corners)[:, :2]).volume for turn in turns])
    spheres = np.pi / 6 * np.mean((4 * shadows / np.pi) ** 1.5)
    assert stereology.shape_factor(shape) == pytest.approx(ConvexHull(corners).volume / spheres, rel=0.01)


def test_a_sphere_has_a_factor_of_one():
    assert stereology.shape_factor("sphere") == 1.0


def test_a_part_of_the_image_is_counted_as_an_image_of_that_size():
    random = np.random.default_rng(0)
    valid = np.zeros((200, 300), bool)
    valid[30:170, 40:280] = True
    x, y, radius = random.uniform(0, 300, 500), random.uniform(0, 200, 500), random.uniform(1, 20, 500)
    there = stereology.inclusion_area(x - 40, y - 30, radius, (140, 240), margin_px=3)
    found = stereology.inclusion_area(x, y, radius, valid.shape, margin_px=3, valid=valid)
    # By whole pixels: a void nearer to the limit than one may fall on the other side.
    assert (((found > 0) != (there > 0)).mean()) < 0.03
    both = (found > 0) & (there > 0)
    np.testing.assert_allclose(found[both], there[both], rtol=0.03)


@pytest.mark.parametrize("radius", [2.0, 6.0, 14.0])
def test_density_around_what_is_left_out_is_unbiased(radius):
    random = np.random.default_rng(1)
    valid = np.ones((260, 320), bool)
    valid[90:140, 100:190] = valid[:, :25] = False
    true, found = 0.004, []
    for _ in range(300):
        count = random.poisson(true * 320 * 260)
        x, y = random.uniform(-0.5, 319.5, count), random.uniform(-0.5, 259.5, count)
        area = stereology.inclusion_area(x, y, np.full(count, radius), valid.shape, valid=valid)
        found.append((1 / area[area > 0]).sum())
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(true, abs=4 * error + 0.01 * true)
