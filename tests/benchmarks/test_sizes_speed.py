"""Physical radii of the voids of an image, against the network that detects them: both on one thread's time."""

import time

import numpy as np
import pytest

from voidlab import segment
from voidlab.segment.azimuthal import azimuthal_profiles
from voidlab.segment.discs import Discs
from voidlab.segment.radius import measure_sizes
from voidlab.segment.sphere_fit import Curves, fit_radii, infer_focus
from voidlab.simulate.microscope import Optics, intensity
from voidlab.tables.size_basis import FRINGE

SIDE, VOIDS = 1024, 243
PROFILES_AND_RADII_S, FOCUS_S = (
    0.08,
    0.3,
)  # of a core of 2024; a busy or older machine gets three times as much


def micrograph():
    """An image under focus, and its voids about as a network sees them."""
    random = np.random.default_rng(3)
    cells = random.permutation(16 * 16)[:VOIDS]
    x, y = (np.stack([cells % 16, cells // 16]) + 0.5) * SIDE / 16 + random.uniform(-14, 14, (2, VOIDS))
    radius = 8 * random.lognormal(0, 0.25, VOIDS)
    v, u = np.mgrid[:SIDE, :SIDE].astype(float)
    shift = np.zeros((SIDE, SIDE))
    for x0, y0, r in zip(x, y, radius, strict=True):
        near = tuple(slice(max(int(at - r - 1), 0), int(at + r + 2)) for at in (y0, x0))
        shift[near] += 0.26 * np.sqrt(np.clip(r**2 - (u[near] - x0) ** 2 - (v[near] - y0) ** 2, 0, None))
    image = intensity(np.exp(0.03 * shift), -shift, Optics(4.0, True, 0.25))
    image += random.normal(0, 0.03, image.shape)
    x, y = np.stack([x, y]) + random.normal(0, 0.3, (2, VOIDS))
    return image, Discs(x, y, radius * 0.93 * random.lognormal(0, 0.05, VOIDS), np.full(VOIDS, 0.9)), radius


def processor_seconds(work, rounds=3):
    work()
    times = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.benchmark(group="sizes")
def test_time_of_sizes(benchmark):
    image, discs, truth = micrograph()
    network = segment.load_segmenter("voids", contrast="bright")
    reach, halo = 1.7 * discs.radius + 7, 1 + 0.1 * discs.radius

    def profiles():
        return azimuthal_profiles(image, discs, reach=reach, halo=halo)

    curves = Curves.of(profiles())
    surest, phases = np.arange(40), np.array([0.4, 1.0, 2.2]) / np.median(discs.radius)
    focus = infer_focus(curves.of_rows(surest), discs.radius[surest], phases, under=True)
    took = {
        "network": processor_seconds(lambda: network.find(image)),
        "profiles": processor_seconds(profiles),
        "radii": processor_seconds(lambda: fit_radii(curves, discs.radius, focus)),
        "focus": processor_seconds(
            lambda: infer_focus(curves.of_rows(surest), discs.radius[surest], phases, under=True)
        ),
        "all": processor_seconds(lambda: measure_sizes(image, discs, bright=True)),
    }
    sizes = benchmark.pedantic(lambda: measure_sizes(image, discs, bright=True), rounds=3)
    print(f"\n{SIDE} × {SIDE} px, {VOIDS} voids, processor time: ", end="")
    print(", ".join(f"{name} {value:.3f} s" for name, value in took.items()), end="; ")
    print(f"sizes over network {took['all'] / took['network']:.2f}")
    assert (sizes.basis == FRINGE).mean() > 0.95
    assert np.median(sizes.radius / truth) == pytest.approx(1, abs=0.03)
    assert took["profiles"] + took["radii"] < 3 * PROFILES_AND_RADII_S
    assert took["focus"] < 3 * FOCUS_S
