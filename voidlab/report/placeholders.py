"""Words that stand below a heading of a notebook in place of what it announces, and that its page goes by.

Apart from what draws and from what makes pages, so that neither has to import the other.
"""

OF_SERIES_ONLY = "of a series only"
NOT_PLACED, NO_VIEWS, NO_POINTS = "nothing was placed in depth", "no view was used", "no voids in 3D"
IN_3D_ONLY = frozenset({NOT_PLACED, NO_VIEWS, NO_POINTS})
