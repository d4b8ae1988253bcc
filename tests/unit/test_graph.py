"""Reading a network: names, order, shapes, receptive fields, in-place writes."""

import operator
import threading
from collections.abc import Callable
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.feature_extraction import get_graph_node_names

import explain
import toy
from models.errors import LayerError
from models.graph import read_graph, run


def read(name: str, side: int = 224, **options: object):
    network = get_model(name, **options).eval()
    return network, read_graph(network, toy.picture(side))


def fields(graph) -> dict[str, tuple[int, int] | None]:
    return {layer.name: layer.receptive_field for layer in graph.layers}


@pytest.mark.parametrize(
    ("name", "layer", "size"),
    [
        ("resnet18", "layer4", 435),
        ("resnet34", "layer4", 899),
        ("resnet50", "layer4", 427),
        ("alexnet", "features", 195),
    ],
)
def test_receptive_fields_of_known_networks(name: str, layer: str, size: int) -> None:
    _, graph = read(name)
    assert fields(graph)[layer] == (size, size)
    assert fields(graph)["fc" if "resnet" in name else "classifier"] is None


@pytest.mark.slow
def test_receptive_field_of_vgg16_features() -> None:
    with torch.device("cpu"), torch.no_grad():
        _, graph = read("vgg16")
    assert fields(graph)["features"] == (212, 212)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v2", "convnext_tiny", "shufflenet_v2_x0_5"])
def test_every_name_of_torchvisions_graph_is_known(name: str) -> None:
    network, graph = read(name)
    assert graph.operations is not None
    wanted = set(get_graph_node_names(network, suppress_diff_warning=True)[1]) - {"x"}
    assert wanted <= set(graph.operations.names)


