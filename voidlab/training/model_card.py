"""The scores on the card of the network's weights: the same tests each time, from one command, with one seed."""

import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from voidlab import scores, segment
from voidlab.images.series import open_series
from voidlab.measure import measure_voids
from voidlab.segment import model_file
from voidlab.segment.network_segmenter import NetworkSegmenter
from voidlab.simulate.micrographs import micrograph
from voidlab.training import labelled, loops_and_dots, radius_truth, simulated, trust

Log = Callable[[str], None]
SEED = 0
_LOOKS = ("labelled_looks", "voids_among_loops")  # an image each way of looking at voids
# Folders of images by which radii are judged, and the file that says how they were taken.
_OF_RADII = {"multislice_truth": "conditions.csv", "focus_pairs": "pairs.csv"}
_SETS = (
    *("argonne_voids", "cavity_micrographs", "loops_hard_negatives", "gold_pairs", "gold_video"),
    *_LOOKS,
    *_OF_RADII,
)
_FIRST_SEED = 2_000_000  # of simulated images no network was trained on


def measure_scores(
    method: NetworkSegmenter,
    data: Path | None,
    *,
    trained_on: Collection[str] = (),
    seed: int = SEED,
    log: Log,
) -> dict[str, Any]:
    """Scores of a network on simulation and, where ``data`` has them, on real images.

    On real images it decides on the contrast itself, as it does for a user who sets nothing, unless the name of the
    test says which one was given.

    Parameters
    ----------
    method
        Contrast and threshold are set by each test.
    data
        Folder with some of the folders of real images named in ``_SETS``; what is not there is left out.
    trained_on
        Names, without ending, of the images of loops that it was trained on: they are scored apart.

    Raises
    ------
    LabelledError
        If ``data`` has none of them.
    """
    if data is not None and not any((data / name).is_dir() for name in _SETS):
        raise labelled.LabelledError(
            f"{data} holds none of the folders that the card's tests rest on: {', '.join(_SETS)}."
        )
    auto, bright, dark = (replace(method, contrast=contrast) for contrast in ("auto", "bright", "dark"))
    tests: dict[str, Callable[[], dict[str, float]]] = {
        "simulated, SNR ≥ 1, diameter ≥ 8 px": lambda: on_simulated(bright, seed),
        "perfect masks, 7 % coverage": lambda: masks(bright, seed, 6.5, 0.07),
        "perfect masks, 16 % coverage": lambda: masks(bright, seed, 10.0, 0.157),
        "white noise": lambda: white_noise(bright, seed),
        "bfloat16 against float32": lambda: precision(bright, seed),
        "speed, 1024 × 1024 px": lambda: speed(bright, seed),
        "memory, 4096 × 4096 px": lambda: memory(bright, seed),
        "simulated, 1 to 2.5 px in radius": lambda: tiny(bright, _seeds(seed, 60)),
        "simulated, loops and dots": lambda: loops_and_dots.on_simulated(bright, _seeds(seed, 100)),
        "simulated, look by look": lambda: trust.by_look(bright, _seeds(seed, 300)),
        "verdicts": lambda: trust.verdicts(auto, _seeds(seed, 300), _with_voids(data)),
    }
    if data is not None:
        loops = data / "loops_hard_negatives"
        tests |= {
            "argonne_voids": lambda: _on(data / "argonne_voids", auto),
            "argonne_voids, radius < 8 px": lambda: _on(data / "argonne_voids", auto, below_px=8),
            "argonne_voids, radius ≥ 10 px": lambda: _on(data / "argonne_voids", auto, from_px=10),
            "argonne_voids, dark": lambda: {
                "voids": len(dark.find(labelled.read_labelled(data / "argonne_voids")[0].image))
            },
            "cavity_micrographs": lambda: _on(data / "cavity_micrographs", auto),
            "loops_hard_negatives": lambda: false_voids(_images(loops, but=trained_on), auto),
            "loops_hard_negatives, trained on": lambda: false_voids(_images(loops, only=trained_on), auto),
            "loops_hard_negatives, bright": lambda: false_voids(_images(loops, but=trained_on), bright),
            "loops_hard_negatives, by kind": lambda: loops_and_dots.detected(
                _images(loops, but=trained_on), auto
            ),
            "gold_pairs, half kept for testing": lambda: _on(data / "gold_pairs", auto, slice(1, None, 2)),
            "gold_video": lambda: _on(data / "gold_video", auto),
            "multislice_truth": lambda: radius_truth.truth_scores(_of_radii(data, "multislice_truth"), auto),
            "focus_pairs": lambda: radius_truth.pair_scores(_of_radii(data, "focus_pairs"), auto),
        }
        for folder in (data / name for name in _LOOKS if (data / name).is_dir()):
            for item in labelled.read_labelled(folder):
                tests[f"{folder.name}, {item.name}"] = partial(on_one, item, auto)
    done = {}
    for name, test in tests.items():
        try:
            done[name] = {key: round(float(value), 4) for key, value in test().items() if np.isfinite(value)}
        except labelled.LabelledError as error:
            log(f"{name}: left out, {error}")
            continue
        log(f"{name}: " + ", ".join(f"{key} {value:g}" for key, value in done[name].items()))
    return done


