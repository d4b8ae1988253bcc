"""Hooks: what they collect and put in place, whatever a layer gives and is called."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from models.errors import LayerError
from models.hooks import recording, replacing


class Answer(NamedTuple):
    """What a block gives that gives two things."""

    maps: Tensor
    mean: Tensor


class Block(nn.Module):
    """Gives a named tuple."""

    def forward(self, pixels: Tensor) -> Answer:
        """Give the pixels, doubled, and their mean."""
        return Answer(pixels * 2, pixels.mean())


class Network(nn.Module):
    """Has a block that gives a named tuple, a module called twice, and one with the name of that second call."""

    def __init__(self) -> None:
        super().__init__()
        self.block = Block()
        self.relu = nn.ReLU()
        self.relu_1 = nn.Sigmoid()

    def forward(self, pixels: Tensor) -> Tensor:
        """Call relu, relu again, and relu_1."""
        maps = self.relu(self.block(pixels).maps)
        result: Tensor = self.relu_1(self.relu(maps - 1))
        return result


def test_a_named_tuple_is_recorded_and_replaced_like_any_other() -> None:
    network, pixels = Network(), torch.ones(1, 3, 2, 2)
    with recording(network, "block") as seen:
        network(pixels)
    assert torch.equal(seen["block"], pixels * 2)
    with replacing(network, {"block": pixels * 3}):
        assert torch.equal(network(pixels), (pixels * 2).sigmoid())


def test_a_second_call_never_takes_the_name_of_another_module() -> None:
    network, pixels = Network(), torch.ones(1, 3, 2, 2)
    with recording(network, "relu", "relu_1") as seen:
        network(pixels)
    assert [float(output.mean()) for output in seen.values()] == pytest.approx([2, 1, 1 / (1 + 2.718281828**-1)])
    assert list(seen) == ["relu", "relu_2", "relu_1"]
    with replacing(network, {"relu_2": pixels * 0}):
        assert torch.equal(network(pixels), pixels * 0.5)


@pytest.mark.parametrize("name", ["nope", "nope_1", "relu_x", "_1"])
def test_replacing_refuses_a_layer_that_is_not_there(name: str) -> None:
    with pytest.raises(LayerError, match=f"no layer named '{name}'"), replacing(Network(), {name: torch.zeros(1)}):
        pass
