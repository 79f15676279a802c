"""Running a dataset from its parameter file to its report: checked first, stage by stage, resumable."""

from voidlab.run.dataset import StageFailed, Tell, check, read_overrides, run_dataset, run_notebook

__all__ = ["StageFailed", "Tell", "check", "read_overrides", "run_dataset", "run_notebook"]
