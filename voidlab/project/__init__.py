"""A project on the disk: where files lie, what a dataset's parameters are, edits by hand, and the record of a run."""
