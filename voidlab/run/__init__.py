"""Running a dataset from its parameter file to its report: checked first, stage by stage, resumable."""

from voidlab.run.dataset import Log, StageFailed, check, read_overrides, run_dataset, run_notebook

__all__ = ["Log", "StageFailed", "check", "read_overrides", "run_dataset", "run_notebook"]
