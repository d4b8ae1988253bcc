"""What other libraries say on a network as it is, where that is wrong: why they are asked in other ways elsewhere."""

from __future__ import annotations

import copy

import captum.attr
import numpy as np
import pytest
import torch

import oracles
from architectures import Case, on
from oracles import asked, same

pytestmark = pytest.mark.slow

#: Layers whose output the network writes into: `out += identity`, or a function with inplace=True.
WRITTEN_OVER = {
    "resnet18": "layer4.1.bn2",
    "densenet121": "features",
    "googlenet": "inception4a.branch1.bn",
    "inception_v3": "Mixed_6a.branch3x3.bn",
}


@on(*WRITTEN_OVER)
def test_where_a_network_writes_over_a_layer_the_libraries_keep_what_was_written(case: Case) -> None:
    """Ours is pytorch-grad-cam's once that library is made to keep a copy.

    Modules that write in place, as in VGG and MobileNet, are told not to when a network is loaded.
    """
    layer = WRITTEN_OVER[case.key]
    found = asked(case.model, "GradCAM", case.target, case.trace, layer=layer).grid
    copied, kept = (
        oracles.pytorch_grad_cam_grids(case.model, ["GradCAM"], layer, case.pixels, case.target, laid)[0]
        for laid in (torch.clone, None)
    )
    other = oracles.torchcam_grid(case.model, "GradCAM", layer, case.pixels, case.target.index)
    assert same(found, copied) >= 0.9999
    assert same(found, kept) < 0.99 and same(np.maximum(found, 0), other) < 0.99


@on("googlenet", "inception_v3", "mobilenet_v2")
def test_captum_finds_no_relu_to_change_where_there_are_some(case: Case) -> None:
    """They are functions there, or ReLU6: captum answers with the plain gradient, and says nothing."""
    plain = case.trace.input_gradient(case.target)[0].sum(0).numpy()
    for kind in (captum.attr.GuidedBackprop, captum.attr.Deconvolution):
        found = oracles.quietly(kind(oracles.OfPixels(case.model)), case.pixels, target=case.target.index)
        assert same(found, plain) > 0.9999


@on("densenet121", "googlenet", "inception_v3", "mobilenet_v2", "squeezenet1_1")
def test_captums_deep_lift_misses_its_own_sum(case: Case) -> None:
    """Activations that are functions or ReLU6, ReLUs before max pools, windows that share a maximum."""
    with torch.no_grad():
        black = case.model(torch.zeros_like(case.pixels))
    rise = float(case.target(case.trace.logits) - case.target(black))
    network = oracles.OfPixels(case.model, copy.deepcopy(case.model.network))
    found = oracles.quietly(
        captum.attr.DeepLift(network), case.pixels, torch.zeros_like(case.pixels), target=case.target.index
    )
    assert abs(found.sum() - rise) > 0.01 * abs(rise)


@on("resnet18")
def test_captums_deep_lift_fails_where_a_relu_is_used_twice(case: Case) -> None:
    network = oracles.OfPixels(case.model, copy.deepcopy(case.model.network))
    with pytest.raises(RuntimeError, match="being used more than once"):
        oracles.quietly(captum.attr.DeepLift(network), case.pixels, torch.zeros_like(case.pixels), target=1)
