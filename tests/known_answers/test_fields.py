"""What units see, against the support of the gradient and against fields worked out by hand."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model

import explain
import models
import toy
from explain.fields import Box, effective, reach, seeing, theoretical
from explain.suitability import laid_out
from models.errors import LayerError, PictureError
from models.graph import run
from models.loaded import LoadedModel

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")


@pytest.mark.parametrize(
    ("name", "layer", "size"),
    [
        ("resnet18", "layer4", 435),
        ("resnet34", "layer4", 899),
        ("resnet50", "layer4", 427),
        ("alexnet", "features", 195),
        pytest.param("vgg16", "features", 212, marks=pytest.mark.slow),
    ],
)
def test_a_unit_far_from_the_edge_sees_as_much_as_the_papers_say(name: str, layer: str, size: int) -> None:
    seen = reach(toy.loaded(get_model(name).eval(), 1000, side=224), layer)
    assert seen is not None and seen.size == (size, size)


def open_everywhere(network: nn.Module) -> nn.Module:
    """Copy a network so that its gradient is above zero wherever it may be: positive weights, and nothing that cuts."""
    opened = copy.deepcopy(network).double().eval()
    for name, module in list(opened.named_modules()):
        owner, _, last = name.rpartition(".")
        if isinstance(module, nn.MaxPool2d):
            pooling = nn.AvgPool2d(module.kernel_size, module.stride, module.padding, module.ceil_mode)
            setattr(opened.get_submodule(owner), last, pooling)
        elif isinstance(module, (nn.ReLU, nn.ReLU6)):
            setattr(opened.get_submodule(owner), last, nn.Identity())
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return opened


def support(model: LoadedModel, layer: str) -> dict[tuple[int, int], Box | None]:
    """Find, for each unit, the smallest box round the pixels where its gradient is not zero, None without any."""
    pixels = toy.picture(model.card.pixels.side).double().requires_grad_()
    operations = model.graph.operations
    assert operations is not None
    node = operations.names[layer]
    units = laid_out(model, layer, run(operations, {operations.input: pixels}, [node])[node])[0].sum(0)
    found: dict[tuple[int, int], Box | None] = {}
    for row, column in np.ndindex(units.shape[0], units.shape[1]):
        (gradient,) = torch.autograd.grad(units[row, column], pixels, retain_graph=True)
        rows, columns = gradient[0].abs().sum(0).nonzero(as_tuple=True)
        seen = len(rows) > 0
        edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if seen else ()
        found[row, column] = Box(*map(int, edges)) if seen else None
    return found


@pytest.mark.parametrize(
    ("name", "side", "layers"),
    [
        ("resnet18", 66, ("maxpool", "layer2.0", "layer2", "layer3", "layer4")),
        ("squeezenet1_1", 71, ("features.2", "features.5", "features.8", "features.12")),
        ("shufflenet_v2_x0_5", 75, ("maxpool", "stage2", "stage4", "conv5")),
        ("mobilenet_v2", 67, ("features.2", "features.4", "features.7", "features.18")),
    ],
)
def test_the_box_of_every_unit_is_the_support_of_its_gradient(name: str, side: int, layers: tuple[str, ...]) -> None:
    """Odd sides leave rows over, and ceil mode adds some; so the borders are where a mistake would show."""
    network = open_everywhere(get_model(name))
    model = toy.loaded(network.float(), 1000, side=side)
    assert model.graph.operations is not None
    network.double()
    for layer in layers:
        for unit, box in support(model, layer).items():
            assert theoretical(model, layer, *unit) == box, (layer, unit)


class Awkward(nn.Module):
    """Leftover rows, padding wider than the kernel, dilation, kernels that are not square, uneven adaptive pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.halved = nn.Conv2d(3, 2, 2, stride=2)
        self.wide = nn.Conv2d(2, 2, (3, 1), padding=(2, 1), dilation=(2, 1))
        self.same = nn.Conv2d(2, 2, (4, 3), padding="same")
        self.pool = nn.AvgPool2d(3, 2, ceil_mode=True)
        self.adaptive = nn.AdaptiveAvgPool2d((3, 4))
        self.fc = nn.Linear(2, 2)

    def forward(self, pixels: Tensor) -> Tensor:
        first = self.halved(pixels)
        second = self.pool(torch.cat([self.same(first), first], 1))
        wide = self.wide(first)
        return self.fc(self.adaptive(wide).mean((2, 3)) + self.adaptive(second[:, :2]).mean((2, 3)))


