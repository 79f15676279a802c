"""What the process imports that all workers of this computer are copies of: read for that alone, see `cluster`."""

from voidlab.project import fingerprints
from voidlab.run import frames_apart  # noqa: F401
from voidlab.run.decided import ROOMS

fingerprints.code_digest(
    *ROOMS
)  # of the code that was imported: what lies there later is not what a copy runs
