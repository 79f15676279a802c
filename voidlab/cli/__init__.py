"""The command ``voidlab``; what it can do is in `voidlab.cli.commands`."""

import sys
from collections.abc import Sequence

from voidlab import terminal
from voidlab.run.importing import importing


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit code: 0 good, 1 a stage failed, 2 the input is wrong."""
    with terminal.speaking(), terminal.stopping_at_once():
        # With this package jsonschema, which nbformat imports, spends a second on a grammar of internet addresses.
        sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
        with importing():
            from voidlab.cli import commands  # a second of imports, in which Ctrl-C is a word already

        return commands.carry_out(sys.argv[1:] if arguments is None else arguments)
