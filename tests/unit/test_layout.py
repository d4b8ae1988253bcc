"""The layout of networks: stages, blocks and layers, what flows between them, and what each costs."""

from __future__ import annotations

import json
from functools import cache

import pytest
import torch
from torch import Tensor, nn

import models
import toy
from dashboard.layers import strip
from models.layout import Box, Layout, layout_of
from models.loaded import LoadedModel
from models.placing import columns_of, lanes_of, rows_of

FAMILIES = (
    *("everyday_resnet", "everyday_vgg", "resnet18", "googlenet", "densenet121", "squeezenet1_1", "mobilenet_v2"),
    *("mobilenet_v3_small", "efficientnet_b0", "shufflenet_v2_x0_5", "regnet_y_400mf", "mnasnet0_5"),
    *("convnext_tiny", "swin_t", "swin_v2_t", "vit_b_16", "maxvit_t", "inception_v3", "alexnet"),
)


@cache
def layout(key: str) -> Layout:
    return layout_of(load(key))


def load(key: str) -> LoadedModel:
    return models.load(key, device="cpu", weights=None if key.startswith("everyday") else "random")


def inside(found: Layout, holder: str | None) -> list[tuple[int, Box]]:
    """List the boxes that the box with this label holds."""
    labels = {box.label: number for number, box in enumerate(found.boxes)}
    number = None if holder is None else labels[holder]
    return [(place, box) for place, box in enumerate(found.boxes) if box.parent == number]


def links(found: Layout, holder: str) -> set[tuple[str, str]]:
    """Name what flows in a box; "" is its outside."""
    parent = next(number for number, box in enumerate(found.boxes) if box.label == holder)
    word = {None: "", **{number: box.label for number, box in enumerate(found.boxes)}}
    return {(word[edge.source], word[edge.target]) for edge in found.edges if edge.parent == parent}


def check(found: Layout, model: LoadedModel) -> None:
    """Hold what is true of every layout."""
    names = {layer.name for layer in model.layers()}
    assert {name for name, _ in found.places} == names
    assert {box.name for box in found.boxes} <= names
    for number, box in enumerate(found.boxes):
        held = [(place, other) for place, other in enumerate(found.boxes) if other.parent == number]
        assert bool(held) == bool(box.layers)
        assert box.level == (0 if box.parent is None else found.boxes[box.parent].level + 1) <= 2
        assert box.multiply_adds == sum(other.multiply_adds for _, other in held) or not held
        assert all(place > number for place, _ in held)
    for parent in {box.parent for box in found.boxes}:
        held_here = {number: box for number, box in enumerate(found.boxes) if box.parent == parent}
        assert len({(box.column, box.row) for box in held_here.values()}) == len(held_here)
        edges = [edge for edge in found.edges if edge.parent == parent]
        assert {edge.source for edge in edges} | {edge.target for edge in edges} <= {None, *held_here}
        fed = {edge.source for edge in edges if edge.source is not None}
        assert fed == set(held_here), "an output that nothing reads"
        for edge in edges:
            if edge.source is not None and edge.target is not None:
                assert held_here[edge.source].column < held_here[edge.target].column


@pytest.mark.slow
@pytest.mark.parametrize("key", FAMILIES)
def test_boxes_hold_edges_and_costs_of_every_family(key: str) -> None:
    model = load(key)
    found = layout_of(model)
    check(found, model)
    assert 3 <= len(inside(found, None)) <= 12
    assert model.card.multiply_adds is not None
    assert found.multiply_adds == pytest.approx(model.card.multiply_adds, rel=0.02)
    assert sum(box.parameters for box in found.boxes if box.parent is None) == pytest.approx(
        sum(parameter.numel() for parameter in model.network.parameters()), rel=0.01
    )


@pytest.mark.audit
@pytest.mark.parametrize("key", list(models.CARDS))
def test_multiply_adds_of_every_card_add_up_to_the_published_figure(key: str) -> None:
    model = load(key)
    found = layout_of(model)
    check(found, model)
    assert model.card.multiply_adds is not None
    assert found.multiply_adds == pytest.approx(model.card.multiply_adds, rel=0.02)


