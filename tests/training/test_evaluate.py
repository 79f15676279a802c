"""Judging a segmenter on labelled images: tables, picture, and the command."""

import numpy as np
import pandas as pd
import pytest
import tifffile

from voidlab import cli
from voidlab.training import evaluate
from voidlab.training.labelled import Labelled


def discs(*circles, shape=(160, 224), seed=0):
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.random.default_rng(seed).normal(0.4, 0.03, shape)
    for cx, cy, r in circles:
        image += 0.3 / (1 + np.exp(2 * (np.hypot(x - cx, y - cy) - r)))
    return image.astype(np.float32)


def table(*circles):
    return pd.DataFrame(circles, columns=["x_px", "y_px", "radius_px"], dtype=float).assign(ignored=False)


CIRCLES = ((40, 40, 7), (90, 60, 9), (150, 100, 6), (180, 40, 11))


class Knows:
    """A segmenter that gives what it was told, image by image."""

    def __init__(self, *tables):
        self.tables = list(tables)

    def find(self, image):
        return self.tables.pop(0).assign(confidence=0.9)


def judged():
    items = [Labelled(f"image {i}", discs(*CIRCLES), table(*CIRCLES), None) for i in range(2)]
    found = table(*CIRCLES[:3], (120, 130, 5))
    return items, evaluate.evaluate_segmenter(items, Knows(found, found))


def test_scores_of_all_images_together():
    _, judgement = judged()
    assert judgement.of("precision") == judgement.of("recall") == 0.75
    assert judgement.of("recall", "IoU 0.5") == 0.75
    assert judgement.sizes["voids"].sum() == 8


def test_what_is_written_can_be_read_again(tmp_path):
    items, judgement = judged()
    files = evaluate.write_evaluation(tmp_path / "out", items, judgement)
    assert [file.name for file in files] == ["scores.csv", "recall-by-size.csv", "hits-and-misses.png"]
    again = pd.read_csv(files[0])
    assert set(again["rule"]) == set(evaluate.RULES)
    assert again.loc[(again["rule"] == "centre") & (again["score"] == "f1"), "value"].iloc[0] == 0.75
    assert files[2].read_bytes()[:4] == b"\x89PNG"


def test_the_sheet_says_how_many_were_hit_missed_and_false():
    items, judgement = judged()
    figure = evaluate.draw_sheet(items, judgement)
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["3 hits", "1 missed", "1 false positives"]


def test_the_command_scores_a_folder(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "a.tif", (discs(*CIRCLES) * 255).clip(0, 255).astype(np.uint8))
    table(*CIRCLES).to_csv(tmp_path / "a_labels.csv", index=False)
    out = tmp_path / "scores"
    code = cli.main(
        ["score", str(tmp_path), "--segmenter", "classical", "--contrast", "bright", "--out", str(out)]
    )
    assert code == 0
    said = capsys.readouterr().out
    assert "a: 4 voids found, 4 labelled" in said
    assert "IoU 0.5 match" in said
    assert (out / "hits-and-misses.png").exists()
    assert pd.read_csv(out / "recall-by-size.csv")["hits"].sum() == 4


def test_images_of_dark_field_are_scored_as_such(tmp_path, capsys):
    """Of HAADF the voids are dark, without a fringe; as of bright field the network sees dots in them."""
    tifffile.imwrite(tmp_path / "a.tif", (255 - discs(*CIRCLES) * 255).clip(0, 255).astype(np.uint8))
    table(*CIRCLES).to_csv(tmp_path / "a_labels.csv", index=False)
    assert cli.main(["score", str(tmp_path), "--mode", "HAADF", "--out", str(tmp_path / "scores")]) == 0
    assert "a: 4 voids found, 4 labelled" in capsys.readouterr().out


@pytest.mark.parametrize(("argument", "said"), [("none", "there is no folder"), (".", "no labelled images")])
def test_a_folder_without_labels_is_explained(tmp_path, monkeypatch, capsys, argument, said):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["score", argument]) == 2
    assert said in capsys.readouterr().err
