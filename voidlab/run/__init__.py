"""Running a dataset from its parameter file to its report: checked first, stage by stage, resumable."""

from voidlab.run.dataset import read_overrides, run_dataset
from voidlab.run.notebook import run_notebook
from voidlab.run.validate import check
