"""A small project whose images a camera writes, shared by the tests of watches."""

import shutil

import pytest

from camera import Camera, Clock
from projects import REPOSITORY
from voidlab import simulate

SHAPE = (120, 160)


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
