"""The explorer: slide through the frames of a dataset, find the settings, correct what is wrong, keep it."""

import os

from voidlab.explore.explorer import Explorer
from voidlab.explore.state import Model
from voidlab.explore.window import Window


def open_explorer(dataset: str | None = None) -> Window:
    """Explorer of ``dataset``; without a name, of the one ``voidlab lab`` was given, else of the demo.

    Where it cannot be opened (no such dataset, no images, a mistake in its YAML file) its widget says why.
    """
    return Window(dataset or os.environ.get("VOIDLAB_DATASET", "demo"))
