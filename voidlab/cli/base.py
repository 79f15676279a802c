"""What all commands share: how one is added, numbers as they are typed, exit codes."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from voidlab import terminal

Command: TypeAlias = Callable[[argparse.Namespace], int | None]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
OK, FAILED, WRONG_INPUT = 0, 1, 2
POSITIVE = terminal.whole_number(1, 10**6)
SEED = terminal.whole_number(0, 2**32 - 1)  # what every generator of random numbers takes
say = partial(print, flush=True)


def named(text: str) -> str:
    """What names a file or folder; an empty text would mean the folder that the command is typed in."""
    if not text.strip():
        raise argparse.ArgumentTypeError("'' names nothing; expected a file or folder. Is a variable empty?")
    return text


def file_or_folder(text: str) -> Path:
    """As `named`."""
    return Path(named(text))


def add(
    commands: Commands, name: str, command: Command, about: str, description: str | None = None
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=about, description=description)
    parser.set_defaults(command=command)
    return parser


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Where images are segmented."""
    parser.add_argument("--on", metavar="WHERE",
                        help="segment by workers: local, slurm, pbs, lsf, sge, or tcp://HOST:PORT")  # fmt: skip
    parser.add_argument("--workers", type=POSITIVE, metavar="N", help="how many workers, with --on")
