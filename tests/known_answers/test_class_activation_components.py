"""Class activation maps: principal components, comparisons with similar classes, several layers fused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet18

import explain
import models
import toy
from explain.class_activation import principal
from explain.methods.fused_cam import fused_layers
from explain.suitability import default_layer, probe
from explain.target import ClassLogit, ClassProbability, Contrast
from oracles import asked, same


@pytest.mark.parametrize("layer", ["relu_1", "relu", "conv1"])
def test_eigen_cam_is_the_first_component_of_a_full_decomposition(pooled: models.LoadedModel, layer: str) -> None:
    trace = explain.trace(pooled, toy.picture(32))
    for name, maps in [
        ("EigenCAM", trace.activation(layer)[0]),
        ("EigenGradCAM", (trace.activation(layer) * trace.gradient(ClassLogit(1), layer)[0])[0]),
    ]:
        places = maps.double().flatten(1).T.numpy()
        centred = places - places.mean(0)
        expected = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
        found = asked(pooled, name, 1, trace, layer=layer).grid
        assert abs(same(found, expected.reshape(found.shape))) > 0.99999
        assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(expected), rel=1e-4)


def test_a_component_with_fewer_places_than_channels_is_the_same() -> None:
    maps = torch.randn((40, 3, 4), generator=torch.Generator().manual_seed(0))
    centred = maps.flatten(1) - maps.flatten(1).mean(1, keepdim=True)
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    found = principal(maps, maps.square().sum(0))
    assert abs(same(found.numpy(), (vectors[:, -1] @ centred).numpy())) > 0.99999
    assert float(found.square().sum()) == pytest.approx(float(values[-1]), rel=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_what_stands_out_is_positive_whatever_its_sign(sign: int) -> None:
    class Corner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps = nn.Identity()

        def forward(self, pixels: Tensor) -> Tensor:
            return self.maps(sign * pixels).mean((2, 3))

    pixels = torch.zeros(1, 3, 16, 16)
    pixels[:, :, :4, :4] = 1
    found = asked(toy.loaded(Corner(), 3), "EigenCAM", 0, pixels, layer="maps")
    assert (found.values[:4, :4] > 0).all() and not found.values[4:, 4:].any()
    # EigenGrad-CAM: what speaks for the class is positive, here the corner or all that is not the corner.
    speaking = asked(toy.loaded(Corner(), 3), "EigenGradCAM", 0, pixels, layer="maps").grid
    assert (speaking[:4, :4] * sign > 0).all() and (speaking[4:, 4:] * sign < 0).all()


def test_eigen_cam_is_the_same_for_every_class_and_says_so(pooled: models.LoadedModel) -> None:
    first, second = (asked(pooled, "EigenCAM", target, toy.picture(32)) for target in (ClassLogit(0), Contrast(1, 2)))
    np.testing.assert_array_equal(first.values, second.values)
    assert "same for every class" in first.notes[0]


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_cam_knows_averages_and_one_linear_layer_in_numbers_of_few_bits(kind: torch.dtype) -> None:
    network = toy.seeded(toy.Pooled())
    few, many = toy.loaded(toy.seeded(toy.Pooled()).to(kind), 4), toy.loaded(network, 4)
    assert explain.unsuitable(few, explain.CAM) is None
    assert same(asked(few, "CAM", 1).grid, asked(many, "CAM", 1).grid) > 0.99


def test_a_small_picture_that_the_last_layers_shrink_to_one_place_is_explained_before_them() -> None:
    """A CIFAR network in ResNet-18's form: its card names layer4, which is 1 x 1 there."""
    plain = toy.loaded(toy.seeded(resnet18(num_classes=10)), 10, side=32)
    model = replace(plain, card=replace(plain.card, default_layer="layer4"))
    assert default_layer(model) == "layer3"
    for name in ("GradCAM", "LayerCAM", "FusedCAM"):
        found = asked(model, name, 1, toy.picture(32))
        assert found.grid.size > 1 and found.grid.std() > 0


def test_a_layer_of_one_place_says_that_its_map_is_the_same_everywhere(pooled: models.LoadedModel) -> None:
    found = asked(pooled, "GradCAM", 1, toy.picture(32), layer="pool")
    assert found.grid.size == 1 and "one place" in found.notes[-1]


class Patches(nn.Module):
    """Cuts a picture of any size into tokens and averages them."""

    def __init__(self) -> None:
        super().__init__()
        self.cut, self.norm, self.head = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.head(self.norm(self.cut(pixels).flatten(2).transpose(1, 2)).mean(1))


def test_tokens_of_a_picture_of_another_size_are_not_laid_on_this_grid() -> None:
    model = toy.loaded(toy.seeded(Patches()), 3)
    assert asked(model, "GradCAM", 0, toy.picture(16), layer="norm").grid.shape == (4, 4)
    with pytest.raises(models.LayerError, match=r"'norm' gives 64 tokens; for pictures of 16 x 16 there are 16\."):
        asked(model, "GradCAM", 0, toy.picture(32), layer="norm")


def test_a_layer_without_contrast_gives_an_empty_map() -> None:
    model = toy.loaded(toy.seeded(toy.SingleLogit()), 1)
    with torch.no_grad():
        model.network.conv.weight.zero_()
    found = asked(model, "EigenCAM", 0)
    assert found.empty and "no evidence" in found.notes[-1]


