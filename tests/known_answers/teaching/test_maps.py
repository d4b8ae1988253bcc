"""What the demonstration of maps computes: random weights, the tag, the network solved by hand, edges, smoothness."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from torch.nn import functional

import explain
import models
from explain.teaching import saturation, shortcut
from explain.teaching.edges import GREY, edges
from explain.teaching.everyday import everyday
from explain.teaching.randomising import PARTS, likeness, maps, randomised
from explain.teaching.smoothness import extreme, neighbours, share_of
from models.errors import ParameterError
from models.loaded import LoadedModel
from models.tag import BOX
from models.tag import tagged as tagged_in_training
from models.weights import BUNDLED


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return models.load("everyday_resnet", device="cpu")


@pytest.fixture(scope="module")
def pixels(model: LoadedModel) -> torch.Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))


def state_of(model: LoadedModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.network.state_dict().items()}


def changed(model: LoadedModel, other: LoadedModel) -> set[str]:
    """Name the children of the network whose weights differ."""
    others = other.network.state_dict()
    own = model.network.state_dict()
    return {name.split(".")[0] for name, value in own.items() if not torch.equal(value, others[name])}


@pytest.mark.parametrize("depth", range(len(PARTS) + 1))
def test_the_last_parts_are_random_and_the_others_as_they_were(model: LoadedModel, depth: int) -> None:
    expected = {layer for _, layers in PARTS[:depth] for layer in layers}
    assert changed(model, randomised(model, depth)) == expected


def test_the_parts_are_the_whole_network(model: LoadedModel) -> None:
    named = {layer for _, layers in PARTS for layer in layers}
    assert named == {name for name, child in model.network.named_children() if any(True for _ in child.parameters())}


def test_randomising_leaves_the_network_as_it_was(model: LoadedModel) -> None:
    before = state_of(model)
    randomised(model, len(PARTS), 4)
    after = model.network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_another_draw_gives_other_numbers_and_the_same_draw_the_same(model: LoadedModel) -> None:
    one, other, again = randomised(model, 5, 0), randomised(model, 5, 1), randomised(model, 5, 0)
    assert changed(one, other) and not changed(one, again)
    assert one.weights.identity != other.weights.identity != model.weights.identity


@pytest.mark.parametrize("depth", range(1, len(PARTS) + 1))
def test_gradients_still_reach_the_picture(model: LoadedModel, pixels: torch.Tensor, depth: int) -> None:
    (found,) = maps(randomised(model, depth), pixels, (explain.Saliency(),), 0)
    assert found.values.max() > 1e-6


@pytest.mark.parametrize("depth", [-1, 6])
def test_more_parts_than_there_are_cannot_be_random(model: LoadedModel, depth: int) -> None:
    with pytest.raises(ParameterError, match=str(depth)):
        randomised(model, depth)


def test_a_network_of_another_form_is_refused_by_the_part_it_lacks() -> None:
    with pytest.raises(ParameterError, match="fc"):
        randomised(models.load("everyday_vgg", device="cpu"), 1)


def test_maps_are_those_of_the_methods(model: LoadedModel, pixels: torch.Tensor) -> None:
    methods = (explain.Saliency(), explain.GradCAM())
    for found, method in zip(maps(model, pixels, methods, 3), methods, strict=True):
        expected = explain.run(model, pixels, method, 3)
        assert isinstance(expected, explain.Heatmap)
        assert np.allclose(found.values, expected.values, atol=1e-6)


def test_likeness_leaves_signs_aside_and_knows_a_constant_map() -> None:
    values = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    assert likeness(values, -values) == pytest.approx(1)
    assert likeness(values, np.ones_like(values)) is None


def by_torch() -> nn.Module:
    """The network by hand, with torch's own layers: 1 - relu(1 - x)."""
    network = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1)).double()
    with torch.no_grad():
        for layer in (network[0], network[2]):
            layer.weight.fill_(-1)
            layer.bias.fill_(1)
    return network


@given(st.floats(-3, 5, allow_nan=False))
@example(1.0)
def test_the_network_by_hand_is_torchs(value: float) -> None:
    leaf = torch.tensor([[value]], dtype=torch.float64, requires_grad=True)
    result = by_torch()(leaf)
    (slope,) = torch.autograd.grad(result, leaf)
    assert float(saturation.output(value)) == pytest.approx(result.item(), abs=1e-9)
    assert float(saturation.gradient(value)) == slope.item()


def test_at_two_the_gradient_is_silent_and_integrated_gradients_gives_the_whole_difference() -> None:
    assert float(saturation.gradient(2)) == 0
    assert float(saturation.output(2) - saturation.output(0)) == 1
    assert saturation.path(0, 2, 10).total == pytest.approx(1)


@given(st.floats(0, 3), st.floats(0, 3), st.integers(1, 40))
def test_the_shares_miss_at_most_half_a_step_at_the_kink(start: float, value: float, steps: int) -> None:
    way = saturation.path(start, value, steps)
    difference = float(saturation.output(value) - saturation.output(start))
    assert abs(way.total - difference) <= abs(value - start) / steps / 2 + 1e-9


@given(st.floats(0, 3), st.integers(1, 20))
def test_what_equals_its_baseline_gets_nothing(value: float, steps: int) -> None:
    assert saturation.path(value, value, steps).total == 0