@pytest.mark.parametrize("side", [16, 17, 19])
@pytest.mark.parametrize("layer", ["halved", "wide", "same", "pool", "adaptive", "adaptive_1"])
def test_awkward_windows_are_exact_too(side: int, layer: str) -> None:
    model = toy.loaded(open_everywhere(Awkward()).float(), 2, side=side)
    assert model.graph.operations is not None
    model.network.double()
    for unit, box in support(model, layer).items():
        seen = theoretical(model, layer, *unit)
        assert seen is not None
        assert seen == box or (box is None and seen.width * seen.height == 0), unit


def test_a_unit_over_padding_alone_sees_nothing() -> None:
    model = toy.loaded(toy.seeded(Awkward()), 2)
    corner = theoretical(model, "wide", 3, 0)
    assert corner is not None and corner.width == 0
    assert not seeing(model, "wide", 0, 0)[:, 0].any()


def test_a_unit_behind_pooling_over_all_places_sees_the_whole_picture() -> None:
    model = toy.loaded(toy.seeded(toy.Pooled()), 4)
    assert theoretical(model, "pool", 0, 0) is None
    assert seeing(model, "pool", 3, 3).all()


def test_the_units_that_see_a_pixel_are_those_whose_box_holds_it() -> None:
    model = toy.loaded(toy.seeded(toy.Pooled()), 4)
    for x, y in ((0, 0), (7, 9), (15, 3)):
        marked = seeing(model, "conv2", x, y)
        for row, column in np.ndindex(*marked.shape):
            box = theoretical(model, "conv2", row, column)
            assert box is not None
            assert marked[row, column] == (box.left <= x < box.right and box.top <= y < box.bottom)
        assert marked.any() and not marked.all()


def test_the_energy_of_one_convolution_is_its_squared_kernel() -> None:
    network = toy.seeded(toy.Pooled())
    model = toy.loaded(network, 4)
    found = effective(explain.trace(model, toy.picture()), "conv1", 5, 9, channel=3)
    expected = np.zeros((16, 16), np.float32)
    expected[4:7, 8:11] = network.conv1.weight[3].square().sum(0).detach().numpy()
    np.testing.assert_allclose(found.energy, expected, rtol=1e-5)
    assert found.box is not None and 0.9 <= found.share <= 1


def test_what_moves_a_unit_lies_in_its_theoretical_box() -> None:
    model = models.load("everyday_resnet", device="cpu")
    trace = explain.trace(model, toy.picture(64))
    for row, column in ((0, 0), (4, 3), (7, 7)):
        box = theoretical(model, "layer2", row, column)
        assert box is not None
        found = effective(trace, "layer2", row, column)
        outside = found.energy.copy()
        outside[box.top : box.bottom, box.left : box.right] = 0
        assert not outside.any() and found.energy.max() > 0
        assert found.box is not None and found.box.width * found.box.height < box.width * box.height


def test_a_unit_that_is_off_is_moved_by_nothing() -> None:
    model = toy.loaded(toy.seeded(toy.Pooled()), 4)
    trace = explain.trace(model, toy.picture())
    off = (trace.activation("relu")[0] == 0).nonzero()
    channel, row, column = off[0].tolist()
    found = effective(trace, "relu", row, column, channel)
    assert found.box is None and found.share == 0 and not found.energy.any()


def test_what_moves_a_value_of_the_last_layer_is_the_gradient_of_its_score() -> None:
    model = models.load("everyday_resnet")
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    found = effective(explain.trace(model, image), "fc", 0, 0, channel=12)
    leaf = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(leaf)[0, 12], [leaf])
    np.testing.assert_allclose(found.energy, gradient[0].square().sum(0).numpy(), rtol=1e-3, atol=1e-9)
    assert found.box is not None and found.share > 0.8


def test_a_network_that_cannot_be_cut_is_measured_too() -> None:
    model = toy.loaded(toy.seeded(toy.Branching()), 3)
    found = effective(explain.trace(model, toy.picture()), "conv1", 8, 8, channel=0)
    rows, columns = found.energy.nonzero()
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (7, 9, 7, 9)


def test_units_pixels_and_layers_that_are_not_there_are_refused() -> None:
    model = toy.loaded(toy.seeded(toy.Pooled()), 4)
    trace = explain.trace(model, toy.picture())
    with pytest.raises(LayerError, match="8 x 8 units; there is none in row 8"):
        theoretical(model, "conv2", 8, 0)
    with pytest.raises(LayerError, match="12 channels; there is no channel 12"):
        effective(trace, "conv2", 0, 0, channel=12)
    with pytest.raises(LayerError, match="height and width"):
        theoretical(model, "fc", 0, 0)
    with pytest.raises(PictureError, match="16 x 16 pixels"):
        seeing(model, "conv2", 16, 0)
