"""Fixtures that several test modules share: where the real data lies, a small project and its finished run."""

import pickle
import shutil

import matplotlib
import pytest
from filelock import FileLock
from hypothesis import settings

from projects import SHARED, make_project, run_project
from voidlab.project.paths import RunPaths

matplotlib.use("agg")  # whatever the explorer's widgets choose for themselves
settings.register_profile("voidlab", deadline=None)  # how long a busy machine takes says nothing of the code
settings.load_profile("voidlab")


@pytest.fixture(scope="session")
def shared():
    """Folder of real images and tracks; tests that need it are skipped where it is not at hand."""
    if not SHARED.is_dir():
        pytest.skip("the real images are not on this machine (../shared/data)")
    return SHARED


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id):
    """Paths, truth and lines of a small dataset that was run through all stages. Read it, do not change it.

    It is run once: the first process of pytest-xdist that asks for it makes it, the others wait and share it.
    """
    own = tmp_path_factory.getbasetemp()
    if worker_id == "master":
        return _run_once(own)
    shared = own.parent / "finished.pickle"
    with FileLock(shared.with_suffix(".lock")):
        if not shared.exists():
            made = _run_once(own)
            shared.write_bytes(pickle.dumps(made))
        return pickle.loads(shared.read_bytes())


def _run_once(folder):
    paths, truth = make_project(folder / "project")
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
    """Longest first, so that at the end of a run neither core waits for the other.

    Then those that read the finished run: one core makes it while the other, which begins in the middle of the
    list (``--dist worksteal``), does what needs none.
    """
    items.sort(key=lambda item: (item.path.stem != "test_faults", "finished" not in item.fixturenames))
