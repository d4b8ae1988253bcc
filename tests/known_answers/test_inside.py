"""The arithmetic shown for a step gives what the layer gave, for all kinds of layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import explain
import models
import toy
from explain.inside import inside
from explain.steps import Activation, Combination, Norm, Pooling, Step, WeightedSum
from explain.suitability import grid_of
from explain.tracing import Trace
from models.errors import LayerError
from models.registry import CARDS


def agrees(step: Step) -> bool:
    return abs(step.result - step.output) <= 1e-4 * max(1.0, abs(step.output))


def actual(trace: Trace, layer: str, channel: int, row: int, column: int) -> float:
    output = trace.activation(layer)[0]
    return float(output[channel, row, column] if output.ndim == 3 else output.reshape(-1)[channel])


SLOW = ("vgg16", "densenet121", "googlenet")


@pytest.mark.parametrize(
    "name",
    [
        *(name for name in CARDS if name.startswith("everyday")),
        *("resnet18", "mobilenet_v2"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW),
    ],
)
def test_the_arithmetic_shown_is_the_layers_output(name: str) -> None:
    """Two units of every layer, corners among them, drawn at random."""
    weights = None if name.startswith("everyday") else "random"
    model = models.load(name, device="cpu", weights=weights)
    trace = explain.trace(model, toy.picture(model.card.pixels.side))
    draw = np.random.default_rng(0)
    for layer in model.layers():
        channels, rows, columns = grid_of(model, layer.name)
        middle = (int(draw.integers(channels)), int(draw.integers(rows)), int(draw.integers(columns)))
        for unit in (middle, (channels - 1, rows - 1, columns - 1)):
            step = inside(trace, layer.name, *unit)
            assert step.output == actual(trace, layer.name, *unit)
            assert agrees(step), (layer.name, unit, step.result, step.output)


class Everything(nn.Module):
    """Every kind of operation, with settings that are easily forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(2, 3), groups=3)
        self.same = nn.Conv2d(6, 4, (5, 3), padding="same", bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.act = nn.ModuleList([nn.SiLU(), nn.GELU(), nn.Hardswish(), nn.Hardsigmoid(), nn.Tanh(), nn.ReLU6()])
        self.average = nn.AvgPool2d(3, 2, padding=1, ceil_mode=True)
        self.bare = nn.AvgPool2d(3, 2, padding=1, ceil_mode=True, count_include_pad=False)
        self.odd = nn.AvgPool2d(2, 1, divisor_override=3)
        self.largest = nn.MaxPool2d(3, 2, padding=1, dilation=2)
        self.adaptive = nn.AdaptiveAvgPool2d((2, 3))
        self.norm = nn.LayerNorm(4)
        self.mix = nn.Linear(4, 5)
        self.scale = nn.Parameter(torch.tensor([[[0.5]], [[2.0]], [[-1.0]], [[3.0]]]))
        self.fc = nn.Linear(30, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        features = self.bn(self.same(self.conv(pixels)))
        for each in self.act:
            features = each(features) - 0.1
        features = self.odd(features)
        pooled = self.average(features) + self.bare(features)
        pooled = torch.cat([self.largest(pooled), functional.max_pool2d(pooled, 3, 2)], 1)[:, 2:6]
        pooled = pooled * torch.sigmoid(pooled.mean((2, 3), keepdim=True)) * self.scale
        pooled = functional.avg_pool2d(functional.relu(pooled) / 2, 1, count_include_pad=False)
        last = self.mix(self.norm(self.adaptive(pooled).permute(0, 2, 3, 1)))
        return self.fc(last.flatten(1))


@pytest.fixture(scope="module")
def everything() -> Trace:
    model = toy.loaded(toy.seeded(Everything()), 3, side=25, plain=False)
    assert model.graph.operations is not None
    return explain.trace(model, toy.picture(25))


def test_every_unit_of_every_kind_of_operation_is_right(everything: Trace) -> None:
    kinds = set()
    for layer in everything.model.layers():
        channels, rows, columns = grid_of(everything.model, layer.name)
        for channel in range(min(channels, 7)):
            for row, column in np.ndindex(rows, columns):
                step = inside(everything, layer.name, channel, row, column)
                kinds.add(type(step))
                assert agrees(step), (layer.name, channel, row, column, step.result, step.output)
    assert kinds == {WeightedSum, Pooling, Norm, Activation, Combination}


def test_a_convolutions_patch_says_what_is_padding_and_which_channels_it_reads(everything: Trace) -> None:
    step = inside(everything, "conv", 5, 0, 0)
    assert isinstance(step, WeightedSum) and step.source == "the picture"
    assert step.channels.tolist() == [2]
    assert step.rows.tolist() == [-2, 0, 2] and step.columns.tolist() == [-1, 2]
    assert step.padded.tolist() == [[True, True], [True, False], [True, False]]
    assert not step.patch[0][step.padded].any()
    pixels = everything.model.normalise(everything.pixels)
    assert step.patch[0, 1, 1] == float(pixels[0, 2, 0, 2])
    assert step.contributions.shape == (1,)


def test_the_largest_of_a_patch_is_never_padding() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.MaxPool2d(3, 2, padding=1), nn.Flatten(), nn.Linear(2 * 16, 2))
    with torch.no_grad():
        network[0].weight.fill_(0)
        network[0].bias.fill_(-4)
    trace = explain.trace(toy.loaded(network, 2, side=8), toy.picture(8))
    step = inside(trace, "1", 0, 0, 0)
    assert isinstance(step, Pooling) and step.padded.sum() == 5
    assert step.result == step.output == -4


def test_a_sum_names_both_its_parts() -> None:
    model = models.load("everyday_resnet", device="cpu")
    step = inside(explain.trace(model, toy.picture(64)), "layer2.0.add", 3, 5, 6)
    assert isinstance(step, Combination) and step.way == "sum"
    assert {part.source for part in step.parts} == {"layer2.0.bn2", "layer2.0.downsample.1"}
    assert {part.place for part in step.parts} == {"channel 3, row 5, column 6"}


def test_a_number_that_is_only_moved_says_where_it_came_from(everything: Trace) -> None:
    step = inside(everything, "permute", 2, 1, 2)
    assert isinstance(step, Combination) and step.way == "move"
    (part,) = step.parts
    assert (part.source, part.place) == ("adaptive", "channel 2, row 1, column 2")
    joined = inside(everything, "cat", 5, 0, 0)
    assert isinstance(joined, Combination)
    assert joined.parts[0].source == "max_pool2d" and joined.parts[0].place.startswith("channel 1,")


def test_one_part_of_a_chunked_tensor_is_traced_to_the_whole() -> None:
    model = models.load("shufflenet_v2_x0_5", device="cpu", weights="random")
    step = inside(explain.trace(model, toy.picture(224)), "stage2.1.getitem_1", 2, 3, 4)
    assert isinstance(step, Combination) and step.way == "move" and agrees(step)
    assert step.parts[0].place == "channel 26, row 3, column 4"


def test_a_container_shows_the_last_operation_in_it() -> None:
    model = models.load("everyday_resnet", device="cpu")
    step = inside(explain.trace(model, toy.picture(64)), "layer3", 0, 0, 0)
    assert isinstance(step, Activation) and step.kind == "ReLU" and step.formula == "max(0, x)"


def test_what_cannot_be_written_out_is_refused_in_a_sentence() -> None:
    class Mixing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)
            self.fc = nn.Linear(4, 2)

        def forward(self, pixels: Tensor) -> Tensor:
            return self.fc(torch.softmax(self.conv(pixels), 1).mean((2, 3)))

    trace = explain.trace(toy.loaded(toy.seeded(Mixing()), 2), toy.picture())
    with pytest.raises(LayerError, match=r"of the kind softmax.*Pick a convolution"):
        inside(trace, "softmax", 0, 0, 0)
    with pytest.raises(LayerError, match="4 x 16 x 16 units; there is no channel 4"):
        inside(trace, "conv", 4, 0, 0)
    branching = explain.trace(toy.loaded(toy.seeded(toy.Branching()), 3), toy.picture())
    with pytest.raises(LayerError, match="cannot be followed"):
        inside(branching, "conv1", 0, 0, 0)
