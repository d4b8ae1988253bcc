"""Guided Backprop, Deconvnet and Guided Grad-CAM: captum where it can, and the same network written differently."""

from functools import cache
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import explain
import models
import toy
from explain.rectifying import BLIND, WARNING
from explain.rewriting import Rewritten
from explain.suitability import probe
from explain.target import ClassLogit, ClassProbability, Contrast
from models.registry import frozen
from oracles import OfPixels, asked, quietly, same

METHODS = ("GuidedBackprop", "Deconvnet", "GuidedGradCAM")
ORACLES = {"GuidedBackprop": captum.attr.GuidedBackprop, "Deconvnet": captum.attr.Deconvolution}


class Separate(nn.Module):
    """Small, VGG-like: every ReLU is a module of its own, used once."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 12, 3, padding=1)
        self.conv3 = nn.Conv2d(12, 12, 3, padding=1)
        self.relu1, self.relu2, self.relu3, self.again = nn.ReLU(), nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(12, 4)

    def forward(self, pixels: Tensor) -> Tensor:
        first = self.pool(self.relu1(self.conv1(pixels)))
        second = self.relu2(self.conv2(first))
        return self.fc(self.relu3(self.conv3(second)).mean((2, 3)))


class Reused(Separate):
    """The same, with one ReLU for all."""

    def forward(self, pixels: Tensor) -> Tensor:
        first = self.pool(self.again(self.conv1(pixels)))
        second = self.again(self.conv2(first))
        return self.fc(self.again(self.conv3(second)).mean((2, 3)))


class Functional(Separate):
    """The same, with functional calls, some of which write into their input."""

    def forward(self, pixels: Tensor) -> Tensor:
        first = self.pool(torch.relu(self.conv1(pixels)))
        second = functional.relu(self.conv2(first), True)
        third = self.conv3(second)
        third.relu_()
        return self.fc(third.mean((2, 3)))


class Clamped(Separate):
    """The same, with clamps, and in a way that torch.fx cannot follow."""

    def forward(self, pixels: Tensor) -> Tensor:
        first = self.pool(self.conv1(pixels).clamp(min=0))
        second = torch.clamp_min(self.conv2(first if first.sum() > -1 else -first), 0)
        return self.fc(functional.hardtanh(self.conv3(second), 0, 1e9).mean((2, 3)))


class Capped(nn.Module):
    """One convolution and one activation."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.activation = activation
        self.fc = nn.Linear(6, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.fc(self.activation(self.conv(pixels)).mean((2, 3)))


def loaded(network: type[nn.Module] = Separate) -> models.LoadedModel:
    return toy.loaded(frozen(toy.seeded(network())), 4, side=32, plain=False)


@cache
def named(key: str) -> models.LoadedModel:
    return loaded() if key == "toy" else models.load(key, device="cpu")


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("key", ["toy", "everyday_vgg"])
def test_where_each_relu_is_a_module_used_once_the_map_is_captums(key: str, name: str) -> None:
    model = named(key)
    expected = quietly(ORACLES[name](OfPixels(model)), probe(model), target=1)
    assert same(asked(model, name, 1).values, expected) >= 0.9999


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("written", [Reused, Functional, Clamped])
@pytest.mark.parametrize("target", [ClassLogit(2), ClassProbability(0), Contrast(3, 1)])
def test_however_a_relu_is_written_the_map_is_the_same(written: type[nn.Module], name: str, target: Any) -> None:
    settings = {"layer": "pool"} if name == "GuidedGradCAM" else {}
    expected = asked(loaded(), name, target, **settings).values
    np.testing.assert_allclose(asked(loaded(written), name, target, **settings).values, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ORACLES)
def test_a_relu6_is_a_relu_with_a_ceiling(name: str) -> None:
    """Springenberg et al. (arXiv:1412.6806) mask out what is negative below or above; the ceiling's own gradient is 0.

    captum leaves ReLU6 out, and gives the plain gradient.
    """
    network = toy.seeded(Capped(nn.ReLU6()))
    with torch.no_grad():
        network.conv.weight *= 20
    model = toy.loaded(network, 3)
    pixels = probe(model)
    before = network.conv(pixels)
    assert bool((before > 6).any()) and bool((before < 0).any())
    open_units = (before > 0) & (before < 6) if name == "GuidedBackprop" else torch.ones_like(before, dtype=torch.bool)
    above = (network.fc.weight[1] / before[0, 0].numel()).clamp(min=0).view(1, -1, 1, 1) * open_units
    expected = functional.conv_transpose2d(above, network.conv.weight, padding=1).sum(1)[0]
    np.testing.assert_allclose(asked(model, name).values, expected.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("activation", [nn.SiLU(), nn.LeakyReLU(), nn.Identity(), nn.Hardtanh()])
def test_a_network_without_relus_is_refused(name: str, activation: nn.Module) -> None:
    reason = explain.unsuitable(toy.loaded(toy.seeded(Capped(activation)), 3), explain.METHODS[name])
    assert reason is not None and "network has no ReLU that the method can change" in reason


@pytest.mark.parametrize("name", METHODS)
def test_every_map_says_that_it_fails_the_sanity_checks(name: str) -> None:
    found = asked(loaded(), name)
    assert found.notes == (WARNING,) and "arXiv:1810.03292" in WARNING
    assert found.signed and (found.values < 0).any() and (found.values > 0).any()


def test_other_activations_beside_relus_are_counted() -> None:
    mixed = nn.Sequential(nn.ReLU(), nn.Conv2d(6, 6, 1), nn.SiLU(), nn.Conv2d(6, 6, 1), nn.GELU())
    notes = asked(toy.loaded(toy.seeded(Capped(mixed)), 3), "GuidedBackprop").notes
    assert "Only 1 of the network's 3 activations are ReLUs" in notes[1]


def test_guided_grad_cam_is_guided_backprop_times_grad_cam() -> None:
    model = loaded()
    found = asked(model, "GuidedGradCAM", layer="conv3")
    area = asked(model, "GradCAM", layer="conv3")
    np.testing.assert_array_equal(found.values, area.values * asked(model, "GuidedBackprop").values)
    np.testing.assert_array_equal(found.grid, area.grid)
    assert found.layer == "conv3"


def test_guided_grad_cam_is_captums() -> None:
    """captum enlarges Grad-CAM by repeating unless told otherwise; the paper, and we, do so bilinearly."""
    model = loaded()
    oracle = captum.attr.GuidedGradCam(OfPixels(model), model.network.conv3)
    expected = quietly(oracle, probe(model), target=1, interpolate_mode="bilinear")
    assert same(asked(model, "GuidedGradCAM", layer="conv3").values, expected) >= 0.9999


def test_rules_end_with_the_with_and_writes_stay_writes() -> None:
    values = torch.tensor([-1.0, 2.0])
    with Rewritten({"relu": lambda compute, given: compute(given) + 10}):
        torch.testing.assert_close(torch.relu(values), torch.tensor([10.0, 12.0]))
        written = values.clone()
        assert functional.relu(written, True) is written
        torch.testing.assert_close(written, torch.tensor([10.0, 12.0]))
        torch.testing.assert_close(values.clone().relu_(), torch.tensor([10.0, 12.0]))
    torch.testing.assert_close(torch.relu(values), torch.tensor([0.0, 2.0]))


@pytest.mark.parametrize(("pools", "said"), [(False, True), (True, False)])
def test_deconvnet_says_where_every_picture_has_the_same_map(pools: bool, said: bool) -> None:
    model = toy.loaded(toy.seeded(nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.MaxPool2d(2) if pools else nn.AvgPool2d(2),
        nn.Conv2d(6, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3),
    )), 3)  # fmt: skip
    maps = [explain.run(model, toy.picture(seed=seed), explain.Deconvnet(), 1) for seed in (0, 1)]
    assert np.allclose(maps[0].values, maps[1].values) == said
    assert [BLIND in found.notes for found in maps] == [said, said]
    assert BLIND not in explain.run(model, toy.picture(), explain.GuidedBackprop(), 1).notes
