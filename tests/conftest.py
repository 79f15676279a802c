"""Fixtures that several test modules share: where the real data lies, a small project and its finished run."""

import shutil

import matplotlib
import pytest

from projects import SHARED, make_project, run_project
from voidlab.project.paths import RunPaths

matplotlib.use("agg")  # whatever the explorer's widgets choose for themselves


@pytest.fixture(scope="session")
def shared():
    """Folder of real images and tracks; tests that need it are skipped where it is not at hand."""
    if not SHARED.is_dir():
        pytest.skip("the real images are not on this machine (../shared/data)")
    return SHARED


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Paths and truth of a small dataset that was run through all stages. Read it, do not change it."""
    paths, truth = make_project(tmp_path_factory.mktemp("project"))
    done, lines = run_project(paths)
    assert done, lines
    return paths, truth, lines


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished run that a test may change."""
    paths, _, _ = finished
    shutil.copytree(paths.root, tmp_path / "project")
    return RunPaths(tmp_path / "project", paths.dataset)


def pytest_collection_modifyitems(items):
    """Longest first: at the end of a run on two cores neither then waits for the other."""
    items.sort(key=lambda item: item.path.stem != "test_faults")
