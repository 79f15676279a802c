"""Label, measure, align and track voids in electron micrographs.

Import the module you need, for example ``from voidlab import images, segment``; importing ``voidlab`` itself
loads nothing.
"""

__version__ = "0.1.0"