def test_a_path_without_a_step_is_refused() -> None:
    with pytest.raises(ParameterError, match="0"):
        saturation.path(0, 1, 0)


def test_the_tag_at_home_is_the_tag_of_the_training() -> None:
    picture = np.random.default_rng(1).random((64, 64, 3)).astype(np.float32)
    expected = tagged_in_training(torch.from_numpy(picture.transpose(2, 0, 1)[None]))[0].numpy().transpose(1, 2, 0)
    assert np.array_equal(shortcut.tagged(picture, *shortcut.HOME), expected)
    assert (round(64 * BOX[0]), round(64 * BOX[1])) == shortcut.HOME


def test_the_class_of_the_tag_is_that_of_the_networks_card() -> None:
    record = json.loads((BUNDLED / "everyday_shortcut.json").read_text(encoding="utf-8"))
    assert record["tag"]["class"] == shortcut.CLASS
    assert record["tag"]["right_with_tag"] == 1


@given(st.integers(0, 54), st.integers(0, 54))
def test_the_tag_covers_its_area_and_nothing_else(left: int, top: int) -> None:
    picture = np.full((64, 64, 3), 0.5, np.float32)
    differs = (shortcut.tagged(picture, left, top) != picture).any(2)
    assert np.array_equal(differs, shortcut.area(left, top))
    assert (picture == 0.5).all()


@pytest.mark.parametrize("place", [(-1, 0), (0, 55), (55, 0)])
def test_a_tag_beyond_the_picture_is_refused(place: tuple[int, int]) -> None:
    with pytest.raises(ParameterError, match="54"):
        shortcut.tagged(np.zeros((64, 64, 3), np.float32), *place)


def test_evidence_inside_counts_what_speaks_for_it_only() -> None:
    values = np.full((64, 64), -1, np.float32)
    assert shortcut.evidence_inside(values, shortcut.area(0, 0)) == 0
    values[0, 0], values[63, 63] = 3, 1
    assert shortcut.evidence_inside(values, shortcut.area(0, 0)) == pytest.approx(0.75)


def test_the_places_of_the_tag_reach_from_edge_to_edge_and_hold_its_own() -> None:
    places = shortcut.corners(5)
    assert places[0] == 2 and places[-1] == 54 and shortcut.HOME[1] in places


def test_everywhere_asks_the_network_about_each_place() -> None:
    network = models.load("everyday_shortcut", device="cpu")
    trace = explain.trace(network, torch.full((1, 3, 64, 64), 0.4))
    found = shortcut.everywhere(trace, 7, [2, 30], [10, 52])
    for row, top in enumerate((10, 52)):
        for column, left in enumerate((2, 30)):
            picture = shortcut.tagged(np.full((64, 64, 3), 0.4, np.float32), left, top)
            chances = network(torch.from_numpy(picture.transpose(2, 0, 1)[None].copy())).softmax(1)
            assert found[row, column] == pytest.approx(float(chances[0, 7]), abs=1e-5)


def test_edges_are_sobels() -> None:
    picture = np.random.default_rng(2).random((12, 15, 3)).astype(np.float32)
    grey = torch.from_numpy(picture @ np.asarray(GREY, np.float32))[None, None]
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    around = functional.pad(grey, (1, 1, 1, 1), mode="replicate")
    parts = functional.conv2d(around, torch.stack([kernel, kernel.T])[:, None])
    assert np.allclose(edges(picture), parts.square().sum(1).sqrt()[0].numpy(), atol=1e-5)


def test_an_even_picture_has_no_edges_and_a_grey_value_is_pillows() -> None:
    assert edges(np.full((9, 9, 3), 0.3, np.float32)).max() < 1e-5
    colour = np.asarray([[[200, 30, 90]]], np.uint8)
    grey = np.asarray(Image.fromarray(colour).convert("L"))[0, 0]
    assert abs(float(colour[0, 0] @ np.asarray(GREY)) - grey) < 1


def test_a_smooth_map_has_like_neighbours_and_noise_has_not() -> None:
    slope = np.add.outer(np.arange(20.0), np.arange(20.0))
    noise = np.random.default_rng(4).normal(size=(64, 64))
    chequered = np.indices((8, 8)).sum(0) % 2
    assert neighbours(slope) > 0.95
    assert abs(neighbours(noise)) < 0.05
    assert neighbours(chequered) == pytest.approx(-1)
    assert neighbours(np.ones((5, 5))) == 0


def test_the_darkest_and_the_lightest_pixels_are_marked() -> None:
    picture = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10, 1).repeat(3, 2)
    assert extreme(picture, 0.1, light=False)[0].all() and extreme(picture, 0.1, light=False).sum() == 10
    assert extreme(picture, 0.1, light=True)[-1].all() and extreme(picture, 0.1, light=True).sum() == 10
    assert share_of(np.ones((10, 10)), extreme(picture, 0.1, light=True)) == pytest.approx(0.1)
    assert share_of(np.zeros((10, 10)), extreme(picture, 0.1, light=True)) == 0


def test_the_quick_answers_without_torch_are_the_networks() -> None:
    """The demonstration answers moves of the tag by numpy alone."""
    network = models.load("everyday_shortcut", device="cpu")
    picture = np.random.default_rng(5).random((3, 64, 64)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(picture[None]))[0].numpy()
    assert np.allclose(everyday("everyday_shortcut").logits(picture), expected, atol=1e-3)
