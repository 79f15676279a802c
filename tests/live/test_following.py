"""What was followed before a restart is gone on with: nothing is measured, read or linked again that is kept."""

import math
from dataclasses import fields

import numpy as np
import pytest

from voidlab.live.followed import Followed
from voidlab.live.following import Following
from voidlab.live.index import Index
from voidlab.project.parameters.models import TrackParameters
from voidlab.segment.frame import FrameResult
from voidlab.segment.load import load_segmenter

SHAPE = (120, 160)
ASKED = TrackParameters()
BEFORE = 12


@pytest.fixture(scope="module")
def results(micrographs):
    """What comes of a few images, again and again as a camera that goes to and fro would give them."""

    segmenter = load_segmenter("classical", contrast="dark")
    ran = [segmenter.run(np.asarray(image)) for image in micrographs]
    found = [FrameResult("ok", each.voids, each.labels) for each in ran]
    return [*found, *found[::-1]]


def followed_by(following, results, frames, index=None):
    """All that is followed of these ``frames``, kept in an ``index``."""
    made = {}
    for frame in frames:
        each, linked, shifts = following.add(frame, f"mask{frame}", results[frame])
        if index:
            index.add_followed(each.mask, shifts, linked)
        made |= {it.frame: it for it in (each, *linked)}
    return made


def values(followed):
    return {frame: each.as_row() for frame, each in followed.items()}


def test_after_a_restart_drift_and_tracks_are_as_without_it(results, tmp_path, monkeypatch):
    straight = Following(SHAPE, ASKED, lambda frame: None, {})
    wanted = followed_by(straight, results, range(len(results)))
    index = Index(tmp_path / "images.jsonl")
    first = Following(SHAPE, ASKED, lambda frame: None, {})
    before = followed_by(first, results, range(BEFORE), index)
    first.close()

    read = []
    past = Index(index.file).followed("")
    assert [each.frame for each in past] == list(range(BEFORE))
    again = Following(SHAPE, ASKED, lambda frame: read.append(frame) or results[frame], index.shifts())
    with monkeypatch.context() as patch:
        patch.setattr(again._drift._correlator, "shift", None)
        again.go_on_with(past)
    assert read == list(range(BEFORE))[-again.tracks.needed :]
    after = followed_by(again, results, range(BEFORE, len(results)))
    assert values(before | after) == values(wanted)
    assert np.array_equal(again.so_far().pairs, straight.so_far().pairs)
    assert np.array_equal(again.so_far().solve(), straight.so_far().solve())
    last = len(results) - 1
    shown = after[last].particles >= 0
    assert np.array_equal(shown, wanted[last].particles >= 0)
    trails = again.tracks.trails(after[last].particles[shown]).values()
    assert list(trails) == list(straight.tracks.trails(wanted[last].particles[shown]).values())
    for each in (straight, again):
        each.close()


def test_a_mask_that_is_kept_no_more_is_left_out_of_the_drift(results):
    first = Following(SHAPE, ASKED, lambda frame: None, {})
    past = [*followed_by(first, results, range(BEFORE)).values()]
    again = Following(SHAPE, ASKED, lambda frame: None, {})
    again.go_on_with(past)
    alone, _, shifts = again.add(BEFORE, "new", results[BEFORE])
    assert shifts == {}
    assert (alone.x_px, alone.y_px) == (past[-1].x_px, past[-1].y_px)
    for each in (first, again):
        each.close()


def test_lines_of_the_index_that_are_cut_or_damaged_do_not_count(tmp_path):
    index = Index(tmp_path / "images.jsonl")
    linked = [
        Followed(frame, f"m{frame}", 1.5 * frame, -0.25, search_range_px=math.nan) for frame in range(4)
    ]
    index.begin_to_follow("asked", 0)
    index.add_followed("m0", {}, linked[:3])
    assert index.followed("asked") == linked[:3]
    assert index.followed("other parameters") == []
    with index.file.open("a") as stream:
        stream.write(
            '{"followed": [3, "m3", null, 1]}\n{"followed": 7}\n{"shifts_of": "m2"}\n{"followed": [3, "cu'
        )
    index.begin_to_follow("asked", 2)
    index.add_followed("m3", {}, linked[3:])
    assert Index(index.file).followed("asked") == [*linked[:2], linked[3]]
    assert index.shifts() == {"m2": {}}
    assert Followed.of_row(linked[1].as_row()) == linked[1]
    assert len(linked[1].as_row()) == len(fields(Followed)) - 1
