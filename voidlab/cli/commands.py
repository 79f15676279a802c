"""What a person types after ``voidlab``, turned into calls of the package; nothing is computed here."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from voidlab import __version__, terminal
from voidlab.cli import compare, networks, runs, watch
from voidlab.cli.base import FAILED, OK, POSITIVE, WRONG_INPUT, Commands, add, file_or_folder, named, say
from voidlab.errors import VoidlabError, install_extra, name_too_long, too_many_files
from voidlab.project.paths import RunPaths
from voidlab.run.importing import importing
from voidlab.tables.listing import number_of

_INTERRUPTED = 130


def _read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The command and its options; what stands behind -- is for JupyterLab."""
    given = list(arguments)
    place = given.index("--") if given[:1] == ["lab"] and "--" in given else len(given)
    options = _parser().parse_args(given[:place])
    options.behind = given[place + 1 :]
    return options


def carry_out(arguments: Sequence[str]) -> int:
    """Do what the ``arguments`` of the command say; give its exit code, see `voidlab.cli.main`."""
    options = _read_arguments(arguments)
    for library in ("asyncio", "papermill"):  # what they log of a failure is said here in words for the user
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    try:
        code: int | None = options.command(options)
        return code or OK
    except VoidlabError as error:
        print(error, file=sys.stderr)
        return WRONG_INPUT
    except OSError as error:
        if said := name_too_long(error):
            print(said, file=sys.stderr)
            return WRONG_INPUT
        print(f"voidlab: {too_many_files(error) or error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\nvoidlab: interrupted.", file=sys.stderr)
        return _INTERRUPTED
    except MemoryError as error:
        what = str(error) or "no details"
        print(
            f"voidlab: the memory ran out ({what}). Close other programs, or use smaller images.",
            file=sys.stderr,
        )
        return FAILED
    except Exception as error:  # a fault of voidlab; a traceback would say nothing to who cannot mend it
        print(terminal.unforeseen(error), file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="voidlab", description="Label, measure, align and track voids in electron micrographs."
    )
    parser.add_argument("--version", action="version", version=f"voidlab {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add(commands, "demo", _demo, "simulate the demo tilt series and run all stages on it")
    _add_init(commands)
    runs.add_check(commands)
    add(commands, "parameters", _parameters, "print a table of all parameters (Markdown)")
    for add_one in (
        runs.add_run,
        watch.add_watch,
        networks.add_score,
        networks.add_train,
        _add_correct,
        _add_clean,
        _add_movie,
        _add_zip,
        compare.add_compare,
        _add_positions,
    ):
        add_one(commands)
    lab = add(commands, "lab", _lab, "open JupyterLab on the project's notebooks",
               "What stands behind -- goes to JupyterLab: voidlab lab gold -- --no-browser --port 9000")  # fmt: skip
    lab.add_argument("name", nargs="?", help="dataset to explore")
    return parser


def _demo(options: argparse.Namespace) -> int:
    with importing():
        from voidlab import simulate  # noqa: F401
        from voidlab.run import start

    return carry_out(["run", str(start.make_demo().parameters)])


def _add_positions(commands: Commands) -> None:
    description = "Reads JSON lines such as frame-data.json; writes reports/NAME/positions.html."
    about = "tracks from a file of positions and radii, without images"
    parser = add(commands, "positions", _positions, about, description)
    parser.add_argument(
        "file", type=file_or_folder, help="JSON lines with 'positions' and 'radii', a line per image"
    )
    parser.add_argument("--name", required=True, help="name of the dataset")
    parser.add_argument("--size", type=POSITIVE, nargs=2, required=True, metavar=("WIDTH", "HEIGHT"),
                           help="size of the images, px")  # fmt: skip


def _positions(options: argparse.Namespace) -> int:
    from voidlab.project.paths import POSITIONS
    from voidlab.run.positions import run_positions

    width, height = options.size
    line = terminal.Line()
    terminal.finish_in_order()
    if not run_positions(options.file, options.name, (width, height), log=line.log, progress=line.progress):
        return FAILED
    print(f"report: {os.path.relpath(RunPaths.find(options.name).html(POSITIONS))}")
    return OK


def _add_init(commands: Commands) -> None:
    parser = add(commands, "init", _init, "make parameters/NAME.yaml for a folder, glob or stack of images")
    parser.add_argument("source", type=named, help="folder, glob (in quotes), stack or video")
    parser.add_argument("--name", help="name of the dataset: of its parameter file and report")
    parser.add_argument("--each", action="store_true", help="a dataset per image, for unrelated micrographs")
    parser.add_argument("--sample", metavar="NAME", help="with --each: the specimen the images are fields of")
    parser.add_argument("--pixel-sizes", type=file_or_folder, metavar="TABLE.csv",
                        help="with --each: a row per image, with columns image and pixel_size_nm")  # fmt: skip


def _init(options: argparse.Namespace) -> None:
    with importing():
        from voidlab.run import each, start

    if options.each:
        print(each.init_each(options.source, options.name or "", options.sample or "", options.pixel_sizes))
        return
    if options.pixel_sizes is not None:
        raise VoidlabError(
            "--pixel-sizes goes with --each; of one dataset write pixel_size_nm: ... into its YAML."
        )
    if options.sample is not None:
        raise VoidlabError(
            "--sample goes with --each; of one dataset write sample: {name: ...} into its YAML."
        )
    paths, found = start.init_dataset(options.source, options.name)
    shown = os.path.relpath(paths.parameters)
    print(found)
    print(f"wrote {shown}\nnext: look through it, then\n  voidlab run {terminal.as_typed(shown)}")
    print(f"  voidlab lab {terminal.as_typed(options.name)}")


def _parameters(options: argparse.Namespace) -> None:
    from voidlab.project.parameters.table import parameter_table

    print(parameter_table(), end="")


def _add_correct(commands: Commands) -> None:
    parser = add(commands, "correct", _correct, "take labels.tif, edited in napari or Fiji, as corrections")
    parser.add_argument("name", help="dataset")
    parser.add_argument("labels", type=file_or_folder, help="the edited label images (TIFF)")


def _correct(options: argparse.Namespace) -> None:
    from voidlab.run.correct import take_edited_labels

    paths, edits = take_edited_labels(options.name, options.labels)
    for edit in edits:
        print(f"  {edit}")
    shown = os.path.relpath(paths.parameters)
    print(
        f"{number_of(len(edits), 'correction')} added"
        + (f"; next: voidlab run {terminal.as_typed(shown)}" if edits else "")
    )


def _add_clean(commands: Commands) -> None:
    description = (
        "Empties reports/NAME/.frames. Results stay; a stage that runs again looks at every image again."
    )
    about = "remove what is kept of each image so that none is segmented twice"
    parser = add(commands, "clean", _clean, about, description)
    parser.add_argument("name", nargs="+", help="dataset")


def _clean(options: argparse.Namespace) -> None:
    from voidlab.run import frame_cache

    for name in options.name:
        paths = RunPaths.find(name.removesuffix(".yaml").rpartition("/")[-1])
        print(f"{paths.dataset}: {frame_cache.clean_dataset(paths) / 1e6:,.1f} MB removed")


def _add_movie(commands: Commands) -> None:
    parser = add(commands, "movie", _movie, "write a movie without drift, voids outlined by track")
    parser.add_argument("name", help="dataset whose stages have all run")
    parser.add_argument("--expand", action="store_true", help="show all that any frame shows")
    parser.add_argument("--fps", type=POSITIVE, default=10, metavar="N", help="frames shown in a second")
    parser.add_argument("--gif", action="store_true", help="a GIF even where MP4 can be written")


def _movie(options: argparse.Namespace) -> None:
    from voidlab.run import movie

    terminal.finish_in_order()
    path = movie.make_movie(options.name, frames_per_s=options.fps, expand=options.expand, gif=options.gif)
    print(f"wrote {os.path.relpath(path)}")
    if path.suffix == ".gif" and not options.gif:
        print(f"for MP4, in voidlab's folder: {install_extra('video')}")


def _add_zip(commands: Commands) -> None:
    about = "put all results of a dataset into one ZIP, for a collaborator"
    parser = add(
        commands,
        "zip",
        _zip,
        about,
        "Writes exports/NAME-results.zip: the report, all exports, and labels.tif.",
    )
    parser.add_argument("name", help="dataset whose stages have all run")


def _zip(options: argparse.Namespace) -> None:
    from voidlab.run.archive import make_archive

    terminal.finish_in_order()
    path = make_archive(options.name)
    print(f"wrote {os.path.relpath(path)}, {path.stat().st_size / 1e6:.1f} MB")


def _lab(options: argparse.Namespace) -> int:
    from voidlab.run.lab import open_lab

    terminal.finish_in_order()
    return open_lab(options.name, options.behind, say)
