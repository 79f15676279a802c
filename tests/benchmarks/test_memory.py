"""Peak memory of ``voidlab run``, all its processes together: bounded, and no more for 500 frames than for 100."""

import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import tifffile

from projects import make_project
from voidlab import simulate

SHAPE = (1024, 1024)


def write_video(path, frames):
    """A stack of ``frames`` images of about 250 voids that drift, with noise of their own."""
    rng = np.random.default_rng(0)
    base = simulate.tilt_series(seed=3, views=1, shape=SHAPE, voids=250, noise=0.0).images[0]
    with tifffile.TiffWriter(path) as stack:
        for frame in range(frames):
            moved = np.roll(base, (frame // 7, frame // 5), axis=(0, 1)) + rng.normal(0, 0.04, SHAPE)
            stack.write((255 * moved.clip(0, 1)).astype(np.uint8), contiguous=True)


def _own(process):
    """Memory of a process, bytes; what copies of one process share counts once in their sum, where that is known."""
    held = process.memory_full_info()
    return getattr(held, "pss", held.rss)


def peak_of_run(paths):
    """Largest sum of the memory of a run and its kernel, bytes, and its time, s."""
    started, peak = time.monotonic(), 0
    process = psutil.Popen(
        [sys.executable, "-m", "voidlab", "run", str(paths.parameters)], stdout=subprocess.DEVNULL
    )
    while process.poll() is None:
        family = [process]
        try:
            family += process.children(recursive=True)
            peak = max(peak, sum(_own(member) for member in family))
        except psutil.Error:
            pass  # one of them has just ended
        time.sleep(0.1)
    assert process.returncode == 0
    return peak, time.monotonic() - started


@pytest.mark.benchmark(group="memory")
def test_memory_does_not_grow_with_frames(benchmark, tmp_path):
    peaks = {}

    def measure():
        for frames in (100, 500):
            paths, _ = make_project(tmp_path / str(frames), "video")
            write_video(paths.root / "data" / "video.tif", frames)
            paths.parameters.write_text("images: ../data/video.tif\nsegment: {contrast: bright}\n")
            peaks[frames], seconds = peak_of_run(paths)
            print(f"\n{frames} frames of 1024 × 1024: peak {peaks[frames] / 1e6:.0f} MB, {seconds:.0f} s")

    benchmark.pedantic(measure, rounds=1)
    assert peaks[500] < 1.5e9
    assert peaks[500] < 1.25 * peaks[100]  # the tables grow, a few hundred bytes per void
