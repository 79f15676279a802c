"""What is said to a user when something is missing or wrong."""

from __future__ import annotations

import sys


def install_extra(name: str) -> str:
    """The command that installs the extra ``name`` of voidlab, typed in voidlab's folder."""
    if sys.platform == "win32":
        return f'.venv\\Scripts\\pip install -e ".[{name}]"'
    return f".venv/bin/pip install -e '.[{name}]'"
