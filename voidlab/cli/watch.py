"""The command that watches a folder while a microscope writes into it."""

import argparse
import os

from voidlab import terminal
from voidlab.cli.base import OK, Commands, add, add_workers, named, say
from voidlab.project.paths import RunPaths

_PORT = terminal.whole_number(1, 65535)


def add_watch(commands: Commands) -> None:
    about = "watch a folder while images arrive in it: voids, drift and tracks on a page, at once"
    parser = add(
        commands, "watch", _watch, about, "Ctrl-C stops; started again it goes on. Then: voidlab run NAME"
    )
    parser.add_argument(
        "folder", type=named, help="where images arrive, one file for each; or a glob, in quotes"
    )
    parser.add_argument("--name", required=True, help="name of the dataset")
    parser.add_argument(
        "--port", type=_PORT, default=0, help="of the page; left out: as before, else a free one"
    )
    parser.add_argument("--host", default="127.0.0.1",
                        help="0.0.0.0: other computers may open the page, too, by its address")  # fmt: skip
    add_workers(parser)
    parser.add_argument("--take-over", action="store_true",
                        help="watch what another computer holds, of which you know that it is gone")  # fmt: skip


def _watch(options: argparse.Namespace) -> int:
    from voidlab.live.session import Session
    from voidlab.run import cluster

    asked = {"host": options.host, "port": options.port, "take_over": options.take_over}
    terminal.finish_in_order()
    with (
        cluster.opened(options.on, options.workers, log=say),
        Session(options.folder, options.name, **asked) as session,
    ):
        say(session.address)
        if not any(sign in options.folder for sign in "*?[") and not os.path.isdir(options.folder):
            say(f"{options.folder} is not there yet: waiting for it; Ctrl-C stops")
        try:
            session.wait()
        except KeyboardInterrupt:
            say("\nstopping; what was segmented is kept")
    _say_next(session.paths)
    return OK


def _say_next(paths: RunPaths) -> None:
    say(f"next: voidlab run {terminal.as_typed(os.path.relpath(paths.parameters))}")
