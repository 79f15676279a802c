"""Voids at rest, seen with 0.5 px of noise: how often and how far they seem to move."""

import numpy as np
import pandas as pd
import pytest

from voidlab.track.motion import diffusion

MOST_BIAS, LEAST_STILL = 0.005, 0.93


@pytest.mark.parametrize("frames", [20, 60, 300])
def test_voids_at_rest_do_not_move(frames):
    voids, noise = 20_000 // (frames // 20), 0.5
    random = np.random.default_rng(frames)
    table = pd.DataFrame(
        {
            "particle": np.repeat(np.arange(voids), frames),
            "frame": np.tile(np.arange(frames), voids),
            "x_px": random.normal(0, noise, voids * frames),
            "y_px": random.normal(0, noise, voids * frames),
        }
    )
    found = diffusion(table)
    estimate, error = found["diffusion_px2_per_frame"], found["diffusion_sigma_px2_per_frame"]
    still = float((np.abs(estimate) < 1.96 * error).mean())
    x, y = (table[c].to_numpy().reshape(voids, frames) for c in ("x_px", "y_px"))
    path = np.hypot(np.diff(x), np.diff(y)).mean()
    squares = ((np.diff(x) ** 2 + np.diff(y) ** 2) / 4).mean()
    print(
        f"\n{voids} voids at rest, {frames} frames: diffusion {estimate.mean():+.4f} px²/frame, not different from 0 "
        f"in {still:.1%}; mean square step / 4 {squares:.3f} px²/frame, path {path:.2f} px/frame"
    )
    assert abs(estimate.mean()) <= MOST_BIAS
    assert still >= LEAST_STILL
