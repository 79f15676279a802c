"""What is wrong with images that a user named."""

from voidlab.errors import VoidlabError

UNRELATED = "Of unrelated micrographs a dataset each is made by `voidlab init` with --each."


class ImagesError(VoidlabError):
    """Images that cannot be opened as a series, with the reason and what to do."""


class ImageReadError(ImagesError, OSError):
    """An image file that cannot be read."""
