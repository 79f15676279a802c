"""What edits by hand do to tracks; those that no longer fit are said."""

import situations
from voidlab import tables, track
from voidlab.project.apply_edits import spot_of
from voidlab.project.edits import CutTrack, DeleteTrack, JoinTracks
from voidlab.project.spots import Spot
from voidlab.track import corrections


def linked(situation):
    return track.link_voids(situation(), search_range_px=situations.SEARCH_RANGE_PX)


def spot(rows, particle, frame):
    return spot_of(rows[(rows["particle"] == particle) & (rows["frame"] == frame)].iloc[0])


def test_a_deleted_track_stays_flagged():
    rows = linked(situations.two_that_cross)
    mended, reasons = corrections.correct_tracks(rows, [DeleteTrack(at=spot(rows, 0, 3))])
    assert reasons == [""]
    assert len(mended) == len(rows)
    assert set(tables.kept(mended)["particle"]) == {1}
    tracks = corrections.flag_tracks(track.summarize_tracks(mended), mended)
    assert tracks["corrected"].tolist() == ["deleted", ""]
    assert len(tables.kept(tracks)) == 1


def test_cut_and_join_undo_each_other():
    rows = linked(situations.one_missing_for_a_frame)
    cut, _ = corrections.correct_tracks(rows, [CutTrack(at=spot(rows, 0, 5))])
    assert cut["particle"].nunique() == 3
    assert set(cut.loc[cut["particle"] == 2, "frame"]) == {5, 6, 7}
    assert set(cut.loc[cut["particle"] == 0, "frame"]) == {1, 2, 3}
    again, reasons = corrections.correct_tracks(
        rows, [CutTrack(at=spot(rows, 0, 5)), JoinTracks(at=spot(rows, 0, 1), to=spot(rows, 0, 7))]
    )
    assert reasons == ["", ""]
    assert again["particle"].tolist() == rows["particle"].tolist()
    assert set(again["corrected"]) == {"", "joined"}


def test_edits_of_tracks_that_do_not_fit_are_said():
    rows = linked(situations.two_that_cross)
    edits = [
        JoinTracks(at=spot(rows, 0, 3), to=spot(rows, 1, 3)),
        JoinTracks(at=spot(rows, 0, 3), to=spot(rows, 0, 4)),
        CutTrack(at=spot(rows, 0, 1)),
        DeleteTrack(at=Spot(frame=3, x_px=5, y_px=5, radius_px=4)),
    ]
    mended, reasons = corrections.correct_tracks(rows, edits)
    for reason, said in zip(
        reasons,
        ["have a void in frame 1", "on one track already", "nothing to cut off", "no track goes through"],
        strict=True,
    ):
        assert said in reason
    assert mended["particle"].tolist() == rows["particle"].tolist()
    assert set(mended["corrected"]) == {""}


def test_no_voids_and_no_edits():
    rows = linked(situations.none)
    mended, reasons = corrections.correct_tracks(rows, [])
    assert (len(mended), reasons) == (0, [])
    _, (reason,) = corrections.correct_tracks(
        rows, [DeleteTrack(at=Spot(frame=5, x_px=1, y_px=1, radius_px=1))]
    )
    assert reason.startswith("no track goes through")
