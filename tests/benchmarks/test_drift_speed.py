"""Drift against full correlation and dense least squares: how exact, how robust, how fast."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pandas as pd
import psutil
import pytest
from scipy import fft

import drift_scenes as scenes
from void_masks import pair_shift
from voidlab.drift import estimate_drift, plan_pairs, solve_drift
from voidlab.drift.binned_frames import BinnedFrames
from voidlab.drift.correlate import Correlator
from voidlab.drift.pairs import every_pair

GROSS_PX = 3


def report(name, baseline, here, unit="px"):
    print(f"\n{name}: baseline {baseline} {unit}, here {here} {unit}")


def compare(trials, make):
    """Errors per axis (trials, 2) of the baseline and of voidlab on what ``make`` gives for each seed."""
    baseline, here = [], []
    for seed in range(trials):
        shift, a, b = make(seed)
        baseline.append(scenes.full_correlation_shift(a, b) - shift)
        found = pair_shift(a, b)
        here.append(np.array([found.dx_px, found.dy_px]) - shift)
    return np.array(baseline), np.array(here)


def gross(errors, limit=GROSS_PX):
    return int((np.abs(errors).max(axis=1) > limit).sum())


@pytest.mark.parametrize("length", [3, 40, 250, 500])
def test_perfect_masks(benchmark, length):
    def make(seed):
        voids, random = scenes.Voids(seed), np.random.default_rng(1000 + seed)
        shift = scenes.towards(random, length)
        return shift, voids.mask((0, 0)), voids.mask(shift)

    baseline, here = benchmark.pedantic(compare, (10, make), rounds=1)
    report(f"perfect masks, {length} px", f"{scenes.rms(baseline):.3f}", f"{scenes.rms(here):.3f}")
    assert scenes.rms(here) <= 0.03


@pytest.mark.parametrize("length", [3, 40, 250, 500])
def test_detected_masks(benchmark, length):
    def make(seed):
        voids, random = scenes.Voids(seed), np.random.default_rng(1000 + seed)
        shift = scenes.towards(random, length)
        return shift, voids.detected((0, 0), random), voids.detected(shift, random)

    baseline, here = benchmark.pedantic(compare, (10, make), rounds=1)
    good = np.abs(baseline).max(axis=1) < GROSS_PX
    report(
        f"10 % missed, 5 % false, {length} px", f"{scenes.rms(baseline[good]):.3f}", f"{scenes.rms(here):.3f}"
    )
    assert scenes.rms(here) <= 0.07


@pytest.mark.parametrize("length", [3, 40, 250])
def test_raw_frames_on_a_background_that_stays_put(benchmark, length):
    def make(seed):
        voids, random = scenes.Voids(seed, 140), np.random.default_rng(1000 + seed)
        shift, background = scenes.towards(random, length), scenes.smooth_background(random)
        return shift, voids.image((0, 0), random, background), voids.image(shift, random, background)

    baseline, here = benchmark.pedantic(compare, (50, make), rounds=1)
    report(f"raw, {length} px, gross of 50", gross(baseline), gross(here), "trials")
    print(f"rms here {scenes.rms(here):.3f} px")
    assert gross(here) == 0
    assert scenes.rms(here) <= 0.30


@pytest.mark.parametrize("step", [15, 3])
def test_raw_frames_behind_a_fixed_pattern(benchmark, step):
    def run():
        errors, baseline, flags = [], [], set()
        for seed in range(3):
            voids, random = scenes.Voids(seed, 140, margin=200), np.random.default_rng(500 + seed)
            background = scenes.smooth_background(random)
            gain = 1 + 0.15 * random.standard_normal((scenes.SIDE, scenes.SIDE))
            truth = np.cumsum([(0, 0), *(scenes.towards(random, step) for _ in range(11))], axis=0)
            images = [voids.image(shift, random, background, gain=gain).astype(np.float32) for shift in truth]
            found = estimate_drift(images)
            errors.append(found.drift_px - truth)
            flags |= set(found.flags)
            steps = [scenes.full_correlation_shift(a, b) for a, b in pairwise(images)]
            baseline.append(np.array(steps) - np.diff(truth, axis=0))
        return np.concatenate(errors), np.concatenate(baseline), flags

    errors, baseline, flags = benchmark.pedantic(run, rounds=1)
    report(f"fixed pattern, {step} px steps, gross (> 1 px) of 36", gross(baseline, 1), gross(errors, 1), "")
    print(f"rms {scenes.rms(errors):.3f} px, flags {sorted(flags)}")
    assert gross(errors, 1) <= 1 if step == 15 else flags == {"fixed pattern", "reference"}


def series(kind, seed):
    """Six frames that drift by steps of 25 px, and their drift."""
    random = np.random.default_rng(seed)
    voids = scenes.Voids(seed, 140 if kind == "raw images" else 250, margin=300)
    truth = np.cumsum(random.normal(0, 25, (6, 2)), axis=0)
    if kind == "raw images":
        background = scenes.smooth_background(random)
        return [voids.image(shift, random, background).astype(np.float32) for shift in truth], truth
    if kind == "detected masks":
        return [voids.detected(shift, random) for shift in truth], truth
    return [voids.mask(shift) for shift in truth], truth


@pytest.mark.parametrize("kind", ["perfect masks", "detected masks", "raw images"])
def test_two_thirds_of_the_errors_lie_within_one_sigma(benchmark, kind):
    def run():
        errors = []
        for seed in range(6000, 6040):
            images, truth = series(kind, seed)
            found = estimate_drift(images)
            errors.append((found.drift_px - truth + truth[0])[1:] / found.sigma_px[1:, None])
        return np.abs(errors)

    errors = benchmark.pedantic(run, rounds=1)
    inside = (errors < 1).mean(axis=(1, 2))
    print(f"\n{kind}: {inside.mean():.1%} ± {inside.std() / np.sqrt(len(inside)):.1%} within one sigma, "
          f"{(errors < 2).mean():.1%} within two")  # fmt: skip
    assert 0.60 <= inside.mean() <= 0.76


@pytest.mark.parametrize("kind", ["perfect masks", "detected masks", "raw images"])
def test_the_other_way_round_is_the_opposite(benchmark, kind):
    def run():
        sums = []
        for seed in range(5):
            images, _ = series(kind, seed)
            for a, b in pairwise(images):
                there, back = pair_shift(a, b), pair_shift(b, a)
                sums.append((there.dx_px + back.dx_px, there.dy_px + back.dy_px))
        return np.abs(sums).max()

    worst = benchmark.pedantic(run, rounds=1)
    print(f"\n{kind}: there and back misses the start by {worst:.1e} px at most")
    assert worst <= 1e-3


def measured_pairs(truth, rows, random, nonsense, sigma=0.1):
    shift = truth[rows[:, 1]] - truth[rows[:, 0]] + random.normal(0, sigma, (len(rows), 2))
    bad = random.random(len(rows)) < nonsense
    shift[bad] = random.uniform(-300, 300, (bad.sum(), 2))
    return pd.DataFrame(
        {"frame_a": rows[:, 0], "frame_b": rows[:, 1], "dx_px": shift[:, 0], "dy_px": shift[:, 1],
         "sigma_px": sigma, "peak": 1.0, "peak_ratio": 2.0, "weight": 1.0, "residual_px": 0.0, "remeasured": False}
    )  # fmt: skip


@pytest.mark.parametrize(("frames", "nonsense", "most"), [(41, 0.2, 0.03), (41, 0.4, 0.05), (860, 0.2, 0.05)])
def test_pairs_of_nonsense(benchmark, frames, nonsense, most):
    rows = plan_pairs(frames)

    def run():
        baseline, here = [], []
        for seed in range(5):
            random = np.random.default_rng(seed)
            truth = np.cumsum(random.normal(0, 5, (frames, 2)), axis=0)
            pairs = measured_pairs(truth, rows, random, nonsense)
            truth -= truth[0]
            plain = scenes.dense_least_squares(rows, pairs[["dx_px", "dy_px"]].to_numpy(), frames)
            baseline.append(scenes.rms(plain - truth))
            here.append(scenes.rms(solve_drift(pairs, frames).drift_px - truth))
        return np.median(baseline), np.median(here)

    baseline, here = benchmark.pedantic(run, rounds=1)
    report(f"{frames} frames, {len(rows)} pairs, {nonsense:.0%} nonsense", f"{baseline:.1f}", f"{here:.3f}")
    assert here <= most


def test_from_end_to_end_of_4000_frames(benchmark):
    rows = plan_pairs(4000)
    random = np.random.default_rng(0)
    truth = np.cumsum(random.normal(0, 5, (4000, 2)), axis=0)
    pairs = measured_pairs(truth, rows, random, 0.0)
    solution = benchmark.pedantic(solve_drift, (pairs, 4000), rounds=1)
    report("4,000 frames, last drift over pair error", 3.48, f"{solution.sigma_px[-1] / 0.1:.2f}", "sigma")
    print(
        f"{len(rows)} pairs; the error of the last frame is {solution.drift_px[-1] - truth[-1] + truth[0]} px"
    )
    assert solution.sigma_px[-1] <= 0.6 * 0.1
    assert len(rows) <= 45_000


def test_speed_of_all_pairs_of_ten_masks(benchmark):
    voids, random = scenes.Voids(0, margin=300), np.random.default_rng(0)
    truth = np.cumsum(random.normal(0, 30, (10, 2)), axis=0)
    images, rows = [voids.mask(shift) for shift in truth - truth[0]], every_pair(10)
    start = time.perf_counter()
    shifts = np.array([scenes.full_correlation_shift(images[a], images[b]) for a, b in rows])
    slow = scenes.dense_least_squares(rows, shifts, 10)
    slow_s = time.perf_counter() - start
    found = benchmark.pedantic(estimate_drift, (images,), rounds=5, warmup_rounds=1)
    fast_s = benchmark.stats.stats.median
    errors = [scenes.rms(drift - (truth - truth[0])) for drift in (slow, found.drift_px)]
    report("10 masks, all pairs", f"{errors[0]:.3f}", f"{errors[1]:.3f}")
    print(f"{slow_s:.2f} s and {fast_s:.3f} s: {slow_s / fast_s:.0f} times faster")
    assert errors[1] <= errors[0] / 3
    assert slow_s / fast_s >= 40


class _Masks:
    """Masks of a long video, made when asked for: half a second of them is as much memory as all of the drift."""

    def __init__(self, frames):
        random = np.random.default_rng(0)
        self.voids = scenes.Voids(0, margin=300)
        self.truth = np.cumsum(random.normal(0, 3, (frames, 2)), axis=0)
        self.packed = [np.packbits(self.voids.mask(shift)) for shift in self.truth]

    def __len__(self):
        return len(self.packed)

    def __getitem__(self, row):
        return np.unpackbits(self.packed[row]).reshape(scenes.SIDE, scenes.SIDE).astype(bool)


def bare_transforms_s(correlator, frames, pairs):
    """Time on all cores of the transforms alone: one of each frame and pair, and those of the common parts."""
    shape, padded = correlator.frames.shape, correlator._padded
    small, large = np.ones(shape, np.float32), np.ones(padded, np.float32)
    spectrum, of_small = fft.rfft2(large), fft.rfft2(small)

    def of_maps(_):
        for _ in range(50):
            fft.irfft2(spectrum, padded)

    def of_parts(_):
        for _ in range(50):
            fft.rfft2(small), fft.rfft2(small), fft.irfft2(of_small, shape), fft.irfft2(of_small, shape)

    def each(of):
        start = time.perf_counter()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(of, range(4 * os.cpu_count())))
        return (time.perf_counter() - start) / (200 * os.cpu_count())

    return (frames + pairs) * each(of_maps) + pairs * each(of_parts)


def test_860_masks(benchmark):
    images = _Masks(860)
    process, peak = psutil.Process(), [0]

    def watched(items, total):
        for item in items:
            peak[0] = max(peak[0], process.memory_info().rss)
            yield item

    found = benchmark.pedantic(estimate_drift, (images,), {"progress": watched}, rounds=1)
    seconds = benchmark.stats.stats.median
    few = BinnedFrames.of(images.packed and [images[0], images[1]])
    bare = bare_transforms_s(Correlator(few), len(images), len(found.pairs))
    few.close()
    error = scenes.rms(found.drift_px - (images.truth - images.truth[0]))
    report(
        "860 masks", "360 s for 4.3 k pairs elsewhere", f"{seconds:.0f} s for {len(found.pairs)} pairs", ""
    )
    print(f"bare transforms {bare:.0f} s, peak {peak[0] / 1e6:.0f} MB, error {error:.4f} px")
    assert len(found.pairs) >= 7000
    assert peak[0] < 1.5e9
    assert seconds <= 90
    if seconds > 2 * bare:
        pytest.xfail(f"{seconds / bare:.1f} times the bare transforms, asked 2")