def test_receptive_field_is_the_support_of_the_gradient() -> None:
    """One unit in the middle of each spatial layer of a small network with branches, strides and dilation."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.start = nn.Conv2d(3, 4, (5, 3), stride=2, padding=(2, 1))
            self.wide = nn.Conv2d(4, 4, 3, padding=2, dilation=2)
            self.flat = nn.Conv2d(4, 4, (1, 5), padding=(0, 2))
            self.pool = nn.AvgPool2d(2, stride=1)
            self.end = nn.Conv2d(8, 4, 3, stride=2, padding=1)

        def forward(self, pixels: Tensor) -> Tensor:
            start = self.start(pixels)
            both = torch.cat([self.wide(start), self.flat(start)], 1)
            return self.end(self.pool(both)).mean((2, 3))

    network = toy.seeded(Net()).eval()
    pixels = toy.picture(64).requires_grad_()
    graph = read_graph(network, pixels.detach())
    assert graph.operations is not None
    for layer in graph.layers:
        if layer.receptive_field is None:
            continue
        node = graph.operations.names[layer.name]
        output = run(graph.operations, {graph.operations.input: pixels}, [node])[node]
        unit = output[0, :, output.shape[2] // 2, output.shape[3] // 2].sum()
        (gradient,) = torch.autograd.grad(unit, pixels)
        rows, columns = gradient[0].abs().sum(0).nonzero(as_tuple=True)
        seen = (int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1)
        assert seen == layer.receptive_field, layer.name
    assert sum(layer.receptive_field is not None for layer in graph.layers) == 6


def test_layers_are_listed_in_the_order_they_run_with_calls_apart() -> None:
    graph = toy.loaded(toy.seeded(toy.Pooled()), 4).graph
    names = [layer.name for layer in graph.layers]
    assert names == ["conv1", "bn1", "relu", "conv2", "relu_1", "pool", "flatten", "fc"]
    assert [layer.kind for layer in graph.layers][:3] == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert graph.layer("conv2").shape == (1, 12, 8, 8)
    assert graph.layer("conv2").parameters == 12 * 8 * 9 + 12


def test_modules_whose_names_end_in_numbers_keep_them() -> None:
    graph = toy.loaded(toy.seeded(toy.InPlace()), 3).graph
    assert graph.operations is not None
    assert str(graph.operations.names["conv_2"].target) == "conv_2"


def test_modules_that_never_run_are_not_listed() -> None:
    network = toy.Pooled()
    network.unused = nn.Conv2d(3, 3, 1)
    assert "unused" not in {layer.name for layer in toy.loaded(network, 4).layers()}


def test_containers_are_the_node_they_return() -> None:
    _, graph = read("resnet18")
    assert graph.operations is not None
    assert graph.operations.names["layer4"] is graph.operations.names["layer4.1.relu_1"]
    assert graph.layer("layer4").kind == "Sequential"


def test_an_unknown_layer_is_refused_with_the_closest_name() -> None:
    with pytest.raises(LayerError, match=r"no layer named 'conv3'.*conv"):
        toy.loaded(toy.seeded(toy.Pooled()), 4).graph.layer("conv3")


def test_a_network_that_depends_on_its_data_is_read_by_hooks() -> None:
    graph = toy.loaded(toy.seeded(toy.Branching()), 3).graph
    assert graph.operations is None
    assert [layer.name for layer in graph.layers] == ["conv1", "conv2", "fc"]


def test_writing_into_a_part_of_a_tensor_is_not_cut() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, pixels: Tensor) -> Tensor:
            output = self.conv(pixels)
            output[:, 0] = 0
            return output.mean((2, 3))

    assert toy.loaded(toy.seeded(Net()), 4).graph.operations is None


WRITES: dict[str, Callable[[Tensor], object]] = {
    "zero_": lambda maps: maps[:, :2].zero_(),
    "fill_": lambda maps: maps.select(1, 0).fill_(5),
    "copy_": lambda maps: maps.copy_(maps * 0.1),
    "out=": lambda maps: torch.mul(maps, 3, out=maps),
    "zeros_": lambda maps: nn.init.zeros_(maps[:, :2]),
    "mul_ of a part": lambda maps: maps[:, :2].mul_(0),
    "mul_": lambda maps: maps.mul_(0.1),
    "*=": lambda maps: operator.imul(maps, 0.1),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_trace_answers_as_the_network_does_whatever_it_overwrites(write: Callable[[Tensor], object]) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 4)

        def forward(self, pixels: Tensor) -> Tensor:
            maps = self.conv(pixels).relu()
            write(maps)
            return cast("Tensor", self.fc(maps.relu().mean((2, 3))))

    model, pixels = toy.loaded(toy.seeded(Net()), 4), toy.picture(16)
    trace = explain.trace(model, pixels)
    torch.testing.assert_close(trace.logits, model(pixels))
    torch.testing.assert_close(trace.activation("conv"), model.network.conv(model.normalise(pixels)))


def test_names_that_only_avoid_a_word_of_pythons_are_no_writes() -> None:
    class Net(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return torch.where(operator.and_(pixels > 0.2, pixels < 0.8), pixels, 0).mean((2, 3))

    assert toy.loaded(Net(), 3).graph.operations is not None


@pytest.mark.slow
def test_tokens_know_their_grid() -> None:
    _, graph = read("vit_b_16")
    geometry = graph.geometry["encoder.layers.encoder_layer_11.ln_1"]
    assert (geometry.axes, geometry.grid, geometry.prefix) == ("NTC", (14, 14), 1)


def test_swin_has_its_channels_last() -> None:
    _, graph = read("swin_t")
    assert graph.geometry["features.7"].axes == "NHWC"
    assert graph.geometry["permute"].axes == "NCHW"


def test_networks_run_and_are_read_in_other_threads_while_one_is_read() -> None:
    """torch.fx changes what calling a module means for all threads while it traces."""
    running, names = toy.seeded(toy.Pooled()), [layer.name for layer in read("resnet18")[1].layers]
    pixels = toy.picture(32)
    with torch.no_grad():
        expected = running(pixels)
    wrong: list[object] = []
    ended = threading.Event()

    def run_on() -> None:
        while not ended.is_set():
            try:
                with torch.no_grad():
                    same = torch.equal(running(pixels), expected)
            except Exception as error:
                wrong.append(error)
                return
            if not same:
                wrong.append("another answer")

    def read_on() -> None:
        for _ in range(2):
            found = [layer.name for layer in read("resnet18", side=64)[1].layers]
            if found != names:
                wrong.append(found)

    runner, readers = threading.Thread(target=run_on), [threading.Thread(target=read_on) for _ in range(2)]
    for thread in (runner, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    ended.set()
    runner.join()
    assert wrong == []


def test_beside_a_branch_that_may_see_everything_nothing_has_a_small_field() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.near, self.far, self.end = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 4, 4), nn.Conv2d(4, 4, 1)

        def forward(self, pixels: Tensor) -> Tensor:
            grown = nn.functional.interpolate(self.far(pixels), scale_factor=4)
            near = self.near(pixels)
            return (self.end(near + grown) + near - near.mean((2, 3), keepdim=True)).mean((2, 3))

    found = {layer.name: layer.receptive_field for layer in toy.loaded(toy.seeded(Net()), 4).layers()}
    assert (found["near"], found["far"]) == ((3, 3), (4, 4))
    assert found["end"] is found["add"] is found["sub"] is None


class ChannelsLast(toy.Branching):
    """Blocks of tokens with their channels last, attention between them, in a network that torch.fx cannot follow."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.norm, self.mix, self.act = nn.Conv2d(3, 6, 4, 4), nn.LayerNorm(6), nn.Linear(6, 6), nn.GELU()
        self.drop, self.head = nn.Dropout(), nn.Linear(6, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        tokens = self.patches(pixels).permute(0, 2, 3, 1)
        if float(pixels.mean()) > 2:
            return self.head(tokens.mean((1, 2)))
        tokens = self.act(self.mix(self.norm(tokens)))
        flat = tokens.flatten(1, 2)
        attention = self.drop((flat @ flat.transpose(1, 2)).softmax(-1)[:, None])
        return self.head((attention[:, 0] @ flat).mean(1))


def test_the_axes_of_a_network_that_cannot_be_followed_are_its_modules_or_unknown() -> None:
    graph = toy.loaded(toy.seeded(ChannelsLast()), 3).graph
    assert graph.operations is None
    axes = {name: geometry.axes for name, geometry in graph.geometry.items()}
    assert axes["patches"] == "NCHW"
    assert axes["norm"] == axes["mix"] == axes["act"] == "NHWC"
    assert axes["drop"] == axes["head"] == ""
