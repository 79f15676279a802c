"""Running a dataset from its parameter file to its report: checked first, stage by stage, resumable."""

import importlib
from typing import Any

# Imported when asked for: `voidlab init` and who only opens a notebook run nothing.
_MODULE_OF = {
    "check": "validate",
    "read_overrides": "dataset",
    "run_dataset": "dataset",
    "run_notebook": "notebook",
}


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"voidlab.run.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
