"""The explorer: slide through the frames of a dataset, find the settings, mend what is wrong, keep it."""

import os

from voidlab.errors import VoidlabError
from voidlab.explore.explorer import Explorer, Sentence
from voidlab.explore.state import Model
from voidlab.project.paths import RunPaths
from voidlab.run import stage


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
    except (VoidlabError, OSError) as error:
        return Sentence(str(error))
