"""All that follows from linked voids at once: what the single verbs give, without what was deleted by hand."""

import numpy as np
import pandas as pd

import situations
from voidlab import tables, track


def test_tracks_fates_and_mergers_are_those_of_the_single_verbs():
    voids = situations.two_that_merge()
    frames = pd.DataFrame({"frame": range(16), "path": "a.tif", "tilt_deg": np.nan, "status": "ok"})
    linked = voids.assign(x_corrected_px=voids["x_px"], y_corrected_px=voids["y_px"], corrected="")
    history = track.describe_tracks(linked, frames, situations.SHAPE, border_px=5, memory=1)
    events = track.find_merges(linked, memory=1)
    assert len(events) == 1
    pd.testing.assert_frame_equal(history.events, events)
    fates = track.describe_fates(linked, frames, events, situations.SHAPE, border_px=5, memory=1)
    pd.testing.assert_frame_equal(history.fates, fates)
    assert history.tracks["particle"].tolist() == sorted(linked["particle"].unique())
    gone = linked["particle"] == events["child"].iloc[0]
    without = track.describe_tracks(
        linked.assign(corrected=np.where(gone, "deleted", "")),
        frames,
        situations.SHAPE,
        border_px=5,
        memory=1,
    )
    assert without.events.empty
    assert (without.all_tracks["corrected"] == "deleted").sum() == 1
    assert len(without.tracks) == len(history.tracks) - 1 == len(without.fates)
    assert tables.kept(without.all_tracks).equals(without.tracks)