def _of_radii(data: Path, name: str) -> Path:
    """The folder, or an error where it does not hold what it should."""
    if not (data / name / _OF_RADII[name]).is_file():
        raise labelled.LabelledError(f"there is no {name}/{_OF_RADII[name]} in {data}")
    return data / name


def _seeds(seed: int, count: int) -> range:
    return range(_FIRST_SEED + 1000 * seed, _FIRST_SEED + 1000 * seed + count)


def _with_voids(data: Path | None) -> list[Path]:
    """Folders of labelled images with voids in them, each image by itself."""
    folders = (
        [] if data is None else [data / name for name in (*_LOOKS, "argonne_voids", "cavity_micrographs")]
    )
    return [folder for folder in folders if folder.is_dir()]


def on_simulated(method: NetworkSegmenter, seed: int, images: int = 40) -> dict[str, float]:
    """Scores on simulated images whose seeds were not trained on; fainter or smaller voids count neither way.

    Nor do voids of SNR 1 or more that foil or other voids hide, see `simulate.visibility`: ``share_hidden`` of them
    all; ``f1_iou_0.5_hidden_too`` is the score if they did.
    """
    truth, found = simulated.truth_and_found(
        replace(method, min_radius_px=1.5),
        _seeds(seed, images),
        512,
        lambda voids: (voids["radius_px"] < 4) | (voids["radius_px"] > 80) | (voids["snr"] < 1),
    )

    def f1(truth: pd.DataFrame) -> float:
        return float(scores.score_voids(truth, _worth_judging(truth, found), iou=0.5)["f1"])

    hidden = truth["hidden"]
    return _usual(truth, _worth_judging(truth, found)) | {
        "f1_iou_0.5": f1(truth),
        "share_hidden": hidden.sum() / (hidden | ~truth["ignored"]).sum(),
        "f1_iou_0.5_hidden_too": f1(truth.assign(ignored=truth["ignored"] & ~hidden)),
    }


def tiny(method: NetworkSegmenter, seeds: range) -> dict[str, float]:
    """Scores of tiny voids on simulated images, where they are asked for; larger ones count neither way."""
    least, most = 1.0, 2.5
    truth, found = simulated.truth_and_found(
        replace(method, min_radius_px=least),
        seeds,
        384,
        lambda voids: ~voids["radius_px"].between(least, most),
    )
    right, _ = scores.judge_detections(truth, found)
    return _usual(truth, found[(found["radius_px"] < most) | right].reset_index(drop=True))