@pytest.mark.parametrize("target", [ClassLogit(2), ClassProbability(1), Contrast(0, 3)])
def test_finer_cam_that_takes_nothing_off_is_grad_cam(pooled: models.LoadedModel, target: Any) -> None:
    """For a contrast nothing is taken off either: what is left is the first class."""
    plain = ClassLogit(target.index) if isinstance(target, Contrast) else target
    found = asked(pooled, "FinerCAM", target, toy.picture(32), alpha=0.0)
    np.testing.assert_allclose(found.grid, asked(pooled, "GradCAM", plain, toy.picture(32)).grid, rtol=1e-4, atol=1e-6)


def test_finer_cam_compares_with_classes_whose_probability_is_too_small_to_be_written(
    pooled: models.LoadedModel,
) -> None:
    loud = toy.loaded(toy.seeded(toy.Pooled(10)), 10, side=32)
    with torch.no_grad():
        loud.network.fc.weight *= 150
    logits = explain.trace(loud, toy.picture(32)).logits[0]
    assert logits.softmax(0).min() == 0
    for index in range(10):
        assert np.isfinite(asked(loud, "FinerCAM", index, toy.picture(32)).grid).all()


def test_finer_cam_leaves_the_layer_to_a_network_that_writes_into_it() -> None:
    model = toy.loaded(toy.seeded(toy.Branching()), 3)
    found = asked(model, "FinerCAM", 1, layer="conv1", alpha=0.0)
    np.testing.assert_allclose(found.grid, asked(model, "GradCAM", 1, layer="conv1").grid, rtol=1e-4, atol=1e-6)


def test_finer_cam_of_a_contrast_is_grad_cam_of_it(pooled: models.LoadedModel) -> None:
    found = asked(pooled, "FinerCAM", Contrast(2, 0), toy.picture(32))
    expected = asked(pooled, "GradCAM", Contrast(2, 0), toy.picture(32))
    np.testing.assert_allclose(found.grid, expected.grid, rtol=1e-4, atol=1e-6)
    assert found.notes == ("Compared with class 0.",)


def test_finer_cam_compares_with_the_closest_scores(everyday: models.LoadedModel) -> None:
    trace = explain.trace(everyday, probe(everyday))
    scores, index = trace.logits[0], 7
    order = sorted((abs(float(score - scores[index])), other) for other, score in enumerate(scores))[1:3]
    found = asked(everyday, "FinerCAM", index, trace, references=2, weighting="equal", alpha=0.5)
    maps = [asked(everyday, "GradCAM", other, trace).grid for other in (index, *(other for _, other in order))]
    np.testing.assert_allclose(found.grid, maps[0] - 0.25 * (maps[1] + maps[2]), rtol=1e-3, atol=1e-5)
    names = ", ".join(everyday.card.classes[other] for _, other in order)
    assert found.notes == (f"Compared with {names}, each with an equal share.",)


def test_finer_cam_knows_two_classes_of_a_single_output() -> None:
    model = toy.loaded(toy.seeded(toy.SingleLogit()), 1)
    np.testing.assert_allclose(
        asked(model, "FinerCAM", 1).grid, 2 * asked(model, "GradCAM", 1).grid, rtol=1e-4, atol=1e-6
    )


def test_fused_cam_is_the_geometric_mean_of_its_layers_hires_maps(everyday: models.LoadedModel) -> None:
    trace = explain.trace(everyday, probe(everyday))
    found = asked(everyday, "FusedCAM", 3, trace, layers=2)
    fine, coarse = (
        torch.from_numpy(asked(everyday, "HiResCAM", 3, trace, layer=layer).grid).relu()
        for layer in ("layer2", "layer3")
    )
    larger = functional.interpolate(coarse[None, None], (16, 16), mode="bilinear", align_corners=False)[0, 0] / 4
    np.testing.assert_allclose(found.grid, (fine * larger).sqrt(), rtol=1e-4, atol=1e-7)
    assert found.notes == ("Fused from the layers layer2, layer3.",) and found.layer is None


def test_fused_cam_goes_backwards_once_for_all_its_layers(everyday: models.LoadedModel) -> None:
    trace = explain.trace(everyday, probe(everyday))
    with toy.Counting() as counted:
        asked(everyday, "FusedCAM", 3, trace)
    assert (counted.forward, counted.backward) == (10, 10), "what follows layer1, once"


def test_the_layers_to_fuse_come_from_the_network() -> None:
    everyday = models.load("everyday_resnet", device="cpu")
    assert fused_layers(everyday, 5) == ["layer1", "layer2", "layer3"]
    assert fused_layers(models.load("everyday_vgg", device="cpu"), 3) == ["features.9", "features.16", "features.23"]
    one_resolution = toy.loaded(toy.seeded(toy.InPlace()), 3)
    assert fused_layers(one_resolution, 3)[-1] == default_layer(one_resolution)
    assert fused_layers(toy.loaded(toy.seeded(toy.Branching()), 3), 3) == ["conv1", "conv2"]


def test_a_layer_that_a_shortcut_leads_past_is_not_fused() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.inner = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
            self.down, self.shortcut = (nn.Conv2d(6, 6, 3, stride=2, padding=1) for _ in range(2))
            self.fc = nn.Linear(6, 3)

        def forward(self, pixels: Tensor) -> Tensor:
            start = self.stem(pixels)
            return self.fc((self.down(self.inner(start).relu()) + self.shortcut(start)).mean((2, 3)))

    assert fused_layers(toy.loaded(toy.seeded(Block()), 3), 3) == ["stem", "add"]
