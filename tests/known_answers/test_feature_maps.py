"""Feature maps are what the layers gave, and what channels add is what the score is made of."""

import numpy as np
import pytest

import explain
import models
import toy
from explain.feature_maps import ORDERS, around, contributions, ordered
from explain.results import FeatureMaps
from explain.tracing import Trace
from unit.test_trace import clones

TEN = [
    *("resnet18", "vgg11_bn", "alexnet", "squeezenet1_1", "densenet121", "googlenet", "mobilenet_v2"),
    *("shufflenet_v2_x0_5", "efficientnet_b0", "convnext_tiny"),
]


@pytest.mark.slow
@pytest.mark.parametrize("key", TEN)
def test_feature_maps_equal_clones_of_every_layer(key: str) -> None:
    model = models.load(key, weights="random", device="cpu")
    pixels = toy.picture(model.card.pixels.side)
    trace = explain.trace(model, pixels)
    seen = clones(model, pixels)
    known = {layer.name for layer in model.layers()}
    compared = 0
    for name in sorted(known & set(seen)):
        maps = explain.run(model, trace, explain.LayerActivations(layer=name))
        assert isinstance(maps, FeatureMaps)
        expected = seen[name][0]
        if model.graph.geometry[name].axes == "NHWC":
            expected = expected.permute(2, 0, 1)
        np.testing.assert_allclose(maps.maps.ravel(), expected.numpy().ravel(), rtol=1e-4, atol=1e-5, err_msg=name)
        compared += 1
    assert compared >= 0.9 * len(seen) and compared > 15


def test_what_the_channels_of_the_last_block_add_and_the_bias_are_the_score() -> None:
    model = models.load("everyday_resnet")
    trace = explain.trace(model, toy.picture(64))
    for index in (0, 7, 49):
        added = contributions(trace, "layer3", explain.ClassLogit(index))
        total = added.values.sum() + float(model.network.fc.bias[index])
        assert total == pytest.approx(float(trace.logits[0, index]), abs=1e-4)
    direct = contributions(trace, "flatten", explain.ClassLogit(7))
    np.testing.assert_allclose(direct.values, contributions(trace, "layer3", explain.ClassLogit(7)).values, atol=1e-5)


def test_each_order_begins_with_the_largest() -> None:
    maps = np.zeros((3, 2, 2), np.float32)
    maps[0], maps[1, 0, 0], maps[2, 0, 0] = 1, 9, 3
    found = FeatureMaps(maps=maps, layer="any")
    added = explain.feature_maps.Contributions(np.array([0.0, -5.0, 2.0], np.float32))
    expected = {"contribution": [2, 0, 1], "maximum": [1, 2, 0], "mean": [1, 0, 2], "index": [0, 1, 2]}
    assert {order: ordered(found, order, added).tolist() for order in ORDERS} == expected


@pytest.mark.parametrize(
    ("layer", "before", "after", "here"),
    [
        ("conv1", "bn1", "relu", ""),
        ("bn1", "bn1", "relu", "before"),
        ("relu", "bn1", "relu", "after"),
        ("layer1.0.conv2", "layer1.0.add", "layer1.0.relu_1", ""),
        ("layer1", "layer1.1.add", "layer1.1.relu_1", "after"),
    ],
)
def test_the_activation_near_a_layer_is_found(layer: str, before: str, after: str, here: str) -> None:
    found = around(models.load("everyday_resnet"), layer)
    assert found is not None
    assert (found.before, found.after, found.kind, found.here) == (before, after, "ReLU", here)


def test_a_layer_without_an_activation_near_has_none() -> None:
    model = models.load("everyday_resnet")
    assert around(model, "avgpool") is None and around(model, "fc") is None


def test_functional_activations_are_found_too() -> None:
    model = models.load("densenet121", weights="random", device="cpu")
    found = around(model, "features.norm5")
    assert found is not None and found.kind == "relu" and found.here == "before"
    assert Trace(model, toy.picture(224)).activation(found.after).amin() >= 0
