"""What is said to a user when something is missing or wrong."""

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
