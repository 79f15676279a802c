"""Thousands of images: there already when a watch starts, or behind it; a stand-in segments, so that it is quick."""

import gc
import os
import tracemalloc

import pytest

from voidlab.drift import binned_frames, correlate
from voidlab.live.index import WAITING

THERE = 10_000
MOST_BYTES = 8_000  # of memory that an image may take for good: 32 MB for 4,000


def test_ten_thousand_images_that_are_there_already_are_worked_off_the_newest_first(start, camera, stand_in):
    camera.file(0).write_bytes(camera.content(0))
    for number in range(1, THERE):
        os.link(camera.file(0), camera.file(number))
    watching = start()
    shown, waiting = [], []
    for _ in range(25):
        watching.go(0.1)
        status = watching.board.status
        waiting.append(status["backlog"] + status["unfinished"])
        shown += [watching.board.shown["frame"]] if watching.board.shown else []
    assert shown
    assert set(shown) == {THERE - 1}  # the newest, and nothing older after it
    done = sorted(frame for frame, status in watching.frames.items() if status != WAITING)
    middle = next(at for at in range(len(done)) if done[at] != at)
    assert done == [*range(middle), *range(THERE - len(done) + middle, THERE)]  # from both ends
    assert abs(middle - (len(done) - middle)) <= 1
    assert sorted(watching.watch.followed)[:middle] == list(range(middle))
    assert waiting[0] == THERE
    assert waiting[-1] == THERE - len(done)
    assert len(watching.frames) == THERE
    assert len(stand_in) == len(set(stand_in))
    assert {watching.watch.register.of_frame(frame).name for frame in done} <= set(stand_in)


@pytest.mark.slow
def test_memory_hardly_grows_with_the_images_behind(start, camera, stand_in, monkeypatch):
    # What is bounded by a size of its own is full soon, so that it does not count.
    monkeypatch.setattr(correlate, "_KEPT_BYTES", 2**21)
    monkeypatch.setattr(binned_frames, "_KEPT_BYTES", 2**18)
    camera.rate = 10.0
    watching, traced = start(camera), []
    tracemalloc.start()
    try:
        for first, count in ((0, 80), (80, 80)):
            camera.plan(count, first=first)
            while len(watching.watch.followed) < first + count:
                watching.go(0.1)
            gc.collect()
            traced.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert traced[1] - traced[0] < 80 * MOST_BYTES
