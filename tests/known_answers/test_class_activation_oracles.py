"""Class activation maps of all targets: the two libraries of them as oracles, and the transformers.

Other networks stand in test_oracles_on_architectures.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch import Tensor

import explain
import models
import toy
from explain.suitability import default_layer, laid_out, probe
from explain.target import ClassLogit, ClassProbability, Contrast
from oracles import asked, finer_cam_grid, pytorch_grad_cam_grids, same, torchcam_grid

ONE_LAYER = ("GradCAM", "GradCAMPlusPlus", "XGradCAM", "HiResCAM", "LayerCAM", "EigenCAM", "EigenGradCAM", "FinerCAM")

def picture_for(model: models.LoadedModel) -> Tensor:
    """A smooth picture with some grain, so that all layers respond."""
    noise = toy.picture(model.card.pixels.side, seed=5)
    return (0.8 * probe(model) + 0.2 * noise).clamp(0, 1)


@pytest.mark.parametrize("target", [ClassLogit(11), Contrast(4, 30), ClassProbability(11)])
def test_the_maps_of_one_layer_are_pytorch_grad_cams(everyday: models.LoadedModel, target: Any) -> None:
    """A component's sign is arbitrary there, so Eigen-CAM and EigenGrad-CAM are compared up to it.

    Grad-CAM++ agrees because eps is the same; without eps the cosine would be 0.9996 on mobilenet_v2's last layer. Of
    a probability it does not: beside such small gradients the library's 1e-6 is all, and our eps goes along with them.
    """
    layer, pixels = default_layer(everyday), picture_for(everyday)
    trace = explain.trace(everyday, pixels)
    names = ONE_LAYER[:-1]
    for name, expected in zip(names, pytorch_grad_cam_grids(everyday, names, layer, pixels, target), strict=True):
        found = asked(everyday, name, target, trace, layer=layer).grid
        agreement = abs(same(found, expected)) if name.startswith("Eigen") else same(found, expected)
        own_epsilon = name == "GradCAMPlusPlus" and isinstance(target, ClassProbability)
        assert (agreement > 0.9999) != own_epsilon, name


def test_the_maps_of_one_layer_are_torchcams(everyday: models.LoadedModel) -> None:
    """torchcam's Grad-CAM++ is left out: it sums g^3 A where the paper has sum(A) g^3, and divides a copy, so that
    its alpha is g^2 undivided. Its Finer-CAM takes the plain mean of the references, with 0.6 in place of alpha.
    """
    layer, pixels, index = default_layer(everyday), picture_for(everyday), 11
    trace = explain.trace(everyday, pixels)
    equal = {"references": 3, "alpha": 0.6, "weighting": "equal"}
    settings: dict[str, dict[str, Any]] = {"GradCAM": {}, "XGradCAM": {}, "LayerCAM": {}, "FinerCAM": equal}
    for name, ours in settings.items():
        expected = torchcam_grid(everyday, name, layer, pixels, index)
        found = asked(everyday, name, index, trace, layer=layer, **ours).grid
        assert same(np.maximum(found, 0), expected) > 0.9999, name
    expected = torchcam_grid(everyday, "CAM", layer, pixels, index)
    assert same(asked(everyday, "CAM", index, trace).grid, expected) > 0.9999


@pytest.mark.parametrize("alpha", [1.0, 0.6])
def test_finer_cam_is_pytorch_grad_cams(everyday: models.LoadedModel, alpha: float) -> None:
    """Which takes the authors' weights: each reference's probability, differentiated too."""
    layer, pixels = default_layer(everyday), picture_for(everyday)
    expected = finer_cam_grid(everyday, layer, pixels, 11, alpha)
    assert same(asked(everyday, "FinerCAM", 11, pixels, alpha=alpha, layer=layer).grid, expected) > 0.9999


@pytest.mark.slow
@pytest.mark.parametrize("key", ["vit_b_16", "swin_t", "maxvit_t"])
def test_tokens_laid_out_on_their_grid_give_maps(key: str) -> None:
    model = models.load(key, weights="random", device="cpu")
    trace = explain.trace(model, picture_for(model))
    sides = {"vit_b_16": (14, 14), "swin_t": (7, 7), "maxvit_t": (7, 7)}
    for name in ("CAM", *ONE_LAYER, "FusedCAM"):
        if name == "CAM" and key != "swin_t":
            assert "does more" in str(explain.unsuitable(model, explain.CAM))
            continue
        found = asked(model, name, 5, trace)
        assert np.isfinite(found.values).all() and not found.empty, name
        if name != "FusedCAM":
            assert found.grid.shape == sides[key]
    layer = default_layer(model)
    activation, gradient = (
        laid_out(model, layer, whole)[0] for whole in (trace.activation(layer), trace.gradient(ClassLogit(5), layer)[0])
    )
    expected = (gradient.mean((1, 2), keepdim=True) * activation).sum(0)
    np.testing.assert_allclose(asked(model, "GradCAM", 5, trace).grid, expected, rtol=1e-4, atol=1e-6)
