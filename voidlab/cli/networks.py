"""The commands that score and train segmenters."""

import argparse
import os
from pathlib import Path

from voidlab import terminal
from voidlab.cli.base import POSITIVE, SEED, Commands, add, file_or_folder, say
from voidlab.project.paths import ProjectError


def add_score(commands: Commands) -> None:
    parser = add(commands, "score", _score, "score a segmenter on a folder of labelled images")
    parser.add_argument(
        "folder", type=file_or_folder, help="images/ and labels/, or NAME.tif beside NAME_labels.tif or .csv"
    )
    parser.add_argument("--segmenter", default="voids", help="voids, classical, or a file with a network")
    parser.add_argument("--contrast", default="auto", choices=("auto", "bright", "dark"))
    parser.add_argument(
        "--threshold", type=float, default=0.5, help="confidence from which a detection counts"
    )
    _add_mode(parser)
    parser.add_argument("--trust-model", action="store_true", help="run a .pt2 file, which is a program")
    parser.add_argument("--out", type=file_or_folder, help="folder for the tables and the picture")
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
    mode = options.mode or labelled.mode_of(items)
    method = segment.load_segmenter(options.segmenter, mode=mode, **settings)
    method = method.with_contrast_from(item.image for item in items)
    judgement = evaluate.evaluate_segmenter(items, method, log=print)
    print(evaluate.evaluation_in_words(judgement))
    out = options.out or Path("reports") / "scores" / options.folder.resolve().name
    with names_as_they_are():
        for file in evaluate.write_evaluation(out, items, judgement):
            print(f"wrote {os.path.relpath(file)}")


def _score_card(options: argparse.Namespace) -> None:
    from voidlab.training import model_card

    if (options.contrast, options.threshold, options.out, options.mode) != ("auto", 0.5, None, None):
        raise ProjectError(
            "the card's tests set contrast, threshold and mode; leave out --contrast, --threshold, --mode, --out."
        )
    print(f"wrote {os.path.relpath(model_card.score_card(options.segmenter, options.folder, log=say))}")


def add_train(commands: Commands) -> None:
    description = "Writes parameters/NAME.safetensors and its card; name it as 'segmenter:' in a YAML file."
    about = "go on training the network with your labelled images"
    parser = add(commands, "train", _train, about, description)
    parser.add_argument(
        "folder", type=file_or_folder, nargs="?", help="labelled images, as for 'voidlab score'"
    )
    parser.add_argument("--name", help="name of the new network")
    parser.add_argument(
        "--contrast",
        choices=("bright", "dark"),
        help="of the voids; left out: bright, in dark field dark",
    )
    _add_mode(parser)
    parser.add_argument("--steps", type=POSITIVE, help="steps of training; from nothing, of its first part")
    parser.add_argument("--seed", type=SEED, default=1)
    made = parser.add_argument_group("the network that comes with voidlab, which these overwrite")
    how = made.add_mutually_exclusive_group()
    how.add_argument("--from-nothing", dest="shipped", action="store_const", const="from nothing",
                        help="make it anew, from simulation and FOLDER (gold_pairs)")  # fmt: skip
    made.add_argument("--without-voids", type=file_or_folder, metavar="FOLDER", dest="without",
                      help="images of loops and dots to train on as well: there are no voids in them")  # fmt: skip
    how.add_argument("--further", dest="shipped", action="store_const", const="further",
                        help="go on training it, with other simulated images")  # fmt: skip
    how.add_argument("--distil", dest="shipped", action="store_const", const="distil",
                        help="teach it to say at once what it says on average of turned images")  # fmt: skip


def _train(options: argparse.Namespace) -> None:
    from voidlab.run.train import train_network

    terminal.finish_in_order()
    if options.shipped:
        _make_shipped(options)
        return
    if options.without is not None:
        raise ProjectError(
            "--without-voids is for the network that comes with voidlab. For one of your own lay a NAME_labels.csv "
            "with a header only, x_px,y_px,r_px, beside each image without voids in the folder of labelled images."
        )
    if options.folder is None or options.name is None:
        raise ProjectError("say which labelled images to train on, and --name for the new network.")
    print(
        train_network(
            options.folder,
            options.name,
            contrast=options.contrast,
            mode=options.mode,
            log=say,
            **_length(options),
        )
    )


def _make_shipped(options: argparse.Namespace) -> None:
    from voidlab.run.train import make_shipped_network
    from voidlab.training.train import Making

    option = f"--{options.shipped.replace(' ', '-')}"
    if options.name or options.contrast or options.mode:
        raise ProjectError(
            f"{option} makes the network that comes with voidlab anew: leave out --name, --contrast and --mode. "
            f"For a network of your own leave out {option}."
        )
    making = Making.usual(options.shipped, also=options.folder, without=options.without, **_length(options))
    print(make_shipped_network(making, say))


def _add_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mode",
        choices=("bright field", "dark field", "HAADF"),
        help="how the images were taken; left out: as their files say",
    )


def _length(options: argparse.Namespace) -> dict[str, int]:
    """Seed and steps of a training, as far as they are given."""
    return {key: value for key in ("seed", "steps") if (value := getattr(options, key)) is not None}
