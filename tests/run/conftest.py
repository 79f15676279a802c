import shutil
from dataclasses import replace

import pytest

from projects import FEW, make_project


@pytest.fixture(scope="module")
def few_images(tmp_path_factory):
    """Paths of a project of a few small images that was not run."""
    return make_project(tmp_path_factory.mktemp("project"), views=FEW, shape=(70, 90), voids=12)[0]


@pytest.fixture
def few_copied(few_images, tmp_path, monkeypatch):
    """A copy of it, to be run and damaged, in which the test stands."""
    shutil.copytree(few_images.root, tmp_path / "p")
    monkeypatch.chdir(tmp_path / "p")
    return replace(few_images, root=tmp_path / "p")
