"""Networks of others as .pt2 and .json: trusted or refused, and mapped back to the image's own pixels."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from drawn_images import Series
from voidlab import segment
from voidlab.explore.live_segmenter import Finder
from voidlab.project.parameters.models import SegmentParameters
from voidlab.segment import torch_export

GIVEN = {"size": [64, 96], "channels": 3, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25],
         "output": "logits", "min_area_px": 10}  # fmt: skip


class Bright(torch.nn.Module):
    """Logits that are positive where the first channel is brighter than the mean it was normalised with."""

    def forward(self, x):
        return 20 * x[:, :1]


class TwoClasses(torch.nn.Module):
    def forward(self, x):
        return x[:, :2]


class Named(torch.nn.Module):
    def forward(self, x):
        return {"out": x[:, :1]}


def export(program, path):
    torch.export.save(torch.export.export(program, (torch.zeros(1, 3, 64, 96),)), path)
    path.with_suffix(".json").write_text(json.dumps(GIVEN))
    return path


@pytest.fixture
def model(tmp_path):
    return export(Bright(), tmp_path / "theirs.pt2")


def image_of(*discs, shape=(128, 160)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    inside = np.any([np.hypot(x - cx, y - cy) <= r for cx, cy, r in discs], axis=0)
    return np.where(inside, 0.9, 0.1).astype(np.float32)


def test_found_in_the_pixels_of_the_image_not_of_the_network(model):
    result = segment.load_segmenter(model, trust=True).run(image_of((40, 30, 10), (120, 90, 14)))
    assert result.labels.shape == (128, 160)
    voids = result.voids.sort_values("x_px")
    assert voids["x_px"].tolist() == pytest.approx([40, 120], abs=0.5)
    assert voids["y_px"].tolist() == pytest.approx([30, 90], abs=0.5)
    assert voids["radius_px"].tolist() == pytest.approx([10, 14], rel=0.05)
    assert set(np.unique(result.labels)) - {0} == set(result.voids["label"])


def test_dark_ones_are_shown_upside_down(model):
    found = segment.load_segmenter(model, trust=True, contrast="dark").find(1 - image_of((40, 30, 10)))
    assert len(found) == 1


def test_small_pieces_are_dropped(model):
    assert len(segment.load_segmenter(model, trust=True, min_radius_px=1).find(image_of((40, 30, 1.5)))) == 0


def soft_discs():
    """Two that are one piece at a low threshold, and one by itself; their rims are grey."""
    y, x = np.mgrid[:128, :160]
    away = np.min([np.hypot(x - cx, y - cy) for cx, cy in ((40, 40), (62, 40), (120, 90))], axis=0)
    return (0.5 + 0.03 * np.clip((9 - away) / 1.5, -1.5, 1.5)).astype(np.float32)


@pytest.mark.parametrize("threshold", [0.05, 0.5, 0.9])
def test_the_explorer_shows_what_a_run_finds(model, threshold):
    series = Series([soft_discs()])
    series.shape = series[0].shape
    settings = SegmentParameters(segmenter=model.name, trust_model=True, threshold=threshold)
    method = segment.from_parameters(settings, model.parent)
    kept = []
    _, voids = segment.segment_series(series, method, keep_labels=kept.append)
    finder = Finder(series, model.parent)
    finder.find(
        0, lambda: series[0], settings.model_copy(update={"threshold": 0.2})
    )  # what is kept serves any
    seen = finder.find(0, lambda: series[0], settings)
    pd.testing.assert_frame_equal(seen.voids.drop(columns="frame"), voids.drop(columns="frame"))
    np.testing.assert_array_equal(seen.labels, kept[0])
    assert len(voids) == (2 if threshold == 0.05 else 3)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16])
def test_whole_numbers_are_scaled_by_the_range_of_their_kind(model, kind):
    method = segment.load_segmenter(model, trust=True)
    image = np.round(soft_discs() * np.iinfo(kind).max)
    found = method.find(image.astype(kind))
    pd.testing.assert_frame_equal(found, method.find(image / np.iinfo(kind).max), rtol=1e-4)
    assert len(found) == 3


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (200 * image_of((40, 30, 10)), r"20 to 180 \(float32\); expected 0 to 1"),
        (image_of((40, 30, 10)) - 0.5, r"-0.4 to 0.4 \(float32\)"),
        (
            np.round(200 * image_of((40, 30, 10))).astype(np.int64),
            r"20 to 180 \(int64\); .* or uint8 or uint16",
        ),
        (np.full((20, 30), -999, np.int16), r"-999 to -999 \(int16\)"),
        (np.full((20, 30), np.inf), r"inf to inf"),
    ],
)
def test_grey_values_that_are_not_0_to_1_are_explained(image, said):
    with pytest.raises(ValueError, match=said):
        torch_export.from_0_to_1(image)


def test_rounding_and_unknown_pixels_are_no_reason_to_refuse(model):
    image = image_of((40, 30, 10), (120, 90, 14))
    image[0, :10], image[1, 0], image[1, 1] = np.nan, -1e-6, 1 + 1e-6
    method = segment.load_segmenter(model, trust=True)
    assert len(method.find(image)) == 2
    assert len(method.find(np.full((128, 160), np.nan))) == 0


def test_without_trust_it_is_refused(model):
    with pytest.raises(ValueError, match="is a program that could do anything.*trust_model: true"):
        segment.load_segmenter(model)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mean": [0.5]}, "expected 3 numbers in mean and in std"),
        ({"output": "mask"}, "output: .*'logits' or 'probability', found 'mask'"),
        ({"size": "large"}, "does not say what the network takes and gives: size: .*found 'large'"),
        ({"size": [64, 0]}, "size.1: .*greater than 0, found 0"),
        ({"size": [64.5, 96]}, "size.0: .*valid integer, found 64.5"),
        ({"size": [64]}, "size.1: Field required"),
        ({"std": [0.25, 0, 0.25]}, "std.1: .*greater than 0, found 0"),
        ({"std": [0.25, float("nan"), 0.25]}, "std.1: .*finite number, found nan"),
        ({"channels": 0}, "channels: .*greater than 0, found 0"),
    ],
)
def test_a_wrong_description_is_explained(model, change, said):
    model.with_suffix(".json").write_text(json.dumps(GIVEN | change))
    with pytest.raises(ValueError, match=said):
        segment.load_segmenter(model, trust=True)


@pytest.mark.parametrize(
    ("program", "said"),
    [(TwoClasses(), r"gives \(1, 2, 64, 96\); expected \(1, 1, .*of two classes"), (Named(), "gives dict; ")],
)
def test_a_network_that_gives_something_else_is_explained(tmp_path, program, said):
    method = segment.load_segmenter(export(program, tmp_path / "theirs.pt2"), trust=True)
    with pytest.raises(segment.ModelError, match=f"'theirs' {said}"):
        method.run(image_of((40, 30, 10)))


def test_a_program_of_one_size_without_it_is_explained(model):
    model.with_suffix(".json").write_text(json.dumps(GIVEN | {"size": None}))
    method = segment.load_segmenter(model, trust=True)
    said = r"'theirs' cannot work on \(1, 3, 128, 160\): .*say which: 'size' and 'channels' in theirs\.json"
    with pytest.raises(segment.ModelError, match=said):
        method.run(image_of((40, 30, 10)))


def test_what_goes_wrong_in_a_network_is_said_in_the_explorer(model):
    model.with_suffix(".json").write_text(json.dumps(GIVEN | {"size": None}))
    series = Series([image_of((40, 30, 10))])
    with pytest.raises(segment.ModelError, match="'size' and 'channels' in theirs.json"):
        Finder(series, model.parent).find(
            0, lambda: series[0], SegmentParameters(segmenter=model.name, trust_model=True)
        )


def test_a_missing_description_is_explained(model):
    model.with_suffix(".json").unlink()
    with pytest.raises(ValueError, match=r"theirs\.json is missing"):
        segment.load_segmenter(model, trust=True)


def test_a_file_that_is_no_network_is_explained(model):
    model.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"theirs\.pt2 cannot be loaded"):
        segment.load_segmenter(model, trust=True)


@pytest.mark.parametrize("name", ["small_voids_031023.pth", "a.pt", "b.pkl", "c.ckpt"])
def test_a_pickle_is_refused_with_what_to_do(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x04.")
    with pytest.raises(ValueError, match="is a pickle.*write it once as .pt2 and .json: README"):
        segment.load_segmenter(tmp_path / name, trust=True)
