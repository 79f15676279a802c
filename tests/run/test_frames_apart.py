"""Images segmented by other processes: the same bytes, and nothing lost with a worker but what kills it."""

import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from projects import FEW, make_project
from voidlab import segment
from voidlab.images.label_stack import LabelWriter
from voidlab.run import frames_apart, stage
from voidlab.run.frames_apart import FramesLost, WorkersKilled, segment_rows


@pytest.fixture
def paths(few_copied):
    frames_apart._opened.cache_clear()
    return few_copied


class Workers(ThreadPoolExecutor):
    """Workers that die at some images: each time, or only the first time."""

    at_once = 1

    def __init__(self, always=(), once=()):
        super().__init__(1)
        self.always, self.once, self.sent = set(always), set(once), []

    def submit(self, function, work, rows):
        assert function is segment_rows
        self.sent.append(rows)
        fatal = [row for row in rows if row in self.always | self.once]
        self.once -= set(rows)
        if not fatal:
            return super().submit(function, work, rows)
        super().submit(function, work, tuple(row for row in rows if row < fatal[0])).result()
        future = Future()
        future.set_exception(WorkersKilled("it was killed"))
        return future


def run(paths, executor=None, out="out.tif"):
    opened = stage.open_stage("segment", paths.dataset)
    method = segment.from_parameters(opened.parameters, paths.parameters.parent)
    method, store = opened.decide(method)
    said = []
    with LabelWriter(paths.root / out) as writer:
        tables = segment.segment_series(
            opened.series, method, store=store, executor=executor, keep_labels=writer.append, log=said.append
        )
    return [table.to_json() for table in tables], (paths.root / out).read_bytes(), said


@pytest.fixture
def by_threads(paths):
    made = run(paths)
    shutil.rmtree(paths.kept_frames)
    return made


def test_workers_make_the_same_as_threads(paths, by_threads):
    executor = Workers()
    assert run(paths, executor) == by_threads
    assert executor.sent == [tuple(range(FEW))]  # small images are sent together
    *same, said = run(paths, executor)
    assert same == [*by_threads[:2]]
    assert said == ["6 of 6 frames were taken from what is kept of an earlier run"]
    assert len(executor.sent) == 1


def test_of_large_images_a_worker_is_given_one_at_a_time(paths, by_threads, monkeypatch):
    monkeypatch.setattr(frames_apart, "_A_TASK_PX", 1)
    executor = Workers()
    assert run(paths, executor) == by_threads
    assert executor.sent == [(row,) for row in range(FEW)]


@pytest.mark.parametrize("pixels", [1, 10**7])
def test_a_worker_that_dies_once_takes_nothing_with_it(paths, by_threads, monkeypatch, pixels):
    monkeypatch.setattr(frames_apart, "_A_TASK_PX", pixels)
    executor = Workers(once=[2])
    assert run(paths, executor) == by_threads
    assert executor.sent[-1 if pixels == 1 else 1] == (2,)


@pytest.mark.parametrize("pixels", [1, 10**7])
def test_an_image_that_kills_every_worker_is_named_and_all_others_are_kept(
    paths, by_threads, monkeypatch, pixels
):
    monkeypatch.setattr(frames_apart, "_A_TASK_PX", pixels)
    with pytest.raises(
        FramesLost, match=r"segmented frame 3 \(tilt03\.tif\), also alone: .*memory.*excluded_frames: \[3\]"
    ):
        run(paths, Workers(always=[2]), out="lost.tif")
    assert not (paths.root / "lost.tif").exists()
    executor = Workers()
    made = run(paths, executor)
    assert made[:2] == by_threads[:2]
    assert made[2] == ["5 of 6 frames were taken from what is kept of an earlier run"]
    assert executor.sent == [(2,)]


