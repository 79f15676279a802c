"""The U-Net and its tiles give what MONAI's give, bit for bit: weights were trained on those."""

import contextlib
import io
import warnings

import pytest
import torch
from torch import nn

from voidlab.segment.network import FEATURES
from voidlab.segment.unet import UNet, in_tiles


@pytest.fixture(scope="module")
def monai():
    """MONAI, quietly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("monai")


def with_statistics(model):
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2)
    return model


def test_layers_are_those_of_monai(monai):
    torch.manual_seed(1)
    with contextlib.redirect_stdout(io.StringIO()):
        usual = monai.networks.nets.BasicUNet(
            2, 8, 20, FEATURES, act=("relu", {"inplace": True}), norm="batch"
        )
    torch.manual_seed(1)
    ours = UNet(8, 20, FEATURES)
    weights, known = ours.state_dict(), usual.state_dict()
    assert list(weights) == list(known)
    assert all(torch.equal(weights[name], known[name]) for name in known)
    x = torch.randn(1, 8, 96, 160)
    models = [with_statistics(model) for model in (usual, ours)]
    for train in (False, True):
        with torch.no_grad():
            there, here = (model.train(train)(x) for model in models)
        assert torch.equal(there, here)


@pytest.mark.parametrize("shape", [(64, 64), (200, 333), (65, 128), (112, 112), (113, 111)])
def test_tiles_are_those_of_monai(monai, shape):
    torch.manual_seed(0)
    x, weight = torch.randn(1, 2, *shape), torch.rand(64, 64) + 0.1

    def predict(tile):  # another answer in each tile
        return torch.cat([tile * tile.mean(), tile.cumsum(-1)], 1)

    usual = monai.inferers.sliding_window_inference(
        x, (64, 64), 1, predict, overlap=16 / 64, roi_weight_map=weight, device="cpu"
    )
    assert torch.equal(in_tiles(x, predict, weight, 16), usual)
