"""The card of the weights: its tests count what they say, and what is known of weights is not lost."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tifffile

from voidlab import cli, segment
from voidlab.segment import model_file
from voidlab.training import model_card
from voidlab.training.labelled import LabelledError, read_labelled


class Fixed:
    """Finds the same voids in any image."""

    def __init__(self, *voids):
        self.voids = pd.DataFrame(voids, columns=["x_px", "y_px", "radius_px"], dtype=float).assign(
            confidence=1.0
        )

    def find(self, image):
        return self.voids


@pytest.fixture(scope="module")
def bright():
    return segment.load_segmenter("voids", contrast="bright")


def labelled_frame(folder):
    """An image with a small and a large void labelled."""
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "a.tif", np.zeros((100, 120), np.uint8))
    (folder / "a_labels.csv").write_text("x_px,y_px,r_px\n30,30,5\n80,60,12\n")


def test_radii_are_scored_by_size(tmp_path):
    labelled_frame(tmp_path / "set")
    finder = Fixed((30, 30, 6), (80, 60, 12.6), (10, 90, 9))
    small = model_card._on(tmp_path / "set", finder, below_px=8)
    large = model_card._on(tmp_path / "set", finder, from_px=10)
    assert (small["radius_bias"], large["radius_bias"]) == pytest.approx((0.2, 0.05))
    assert small["precision"] == large["precision"] == 0.5  # what is false is false for both


def test_one_image_is_scored_at_four_places_of_its_border(tmp_path):
    class OfWhole:
        """Finds both voids in the whole image, and only the first where a row is missing."""

        def find(self, image):
            both = Fixed((30, 30, 5), (80, 60, 12)).voids
            return both if image.shape == (100, 120) else both.head(1 if len(image) < 100 else 2)

    labelled_frame(tmp_path / "set")
    (item,) = read_labelled(tmp_path / "set")
    score = model_card.on_one(item, OfWhole())
    assert (score["f1"], score["f1_least"], score["f1_most"]) == pytest.approx((1, 2 / 3, 1))
    assert model_card.on_one(replace(item, voids=item.voids.head(0)), Fixed((1, 1, 1))) == {"voids": 1}


def test_false_positives_are_counted_per_megapixel(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((200, 250), np.uint8))
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((200, 250), np.uint8))
    found = model_card.false_voids(model_card._images(tmp_path), Fixed((30, 30, 5)))
    assert found == {"voids": 2, "voids_per_megapixel": pytest.approx(20)}
    with pytest.raises(LabelledError, match="no such images in"):
        model_card._images(tmp_path / "nothing")


def test_images_that_were_trained_on_are_scored_apart(tmp_path):
    for name in ("a", "b", "c"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((2, 2), np.uint8))
    parts = [model_card._images(tmp_path, **of) for of in ({"but": ["b"]}, {"only": ["b"]})]
    assert [[file.stem for file in part] for part in parts] == [["a", "c"], ["b"]]
    with pytest.raises(LabelledError):
        model_card._images(tmp_path, only=())


def test_a_perfect_finder_has_perfect_scores_on_masks():
    truths = iter(
        [model_card._discs(np.random.default_rng([0, number]), 10, 0.157)[0] for number in range(4)]
    )

    class Perfect:
        def find(self, image):
            return next(truths).assign(confidence=1.0)

    score = model_card.masks(Perfect(), 0, 10, 0.157)
    assert (score["f1"], score["radius_error"], score["volume_error"]) == (1, 0, 0)
    assert score["watershed_f1"] < 1


@pytest.mark.xfail(strict=True, reason="F1 is 0.963 of 0.97: more of two that touch are taken for one")
def test_masks_are_taken_apart(bright):
    assert model_card.masks(bright, 0, 6.5, 0.07)["f1"] >= 0.97


def test_dense_masks_are_taken_apart_better_than_by_watershed(bright):
    score = model_card.masks(bright, 0, 10, 0.157)
    assert score["f1"] >= max(0.92, score["watershed_f1"])


@pytest.mark.slow
def test_next_to_nothing_is_found_in_noise(bright):
    assert model_card.white_noise(bright, 0)["voids_per_megapixel"] <= 2


def test_a_folder_without_the_sets_is_refused_before_anything_is_measured(tmp_path, capsys):
    assert cli.main(["score", str(tmp_path), "--card"]) == 2
    assert "holds none of the folders that the card's tests rest on: argonne_voids" in capsys.readouterr().err
    assert cli.main(["score", str(tmp_path), "--card", "--contrast", "dark"]) == 2
    assert "leave out --contrast" in capsys.readouterr().err


def test_scores_of_images_that_are_not_at_hand_are_kept(tmp_path, monkeypatch):
    model, made = model_file.load_network()
    weights = tmp_path / "mine.safetensors"
    known = {"argonne_voids": {"f1": 0.9}, "white noise": {"voids_per_megapixel": 2}}
    model_file.save_network(model, weights, made | {"scored": {"seed": 0}, "scores": known})
    measured = {"white noise": {"voids_per_megapixel": 0}}
    monkeypatch.setattr(model_card, "measure_scores", lambda *args, **kwargs: measured)
    assert cli.main(["score", str(tmp_path), "--card", "--segmenter", str(weights)]) == 0
    assert json.loads(weights.with_suffix(".json").read_text())["scores"] == known | measured


@pytest.mark.slow
def test_hidden_voids_are_told_from_faint_ones(bright):
    score = model_card.on_simulated(bright, seed=0, images=8)
    assert 0 < score["share_hidden"] < 1
    assert score["f1_iou_0.5_hidden_too"] < score["f1_iou_0.5"]
