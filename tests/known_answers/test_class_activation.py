"""Class activation maps: identities where they are exact, and the papers' formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import explain
import models
import toy
from explain.suitability import default_layer, probe
from explain.target import ClassLogit, ClassProbability, Contrast
from models.errors import LayerError, TargetError, UnsuitableError
from oracles import asked, same

#: The maps of one layer's activations and their gradient.
ONE_LAYER = ("GradCAM", "GradCAMPlusPlus", "XGradCAM", "HiResCAM", "LayerCAM", "EigenCAM", "EigenGradCAM", "FinerCAM")
FAMILY = ("CAM", *ONE_LAYER, "FusedCAM")
TARGETS = [ClassLogit(2), ClassProbability(1), Contrast(0, 3)]


def linear(model: models.LoadedModel) -> nn.Linear:
    return next(module for module in model.network.modules() if isinstance(module, nn.Linear))


@pytest.mark.parametrize(
    "key",
    [
        "pooled",
        "everyday_resnet",
        pytest.param("resnet18", marks=pytest.mark.slow),
        pytest.param("resnet50", marks=pytest.mark.slow),
    ],
)
def test_before_averaging_and_one_linear_layer_all_is_the_class_weights(
    key: str, pooled: models.LoadedModel, everyday: models.LoadedModel
) -> None:
    """Grad-CAM before its ReLU = XGrad-CAM = HiResCAM = CAM / (h w) = sum_k w_k A_k / (h w), and adds up to y - b."""
    ready = {"pooled": pooled, "everyday_resnet": everyday}
    model = ready[key] if key in ready else models.load(key, weights="random", device="cpu")
    trace = explain.trace(model, probe(model))
    layer, head = default_layer(model), linear(model)
    activation = trace.activation(layer)[0].double()
    for target, row in [(ClassLogit(1), [0.0, 1, 0]), (Contrast(2, 0), [-1.0, 0, 1])]:
        chosen = torch.tensor(row, dtype=torch.float64)
        weights = chosen @ head.weight[:3].double()
        expected = (weights[:, None, None] * activation).sum(0)
        places, scale = expected.numel(), float(expected.abs().max())
        cam = asked(model, "CAM", target, trace).grid
        np.testing.assert_allclose(cam, expected, rtol=1e-5, atol=1e-5 * scale)
        for name in ("GradCAM", "XGradCAM", "HiResCAM"):
            found = asked(model, name, target, trace).grid
            np.testing.assert_allclose(found, cam / places, rtol=1e-5, atol=1e-5 * scale / places)
        total = asked(model, "HiResCAM", target, trace).grid.sum(dtype=np.float64)
        bias = float(chosen @ head.bias[:3].double())
        assert total + bias == pytest.approx(float(target(trace.logits)), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("target", [ClassLogit(3), Contrast(3, 1)])
def test_the_values_are_the_grid_without_its_negative_part_bilinearly_upsampled(
    pooled: models.LoadedModel, name: str, target: Any
) -> None:
    found = asked(pooled, name, target, toy.picture(32))
    grid = torch.from_numpy(found.grid)[None, None].relu()
    expected = functional.interpolate(grid, (32, 32), mode="bilinear", align_corners=False)[0, 0]
    np.testing.assert_allclose(found.values, expected, atol=1e-7)
    assert not found.signed and not found.empty
    # After a ReLU, these three have no way to be negative.
    assert (found.grid < 0).any() != (name in ("GradCAMPlusPlus", "LayerCAM", "FusedCAM"))


@pytest.mark.parametrize("name", FAMILY)
def test_a_picture_already_traced_costs_no_convolution_after_its_last(pooled: models.LoadedModel, name: str) -> None:
    trace = explain.trace(pooled, toy.picture(32))
    explain.run(pooled, trace, explain.METHODS[name](), 0)  # what is tried once for each network
    with toy.Counting() as counted:
        asked(pooled, name, 1, trace)
    assert (counted.forward, counted.backward) == ((1, 1) if name == "FusedCAM" else (0, 0))


class Ending(nn.Module):
    """A convolution with a ReLU, then whatever is to be tried."""

    def __init__(self, ending: Callable[[nn.Module, Tensor], Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.fc = nn.Linear(8, 5)
        self.layers = nn.Sequential(*layers)
        self.ending = ending

    def forward(self, pixels: Tensor) -> Tensor:
        return self.ending(self, self.conv(pixels).relu())


def ended(ending: Callable[[Any, Tensor], Tensor], *layers: nn.Module) -> models.LoadedModel:
    return toy.loaded(toy.seeded(Ending(ending, *layers)), 5)


@pytest.mark.parametrize(
    "model",
    [
        ended(lambda self, maps: self.fc(maps.mean((2, 3)))),
        ended(lambda self, maps: self.fc(maps.mean(-1).mean(-1))),
        ended(lambda self, maps: self.fc(functional.avg_pool2d(maps, 16).flatten(1))),
        ended(lambda self, maps: functional.linear(functional.adaptive_avg_pool2d(maps, 1).flatten(1), self.fc.weight)),
        ended(lambda self, maps: self.fc(self.layers(maps)), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout()),
        ended(lambda self, maps: self.fc((maps * 1).mean((2, 3), keepdim=True).squeeze(3).squeeze(2))),
    ],
    ids=["mean", "two means", "pooling of all", "functions", "dropout", "squeezed"],
)
def test_cam_takes_averaging_and_a_linear_layer_however_they_are_written(model: models.LoadedModel) -> None:
    found = asked(model, "CAM", 2)
    trace = explain.trace(model, probe(model))
    weights = model.network.fc.weight[2]
    expected = (weights[:, None, None] * trace.activation(default_layer(model))[0]).sum(0)
    np.testing.assert_allclose(found.grid, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (ended(lambda self, maps: self.fc(maps.amax((2, 3)))), "does more after 'relu' than average"),
        (ended(lambda self, maps: self.fc(maps.mean((2, 3)).sigmoid())), "does more"),
        (ended(lambda self, maps: self.layers(self.fc(maps.mean((2, 3)))), nn.ReLU(), nn.Linear(5, 5)), "does more"),
        (ended(lambda self, maps: self.layers(maps), nn.Flatten(), nn.Linear(8 * 256, 5)), "does more"),
        (ended(lambda self, maps: self.fc(maps.mean((2, 3))) + maps.mean((1, 2, 3))[:, None] ** 2), "does more"),
        (ended(lambda self, maps: maps.mean((2, 3))), "averages of 'relu' themselves"),
        (toy.loaded(toy.seeded(toy.Branching()), 3), "does more after 'conv2'"),
        (toy.loaded(toy.seeded(toy.Linear()), 3), "No layer of this network has places"),
    ],
    ids=["maximum", "sigmoid", "two layers", "places", "a second branch", "no linear layer", "no graph", "no places"],
)
def test_cam_refuses_any_other_ending_in_words(model: models.LoadedModel, reason: str) -> None:
    with pytest.raises(UnsuitableError, match=reason):
        asked(model, "CAM", 2)


def test_cam_refuses_the_bundled_vgg() -> None:
    assert "does more" in str(explain.unsuitable(models.load("everyday_vgg", device="cpu"), explain.CAM))


def test_cam_refuses_a_layer_with_more_behind_it(pooled: models.LoadedModel) -> None:
    with pytest.raises(LayerError, match="does more after 'relu' than average"):
        asked(pooled, "CAM", 2, layer="relu")
    with pytest.raises(LayerError, match="needs height and width"):
        asked(pooled, "CAM", 2, layer="fc")


def test_cam_has_no_map_for_a_probability_and_says_so(pooled: models.LoadedModel) -> None:
    with pytest.raises(UnsuitableError, match="mixes the weights of all classes"):
        asked(pooled, "CAM", ClassProbability(1))
    with pytest.raises(TargetError):
        asked(pooled, "CAM", ClassProbability(9))


def drawn(channels: int = 5, side: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """An activation that is not negative and a gradient of both signs, (K, h, w); two channels are dead or ignored."""
    numbers = np.random.default_rng(0)
    activation = np.maximum(numbers.normal(size=(channels, side, side)), 0)
    gradient = numbers.normal(size=(channels, side, side)) * 0.1
    activation[1], gradient[2] = 0, 0
    return activation, gradient


@pytest.mark.parametrize("name", ["GradCAM", "GradCAMPlusPlus", "XGradCAM", "HiResCAM", "LayerCAM"])
def test_each_weighting_is_its_formula_number_by_number(name: str) -> None:
    activation, gradient = drawn()
    expected = np.zeros(activation.shape[1:])
    for A, g in zip(activation, gradient, strict=True):
        with np.errstate(invalid="ignore"):
            alpha = np.where(g != 0, g**2 / (2 * g**2 + A.sum() * g**3 + 1e-6), 0)
            weights = {
                "GradCAM": g.mean(),
                "GradCAMPlusPlus": (alpha * np.maximum(g, 0)).sum(),
                "XGradCAM": np.nan_to_num((g * A).sum() / A.sum()),
                "HiResCAM": g,
                "LayerCAM": np.maximum(g, 0),
            }
        expected += weights[name] * A
    found = explain.METHODS[name]().weigh(torch.from_numpy(activation), torch.from_numpy(gradient))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_grad_cam_plus_plus_of_a_small_probability_is_not_ruled_by_its_epsilon(everyday: models.LoadedModel) -> None:
    """Of a score eps stays the paper's 1e-6; of a probability of 1e-7 and less it would be all that counts."""
    trace = explain.trace(everyday, probe(everyday))
    index = int(trace.logits[0].argmin())
    layer, target = default_layer(everyday), ClassProbability(index)
    A, g = (each[0].double().numpy() for each in (trace.activation(layer), *trace.gradient(target, layer)))
    assert (g**2).max() < 1e-6
    below = 2 * g**2 + A.sum((1, 2), keepdims=True) * g**3
    alpha = np.divide(g**2, below, out=np.zeros_like(g), where=g != 0)
    expected = ((alpha * np.maximum(g, 0)).sum((1, 2))[:, None, None] * A).sum(0)
    found = asked(everyday, "GradCAMPlusPlus", target, trace).grid
    assert same(found, expected) > 0.9999
    np.testing.assert_allclose(found, expected, rtol=0.01, atol=1e-3 * expected.max())


@pytest.mark.parametrize("name", ["GradCAM", "GradCAMPlusPlus", "XGradCAM", "HiResCAM", "LayerCAM", "EigenGradCAM"])
def test_no_weighting_divides_by_zero(name: str) -> None:
    cancelling = torch.tensor([[[3.0, -1.0], [-1.0, -1.0]]])
    zero = torch.zeros(1, 2, 2)
    below = torch.full((1, 2, 2), -1.0), torch.full((1, 2, 2), 0.5)
    for activation, gradient in [(zero, zero), (cancelling, zero), (zero, cancelling), (cancelling, cancelling), below]:
        found = explain.METHODS[name]().weigh(activation, gradient)
        assert torch.isfinite(found).all()
        assert gradient.any() or not found.any()
    if name == "XGradCAM":
        assert not explain.XGradCAM().weigh(cancelling, cancelling).any()
