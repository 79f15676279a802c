"""Motion told from noise: voids at rest, that diffuse; gaps, few frames, none."""

import numpy as np
import pandas as pd
import pytest

import situations
from voidlab.track import motion


def walks(seed, *, voids, frames, moving, noise, missing=0.0, blur_steps=1):
    """Voids that diffuse by ``moving`` px² per frame and are located to ``noise`` px."""
    random = np.random.default_rng(seed)
    path = np.cumsum(
        random.normal(0, np.sqrt(2 * moving / blur_steps), (voids, frames * blur_steps, 2)), axis=1
    )
    path = path.reshape(voids, frames, blur_steps, 2).mean(axis=2)
    path = path + random.uniform(0, 500, (voids, 1, 2)) + random.normal(0, noise, path.shape)
    seen = random.random((voids, frames)) >= missing
    particle, frame = np.nonzero(seen)
    x, y = path[seen].T
    table = pd.DataFrame({"particle": particle, "frame": frame + 1, "x_px": x, "y_px": y})
    return table.sample(frac=1, random_state=seed, ignore_index=True)


def mean_and_error(values):
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("moving", [0.0, 0.02, 0.5])
def test_diffusion_and_noise_are_right_in_the_mean(moving, missing):
    found = motion.diffusion(walks(1, voids=1500, frames=60, moving=moving, noise=0.5, missing=missing))
    mean, error = mean_and_error(found["diffusion_px2_per_frame"])
    assert mean == pytest.approx(moving, abs=4 * error)
    assert np.sqrt((found["localisation_px"] ** 2).mean()) == pytest.approx(0.5, rel=0.04)


@pytest.mark.parametrize("moving", [0.0, 0.02, 0.5])
def test_the_standard_error_is_the_scatter(moving):
    found = motion.diffusion(walks(2, voids=1500, frames=60, moving=moving, noise=0.5))
    scatter = found["diffusion_px2_per_frame"].std()
    assert np.sqrt((found["diffusion_sigma_px2_per_frame"] ** 2).mean()) == pytest.approx(scatter, rel=0.12)


def test_a_long_exposure_blurs():
    voids = walks(3, voids=1500, frames=60, moving=0.5, noise=0.3, blur_steps=30)
    blurred = motion.diffusion(voids, blur=1 / 6)
    mean, error = mean_and_error(blurred["diffusion_px2_per_frame"])
    assert mean == pytest.approx(0.5, abs=4 * error)
    assert np.sqrt((blurred["localisation_px"] ** 2).mean()) == pytest.approx(0.3, abs=0.05)
    assert np.sqrt((motion.diffusion(voids)["localisation_px"] ** 2).mean()) < 0.2


def test_the_pooled_error_is_that_of_the_mean():
    off = [
        motion.pooled_diffusion(motion.diffusion(walks(seed, voids=30, frames=40, moving=0.0, noise=0.5)))
        for seed in range(200)
    ]
    means, errors = np.array(off).T
    assert 0.9 < np.mean(np.abs(means) < 2 * errors) <= 1


def test_few_frames_say_nothing():
    found = motion.diffusion(walks(4, voids=3, frames=4, moving=0.1, noise=0.1))
    assert found["steps"].tolist() == [3, 3, 3]
    assert found["diffusion_px2_per_frame"].isna().all()
    assert np.isnan(motion.pooled_diffusion(found)).all()


def test_none_and_one():
    assert motion.diffusion(situations.none()).empty
    assert list(motion.diffusion(situations.none())) == list(motion.diffusion(situations.one()))
    assert len(motion.diffusion(situations.one())) == 1


def test_voids_without_a_track_do_not_count():
    voids = situations.one().astype({"particle": "Int64"})
    voids.loc[0, "particle"] = pd.NA
    assert motion.diffusion(voids)["steps"].tolist() == [5]


def test_two_voids_in_a_frame_are_refused():
    with pytest.raises(ValueError, match="2 rows give a particle a second void in the same frame"):
        motion.diffusion(pd.DataFrame({"particle": 0, "frame": [1, 1, 1], "x_px": 0.0, "y_px": 0.0}))
