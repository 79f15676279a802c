"""The command ``voidlab``: what a person types, turned into calls of the package; nothing is computed here."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from voidlab import __version__, terminal
from voidlab.errors import VoidlabError, install_extra
from voidlab.project.paths import STAGES, ProjectError, RunPaths, file_that_is_meant

if TYPE_CHECKING:
    from voidlab.run.validate import Overrides, Plan

_Command: TypeAlias = Callable[[argparse.Namespace], int | None]
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_OK, _FAILED, _WRONG_INPUT, _INTERRUPTED = 0, 1, 2, 130
_POSITIVE = terminal.whole_number(1, 10**6)
_SEED = terminal.whole_number(0, 2**32 - 1)  # what every generator of random numbers takes
_say = partial(print, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit code: 0 good, 1 a stage failed, 2 the input is wrong."""
    with terminal.speaking(), terminal.stopping_at_once():
        return _carry_out(_read_arguments(sys.argv[1:] if arguments is None else arguments))


def _read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The command and its options; what stands behind -- is for JupyterLab."""
    given = list(arguments)
    place = given.index("--") if given[:1] == ["lab"] and "--" in given else len(given)
    options = _parser().parse_args(given[:place])
    options.behind = given[place + 1 :]
    return options


def _carry_out(options: argparse.Namespace) -> int:
    for library in ("asyncio", "papermill"):  # what they log of a failure is said here in words for the user
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    try:
        code: int | None = options.command(options)
        return code or _OK
    except VoidlabError as error:
        print(error, file=sys.stderr)
        return _WRONG_INPUT
    except OSError as error:
        print(f"voidlab: {error}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        print("\nvoidlab: interrupted.", file=sys.stderr)
        return _INTERRUPTED
    except MemoryError as error:
        what = str(error) or "no details"
        print(
            f"voidlab: the memory ran out ({what}). Close other programs, or use smaller images.",
            file=sys.stderr,
        )
        return _FAILED
    except Exception as error:  # a fault of voidlab; a traceback would say nothing to who cannot mend it
        print(terminal.unforeseen(error), file=sys.stderr)
        return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="voidlab", description="Label, measure, align and track voids in electron micrographs."
    )
    parser.add_argument("--version", action="version", version=f"voidlab {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "demo", _demo, "simulate the demo tilt series and run all stages on it")
    _add_init(commands)
    check = _add(commands, "check", _check, "check parameter files and their images, run nothing")
    check.add_argument("yaml", nargs="+", type=Path, help="parameters/NAME.yaml, or NAME")
    _add(commands, "parameters", _parameters, "print a table of all parameters (Markdown)")
    for add in (_add_run, _add_score, _add_train, _add_correct, _add_movie, _add_positions):
        add(commands)
    lab = _add(commands, "lab", _lab, "open JupyterLab on the project's notebooks",
               "What stands behind -- goes to JupyterLab: voidlab lab gold -- --no-browser --port 9000")  # fmt: skip
    lab.add_argument("name", nargs="?", help="dataset to explore")
    return parser


def _add(
    commands: _Commands, name: str, command: _Command, about: str, description: str | None = None
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=about, description=description)
    parser.set_defaults(command=command)
    return parser


def _demo(options: argparse.Namespace) -> int:
    from voidlab.run import start

    return main(["run", str(start.make_demo().parameters)])


def _add_positions(commands: _Commands) -> None:
    description = "Reads JSON lines such as frame-data.json; writes reports/NAME/positions.html."
    about = "tracks from a file of positions and radii, without images"
    parser = _add(commands, "positions", _positions, about, description)
    parser.add_argument("file", type=Path, help="JSON lines with 'positions' and 'radii', a line per image")
    parser.add_argument("--name", required=True, help="name of the dataset")
    parser.add_argument("--size", type=_POSITIVE, nargs=2, required=True, metavar=("WIDTH", "HEIGHT"),
                           help="size of the images, px")  # fmt: skip


def _positions(options: argparse.Namespace) -> int:
    from voidlab.project.paths import POSITIONS
    from voidlab.run.positions import run_positions

    width, height = options.size
    line = terminal.Line()
    terminal.finish_in_order()
    if not run_positions(options.file, options.name, (width, height), log=line.log, progress=line.progress):
        return _FAILED
    print(f"report: {os.path.relpath(RunPaths.find(options.name).html(POSITIONS))}")
    return _OK


def _add_init(commands: _Commands) -> None:
    parser = _add(commands, "init", _init, "make parameters/NAME.yaml for a folder, glob or stack of images")
    parser.add_argument("source", help="folder, glob (in quotes), stack or video")
    parser.add_argument("--name", help="name of the dataset: of its parameter file and report")
    parser.add_argument("--each", action="store_true", help="a dataset per image, for unrelated micrographs")


def _init(options: argparse.Namespace) -> None:
    from voidlab.run import start

    if options.each:
        print(start.init_each(options.source, options.name or ""))
        return
    paths, found = start.init_dataset(options.source, options.name)
    shown = os.path.relpath(paths.parameters)
    print(found)
    print(f"wrote {shown}\nnext: look through it, then\n  voidlab run {terminal.as_typed(shown)}")
    print(f"  voidlab lab {terminal.as_typed(options.name)}")


def _check(options: argparse.Namespace) -> int:
    from voidlab.run.images import open_images

    plans, problems = _plans(options.yaml, {})
    for plan in plans:
        series = open_images(plan.paths, plan.parameters)
        print(f"{plan.paths.dataset}: good; {series.describe()}")
        for note in plan.notes:
            print(f"  note: {note}")
    return _WRONG_INPUT if problems else _OK


def _parameters(options: argparse.Namespace) -> None:
    from voidlab.project.parameters.table import parameter_table

    print(parameter_table(), end="")


def _add_run(commands: _Commands) -> None:
    parser = _add(commands, "run", _run, "run the stages of datasets and make their reports")
    parser.add_argument("yaml", nargs="+", type=Path, help="parameters/NAME.yaml, or NAME")
    parser.add_argument("--from", dest="start", choices=STAGES,
                        help="run this stage and those after it again")  # fmt: skip
    parser.add_argument("--force", action="store_true", help="run stages again even if nothing changed")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="STAGE.KEY=VALUE",
                        help="a parameter for this run only, such as segment.threshold=0.6")  # fmt: skip
    parser.add_argument("--jobs", type=_POSITIVE, default=1, metavar="N", help="datasets to run side by side")


def _run(options: argparse.Namespace) -> int:
    from voidlab import run
    from voidlab.run.jobs import end_with_parent

    end_with_parent()
    settings, jobs, force = options.settings, options.jobs, options.force or options.start is not None
    start = options.start or STAGES[0]
    overrides = run.read_overrides(settings)
    plans, problems = _plans(options.yaml, overrides)
    if problems:
        return _WRONG_INPUT
    terminal.finish_in_order()
    if jobs > 1 and len(plans) > 1:
        arguments = ["--from", start] if options.start else []
        arguments += [*(f"--set={setting}" for setting in settings), *["--force"] * options.force]
        return _run_side_by_side(plans, arguments, jobs)
    finished = []
    for plan in plans:
        print(plan.paths.dataset)
        for note in plan.notes:
            print(f"  note: {note}")
        line = terminal.Line()
        said = {"log": line.log, "progress": line.progress}
        finished.append(run.run_dataset(plan, overrides=overrides, start=start, force=force, **said))
        print(f"  report: {os.path.relpath(plan.paths.index)}")
    return _OK if all(finished) else _FAILED


def _run_side_by_side(plans: Sequence[Plan], arguments: Sequence[str], jobs: int) -> int:
    from voidlab.run import jobs as side_by_side

    at_once = side_by_side.how_many(jobs, plans)
    if at_once < min(jobs, len(plans)):
        print(f"{at_once} at a time, not {jobs}: the free memory allows no more.")
    codes = side_by_side.run_side_by_side(plans, arguments, at_once, _say)
    failed = [plan.paths.dataset for plan, code in zip(plans, codes, strict=True) if code != _OK]
    print(f"{len(plans) - len(failed)} of {len(plans)} datasets finished", end="")
    print(f"; failed: {', '.join(failed)}" if failed else "")
    print(f"overview: {os.path.relpath(plans[0].paths.reports / 'index.html')}")
    return _FAILED if failed else _OK


def _plans(yamls: Sequence[Path], overrides: Overrides) -> tuple[list[Plan], int]:
    """Check every parameter file before anything runs; print what is wrong with any of them."""
    from voidlab import run
    from voidlab.project.parameters.yaml_file import ParameterErrors

    plans: list[Plan] = []
    problems = 0
    for yaml in map(file_that_is_meant, yamls):
        try:
            plans.append(run.check(yaml, overrides))
        except ParameterErrors as errors:
            problems += len(errors.problems)
            print(errors, file=sys.stderr)
    if problems:
        print(f"{problems} problem(s) found, nothing was run.", file=sys.stderr)
    return plans, problems


def _add_score(commands: _Commands) -> None:
    parser = _add(commands, "score", _score, "score a segmenter on a folder of labelled images")
    parser.add_argument(
        "folder", type=Path, help="images/ and labels/, or NAME.tif beside NAME_labels.tif or .csv"
    )
    parser.add_argument("--segmenter", default="voids", help="voids, classical, or a file with a network")
    parser.add_argument("--contrast", default="auto", choices=("auto", "bright", "dark"))
    parser.add_argument(
        "--threshold", type=float, default=0.5, help="confidence from which a detection counts"
    )
    parser.add_argument("--trust-model", action="store_true", help="run a .pt2 file, which is a program")
    parser.add_argument("--out", type=Path, help="folder for the tables and the picture")
    parser.add_argument("--card", action="store_true",
                        help="run the tests of the network's card; FOLDER holds sets of real images")  # fmt: skip


def _score(options: argparse.Namespace) -> None:
    from voidlab import segment
    from voidlab.report.figures.base import names_as_they_are
    from voidlab.training import evaluate, labelled

    if options.card:
        _score_card(options)
        return
    terminal.finish_in_order()
    items = labelled.read_labelled(options.folder)
    settings = {"contrast": options.contrast, "threshold": options.threshold, "trust": options.trust_model}
    method = segment.load_segmenter(options.segmenter, **settings)
    method = method.with_contrast_from(item.image for item in items)
    judgement = evaluate.evaluate_segmenter(items, method, log=print)
    print(evaluate.evaluation_in_words(judgement))
    out = options.out or Path("reports") / "scores" / options.folder.resolve().name
    with names_as_they_are():
        for file in evaluate.write_evaluation(out, items, judgement):
            print(f"wrote {os.path.relpath(file)}")


def _score_card(options: argparse.Namespace) -> None:
    from voidlab.training import model_card

    if (options.contrast, options.threshold, options.out) != ("auto", 0.5, None):
        raise ProjectError(
            "the card's tests set contrast and threshold; leave out --contrast, --threshold, --out."
        )
    print(f"wrote {os.path.relpath(model_card.score_card(options.segmenter, options.folder, log=_say))}")


def _add_train(commands: _Commands) -> None:
    description = "Writes parameters/NAME.safetensors and its card; name it as 'segmenter:' in a YAML file."
    about = "go on training the network with your labelled images"
    parser = _add(commands, "train", _train, about, description)
    parser.add_argument("folder", type=Path, nargs="?", help="labelled images, as for 'voidlab score'")
    parser.add_argument("--name", help="name of the new network")
    parser.add_argument(
        "--contrast", choices=("bright", "dark"), help="of the voids in your images; left out: bright"
    )
    parser.add_argument("--steps", type=_POSITIVE, help="steps of training")
    parser.add_argument("--seed", type=_SEED, default=1)
    made = parser.add_argument_group("the network that comes with voidlab, which these overwrite")
    made.add_argument("--from-nothing", dest="shipped", action="store_const", const="from nothing",
                        help="make it anew, from simulation and FOLDER (gold_pairs)")  # fmt: skip
    made.add_argument("--further", dest="shipped", action="store_const", const="further",
                        help="go on training it, with other simulated images")  # fmt: skip


def _train(options: argparse.Namespace) -> None:
    from voidlab.run import start

    given = {key: getattr(options, key) for key in ("name", "contrast", "steps", "seed", "shipped")}
    terminal.finish_in_order()
    print(start.train_network(options.folder, **given, log=_say))


def _add_correct(commands: _Commands) -> None:
    parser = _add(commands, "correct", _correct, "take labels.tif, edited in napari or Fiji, as corrections")
    parser.add_argument("name", help="dataset")
    parser.add_argument("labels", type=Path, help="the edited label images (TIFF)")


def _correct(options: argparse.Namespace) -> None:
    from voidlab.run import start

    paths, edits = start.take_edited_labels(options.name, options.labels)
    for edit in edits:
        print(f"  {edit}")
    shown = os.path.relpath(paths.parameters)
    print(
        f"{len(edits)} corrections added"
        + (f"; next: voidlab run {terminal.as_typed(shown)}" if edits else "")
    )


def _add_movie(commands: _Commands) -> None:
    parser = _add(commands, "movie", _movie, "write a movie without drift, voids outlined by track")
    parser.add_argument("name", help="dataset whose stages have all run")
    parser.add_argument("--expand", action="store_true", help="show all that any frame shows")
    parser.add_argument("--fps", type=_POSITIVE, default=10, metavar="N", help="frames shown in a second")
    parser.add_argument("--gif", action="store_true", help="a GIF even where MP4 can be written")


def _movie(options: argparse.Namespace) -> None:
    from voidlab.run import movie

    terminal.finish_in_order()
    path = movie.make_movie(options.name, frames_per_s=options.fps, expand=options.expand, gif=options.gif)
    print(f"wrote {os.path.relpath(path)}")
    if path.suffix == ".gif" and not options.gif:
        print(f"for MP4, in voidlab's folder: {install_extra('video')}")


def _lab(options: argparse.Namespace) -> int:
    from voidlab.run import start

    terminal.finish_in_order()
    return start.open_lab(options.name, options.behind)
