"""Open JupyterLab on a project: `voidlab lab`."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence

from voidlab.project.paths import ProjectError, RunPaths, find_root
from voidlab.run.notebook_copies import notes_on_copies
from voidlab.run.start import NOTEBOOKS, lay_out


def open_lab(
    name: str | None, options: Sequence[str] = (), log: Callable[[str], None] = lambda line: None
) -> int:
    """Open JupyterLab at the project's root, on the explorer when a dataset is named; give its exit code.

    ``options`` are those of JupyterLab, such as ``--no-browser``; they outweigh the place it opens at. ``log`` is
    called with a line for the user where a notebook is of an older voidlab.
    """
    root = find_root()
    lay_out(root)
    opened = ["--LabApp.default_url=/lab/tree/notebooks"]
    environment = dict(os.environ)
    if name is not None:
        paths = RunPaths(root, name)
        if not paths.parameters.exists():
            known = ", ".join(sorted(p.stem for p in paths.parameters.parent.glob("*.yaml"))) or "none"
            raise ProjectError(f"no dataset '{name}': {paths.parameters} is missing; there are {known}.")
        opened = [str(root / "notebooks" / "explore.ipynb")]
        environment["VOIDLAB_DATASET"] = name
    for note in notes_on_copies(RunPaths(root, name or "any"), NOTEBOOKS):
        log(f"note: {note}")
    command = [sys.executable, "-m", "jupyterlab", *opened, f"--ServerApp.root_dir={root}", *options]
    return subprocess.call(command, env=environment, cwd=root)
