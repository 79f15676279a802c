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


@pytest.mark.slow
@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("frames", [5, 6, 12, 50, 300])
@pytest.mark.parametrize("moving", [0.0, 0.01, 0.1, 1.0, 10.0])
def test_the_error_covers_at_any_length_and_speed(moving, frames, missing):
    voids = 3000 if frames < 50 else 1000
    found = motion.diffusion(
        walks(frames, voids=voids, frames=frames, moving=moving, noise=0.3, missing=missing)
    ).dropna()
    off = found["diffusion_px2_per_frame"] - moving
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(len(off))
    # Of 4 steps the error itself is known to a third only.
    low, high = (0.57, 0.80) if frames < 12 else (0.60, 0.76)
    assert low < (off.abs() < found["diffusion_sigma_px2_per_frame"]).mean() < high


@pytest.mark.parametrize("frames", [12, 60])
def test_errors_of_the_drift_that_all_voids_share_are_no_diffusion(frames):
    """They are independent from frame to frame, so that they count as localisation."""
    random, found = np.random.default_rng(5), []
    for seed in range(100):
        voids = walks(seed, voids=20, frames=frames, moving=0.02, noise=0.3)
        shaken = random.normal(0, 0.2, (frames + 1, 2))[voids["frame"]]
        found.append(
            motion.diffusion(
                voids.assign(x_px=voids["x_px"] + shaken[:, 0], y_px=voids["y_px"] + shaken[:, 1])
            )
        )
    off = np.array([rows["diffusion_px2_per_frame"] for rows in found]) - 0.02
    sigma = np.array([rows["diffusion_sigma_px2_per_frame"] for rows in found])
    assert abs(off.mean()) < 4 * off.mean(axis=1).std() / 10
    assert 0.60 < (np.abs(off) < sigma).mean() < 0.76
    noise = np.sqrt(np.mean([(rows["localisation_px"] ** 2).mean() for rows in found]))
    assert noise == pytest.approx(np.hypot(0.3, 0.2), rel=0.04)


@pytest.mark.parametrize(("moving", "frames"), [(0.0, 6), (0.0, 20), (0.02, 20), (0.02, 100), (0.09, 100)])
def test_localisation_is_right_where_a_void_moves_less_than_it_is_mislocated(moving, frames):
    found = motion.diffusion(walks(6, voids=3000, frames=frames, moving=moving, noise=0.3))
    assert np.sqrt((found["localisation_px"] ** 2).mean()) == pytest.approx(0.3, rel=0.06)


def test_localisation_is_too_large_where_a_void_moves_further():
    found = motion.diffusion(walks(6, voids=3000, frames=20, moving=1.0, noise=0.3))
    assert np.sqrt((found["localisation_px"] ** 2).mean()) > 0.4


def test_a_long_exposure_blurs():
    voids = walks(3, voids=1500, frames=60, moving=0.5, noise=0.3, blur_steps=30)
    blurred = motion.diffusion(voids, blur=1 / 6)
    mean, error = mean_and_error(blurred["diffusion_px2_per_frame"])
    assert mean == pytest.approx(0.5, abs=4 * error)
    assert np.sqrt((blurred["localisation_px"] ** 2).mean()) == pytest.approx(0.3, abs=0.05)
    assert np.sqrt((motion.diffusion(voids)["localisation_px"] ** 2).mean()) < 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moving", "frames", "voids"), [(0.0, 40, 30), (0.1, 12, 30), (1.0, 40, 8), (10.0, 12, 60)]
)
def test_the_pooled_error_is_that_of_the_mean(moving, frames, voids):
    off = [
        motion.pooled_diffusion(
            motion.diffusion(walks(seed, voids=voids, frames=frames, moving=moving, noise=0.5))
        )
        for seed in range(500)
    ]
    means, errors = np.array(off).T
    assert abs(means.mean() - moving) < 4 * means.std() / np.sqrt(500)
    assert 0.60 < np.mean(np.abs(means - moving) < errors) < 0.76
    assert 0.92 < np.mean(np.abs(means - moving) < 1.96 * errors) < 0.98


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
