"""The commands that check and run datasets."""

from __future__ import annotations

import argparse
import glob
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from voidlab import terminal
from voidlab.cli.base import (
    FAILED,
    OK,
    POSITIVE,
    WRONG_INPUT,
    Commands,
    add,
    add_workers,
    file_or_folder,
    say,
)
from voidlab.project.paths import STAGES, file_that_is_meant
from voidlab.run.importing import importing
from voidlab.tables.listing import number_of

if TYPE_CHECKING:
    from voidlab.run.validate import Overrides, Plan


def add_check(commands: Commands) -> None:
    parser = add(commands, "check", _check, "check parameter files and their images, run nothing")
    parser.add_argument("yaml", nargs="+", type=file_or_folder, help="parameters/NAME.yaml, or NAME")


def _check(options: argparse.Namespace) -> int:
    from voidlab.run.images import open_images

    plans, problems = _plans(options.yaml, {})
    for plan in plans:
        series = open_images(plan.paths, plan.parameters)
        print(f"{plan.paths.dataset}: good; {series.describe()}")
        for note in plan.notes:
            print(f"  note: {note}")
    return WRONG_INPUT if problems else OK


def add_run(commands: Commands) -> None:
    parser = add(commands, "run", _run, "run the stages of datasets and make their reports")
    parser.add_argument("yaml", nargs="+", type=file_or_folder, help="parameters/NAME.yaml, or NAME")
    parser.add_argument("--from", dest="start", choices=STAGES,
                        help="run this stage and those after it again")  # fmt: skip
    parser.add_argument("--force", action="store_true", help="run stages again even if nothing changed")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="STAGE.KEY=VALUE",
                        help="a parameter for this run only, such as segment.threshold=0.6")  # fmt: skip
    parser.add_argument("--decide-again", action="store_true",
                        help="go by all images, not by what 'voidlab watch' decided from the first")  # fmt: skip
    parser.add_argument("--take-over", action="store_true",
                        help="run what another computer holds, of which you know that it is gone")  # fmt: skip
    parser.add_argument("--verify", action="store_true",
                        help="read images again though size and times say that they are as before")  # fmt: skip
    add_workers(parser)
    parser.add_argument("--jobs", type=POSITIVE, default=1, metavar="N", help="datasets to run side by side")


def _run(options: argparse.Namespace) -> int:
    with importing():
        from voidlab import run
        from voidlab.run import cluster, dataset, warm_kernels  # noqa: F401  # dataset imports what kernels need too
        from voidlab.run.jobs import end_with_parent

    warm_kernels.prepare_from_here()
    end_with_parent()
    cluster.check_where(options.on, options.workers)
    overrides = run.read_overrides(options.settings)
    plans, problems = _plans(options.yaml, overrides, verify=options.verify)
    if problems:
        return WRONG_INPUT
    terminal.finish_in_order()
    with cluster.opened(options.on, options.workers, log=terminal.Line().log):
        return _run_all(options, plans, overrides)


def _run_all(options: argparse.Namespace, plans: Sequence[Plan], overrides: Overrides) -> int:
    """Run the checked ``plans``, one after the other or side by side."""
    from voidlab import run

    start, force = options.start or STAGES[0], options.force or options.start is not None
    if options.jobs > 1 and len(plans) > 1:
        arguments = ["--from", start] if options.start else []
        arguments += [*(f"--set={setting}" for setting in options.settings), *["--force"] * options.force]
        arguments += ["--take-over"] * options.take_over + ["--decide-again"] * options.decide_again
        return _run_side_by_side(plans, arguments, options.jobs)
    finished = []
    for plan in plans:
        print(plan.paths.dataset)
        for note in plan.notes:
            print(f"  note: {note}")
        line = terminal.Line()
        done = run.run_dataset(
            plan,
            overrides=overrides,
            start=start,
            force=force,
            take_over=options.take_over,
            decide_again=options.decide_again,
            log=line.log,
            progress=line.progress,
        )
        finished.append(done)
        print(f"  report: {os.path.relpath(plan.paths.index)}")
    return OK if all(finished) else FAILED


def _run_side_by_side(plans: Sequence[Plan], arguments: Sequence[str], jobs: int) -> int:
    from voidlab.run.jobs import how_many, run_side_by_side

    at_once = how_many(jobs, plans)
    if at_once < min(jobs, len(plans)):
        print(f"{at_once} at a time, not {jobs}: the free memory allows no more.")
    codes = run_side_by_side(plans, arguments, at_once, say)
    failed = [plan.paths.dataset for plan, code in zip(plans, codes, strict=True) if code != OK]
    print(f"{len(plans) - len(failed)} of {number_of(len(plans), 'dataset')} finished", end="")
    print(f"; failed: {', '.join(failed)}" if failed else "")
    print(f"overview: {os.path.relpath(plans[0].paths.reports / 'index.html')}")
    return FAILED if failed else OK


def _files_of(given: Sequence[Path]) -> list[Path]:
    """The files that are given, also by patterns such as ``parameters/A7-*.yaml``: a shell of Windows leaves them."""
    files: list[Path] = []
    for path in given:
        found = [] if path.exists() else sorted(glob.glob(str(path)))
        files += [Path(each) for each in found] or [path]
    return files


def _plans(yamls: Sequence[Path], overrides: Overrides, *, verify: bool = False) -> tuple[list[Plan], int]:
    """Check every parameter file before anything runs; print what is wrong with any of them."""
    from voidlab import run
    from voidlab.project.parameters.yaml_file import ParameterErrors

    plans: list[Plan] = []
    problems = 0
    for yaml in map(file_that_is_meant, _files_of(yamls)):
        try:
            plans.append(run.check(yaml, overrides, verify=verify))
        except ParameterErrors as errors:
            problems += len(errors.problems)
            print(errors, file=sys.stderr)
    if problems:
        print(f"{number_of(problems, 'problem')} found, nothing was run.", file=sys.stderr)
    return plans, problems