def masks(method: NetworkSegmenter, seed: int, radius_px: float, coverage: float) -> dict[str, float]:
    """Scores on images that are perfect masks, beside those of a watershed of the distance to the border."""
    parts: dict[str, list[pd.DataFrame]] = {"truth": [], "found": [], "watershed": []}
    for number in range(4):
        truth, mask = _discs(np.random.default_rng([seed, number]), radius_px, coverage)
        parts["truth"].append(truth.assign(frame=number))
        parts["found"].append(method.find(mask.astype(np.float32)).assign(frame=number))
        depth = ndimage.distance_transform_edt(mask)
        cut = watershed(-depth, ndimage.label(h_maxima(depth, 0.75))[0], mask=mask)
        parts["watershed"].append(measure_voids(cut, frame=number))
    truth, found, simple = (pd.concat(tables, ignore_index=True) for tables in parts.values())
    usual = scores.score_voids(truth, simple)
    of_watershed = {f"watershed_{name}": usual[name] for name in ("f1", "volume_error")}
    return _usual(truth, found) | of_watershed


def false_voids(files: Sequence[Path], method: NetworkSegmenter) -> dict[str, float]:
    """Voids found where there are none, all in all and per megapixel."""
    return _per_megapixel([open_series(file)[0] for file in files], method)


def _images(folder: Path, *, only: Collection[str] | None = None, but: Collection[str] = ()) -> list[Path]:
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in (".jpg", ".jpeg", ".png", ".tif"))
    files = [file for file in files if (only is None or file.stem in only) and file.stem not in but]
    if not files:
        raise labelled.LabelledError(f"no such images in {folder}")
    return files


def white_noise(method: NetworkSegmenter, seed: int) -> dict[str, float]:
    """Voids found per megapixel in nothing but noise, in images of two sizes."""
    random = np.random.default_rng(seed)
    images = [random.standard_normal(shape) for shape in ((512, 512), (150, 210)) for _ in range(40)]
    return _per_megapixel(images, method)


def _per_megapixel(images: Sequence[np.ndarray], method: NetworkSegmenter) -> dict[str, float]:
    found = sum(len(method.find(image)) for image in images)
    return {"voids": found, "voids_per_megapixel": found / (sum(image.size for image in images) / 1e6)}


def precision(method: NetworkSegmenter, seed: int) -> dict[str, float]:
    """Share of the voids found in float32 that are found in the fast arithmetic too."""
    same = total = 0
    for number in range(30):
        image = micrograph(_FIRST_SEED + 1000 * seed + number, shape=(512, 512)).image
        exact, fast = replace(method, arithmetic="float32").find(image), method.find(image)
        same += len(scores.match_voids(exact, fast, share=0.25))
        total += len(exact)
    return {"share_found": same / max(total, 1)}


def speed(method: NetworkSegmenter, seed: int) -> dict[str, float]:
    """Seconds for the maps and for the voids out of them, the best of three, on this machine."""
    image = micrograph(_FIRST_SEED + 1000 * seed, shape=(1024, 1024)).image
    method.maps(image)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        maps = method.maps(image)
        between = time.perf_counter()
        method.decode(maps)
        times.append((between - began, time.perf_counter() - between))
    return {"maps_s": min(t[0] for t in times), "voids_s": min(t[1] for t in times)}


def memory(method: NetworkSegmenter, seed: int) -> dict[str, float]:
    """Peak memory of this process, MB, once it has found the voids of a large image; nothing where it is not told."""
    method.find(np.tile(micrograph(_FIRST_SEED + 1000 * seed, shape=(1024, 1024)).image, (4, 4)))
    try:
        import resource
    except ImportError:  # Windows
        return {}
    unit = 1 if sys.platform == "darwin" else 1024
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6}


def _on(
    folder: Path,
    method: NetworkSegmenter,
    which: slice = slice(None),
    *,
    from_px: float = 0,
    below_px: float = np.inf,
) -> dict[str, float]:
    """Scores on labelled images; voids of other radii count neither way."""
    truth, found = labelled.truth_and_found(labelled.read_labelled(folder)[which], method)
    if truth.empty:
        return {"voids": len(found)}
    other = (truth["radius_px"] < from_px) | (truth["radius_px"] >= below_px)
    return _usual(truth.assign(ignored=truth["ignored"] | other), found)


