"""Words that stand below a heading of a notebook in place of what it announces, and that its page goes by.

Apart from what draws and from what makes pages, so that neither has to import the other.
"""

OF_SERIES_ONLY = "of a series only"
