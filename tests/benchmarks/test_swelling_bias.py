"""How far density and swelling are off where a foil's surfaces cut voids; how often the intervals hold the truth."""

import numpy as np
import pytest

from foils import spheres, volume_fraction
from voidlab.swelling.estimate import measure_swelling
from voidlab.swelling.sample import Foil, Sample, Scale

DIAMETER, VOIDS = 20.0, 40_000
MOST_BIAS = 0.02
SEEDS = 500


@pytest.mark.parametrize("resolved", [0.0, 6.0], ids=["all caps seen", "caps below 6 px not seen"])
@pytest.mark.parametrize("ratio", [0.1, 0.2, 0.4])
def test_bias_of_voids_that_the_surfaces_cut(ratio, resolved):
    thickness = DIAMETER / ratio
    shape = (3000, 4000)
    density = VOIDS / (np.prod(shape) * thickness)
    random = np.random.default_rng(int(10 * ratio))
    voids = spheres(
        random, shape=shape, thickness=thickness, density=density, diameter=DIAMETER, resolved=resolved
    )
    sample = Sample(shape, foil=Foil(thickness, 0.0, "px"), size_sigma=0.0)
    found = measure_swelling(voids, sample, draws=2).estimates["value"]
    fraction = volume_fraction(density, DIAMETER)
    naive = np.pi / 6 * 8 * (voids["radius_px"] ** 3).sum() / (np.prod(shape) * thickness)
    print(
        f"\nD/t {ratio}, diameters from {resolved:g} px: swelling {found['volume_fraction'] / fraction - 1:+.2%} "
        f"(uncorrected {found['volume_fraction_uncorrected'] / fraction - 1:+.1%}, with all voids at the edges "
        f"{naive / fraction - 1:+.1%}), density {found['number_density'] / density - 1:+.2%} "
        f"(uncorrected {found['number_density_uncorrected'] / density - 1:+.1%})"
    )
    assert abs(found["volume_fraction"] / fraction - 1) < MOST_BIAS
    # Small caps count for their number: density is that of what can be seen.
    assert abs(found["number_density"] / density - 1) < (MOST_BIAS if resolved == 0 else 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("expected", [40, 150])
def test_coverage_of_the_intervals(expected):
    shape, thickness, pixel = (300, 420), 100.0, 0.5
    density = expected / (np.prod(shape) * thickness)
    truth = {
        "number_density": density / pixel**3,
        "volume_fraction": volume_fraction(density, 16.0),
        "mean_diameter": 16.0 * pixel,
    }
    truth["swelling"] = truth["volume_fraction"] / (1 - truth["volume_fraction"])
    held = dict.fromkeys(truth, 0)
    held68 = dict.fromkeys(truth, 0)
    for seed in range(SEEDS):
        random = np.random.default_rng(seed)
        voids = spheres(random, shape=shape, thickness=thickness, density=density, diameter=16.0)
        # What the user believes is off by as much as is said of it.
        size, thicker, scale = np.exp(random.standard_normal(3) * [0.05, 0.1, 0.02])
        sample = Sample(
            shape,
            scale=Scale(pixel * scale, 0.02),
            foil=Foil(thickness * pixel * thicker, 0.1 * thickness * pixel * thicker),
            size_sigma=0.05,
        )
        voids["radius_px"] *= size
        found = measure_swelling(voids, sample, draws=600, seed=seed).estimates
        for name, value in truth.items():
            held[name] += found.loc[name, "low95"] <= value <= found.loc[name, "high95"]
            held68[name] += found.loc[name, "low68"] <= value <= found.loc[name, "high68"]
    said = ", ".join(f"{name} {held[name] / SEEDS:.1%} / {held68[name] / SEEDS:.0%}" for name in held)
    print(f"\nabout {expected} voids, {SEEDS} seeds, 95 / 68 % intervals hold the truth: {said}")
    for name in held:
        assert 0.92 <= held[name] / SEEDS <= 0.98, name