def on_one(item: labelled.Labelled, method: NetworkSegmenter) -> dict[str, float]:
    """Scores on one labelled image, and the least and the highest F1 with a row or a column less, or both.

    What the network says depends a little on where its blocks of 2 × 2 px begin: of few voids F1 is no surer.
    """
    if item.voids.empty:
        return {"voids": len(method.find(item.image))}
    each = [
        _usual(*labelled.truth_and_found([_without_first(item, rows, columns)], method))
        for rows in (0, 1)
        for columns in (0, 1)
    ]
    f1 = [score["f1"] for score in each]
    return each[0] | {"f1_least": min(f1), "f1_most": max(f1)}


def _without_first(item: labelled.Labelled, rows: int, columns: int) -> labelled.Labelled:
    """A labelled image without its first rows and columns."""
    voids = item.voids.assign(x_px=item.voids["x_px"] - columns, y_px=item.voids["y_px"] - rows)
    mask = None if item.mask is None else item.mask[rows:, columns:]
    return replace(item, image=item.image[rows:, columns:], voids=voids, mask=mask)


def _usual(truth: pd.DataFrame, found: pd.DataFrame) -> dict[str, float]:
    score = scores.score_voids(truth, found)
    names = ("precision", "recall", "f1", "radius_error", "radius_bias", "count_error", "volume_error")
    return {name: float(score[name]) for name in names}


def _worth_judging(truth: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Detections without those that are small and match nothing that counts: other tests judge these."""
    right, _ = scores.judge_detections(truth, found)
    return found[(found["radius_px"] >= 3.5) | right].reset_index(drop=True)


def _discs(random: np.random.Generator, radius_px: float, coverage: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Discs at random in 512 × 512 px, and their mask; the sum of their areas is ``coverage`` of the image."""
    size, spread = 512, 0.25
    count = round(coverage * size**2 / (np.pi * radius_px**2 * np.exp(spread**2)))
    x, y = random.uniform(0, size - 1, (2, count))
    radius = radius_px * random.lognormal(0, spread, count)
    mask = np.zeros((size, size), bool)
    v, u = np.ogrid[:size, :size]
    for cx, cy, r in zip(x, y, radius, strict=True):
        mask |= (u - cx) ** 2 + (v - cy) ** 2 <= r**2
    cut = (x < radius) | (y < radius) | (x > size - 1 - radius) | (y > size - 1 - radius)
    return pd.DataFrame({"x_px": x, "y_px": y, "radius_px": radius, "ignored": cut}), mask


def segmenter_to_score(name_or_path: str | Path) -> NetworkSegmenter:
    """The network to judge.

    Raises
    ------
    ModelError
        If it is no network of voidlab's.
    """
    method = segment.load_segmenter(name_or_path, contrast="bright")
    if not isinstance(method, NetworkSegmenter):
        raise segment.ModelError(f"'{name_or_path}' has no card; expected 'voids' or a .safetensors file.")
    return method


def score_card(segmenter: str, folder: Path, *, log: Log) -> Path:
    """Score the network ``segmenter`` on the images in ``folder`` and write that into its card; give its file."""
    weights = model_file.SHIPPED if segmenter == "voids" else Path(segmenter)
    before = model_file.read_card(weights)
    trained_on = before.get("made", {}).get("without_voids", ())
    scores = measure_scores(segmenter_to_score(segmenter), folder, trained_on=trained_on, log=log)
    scored = {"command": "voidlab score FOLDER --card", "seed": SEED}
    # What this folder has no images for was scored with another one: these are the same weights.
    known = before["scores"] if "scored" in before else {}
    model_file.write_card(weights, before | {"scored": scored, "scores": known | scores})
    return weights.with_suffix(".json")
