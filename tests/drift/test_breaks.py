"""A field that is turned, mirrored or magnified in mid-series: never good, and said from which frame on."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from void_masks import masks
from voidlab import drift
from voidlab.drift.breaks import find_breaks, find_turns

CUT, COUNT = 6, 10
STEPS = np.random.default_rng(4).normal(0, 1.5, (COUNT, 2)).cumsum(axis=0)
CHANGES = {
    "mirrored": lambda mask: mask[:, ::-1],
    "upside down": lambda mask: mask[::-1],
    "turned half": lambda mask: mask[::-1, ::-1],
    "turned 10 deg": lambda mask: ndimage.rotate(mask.astype(float), 10, reshape=False, order=1) > 0.5,
    "1.2 times": lambda mask: magnified(mask, 1.2),
}


def magnified(mask, times):
    middle = (np.array(mask.shape) - 1) / 2
    offset = middle - middle / times
    return ndimage.affine_transform(mask.astype(float), np.eye(2) / times, offset, order=1) > 0.5


def assessed(images, frames):
    found = drift.estimate_drift(images)
    table, pairs = found.table(frames), found.pairs_table(frames)
    return drift.assess_drift(table, pairs), pairs


@pytest.mark.parametrize("change", CHANGES)
def test_a_field_that_changes_in_mid_series_is_never_good(change):
    images = masks(STEPS, 0)
    changed = [*images[:CUT], *map(CHANGES[change], images[CUT:])]
    verdict, pairs = assessed(changed, range(100, 100 + COUNT))
    assert verdict.grade == "do not use"
    assert f"From frame {100 + CUT} on the images are only" in " ".join(verdict.reasons)
    assert [each.frame for each in find_breaks(pairs)] == [100 + CUT]


def test_a_series_as_it_should_be_has_no_break():
    verdict, pairs = assessed(masks(STEPS, 0), range(COUNT))
    assert verdict.grade == "good"
    assert find_breaks(pairs) == []


def test_a_single_bad_frame_is_no_break():
    images = masks(STEPS, 0)
    images[CUT] = images[CUT][::-1, ::-1]
    _, pairs = assessed(images, range(COUNT))
    assert find_breaks(pairs) == []


# What the likeness of frames does not show


def video(factor=1 + 0j, *, every=False, voids=90, noise=0.3, seed=0):
    """Positions of voids at rest in 12 frames, turned and magnified by ``factor`` once, or in every step."""
    random = np.random.default_rng(seed)
    places = random.uniform(0, 1, (voids, 2)) * (320, 240)
    rows = []
    for frame in range(2 * CUT):
        power = frame if every else int(frame >= CUT)
        moved = ((places - (160, 120)) @ (1, 1j)) * factor**power
        seen = random.random(voids) > 0.1
        x, y = (part + random.normal(0, noise, voids) for part in (160 + moved.real, 120 + moved.imag))
        rows.append(pd.DataFrame({"frame": frame, "x_px": x[seen], "y_px": y[seen]}))
    return pd.concat(rows, ignore_index=True)


@pytest.mark.parametrize("seed", range(3))
def test_a_field_at_rest_does_not_turn(seed):
    assert find_turns(video(seed=seed)) == []


@pytest.mark.parametrize(("deg", "zoom"), [(1, 1), (-2, 1), (0, 1.02), (0.5, 0.99)])
def test_a_small_turn_or_magnification_is_found_with_its_size(deg, zoom):
    (turn,) = find_turns(video(zoom * np.exp(1j * np.radians(deg))))
    assert turn.frame == CUT
    assert turn.rotation_deg == pytest.approx(deg, abs=0.1)
    assert turn.zoom == pytest.approx(zoom, abs=0.002)


def test_a_field_that_turns_slowly_is_found_over_the_whole_series():
    (turn,) = find_turns(video(np.exp(1j * np.radians(0.2)), every=True))
    assert turn.frame is None
    assert turn.rotation_deg == pytest.approx(0.2 * (2 * CUT - 1), abs=0.2)


def test_few_voids_and_none_tell_nothing():
    assert find_turns(video(np.exp(0.02j), voids=6)) == []
    assert find_turns(video().iloc[:0]) == []


def test_the_verdict_says_a_turn_but_not_in_a_tilt_series():
    images = masks(STEPS[:4], 0)
    found = drift.estimate_drift(images)
    table, pairs = found.table(range(4)), found.pairs_table(range(4))
    voids = video(1.03 * np.exp(0.02j))
    voids = voids[voids["frame"].between(CUT - 2, CUT + 1)].assign(frame=lambda rows: rows["frame"] - CUT + 2)
    at_rest = table.assign(drift_x_px=0.0, drift_y_px=0.0)
    frames = pd.DataFrame({"frame": range(4), "tilt_deg": np.nan})
    verdict = drift.assess_drift(at_rest, pairs, voids=voids, frames=frames)
    assert verdict.grade == "do not use"
    assert "at frame 2: by up to +1.1" in verdict.reasons[0]
    tilted = frames.assign(tilt_deg=[0.0, 10, 20, 30])
    assert drift.assess_drift(at_rest, pairs, voids=voids, frames=tilted).grade == "good"
