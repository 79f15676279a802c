"""Displacement against the neighbours: voids at rest do not move, however long they are watched."""

import numpy as np
import pandas as pd
import pytest

import situations
from voidlab.track.motion import diffusion
from voidlab.track.neighbours import local_displacements

NOISE = 0.1
OF_THE_FIELD = ("rest", "flow", "rotation", "lost", "gaps", "locked")


def watched(kind, frames, seed, voids=80):
    """Voids whose first tenth moves 3 px along x if they are "movers"; truth against the neighbours, (n, 2) px."""
    random = np.random.default_rng(seed)
    place = random.uniform(0, 300, (voids, 2))
    true = np.zeros((voids, 2))
    looked = (
        np.arange(frames) if frames <= 40 else np.r_[:20, frames - 20 : frames]
    )  # the ends of a long series
    share = looked[:, None, None] / max(frames - 1, 1)
    at = place + random.normal(0, NOISE, (len(looked), voids, 2))
    present = np.ones((len(looked), voids), bool)
    if kind == "flow":
        at += share * np.array([30, -12])
    elif kind == "rotation":
        turn, about = np.deg2rad(3 * share[..., 0]), place - 150
        x, y = about.T
        turned = np.stack([np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y], axis=2)
        at += turned - about
    elif kind == "lost":
        present[share[:, 0, 0] >= 0.5, ::5] = False
    elif kind == "gaps":
        present = random.random(present.shape) < 0.8
    elif kind == "locked":  # a stage that wanders over the pixels takes the bias of a position along
        on_pixels = place + looked[:, None, None] * np.array([-0.15, 0.13])
        at = place + 0.15 * np.sin(2 * np.pi * on_pixels) + random.normal(0, 0.05, at.shape)
    elif kind == "movers":
        true[: voids // 10] = [3.0, 0]
        at += share * true
    row, particle = np.nonzero(present)
    x, y = at[present].T
    return pd.DataFrame({"particle": particle, "frame": looked[row], "x_px": x, "y_px": y}), true


def found_and_true(kind, frames, seeds):
    found, truth = [], []
    for seed in seeds:
        linked, true = watched(kind, frames, seed)
        known = diffusion(linked)["localisation_px"].to_numpy()
        rows = local_displacements(linked, localisation_px=known)
        found.append(rows)
        truth.append(true[rows["particle"]])
    rows, true = pd.concat(found, ignore_index=True), np.concatenate(truth)
    known = rows["p_at_rest"].notna().to_numpy()
    return rows[known], true[known]


def check(kind, frames, seeds):
    rows, true = found_and_true(kind, frames, seeds)
    off = rows[["local_x_px", "local_y_px"]].to_numpy() - true
    sigma = rows[["local_x_sigma_px", "local_y_sigma_px"]].to_numpy()
    assert np.abs(off.mean(axis=0)).max() < 0.02
    assert 0.60 < (np.abs(off) < sigma).mean() < 0.78
    assert 0.92 < (np.abs(off) < 2 * sigma).mean() < 0.98
    still = true[:, 0] == 0
    length = rows["local_displacement_px"].to_numpy()
    assert np.median(length[still]) < 0.05
    assert np.sqrt((length[still] ** 2).mean()) < 1.3 * np.sqrt((off[still] ** 2).sum(axis=1).mean())
    assert (rows["p_at_rest"][still] < 0.003).mean() < 0.005 + 4 * np.sqrt(0.003 / still.sum())
    return rows, true


@pytest.mark.parametrize("kind", OF_THE_FIELD)
def test_voids_at_rest_do_not_move(kind):
    check(kind, 100, range(6))


@pytest.mark.slow
@pytest.mark.parametrize("frames", [2, 10, 1000])
@pytest.mark.parametrize("kind", OF_THE_FIELD)
def test_errors_hold_at_any_length(kind, frames):
    if kind == "lost" and frames == 2:
        pytest.skip("nothing is lost half-way between two images")
    check(kind, frames, range(500))


@pytest.mark.parametrize("frames", [2, 10, 1000])
def test_what_moves_by_itself_is_told(frames):
    rows, true = check("movers", frames, range(6))
    moving = true[:, 0] > 0
    assert (rows["p_at_rest"][moving] < 0.003).mean() > 0.99
    assert rows["local_displacement_px"][moving].mean() == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_without_noise_what_moves_all_is_gone_and_what_moves_one_stays(missing):
    random = np.random.default_rng(5)
    particle, frame = np.nonzero(random.random((80, 30)) >= missing)
    place = random.uniform(0, 500, (80, 2))[particle]
    sway = np.cumsum(random.normal(0, 2, 30))[frame]
    own = np.where(particle == 7, 0.8 * frame, 0)
    x, y = place[:, 0] + sway + own, place[:, 1] - 0.5 * sway
    linked = pd.DataFrame({"particle": particle, "frame": frame, "x_px": x, "y_px": y})
    found = local_displacements(linked.sample(frac=1, random_state=1)).set_index("particle")
    span = np.ptp(frame[particle == 7])
    expected = np.where(found.index == 7, 0.8 * span, 0)
    np.testing.assert_allclose(found["local_x_px"], expected, atol=1e-9)
    np.testing.assert_allclose(found["local_displacement_px"], expected, atol=1e-6)
    assert (found["neighbours"] == 16).all()
    assert found["p_at_rest"].idxmin() == 7


def test_what_has_no_neighbours_is_unknown():
    for linked in (situations.one(), situations.two_that_touch()):
        found = local_displacements(linked)
        assert found["local_displacement_px"].isna().all()
        assert found["p_at_rest"].isna().all()
        assert (found["neighbours"] == 0).all()


def test_of_one_image_nothing_is_known():
    linked = watched("rest", 2, 0)[0]
    found = local_displacements(linked[linked["frame"] == 0])
    assert found["local_x_px"].isna().all()


def test_none_and_no_track():
    assert local_displacements(situations.none()).empty
    voids = situations.two_that_touch().astype({"particle": "Int64"})
    voids["particle"] = pd.NA
    assert local_displacements(voids).empty
    assert list(local_displacements(voids)) == list(local_displacements(situations.one()))