def test_a_residual_network_shows_stages_blocks_and_the_skip() -> None:
    found = layout("everyday_resnet")
    stages = [box.label for _, box in inside(found, None)]
    assert stages == ["conv1 … relu", "layer1", "layer2", "layer3", "avgpool … fc"]
    assert [box.label for _, box in inside(found, "layer2")] == ["layer2.0", "layer2.1"]
    assert links(found, "layer2.1") >= {("", "conv1"), ("", "add"), ("bn2", "add"), ("add", "relu_1"), ("relu_1", "")}
    assert links(found, "layer2.0") >= {("", "downsample.0"), ("downsample.1", "add")}
    assert ("", "add") not in links(found, "layer2.0")
    rows = {box.label: box.row for _, box in inside(found, "layer2.0")}
    assert (rows["conv1"], rows["downsample.0"], rows["downsample.1"], rows["add"]) == (0, 1, 1, 0)


def test_a_skip_passes_over_the_boxes_between_and_a_neighbour_is_reached_straight_on() -> None:
    found = layout("everyday_resnet")
    parent = next(number for number, box in enumerate(found.boxes) if box.label == "layer2.1")
    lanes = {
        (edge.source, found.boxes[edge.target].label): edge.lane
        for edge in found.edges
        if edge.parent == parent and edge.target is not None
    }
    assert lanes[None, "conv1"] == 0
    assert lanes[None, "add"] == 1


@pytest.mark.slow
def test_a_dense_block_feeds_each_layer_with_all_before() -> None:
    found = layout("densenet121")
    flows = links(found, "features.denseblock1")
    for later in range(1, 7):
        assert ("", f"denselayer{later}") in flows
        assert all((f"denselayer{earlier}", f"denselayer{later}") in flows for earlier in range(1, later))
    assert all((f"denselayer{earlier}", "cat") in flows for earlier in range(1, 7))


@pytest.mark.slow
def test_the_branches_of_inception_lie_side_by_side() -> None:
    found = layout("googlenet")
    rows = {box.label: box.row for _, box in inside(found, "inception3a")}
    assert len({rows[name] for name in ("branch1.conv", "branch2.0.conv", "branch3.0.conv", "branch4.0")}) == 4
    flows = links(found, "inception3a")
    assert {target for source, target in flows if source == ""} == {
        *("branch1.conv", "branch2.0.conv", "branch3.0.conv", "branch4.0")
    }
    assert sum(target == "cat" for _, target in flows) == 4


@pytest.mark.slow
def test_attention_and_squeeze_and_excite_show_their_skips() -> None:
    block = links(layout("vit_b_16"), "layers.encoder_layer_3")
    assert ("", "add") in block and ("add", "add_1") in block
    squeeze = links(layout("efficientnet_b0"), "features.1")
    assert ("block.1.avgpool", "block.1.fc1") in squeeze
    assert ("block.0.2", "block.1.mul") in squeeze and ("block.1.scale_activation", "block.1.mul") in squeeze


def test_a_plain_network_is_split_where_its_resolution_falls() -> None:
    found = layout("everyday_vgg")
    sides = [box.shape[-1] for _, box in inside(found, None)]
    assert sides[:-1] == [32, 16, 8, 4]
    assert all(box.row == 0 for box in found.boxes)


def test_a_picked_container_is_shown_as_its_own_box_or_as_its_last_operation() -> None:
    found = layout("everyday_resnet")
    place = found.place_of("layer2")
    assert place is not None and found.boxes[place].label == "layer2"
    named = layout("everyday_vgg").place_of("features")
    assert named is not None
    assert layout("everyday_vgg").boxes[named].kind == "MaxPool2d"
    assert found.place_of("no such layer") is None


def test_a_network_that_cannot_be_traced_becomes_a_plain_sequence() -> None:
    model = toy.loaded(toy.seeded(toy.Branching()), 3)
    found = layout_of(model)
    check(found, model)
    leaves = [box for box in found.boxes if not box.layers]
    assert [box.name for box in leaves] == ["conv1", "conv2", "fc"]
    assert [box.multiply_adds for box in leaves] == [16 * 16 * 6 * 27, 16 * 16 * 6 * 54, 18]