def test_images_that_cannot_be_read_are_told_and_excluded_ones_left_out(paths):
    (paths.root / "data" / "small" / "tilt02.tif").write_bytes(b"II*\0")
    text = paths.parameters.read_text(encoding="utf-8")
    paths.parameters.write_text(f"{text}excluded_frames: [4]\n", encoding="utf-8")
    expected = run(paths)
    shutil.rmtree(paths.kept_frames)
    executor = Workers()
    assert run(paths, executor) == expected
    assert executor.sent == [(0, 1, 2, 4, 5)]
    assert "frame 2 is left out" in expected[2][0]


def test_a_worker_that_does_not_see_the_project_says_so(paths, tmp_path, monkeypatch):
    made = []

    class Elsewhere(Workers):
        def submit(self, function, work, rows):
            made.append(work)
            other = make_project(tmp_path / "other", views=3, shape=(70, 90), voids=5)[0]
            monkeypatch.chdir(other.root)
            return super().submit(function, replace(work, root="/nowhere"), rows)

    with pytest.raises(FramesLost, match="does not see the project at /nowhere: all must share a disk"):
        run(paths, Elsewhere())


def test_a_project_that_workers_see_under_another_path(paths, by_threads):
    class SeesIt(Workers):
        def submit(self, function, work, rows):
            return super().submit(function, replace(work, root="/nowhere"), rows)

    assert run(paths, SeesIt()) == by_threads  # its working folder is the project


def test_a_worker_with_other_software_or_another_processor_is_refused(paths, monkeypatch):
    class Older(Workers):
        def submit(self, function, work, rows):
            monkeypatch.setattr(frames_apart, "libraries", lambda: {"numpy": "1.0"})
            return super().submit(function, work, rows)

    with pytest.raises(FramesLost, match=r"has other software.*numpy 1\.0 \(.*\)"):
        run(paths, Older())


def test_bfloat16_is_not_imitated(paths, monkeypatch):
    opened = stage.open_stage("segment", paths.dataset)
    method = segment.from_parameters(opened.parameters, paths.parameters.parent)
    _, store = opened.decide(replace(method, arithmetic="bfloat16"))
    monkeypatch.setattr("voidlab.segment.network.arithmetic_of", lambda asked: "float32")
    with pytest.raises(FramesLost, match=r"does not compute in bfloat16.*segment\.arithmetic: float32"):
        list(store.results_from(Workers()))


def test_files_that_do_not_arrive_are_not_taken_for_empty(paths, monkeypatch):
    class Writes(Workers):
        def submit(self, function, work, rows):
            future = super().submit(function, work, rows)
            future.result()
            shutil.rmtree(paths.kept_frames / next(paths.kept_frames.glob("*/decided.bin")).parent.name)
            (paths.kept_frames / "x").mkdir(exist_ok=True)
            return future

    monkeypatch.setattr(frames_apart, "_ARRIVES_S", (0.0, 0.01))
    monkeypatch.setattr("os.listdir", lambda folder: [])
    with pytest.raises(FramesLost, match="frame 1 was segmented elsewhere, but is not in"):
        run(paths, Writes())


def test_a_segmenter_of_ones_own_stays_here(paths):
    opened = stage.open_stage("segment", paths.dataset)
    said, executor = [], Workers()
    method, store = opened.decide(Own(contrast="bright"))
    frames, _ = segment.segment_series(opened.series, method, store=store, executor=executor, log=said.append)
    assert len(frames) == FEW
    assert said == [
        "the segmenter is one that other processes cannot load: all images are segmented in this one"
    ]
    assert not executor.sent


class Own(segment.ClassicalSegmenter):
    pass


def test_an_image_of_another_size_stops_the_run_in_words(paths):
    opened = stage.open_stage("segment", paths.dataset)
    method = segment.from_parameters(opened.parameters, paths.parameters.parent)
    method, store = opened.decide(method)
    tifffile.imwrite(paths.root / "data" / "small" / "tilt05.tif", np.zeros((5, 8), np.uint8))
    with pytest.raises(ValueError, match="All images of a series must be of one size"):
        list(store.results_from(Workers()))
