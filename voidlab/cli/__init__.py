"""The command ``voidlab``; what it can do is in `voidlab.cli.commands`."""

import os
import sys
from collections.abc import Sequence

from voidlab import terminal
from voidlab.run.importing import importing

# The libraries of arithmetic read these when they are imported. Their threads are to sleep, not to spin, while they
# wait for each other; and matrices are small here: to share one out takes longer than to multiply it.
_THREADS = {"OMP_WAIT_POLICY": "passive", "OPENBLAS_NUM_THREADS": "1"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit code: 0 good, 1 a stage failed, 2 the input is wrong."""
    with terminal.speaking(), terminal.stopping_at_once():
        os.environ.update({**_THREADS, **os.environ})
        # With this package jsonschema, which nbformat imports, spends a second on a grammar of internet addresses.
        sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
        with importing():
            from voidlab.cli import commands  # a second of imports, in which Ctrl-C is a word already

        return commands.carry_out(sys.argv[1:] if arguments is None else arguments)
