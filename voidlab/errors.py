"""What is said to a user when something is missing or wrong."""

import errno
import sys


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
