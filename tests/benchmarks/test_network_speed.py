"""The shipped network on two cores: time of an image against plain float32, memory of a very large one."""

import subprocess
import sys
import time
from dataclasses import replace

import pytest

from voidlab import segment, simulate

_LARGE = """
import numpy as np, resource
from voidlab import segment
image = np.random.default_rng(0).normal(0.4, 0.05, (4096, 4096)).astype(np.float32)
image[1000:1020, 2000:2020] += 0.4
voids = segment.load_segmenter("voids", contrast="bright").find(image)
print(len(voids), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def seconds(work, rounds=3):
    work()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


@pytest.mark.benchmark(group="network")
def test_time_of_an_image(benchmark):
    image = simulate.tilt_series(seed=5, views=1, shape=(1024, 1024), voids=450).images[0]
    fast = segment.load_segmenter("voids", contrast="bright")
    exact = replace(fast, arithmetic="float32")
    maps = fast.maps(image)
    took = {
        "maps, float32": seconds(lambda: exact.maps(image)),
        "maps, fast": seconds(lambda: fast.maps(image)),
        "voids out of maps": seconds(lambda: fast.decode(maps)),
    }
    benchmark.pedantic(lambda: fast.run(image), rounds=3)
    print(f"\n1024 × 1024 px, {len(fast.decode(maps).voids)} voids: ", end="")
    print(", ".join(f"{name} {value:.2f} s" for name, value in took.items()))
    assert took["maps, fast"] < 1.2 * took["maps, float32"]


@pytest.mark.benchmark(group="network")
def test_memory_of_a_large_image(benchmark):
    answers = []

    def look():
        done = subprocess.run([sys.executable, "-c", _LARGE], check=True, capture_output=True, text=True)
        answers.append([int(part) for part in done.stdout.split()])

    benchmark.pedantic(look, rounds=1)
    found, kilobytes = answers[0]
    print(f"\n4096 × 4096 px: {found} void, peak {kilobytes / 1e6:.2f} GB")
    assert kilobytes < 2e6
