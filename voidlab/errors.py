"""What is said to a user when something is missing or wrong."""

import errno
import re
import sys

_SHOWN = 40  # characters of a name that is too long


class VoidlabError(ValueError):
    """What a user can put right: the message says what was found, what was expected and what to do.

    Of any other error the type is said too, with a traceback: it is a fault of the program.
    """


def install_extra(name: str) -> str:
    """The command that installs the extra ``name`` of voidlab, typed in voidlab's folder."""
    if sys.platform == "win32":
        return f'.venv\\Scripts\\pip install -e ".[{name}]"'
    return f".venv/bin/pip install -e '.[{name}]'"


def too_many_files(error: OSError) -> str:
    """What to do where ``error`` says that no more files may be open at once; empty where it says something else."""
    if error.errno not in (errno.EMFILE, errno.ENFILE):
        return ""
    return (
        "too many files are open at once: this computer allows fewer than voidlab needs. Allow more, on Linux and "
        "macOS with `ulimit -n 1024` in the same terminal, or close other programs, and run it again."
    )


def name_too_long(error: OSError) -> str:
    """What to do where ``error`` says that a name is longer than a disk takes; empty where it says something else."""
    if error.errno != errno.ENAMETOOLONG:
        return ""
    longest = max(re.split(r"[\\/]", str(error.filename)), key=len)
    return (
        f"the name '{longest[:_SHOWN]}…' of {len(longest)} characters, or the path that it is in, is longer than "
        "this computer takes: most disks take 255 bytes for the name of a file. Give it a shorter one."
    )
