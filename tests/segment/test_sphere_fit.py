import numpy as np
import pytest

from voidlab.segment import fringe_profiles
from voidlab.segment.azimuthal import Profile
from voidlab.segment.fringe_profiles import RADII, corners
from voidlab.segment.sphere_fit import Curves, Focus, fit_radii, infer_focus

FRINGE, BLUR, PHASE = 4.0, 0.9, 0.12  # px, px, rad per px of the radius


def curves(radius, *, under=True, noise=0.0, seed=0):
    """Profiles as the table has them for spheres of these radii."""
    random = np.random.default_rng(seed)
    found = []
    for r in radius:
        distance = np.arange(0.4, 1.7 * r + 7, 0.7)
        seen = fringe_profiles.profiles(under).at(distance / r, FRINGE / r, BLUR / r, PHASE * r)
        sigma = np.full(len(distance), max(noise, 1e-3))
        found.append(
            Profile(0.0, 0.0, distance, 7 + 2 * seen + random.normal(0, noise, len(distance)), sigma)
        )
    return Curves.of(found)


def focus(under=True):
    return Focus(under, FRINGE, 0.0, BLUR, PHASE, 0.0, 0.0)


def test_spheres_at_all_radii_are_the_table_at_each():
    random = np.random.default_rng(0)
    at = random.uniform(0.02, 3, 20), random.uniform(0.01, 1, 20), random.uniform(0, 7, 20)
    table = fringe_profiles.profiles(True)
    wanted = table.at(RADII, *(each[:, None] for each in at))
    np.testing.assert_allclose(table.of_spheres(corners(*at)), wanted, atol=1e-6)


@pytest.mark.parametrize("under", [True, False])
def test_spheres_get_their_radii(under):
    radius = np.geomspace(3.2, 30, 40)
    off = np.random.default_rng(1).uniform(0.75, 1.3, 40)
    fit = fit_radii(curves(radius, under=under), radius * off, focus(under))
    np.testing.assert_allclose(fit.radius, radius, rtol=0.004)
    assert fit.misfit.max() < 0.3


def test_one_standard_error_of_a_radius_holds_two_of_three():
    radius = np.linspace(5, 14, 400)
    fit = fit_radii(curves(radius, noise=0.15), radius * 0.93, focus())
    assert 0.6 < np.mean(np.abs(fit.radius - radius) < fit.sigma) < 0.76


def test_a_radius_does_not_depend_on_the_other_voids():
    radius = np.linspace(4, 20, 700)
    every = curves(radius, noise=0.05)
    together = fit_radii(every, radius, focus())
    for rows in (np.array([3]), np.array([699, 20, 350])):
        alone = fit_radii(every.of_rows(rows), radius[rows], focus())
        np.testing.assert_allclose(alone.radius, together.radius[rows], rtol=1e-9)
        np.testing.assert_allclose(alone.sigma, together.sigma[rows], rtol=1e-6)


@pytest.mark.parametrize("under", [True, False])
@pytest.mark.parametrize("phases", [(PHASE,), (0.05, 0.12, 0.26)])
def test_the_focus_is_that_of_the_spheres(phases, under):
    radius = np.linspace(6, 14, 40)
    found = infer_focus(curves(radius, under=under, noise=0.02), 0.92 * radius, phases, under=under)
    assert found.fringe_px == pytest.approx(FRINGE, rel=0.03)
    assert found.blur_px == pytest.approx(BLUR, rel=0.15)
    # The phase hardly shows in a profile: where it is to be found, what is likely beforehand draws it to 0.05.
    assert 0.45 * PHASE <= found.phase_per_px <= 1.35 * PHASE
    assert found.misfit < found.misfit_without - 2
