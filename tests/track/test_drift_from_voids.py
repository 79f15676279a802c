"""The drift that voids themselves tell."""

import numpy as np
import pandas as pd
import pytest

from voidlab import tables
from voidlab.track.drift_from_voids import drift_from_tracks
from wandering import moving


@pytest.mark.parametrize("seed", range(3))
def test_the_drift_is_that_of_the_stage(seed):
    frames, voids, true = moving(seed)
    found = drift_from_tracks(frames, voids, search_range_px=10, memory=5)
    known = (found["flag"] != "interpolated").to_numpy()
    error = found[["drift_x_px", "drift_y_px"]].to_numpy() - true
    # One frame, the reference, carries its own error into all.
    error = (error - np.median(error[known], axis=0))[known]
    assert np.sqrt((error**2).mean()) < 0.2
    assert (found.loc[found["frame"] % 5 == 4, "flag"] == "interpolated").all()
    assert found.loc[0, ["drift_x_px", "drift_y_px", "drift_sigma_px"]].tolist() == [0, 0, 0]
    sigma = found["drift_sigma_px"].to_numpy()[known][1:]
    assert 0.5 < np.sqrt((error[1:] ** 2).mean()) / np.sqrt((sigma**2).mean()) < 2


def test_voids_that_are_missing_altogether_leave_no_drift():
    frames = pd.DataFrame({"frame": [0, 1], "status": "ok"})
    found = drift_from_tracks(frames, tables.empty("voids"), search_range_px=10, memory=2)
    assert found["flag"].tolist() == ["interpolated", "interpolated"]
    assert (found[["drift_x_px", "drift_y_px"]] == 0).all(axis=None)
    none = drift_from_tracks(frames.iloc[:0], tables.empty("voids"), search_range_px=10, memory=2)
    pd.testing.assert_frame_equal(none, tables.empty("drift"))


def test_one_void_in_one_frame():
    frames = pd.DataFrame({"frame": [3], "status": "ok"})
    _, voids, _ = moving(frames=1, voids=1, missed=0)
    found = drift_from_tracks(frames, voids.assign(frame=3), search_range_px=10, memory=2)
    assert found[["drift_x_px", "drift_y_px"]].to_numpy().tolist() == [[0, 0]]
