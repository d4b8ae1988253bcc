"""Class activation maps: the two libraries of them as oracles, and the transformers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import pytorch_grad_cam
from torch import Tensor
from torchcam import methods as torchcam

import explain
import models
import toy
from explain.suitability import default_layer, laid_out, probe
from explain.target import ClassLogit, ClassProbability, Contrast

ONE_LAYER = ("GradCAM", "GradCAMPlusPlus", "XGradCAM", "HiResCAM", "LayerCAM", "EigenCAM", "EigenGradCAM", "FinerCAM")
TRAINED = [
    "everyday_resnet",
    pytest.param("squeezenet1_1", marks=pytest.mark.slow),
    pytest.param("mobilenet_v2", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def trained(request: pytest.FixtureRequest) -> Iterator[models.LoadedModel]:
    """One of the networks with trained weights, by its key."""
    with pytest.MonkeyPatch.context() as setting:
        if not request.param.startswith("everyday"):
            setting.setenv("CONVLENS_WEIGHTS", str(request.getfixturevalue("test_data") / "weights"))
        yield models.load(request.param, device="cpu")


def same(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.dot(one.ravel(), other.ravel()) / (np.linalg.norm(one) * np.linalg.norm(other)))


def asked(model: models.LoadedModel, name: str, target: Any, picture: Any = None, **settings: Any) -> explain.Heatmap:
    found = explain.run(model, probe(model) if picture is None else picture, explain.METHODS[name](**settings), target)
    assert isinstance(found, explain.Heatmap)
    return found


def pytorch_grad_cam_grid(
    model: models.LoadedModel, name: str, layer: str, pixels: Tensor, target: Any, **settings: Any
) -> np.ndarray:
    """The library's grid: signed, before it cuts off, stretches to 0..1 and resizes (by OpenCV, half a pixel alike)."""
    kept: list[np.ndarray] = []
    module = dict(model.network.named_modules())[layer]
    with getattr(pytorch_grad_cam, name)(model=model.network, target_layers=[module]) as oracle:
        base = oracle.base_cam if name == "FinerCAM" else oracle
        whole = base.get_cam_image
        base.get_cam_image = lambda *given: kept.append(whole(*given)) or kept[-1]
        targets = None if name == "FinerCAM" else [lambda logits: target(logits[None])[0]]
        oracle(input_tensor=model.normalise(pixels).clone().requires_grad_(), targets=targets, **settings)
    return kept[0][0]


def torchcam_grid(
    model: models.LoadedModel, name: str, layer: str, pixels: Tensor, index: int, **settings: Any
) -> np.ndarray:
    """The library's grid: after its ReLU, and not stretched."""
    with getattr(torchcam, name)(model.network, layer, **settings) as oracle:
        logits = model.network(model.normalise(pixels).clone().requires_grad_())
        given = () if name == "CAM" else (logits,)
        return oracle(index, *given, normalized=False)[0][0].detach().numpy()


def picture_for(model: models.LoadedModel) -> Tensor:
    """A smooth picture with some grain, so that all layers respond."""
    noise = toy.picture(model.card.pixels.side, seed=5)
    return (0.8 * probe(model) + 0.2 * noise).clamp(0, 1)


@pytest.mark.parametrize("trained", TRAINED, indirect=True)
@pytest.mark.parametrize("target", [ClassLogit(11), Contrast(4, 30), ClassProbability(11)])
def test_the_maps_of_one_layer_are_pytorch_grad_cams(trained: models.LoadedModel, target: Any) -> None:
    """A component's sign is arbitrary there, so Eigen-CAM and EigenGrad-CAM are compared up to it.

    Grad-CAM++ agrees because eps is the same; without eps the cosine would be 0.9996 on mobilenet_v2.
    """
    layer, pixels = default_layer(trained), picture_for(trained)
    trace = explain.trace(trained, pixels)
    for name in ONE_LAYER[:-1]:
        expected = pytorch_grad_cam_grid(trained, name, layer, pixels, target)
        found = asked(trained, name, target, trace, layer=layer).grid
        agreement = same(found, expected)
        assert (abs(agreement) if name.startswith("Eigen") else agreement) > 0.9999, name


@pytest.mark.parametrize("trained", TRAINED, indirect=True)
def test_the_maps_of_one_layer_are_torchcams(trained: models.LoadedModel) -> None:
    """torchcam's Grad-CAM++ is left out: it sums g^3 A where the paper has sum(A) g^3, and divides a copy, so that
    its alpha is g^2 undivided. Its Finer-CAM takes the plain mean of the references, with 0.6 in place of alpha.
    """
    layer, pixels, index = default_layer(trained), picture_for(trained), 11
    trace = explain.trace(trained, pixels)
    equal = {"references": 3, "alpha": 0.6, "weighting": "equal"}
    settings: dict[str, dict[str, Any]] = {"GradCAM": {}, "XGradCAM": {}, "LayerCAM": {}, "FinerCAM": equal}
    for name, ours in settings.items():
        expected = torchcam_grid(trained, name, layer, pixels, index)
        found = asked(trained, name, index, trace, layer=layer, **ours).grid
        assert same(np.maximum(found, 0), expected) > 0.9999, name
    if explain.unsuitable(trained, explain.CAM) is None:
        expected = torchcam_grid(trained, "CAM", layer, pixels, index)
        assert same(asked(trained, "CAM", index, trace).grid, expected) > 0.9999


@pytest.mark.parametrize("trained", TRAINED, indirect=True)
@pytest.mark.parametrize("alpha", [1.0, 0.6])
def test_finer_cam_is_pytorch_grad_cams(trained: models.LoadedModel, alpha: float) -> None:
    """Which takes the authors' weights: each reference's probability, differentiated too."""
    layer, pixels = default_layer(trained), picture_for(trained)
    expected = pytorch_grad_cam_grid(trained, "FinerCAM", layer, pixels, None, alpha=alpha, target_idx=11)
    assert same(asked(trained, "FinerCAM", 11, pixels, alpha=alpha, layer=layer).grid, expected) > 0.9999


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
