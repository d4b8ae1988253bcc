"""Random weights are seeded, and gradients reach the picture."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import models
from models.alive import alive
from models.everyday import everyday_resnet
from models.pixels import PixelSpace

SMALL = PixelSpace(64, 64, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
KEYS = [
    "resnet18",
    "googlenet",
    "efficientnet_b0",
    "vit_b_16",
    "swin_t",
    "swin_v2_t",
    "convnext_tiny",
    "mobilenet_v3_small",
    "squeezenet1_0",
    "densenet121",
    "regnet_y_400mf",
    "mnasnet0_5",
]


@pytest.mark.parametrize("key", KEYS)
def test_gradients_reach_the_picture_with_random_weights(key: str) -> None:
    loaded = models.load(key, device="cpu", weights="random")
    side = loaded.card.pixels.side
    pixels = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1)).requires_grad_()
    logits = loaded(pixels)
    (gradient,) = torch.autograd.grad(logits[0, logits.argmax()], pixels)
    assert logits.isfinite().all()
    assert 1e-3 < logits.std() < 100
    assert 1e-6 < gradient.abs().max() < 100
    assert not any(tensor.is_meta for tensor in (*loaded.network.parameters(), *loaded.network.buffers()))


def test_a_random_network_is_frozen_and_overwrites_nothing() -> None:
    loaded = models.load("mobilenet_v3_small", device="cpu", weights="random")
    modules = list(loaded.network.modules())
    assert not any(module.training for module in modules)
    assert not any(parameter.requires_grad for parameter in loaded.network.parameters())
    assert sum("inplace" in vars(module) for module in modules) > 10
    assert not any(vars(module).get("inplace") for module in modules)
    assert (loaded.weights.kind, loaded.card.accuracy) == ("random", None)


def test_the_same_seed_gives_the_same_network_and_another_seed_another() -> None:
    first, again, other = (alive(everyday_resnet, SMALL, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])
    assert not torch.equal(first["bn1.running_mean"], other["bn1.running_mean"])


def test_the_global_generator_stays_as_it_was() -> None:
    before = torch.random.get_rng_state()
    alive(everyday_resnet, SMALL)
    assert torch.equal(torch.random.get_rng_state(), before)


class Bare(nn.Module):
    """A batch norm on the pixels, a dropout, a zero head."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3, momentum=0.3)
        self.drop = nn.Dropout(0.5)
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.head = nn.Linear(12, 5)
        nn.init.zeros_(self.head.weight)
        self.seen: list[torch.Tensor] = []

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Classify."""
        self.seen.append(pixels)
        logits: torch.Tensor = self.head(self.drop(self.pool(self.norm(pixels)).flatten(1)))
        return logits


def test_batch_norms_get_the_statistics_of_one_batch_and_their_momentum_back() -> None:
    network = alive(Bare, SMALL)
    assert isinstance(network, Bare)
    (batch,) = network.seen
    assert batch.shape == (4, 3, 64, 64)
    assert torch.allclose(network.norm.running_mean, batch.mean((0, 2, 3)), atol=1e-6)  # type: ignore[arg-type]
    assert torch.allclose(network.norm.running_var, batch.var((0, 2, 3)), atol=1e-5)  # type: ignore[arg-type]
    assert network.norm.momentum == 0.3
    assert not network.norm.training
    assert not network.drop.training
    assert network.head.weight.std() > 0.1
    assert torch.equal(network.norm.weight, torch.ones(3))


class Keeper(nn.Module):
    """A network with a table that is filled while building and is no part of its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 2)
        self.register_buffer("table", torch.empty(3).fill_(2.0), persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Classify."""
        logits: torch.Tensor = self.head(pixels.mean((2, 3)) * self.table)
        return logits


def test_a_table_outside_of_the_weights_survives() -> None:
    network = alive(Keeper, SMALL)
    assert torch.equal(network.get_buffer("table"), torch.full((3,), 2.0))
