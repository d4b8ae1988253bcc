"""Silencing a channel equals a forward written by hand in which that channel is zero."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import models
import toy
from explain import silencing
from explain.target import ClassLogit, probabilities
from explain.tracing import Trace
from models.errors import DeviceError, LayerError, ParameterError, PictureError, TargetError
from models.progress import Progress, heard_by

#: Eight architectures, each with layers that are modules: early, inside a block, late.
LAYERS = {
    "everyday_resnet": ("conv1", "layer2.0.conv1", "layer3"),
    "everyday_vgg": ("features.0", "features.23"),
    "resnet18": ("conv1", "layer2.0.downsample.0", "layer4.1.bn2"),
    "densenet121": ("features.conv0", "features.denseblock2.denselayer3.conv2", "features.norm5"),
    "googlenet": ("conv2", "inception4b.branch2.0.conv", "inception5b"),
    "mobilenet_v2": ("features.0.0", "features.7.conv.1.0", "features.18"),
    "efficientnet_b0": ("features.2.0.block.0", "features.4.0.block.2.fc1", "features.8"),
    "swin_t": ("features.0.0", "features.3.1.mlp", "head"),
}


#: Layers whose channels come last.
LAST = ("features.3.1.mlp",)
#: The others are left to the whole run.
QUICK = ("everyday_resnet", "everyday_vgg", "resnet18")


@pytest.fixture(
    scope="module", params=[pytest.param(key, marks=[] if key in QUICK else [pytest.mark.slow]) for key in LAYERS]
)
def traced(request: pytest.FixtureRequest) -> Iterator[Trace]:
    trained = request.param.startswith("everyday")
    model = models.load(request.param, weights=None if trained else "random", device="cpu")
    yield Trace(model, toy.picture(model.card.pixels.side))


def by_hand(model: models.LoadedModel, pixels: Tensor, layer: str, zero: list[int]) -> Tensor:
    """Run the whole network with a hook of our own that writes zeros over these channels."""

    def silence(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        output = output.clone()
        if layer in LAST:
            output[..., zero] = 0
        else:
            output[:, zero] = 0
        return output

    handle = dict(model.network.named_modules())[layer].register_forward_hook(silence)
    try:
        with torch.no_grad():
            return model(pixels)
    finally:
        handle.remove()


def close(found: Tensor, expected: Tensor) -> bool:
    """Equal to 1e-5 of the largest score."""
    return bool((found - expected).abs().max() <= 1e-5 * expected.abs().max().clamp_min(1))


def test_silencing_equals_a_forward_by_hand(traced: Trace) -> None:
    for layer in LAYERS[traced.model.card.key]:
        _, count = silencing.channels_of(traced.model, layer)
        for zero in ([3], [*range(0, count, 2)]):
            expected = by_hand(traced.model, traced.pixels, layer, zero)
            assert close(silencing.silenced(traced, layer, zero), expected), layer
        assert not close(expected, traced.logits), layer


def test_keeping_only_some_silences_all_others(traced: Trace) -> None:
    for layer in LAYERS[traced.model.card.key]:
        _, count = silencing.channels_of(traced.model, layer)
        others = [channel for channel in range(count) if channel not in (1, 4)]
        expected = by_hand(traced.model, traced.pixels, layer, others)
        assert close(silencing.silenced(traced, layer, [1, 4], keep_only=True), expected), layer


def test_the_accuracy_after_silencing_is_that_by_hand(traced: Trace) -> None:
    """The labels are what the network says of half of the pictures, before, and of the others, after."""
    model, layer = traced.model, LAYERS[traced.model.card.key][1]
    zero = list(range(0, silencing.channels_of(model, layer)[1], 2))
    pictures = [toy.picture(model.card.pixels.side, seed) for seed in range(3)]
    with torch.no_grad():
        before = [int(model(pixels).argmax()) for pixels in pictures]
    after = [int(by_hand(model, pixels, layer, zero).argmax()) for pixels in pictures]
    for labels in (before, after):
        expected = tuple(sum(map(int.__eq__, labels, said)) / 3 for said in (before, after))
        assert silencing.accuracy(model, list(zip(pictures, labels, strict=True)), layer, zero) == expected


@pytest.fixture
def small() -> Trace:
    return Trace(toy.loaded(toy.seeded(toy.Pooled()), 4, plain=False), toy.picture())


def test_only_the_rest_of_the_network_runs(small: Trace) -> None:
    for layer in ("relu", "relu_1"):
        small.activation(layer)
    with toy.Counting() as counted:
        silencing.silenced(small, "relu_1", [2])
    assert counted.forward == 0
    with toy.Counting() as counted:
        silencing.silenced(small, "relu", [2])
    assert counted.forward == 1


def test_the_effect_is_in_probabilities(small: Trace) -> None:
    found = silencing.effect(small, "conv2", [1, 3])
    expected = by_hand(small.model, small.pixels, "conv2", [1, 3]).softmax(1)[0]
    np.testing.assert_allclose(found.before, small.logits.softmax(1)[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(found.after, expected.numpy(), atol=1e-6)


def test_silencing_nothing_changes_nothing_and_keeping_nothing_leaves_the_bias(small: Trace) -> None:
    torch.testing.assert_close(silencing.silenced(small, "relu_1", []), small.logits)
    bias = small.model.network.fc.bias
    torch.testing.assert_close(silencing.silenced(small, "relu_1", [], keep_only=True)[0], bias.detach())


def test_each_channels_own_drop_is_its_share_where_the_rest_is_linear(small: Trace) -> None:
    """After the last ReLU come pooling and one linear layer, so the score is the sum of the channels' shares."""
    found = silencing.drops(small, "relu_1", ClassLogit(2))
    shares = small.model.network.fc.weight[2] * small.activation("relu_1").mean((2, 3))[0]
    np.testing.assert_allclose(found.values, shares.numpy(), atol=1e-5)