def test_a_network_that_cannot_be_traced_keeps_its_modules_apart() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
            self.body = nn.Sequential(nn.Conv2d(4, 4, 3, stride=2, padding=1), nn.ReLU())
            self.fc = nn.Linear(4, 2)

        def forward(self, pixels: Tensor) -> Tensor:
            found = self.body(self.stem(pixels))
            return self.fc(found.mean((2, 3)) if found.sum() < 1e9 else found.amax((2, 3)))

    model = toy.loaded(toy.seeded(Net()), 2)
    assert model.graph.operations is None
    found = layout_of(model)
    check(found, model)
    assert [box.label for _, box in inside(found, None)] == ["stem", "body", "fc"]
    assert all(box.row == 0 for box in found.boxes)


def test_matrix_products_and_attention_outside_of_modules_are_counted() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 4, stride=4)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.weight = nn.Parameter(torch.zeros(8, 5))

        def forward(self, pixels: Tensor) -> Tensor:
            tokens = self.conv(pixels).flatten(2).transpose(1, 2)
            seen = self.attention(tokens, tokens, tokens, need_weights=False)[0]
            return (seen @ self.weight).mean(1)

    found = layout_of(toy.loaded(toy.seeded(Net()), 5))
    counts = {box.name: box.multiply_adds for box in found.boxes if not box.layers}
    tokens = 16
    assert counts["conv"] == tokens * 8 * 48
    assert counts["attention"] == tokens * 8 * 8 * 4 + 2 * tokens * tokens * 8
    assert counts["matmul"] == tokens * 8 * 5


def test_laying_out_leaves_the_network_as_it_was() -> None:
    model = load("everyday_resnet")
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    layout_of(model)
    after = model.network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert all(parameter.device.type == "cpu" for parameter in model.network.parameters())


def test_a_loop_between_boxes_is_drawn_and_does_not_hang() -> None:
    columns = columns_of([0, 1, 2], [(None, 0), (0, 1), (1, 0), (1, 2), (2, None)])
    assert columns == {0: 0, 1: 1, 2: 2}


def test_a_branch_keeps_its_row_free_until_it_joins() -> None:
    flows = [(None, 0), (0, 1), (1, 2), (2, 3), (0, 4), (4, 3), (1, 5), (5, 3), (3, None)]
    order = [0, 1, 4, 5, 2, 3]
    columns = columns_of(order, flows)
    rows = rows_of(order, flows, columns)
    assert {rows[box] for box in (0, 1, 3)} == {0}
    assert 0 in (rows[2], rows[5])
    # 4 stands in column 1 and its line runs on to column 2, where the other branch stands.
    assert sorted((rows[4], rows[2] + rows[5])) == [1, 2]


def test_links_that_would_lie_on_each_other_get_lanes_of_their_own() -> None:
    flows = [(None, 0), (0, 1), (1, 2), (2, 3), (None, 3), (0, 3), (0, 2)]
    columns = {0: 0, 1: 1, 2: 2, 3: 3}
    lanes = lanes_of(flows, columns, dict.fromkeys(range(4), 0))
    assert lanes[0, 1] == lanes[2, 3] == 0
    assert lanes[0, 3] == lanes[0, 2] == 1
    assert lanes[None, 3] == 2


def test_the_component_gets_every_box_and_the_place_of_the_picked_layer() -> None:
    found = layout("everyday_resnet")
    record = json.loads(strip.pack(found, "layer2.0.conv1", 64))
    assert record["boxes"][record["picked"]][0] == "layer2.0.conv1"
    assert record["boxes"][record["picked"]][4] == [128, 16, 16]
    assert record["followed"]
    assert not json.loads(strip.pack(layout_of(toy.loaded(toy.seeded(toy.Branching()), 3)), "fc", 16))["followed"]
    assert len(record["boxes"]) == len(found.boxes) and len(record["edges"]) == len(found.edges)
    other = json.loads(strip.pack(found, "fc", 64))
    assert other["network"] == record["network"] != json.loads(strip.pack(layout("everyday_vgg"), "fc", 64))["network"]
