"""Fixtures that several test modules share: where the real data lies, a small project and its finished run."""

import shutil
from pathlib import Path

import matplotlib
import pytest

from voidlab import run, simulate
from voidlab.project.paths import RunPaths

matplotlib.use("agg")  # whatever the explorer's widgets choose for themselves

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared():
    """Folder of real images and tracks; tests that need it are skipped where it is not at hand."""
    if not SHARED.is_dir():
        pytest.skip("the real images are not on this machine (../shared/data)")
    return SHARED


def make_project(root, name="small", seed=1, **sample):
    """A project at ``root`` with a small simulated tilt series called ``name``; non-square on purpose.

    Its segmenter is the one that is sooner ready: what the network finds, its own tests say.
    """
    sample = {"views": 4, "shape": (150, 210), "voids": 25} | sample
    truth = simulate.tilt_series(seed=seed, **sample)
    simulate.write_demo(root / "data" / name, truth)
    (root / "parameters").mkdir(exist_ok=True)
    yaml = root / "parameters" / f"{name}.yaml"
    yaml.write_text(
        f"dataset: {name}\nimages: ../data/{name}/tilt*.tif\npixel_size_nm: 0.5\n"
        f"tilt_angles_deg: ../data/{name}/tilt.rawtlt\nexport: {{min_frames: 3}}\n"
        "segment: {segmenter: classical}\n",
        encoding="utf-8",
    )
    notebooks = Path(__file__).parents[1] / "notebooks"
    shutil.copytree(notebooks, root / "notebooks", dirs_exist_ok=True)
    return RunPaths(root, name), truth


def run_project(paths, **options):
    """Run a dataset without a terminal; give what came of it and the lines a user would have seen."""
    lines = []
    plan = run.check(paths.parameters, options.get("overrides"))
    finished = run.run_dataset(plan, tell=lines.append, progress=lambda text: None, **options)
    return finished, lines


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
