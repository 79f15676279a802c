"""The explorer: slide through the frames of a dataset, find the settings, mend what is wrong, keep it."""

from __future__ import annotations

import os

from voidlab.explore.explorer import Explorer, Sentence
from voidlab.explore.state import Model
from voidlab.images.series import ImagesError
from voidlab.project.corrections import CorrectionsError
from voidlab.project.parameters.yaml_file import ParameterErrors
from voidlab.project.paths import ProjectError, RunPaths
from voidlab.run import stage

__all__ = ["Explorer", "Model", "Sentence", "open_explorer"]


def open_explorer(dataset: str | None = None) -> Explorer | Sentence:
    """Explorer of ``dataset``; without a name, of the one ``voidlab lab`` was given, else of the demo.

    Where it cannot be opened (no such dataset, no images, a mistake in its YAML file) its widget says why.
    """
    name = dataset or os.environ.get("VOIDLAB_DATASET", "demo")
    try:
        known = sorted(path.stem for path in RunPaths.find(name).parameters.parent.glob("*.yaml"))
        if name not in known:
            return Sentence(f"There is no dataset '{name}'; there are: {', '.join(known) or 'none'}.")
        return Explorer(Model(stage.open_stage("segment", name)))
    except (ParameterErrors, ProjectError, ImagesError, CorrectionsError, OSError) as error:
        return Sentence(str(error))
