"""Small projects with a simulated dataset, and their runs; where the repository and the real data lie."""

import shutil
from pathlib import Path

from voidlab import run, simulate
from voidlab.project.paths import RunPaths, stages_for
from voidlab.tables.catalogue import TABLES

REPOSITORY = Path(__file__).parents[1]


FEW = 6  # images of a project that is run many times
STAGES = stages_for((-10, 0, 10), "auto")  # of the project, a tilt series
MADE = [name for name, table in TABLES.items() if table.stage in STAGES]  # its tables
SHARED = REPOSITORY.parent / "shared" / "data"


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
    notebooks = REPOSITORY / "notebooks"
    shutil.copytree(notebooks, root / "notebooks", dirs_exist_ok=True)
    return RunPaths(root, name), truth


def run_project(paths, **options):
    """Run a dataset without a terminal; give what came of it and the lines a user would have seen.

    Left out are those on what is to be checked in the results.
    """
    lines = []
    plan = run.check(paths.parameters, options.get("overrides"))
    finished = run.run_dataset(plan, log=lines.append, progress=lambda text: None, **options)
    return finished, [line for line in lines if not line.strip().startswith("check ")]
