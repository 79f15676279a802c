"""A small project whose images a camera writes, shared by the tests of watches."""

import shutil
from concurrent.futures import Future

import pytest

from camera import Camera, Clock
from projects import REPOSITORY
from voidlab import segment, simulate
from voidlab.live import look
from voidlab.live.at_work import ByWorkers, Here
from voidlab.live.board import Board
from voidlab.live.dataset import open_watched
from voidlab.live.present import Presenter
from voidlab.live.watch import Watch

SHAPE = (120, 160)


class AtOnce:
    """Does what is submitted at once, in this thread."""

    def submit(self, work, *args, **options):
        future = Future()
        try:
            future.set_result(work(*args, **options))
        except Exception as error:
            future.set_exception(error)
        return future


class Watching:
    """A watch and its board, moved by a clock."""

    def __init__(self, project, clock, camera=None, workers=None, source="images", name="x"):
        found = open_watched(str(project / source), name)
        method = segment.from_parameters(found.dataset.segment, found.paths.parameters.parent)
        self.watch = Watch(
            found.paths,
            found.dataset,
            found.folder,
            found.wanted,
            method,
            work=ByWorkers(AtOnce(), 2, workers, found.paths) if workers else Here(AtOnce(), 2),
            clock=clock,
        )
        self.board, self.clock, self.camera = Board(), clock, camera
        self.presenter = Presenter(self.watch, self.board, AtOnce())

    def go(self, seconds):
        end = self.clock.now + seconds
        while self.clock.now < end:
            if self.camera:
                self.camera.work()
            self.watch.step()
            self.presenter.present()
            self.clock.now += 0.1
        return self

    @property
    def frames(self):
        return {entry.frame: entry.status for entry in self.watch.register.in_order()}

    @property
    def rows(self):
        """All rows that a viewer is shown."""
        return sorted(self.board.since(0)["rows"])

    @property
    def alarms(self):
        return " | ".join(self.board.status["alarms"])

    def close(self):
        self.watch.close()


@pytest.fixture(scope="session")
def micrographs():
    steady = {"jump_px": (0, 0), "late": 0, "missing": 0}
    made = simulate.video(seed=3, frames=12, shape=SHAPE, voids=25, noise=0.02, **steady)
    return list(made.images)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "parameters").mkdir()
    (tmp_path / "images").mkdir()
    shutil.copytree(REPOSITORY / "notebooks", tmp_path / "notebooks")
    (tmp_path / "parameters" / "x.yaml").write_text(
        "dataset: x\nimages: ../images/*.tif\npixel_size_nm: 0.5\nsegment: {segmenter: classical}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def camera(project, clock, micrographs):
    return Camera(project / "images", micrographs, clock)


@pytest.fixture
def start(project, clock):
    """Starts watches, and ends them."""
    made = []

    def start(camera=None, workers=None, **which):
        made.append(Watching(project, clock, camera, workers, **which))
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.fixture
def stand_in(monkeypatch):
    """Segments each of the few different images once; gives the names of all it was asked for."""
    really, made, asked = look.segment_frame, {}, []

    def segment_frame(series, segmenter, row):
        asked.append(series.files[0].name)
        content = series.files[0].read_bytes()
        if content not in made:
            made[content] = really(series, segmenter, row)
        return made[content]

    monkeypatch.setattr(look, "segment_frame", segment_frame)
    return asked