def test_a_network_without_a_graph_and_one_with_a_single_output_are_silenced_too() -> None:
    pictures = [(toy.picture(seed=seed), 1) for seed in range(4)]
    for network in (toy.Branching(), toy.SingleLogit(), toy.InPlace()):
        single = isinstance(network, toy.SingleLogit)
        model = toy.loaded(toy.seeded(network), 2 if single else 3)
        layer = next(info.name for info in model.layers() if info.kind == "Conv2d")
        said = [probabilities(by_hand(model, pixels, layer, [0, 2])).argmax() for pixels, _ in pictures]
        _, after = silencing.accuracy(model, pictures, layer, [0, 2])
        assert after == sum(int(each) == 1 for each in said) / 4
        found = silencing.silenced(Trace(model, pictures[0][0]), layer, [0, 2])
        assert close(found, by_hand(model, pictures[0][0], layer, [0, 2]))


def test_accuracy_counts_over_all_batches() -> None:
    model = toy.loaded(toy.seeded(toy.Pooled()), 4)
    pictures = [(toy.picture(seed=seed), seed % 4) for seed in range(150)]
    pixels, labels = torch.cat([pixels for pixels, _ in pictures]), torch.tensor([label for _, label in pictures])
    said = [model(pixels).argmax(1), by_hand(model, pixels, "bn1", [0, 1, 2, 3]).argmax(1)]
    expected = tuple((each == labels).double().mean().item() for each in said)
    assert expected[0] != expected[1]
    assert silencing.accuracy(model, pictures, "bn1", [0, 1, 2, 3]) == pytest.approx(expected)


def test_accuracy_reports_and_can_be_stopped() -> None:
    model = toy.loaded(toy.seeded(toy.Pooled()), 4)
    heard = []

    class Stopped(Exception):
        pass

    def hear(progress: Progress) -> None:
        heard.append((progress.done, progress.total))
        if progress.done:
            raise Stopped

    pictures = [(toy.picture(seed=seed), 0) for seed in range(200)]
    with pytest.raises(Stopped), heard_by(hear):
        silencing.accuracy(model, pictures, "relu", [0])
    assert heard[0] == (0, 200) and 0 < heard[-1][0] < 200


def test_where_memory_runs_out_the_batch_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    model = toy.loaded(toy.seeded(toy.Pooled()), 4)
    pictures = [(toy.picture(seed=seed), seed % 4) for seed in range(12)]
    expected = silencing.accuracy(model, pictures, "relu", [0, 1])
    whole = silencing._before_and_after
    sizes = []

    def cramped(model: models.LoadedModel, pixels: Tensor, *rest: object) -> tuple[Tensor, Tensor]:
        sizes.append(len(pixels))
        if len(pixels) > most:
            raise RuntimeError("out of memory")
        return whole(model, pixels, *rest)

    monkeypatch.setattr(silencing, "_before_and_after", cramped)
    most = 3
    assert silencing.accuracy(model, pictures, "relu", [0, 1]) == expected
    assert max(sizes) > 3
    most = 0
    with pytest.raises(DeviceError, match="not enough memory"):
        silencing.accuracy(model, pictures, "relu", [0, 1])


def test_what_cannot_be_silenced_is_refused_in_a_sentence(small: Trace) -> None:
    with pytest.raises(ParameterError, match="'relu' has the channels 0 to 7, not 8"):
        silencing.silenced(small, "relu", [1, 8])
    with pytest.raises(ParameterError, match="not -1"):
        silencing.silenced(small, "relu", [-1])
    with pytest.raises(LayerError, match="no layer named"):
        silencing.silenced(small, "nothing", [0])
    with pytest.raises(PictureError, match="at least one picture"):
        silencing.accuracy(small.model, [], "relu", [0])
    with pytest.raises(TargetError, match="no class 4"):
        silencing.accuracy(small.model, [(toy.picture(), 4)], "relu", [0])


def test_a_layer_without_channels_is_refused() -> None:
    model = models.load("shufflenet_v2_x0_5", weights="random", device="cpu")
    layer = next(info.name for info in model.layers() if len(info.shape) == 5)
    with pytest.raises(LayerError, match="no channels to silence"):
        silencing.channels_of(model, layer)
