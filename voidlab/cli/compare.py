"""The command that puts datasets side by side as specimens."""

import argparse
import os
from pathlib import Path

from voidlab import terminal
from voidlab.cli.base import Commands, add
from voidlab.tables.verdict import CHECK, DO_NOT_USE


def add_compare(commands: Commands) -> None:
    about = "pool fields of one specimen, put specimens side by side"
    description = (
        "Datasets with the same 'sample: {name: …}' are fields of one specimen. Writes reports/campaign.html, and "
        "tables and figures into reports/campaign/."
    )
    parser = add(commands, "compare", _compare, about, description)
    parser.add_argument("name", nargs="*", help="datasets that have run, or their YAML files; left out: all")
    parser.add_argument("--leave-out", action="append", default=[], choices=(CHECK, DO_NOT_USE), metavar="VERDICT",
                        help=f"do not count what has this verdict: '{CHECK}' or '{DO_NOT_USE}'")  # fmt: skip
    parser.add_argument("--common-spread", action="store_true",
                        help="take how much fields differ from all specimens together")  # fmt: skip
    parser.add_argument("--against", action="append", default=[], metavar="KEY",
                        help="key of 'sample:' to plot against, as dose_dpa; left out: all that differ")  # fmt: skip


def _compare(options: argparse.Namespace) -> None:
    from voidlab.run import compare

    terminal.finish_in_order()
    names = [Path(name).stem if name.endswith((".yaml", ".yml")) else name for name in options.name]
    page, campaign = compare.compare_datasets(
        names, leave_out=options.leave_out, against=options.against, common=options.common_spread
    )
    for note in campaign.notes:
        print(f"  note: {note}")
    counted = sum(not member.why_not for member in campaign.members)
    specimens = campaign.specimens["specimen"].nunique() if len(campaign.specimens) else 0
    noun, of = ("specimen" if specimens == 1 else "specimens"), len(campaign.members)
    print(f"{specimens} {noun} from {counted} of {of} dataset{'s' if of > 1 else ''}")
    print(f"report: {os.path.relpath(page)}")
