"""Parameters of a dataset: the models, the YAML file they come from, and what is wrong in it."""

from voidlab.project.parameters.load import Change, changes_of, line_of, load_parameters, write_values
