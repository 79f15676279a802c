"""Networks of others as .pt2 and .json: trusted or refused, and mapped back to the image's own pixels."""

import json

import numpy as np
import pytest
import torch

from voidlab import segment

GIVEN = {"size": [64, 96], "channels": 3, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25],
         "output": "logits", "min_area_px": 10}  # fmt: skip


class Bright(torch.nn.Module):
    """Logits that are positive where the first channel is brighter than the mean it was normalised with."""

    def forward(self, x):
        return 20 * x[:, :1]


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "theirs.pt2"
    torch.export.save(torch.export.export(Bright(), (torch.zeros(1, 3, 64, 96),)), path)
    path.with_suffix(".json").write_text(json.dumps(GIVEN))
    return path


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


def test_without_trust_it_is_refused(model):
    with pytest.raises(ValueError, match="is a program that could do anything.*trust_model: true"):
        segment.load_segmenter(model)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mean": [0.5]}, "expected 3 numbers in mean and in std"),
        ({"output": "mask"}, "output 'logits' or 'probability'"),
        ({"size": "large"}, "does not say what the network takes and gives"),
    ],
)
def test_a_wrong_description_is_explained(model, change, said):
    model.with_suffix(".json").write_text(json.dumps(GIVEN | change))
    with pytest.raises(ValueError, match=said):
        segment.load_segmenter(model, trust=True)


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
