"""Cards and weights that are damaged or were made to do harm: a sentence each, and no memory asked for."""

import json
import shutil

import pytest

from voidlab import segment
from voidlab.segment import model_file


@pytest.fixture
def own(tmp_path):
    """A network of one's own: a copy of the shipped one."""
    weights = tmp_path / "own.safetensors"
    shutil.copy(model_file.SHIPPED, weights)
    shutil.copy(model_file.SHIPPED.with_suffix(".json"), weights.with_suffix(".json"))
    return weights


def test_weights_that_are_no_numbers_are_refused(own):
    from safetensors.torch import load_file, save_file

    tensors = load_file(own)
    name = next(name for name, value in tensors.items() if value.is_floating_point())
    tensors[name].view(-1)[0] = float("nan")
    save_file(tensors, own)
    with pytest.raises(
        segment.ModelError, match=f"1 of the weights in own.safetensors, the first {name}, are no fin"
    ):
        segment.load_segmenter(own)
    with pytest.raises(segment.ModelError, match=f"the first {name}, are no finite numbers"):
        segment.check_segmenter(own)  # `voidlab check` says it, before anything is run


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x02\0\0\0\0\0\0\0{}", (2**63).to_bytes(8, "little") + b"{}", b"cut"]
)
def test_weights_that_are_none_are_told_by_check(own, content):
    own.write_bytes(own.read_bytes()[:-1] if content == b"cut" else content)
    with pytest.raises(segment.ModelError, match="own.safetensors does not hold weights of this network"):
        segment.check_segmenter(own)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features": [10**6] * 6}, "less than or equal to 1024"),
        ({"features": [2**70] * 6}, "features"),
        ({"confidence": "x" * 10**5}, "confidence"),
    ],
)
def test_a_card_that_asks_for_terabytes_is_refused(own, change, words):
    card = json.loads(own.with_suffix(".json").read_text(encoding="utf-8"))
    own.with_suffix(".json").write_text(json.dumps(card | change))
    with pytest.raises(segment.ModelError, match=words) as error:
        segment.check_segmenter(own)
    assert len(str(error.value)) < 2000


@pytest.mark.parametrize("suffix", [".safetensors", ".pt2"])
def test_a_card_nested_10000_deep_is_refused(tmp_path, suffix):
    (tmp_path / f"own{suffix}").write_bytes(b"x")
    (tmp_path / "own.json").write_text("[" * 100_000)
    with pytest.raises(segment.ModelError, match="own.json"):
        segment.check_segmenter(tmp_path / f"own{suffix}", trust=True)
