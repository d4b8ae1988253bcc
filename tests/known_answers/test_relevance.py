"""Layer-wise relevance propagation: networks solvable by hand, zennit with its own canonizers, and what must add up."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from zennit.attribution import Gradient
from zennit.composites import EpsilonAlpha2Beta1, EpsilonGammaBox, EpsilonPlus, EpsilonPlusFlat
from zennit.torchvision import ResNetCanonizer, VGGCanonizer

import explain
import models
import toy
from explain import relevance_rules
from explain.relevance import Relevance
from explain.relevance_copy import relevance_copy
from explain.suitability import probe
from explain.target import ClassLogit, ClassProbability, Contrast
from models.errors import UnsuitableError
from oracles import same

COMPOSITES = ["epsilon_plus", "epsilon_plus_flat", "epsilon_alpha2_beta1", "epsilon_gamma_box"]


def shared_out(model: models.LoadedModel, name: str = "epsilon_plus", *, biases: bool = False) -> tuple[Tensor, float]:
    """Share out a relevance of 1, put in at the likeliest class of a picture: the shares (H, W) and their sum."""
    pixels = probe(model)
    with torch.no_grad():
        logits = model(pixels)
    start = torch.zeros_like(logits)
    start[0, logits[0].argmax()] = 1
    shares = Relevance(model, pixels, start, name).shares(logits, biases=biases)
    return shares, float(shares.double().sum())


class Reused(nn.Module):
    """One ReLU object and one function, called several times, and a residual addition."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(8, 4)

    def forward(self, pixels: Tensor) -> Tensor:
        first = self.relu(self.bn1(self.conv1(pixels)))
        second = self.relu(self.bn2(self.conv2(first)) + first)
        return self.fc(torch.flatten(functional.adaptive_avg_pool2d(functional.relu(second), 1), 1))


class Dense(nn.Module):
    """Batch norm before convolution, concatenation, overlapping max pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, 6, 3, padding=1)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(6)
        self.conv1 = nn.Conv2d(6, 6, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(12)
        self.fc = nn.Linear(12, 4)

    def forward(self, pixels: Tensor) -> Tensor:
        first = self.pool(functional.relu(self.conv0(pixels)))
        second = self.conv1(functional.relu(self.bn1(first)))
        return self.fc(functional.relu(self.bn2(torch.cat([first, second], 1))).mean((2, 3)))


class Gated(nn.Module):
    """Squeeze and excitation, a depthwise convolution, ReLU6, channels shuffled, and a shift of the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.squeeze = nn.Conv2d(8, 4, 1)
        self.excite = nn.Conv2d(4, 8, 1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.bn = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 4)

    def forward(self, pixels: Tensor) -> Tensor:
        first = functional.relu6(self.conv1(pixels * 2 - 1))
        gate = torch.sigmoid(self.excite(functional.relu(self.squeeze(first.mean((2, 3), keepdim=True)))))
        second = functional.silu(self.bn(self.depthwise(gate * first)))
        batch, channels, height, width = second.shape
        mixed = second.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(second.shape)
        return self.fc(mixed.mean((2, 3)))


TOYS = {"reused": Reused, "dense": Dense, "gated": Gated, "pooled": toy.Pooled}


def test_a_linear_network_gives_each_pixel_its_weight_times_its_value() -> None:
    network = toy.seeded(toy.Linear())
    model = toy.loaded(network, 3, plain=False)
    found = explain.run(model, toy.picture(), explain.LRP(), 1)
    given = model.normalise(toy.picture()).flatten()
    expected = (network.fc.weight[1] * given).reshape(3, 16, 16).sum(0)
    score = float(expected.sum() + network.fc.bias[1])
    # Without the bias each share is w x; with it the whole is z = sum(w x) + b, and the bias takes b.
    np.testing.assert_allclose(found.values, expected.numpy(), rtol=1e-4, atol=1e-6)
    assert found.checks["bias_share"] == pytest.approx(float(network.fc.bias[1]) / score, abs=1e-4)


class ByHand(nn.Module):
    """Two pixels' red, two hidden units, one score."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(3, 2)
        self.score = nn.Linear(2, 2)
        with torch.no_grad():
            self.hidden.weight.copy_(torch.tensor([[1.0, 2.0, 0.0], [3.0, -4.0, 0.0]]))
            self.hidden.bias.copy_(torch.tensor([1.0, 0.0]))
            self.score.weight.copy_(torch.tensor([[2.0, 5.0], [-1.0, 0.0]]))
            self.score.bias.copy_(torch.tensor([0.0, 0.5]))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.score(functional.relu(self.hidden(pixels[:, 0, 0, :])))


def test_a_network_of_two_layers_gives_what_a_hand_computes() -> None:
    """Pixels 1 and 1/2: hidden units 1 + 1 + 1 = 3 and 3 - 2 = 1; scores 2 * 3 + 5 * 1 = 11 and -3 + 1/2.

    Of the first unit's 6, each pixel gave 1 of 3 and so gets 2, the bias the other 2. Of the second unit's 5, the
    pixels gave 3 and -2 of 1: 15 and -10.
    """
    model = toy.loaded(ByHand(), 2, side=3)
    pixels = torch.zeros(1, 3, 3, 3)
    pixels[0, 0, 0] = torch.tensor([1.0, 0.5, 0.0])
    found = explain.run(model, pixels, explain.LRP(), 0)
    np.testing.assert_allclose(found.values[0], [17, -8, 0], rtol=1e-4)
    assert not found.values[1:].any()
    assert found.checks["bias_share"] == pytest.approx(2 / 11, abs=1e-5)
    assert found.checks["conservation"] < 1e-5
    # The second score: -3, of which each pixel gets -1 and the biases -1 and 0.5.
    other = explain.run(model, pixels, explain.LRP(), 1)
    np.testing.assert_allclose(other.values[0], [-1 * 2.5 / 2.5, -1 * 2.5 / 2.5, 0], rtol=1e-4)
    assert other.checks["bias_share"] == pytest.approx(0.5 / 2.5, abs=1e-5)


@pytest.mark.parametrize("name", COMPOSITES)
@pytest.mark.parametrize("kind", TOYS)
def test_without_biases_all_relevance_arrives(kind: str, name: str) -> None:
    model = toy.loaded(toy.seeded(TOYS[kind]()), 4, side=32, plain=False)
    assert shared_out(model, name)[1] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", COMPOSITES)
@pytest.mark.parametrize("key", ["everyday_resnet", "everyday_vgg"])
def test_without_biases_all_relevance_arrives_in_trained_networks(key: str, name: str) -> None:
    """zennit's gamma rule asks for a unit's sign with its bias, and without more loses 576 times all there is."""
    assert shared_out(models.load(key, device="cpu"), name)[1] == pytest.approx(1, abs=1e-3)


class Shifted(nn.Module):
    """A shift that no convolution takes in, and one score."""

    def __init__(self) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(3)
        self.fc = nn.Linear(12, 2)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.fc(torch.flatten(self.bn(pixels + 0.5), 1))


def test_a_shift_keeps_what_it_gave() -> None:
    network = toy.seeded(Shifted())
    found = explain.run(toy.loaded(network, 2, side=2), toy.picture(2), explain.LRP(), 1)
    scale = network.bn.weight / (network.bn.running_var + network.bn.eps).sqrt()
    expected = (network.fc.weight[1].view(3, 2, 2) * scale.view(3, 1, 1) * toy.picture(2)[0]).sum(0)
    np.testing.assert_allclose(found.values, expected.numpy(), rtol=1e-3)


@pytest.mark.parametrize("kind", TOYS)
def test_the_map_and_the_biases_share_add_up_to_the_score(kind: str) -> None:
    model = toy.loaded(toy.seeded(TOYS[kind]()), 4, side=32, plain=False)
    trace = explain.trace(model, toy.picture(32))
    for target in (ClassLogit(2), Contrast(0, 3)):
        found = explain.run(model, trace, explain.LRP(), target)
        score = float(target(trace.logits))
        whole = abs(score) if isinstance(target, ClassLogit) else float(trace.logits[0, [0, 3]].abs().sum())
        taken = found.checks["bias_share"] * whole * (1 if score > 0 else -1)
        assert found.values.sum() + taken == pytest.approx(score, rel=1e-3)
        assert found.signed and "biases took" in found.notes[0]


def test_a_contrast_is_the_difference_of_two_maps() -> None:
    model = toy.loaded(toy.seeded(Reused()), 4, side=32, plain=False)
    maps = [explain.run(model, toy.picture(32), explain.LRP(), target).values for target in (1, 2, Contrast(1, 2))]
    np.testing.assert_allclose(maps[0] - maps[1], maps[2], atol=1e-5)


def test_without_biases_a_relu_network_is_its_gradient_times_its_input() -> None:
    """LRP-0 is gradient x input there (Ancona et al., arXiv:1711.06104); linear layers follow it up to the epsilon."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 10), nn.ReLU(), nn.Linear(10, 6), nn.ReLU(), nn.Linear(6, 3))
    for module in toy.seeded(network).modules():
        if isinstance(module, nn.Linear):
            module.bias.data.zero_()
    model = toy.loaded(network, 3, side=4)
    leaf = toy.picture(4).requires_grad_()
    (gradient,) = torch.autograd.grad(network(leaf)[0, 1], leaf)
    found = explain.run(model, toy.picture(4), explain.LRP(), 1)
    expected = (gradient * leaf).sum((0, 1)).detach().numpy()
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["epsilon_plus", "epsilon_plus_flat", "epsilon_gamma_box"])
@pytest.mark.parametrize("key", ["everyday_resnet", "everyday_vgg"])
def test_the_map_is_zennits_with_its_own_canonizers(key: str, name: str) -> None:
    assert agreement(models.load(key, device="cpu"), name) > 0.9999


@pytest.mark.parametrize("key", ["everyday_resnet", "everyday_vgg"])
def test_alpha_beta_is_zennits_but_where_a_unit_has_no_negative_part(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There zennit hands on twice what the unit got (and minus what it got where the positive part is missing).

    So its shares do not add up; ours are scaled to. With the scaling left out, ours are zennit's.
    """
    model = models.load(key, device="cpu")
    assert 0.95 < agreement(model, "epsilon_alpha2_beta1") < 0.9999
    monkeypatch.setattr(relevance_rules, "Complete", lambda rule, evenly: rule)
    assert abs(shared_out(model, "epsilon_alpha2_beta1")[1] - 1) > 0.05
    assert agreement(model, "epsilon_alpha2_beta1") > 0.9999


def agreement(model: models.LoadedModel, name: str) -> float:
    """Compare with zennit, which puts its hooks on a network of its own."""
    pixels = probe(model)
    logits = explain.trace(model, pixels).logits
    found = Relevance(model, pixels, torch.eye(logits.shape[1])[[3]] * logits, name).shares(logits, biases=True)
    other = models.load(model.card.key, device="cpu")
    normalised = model.normalise(pixels)
    low, high = (model.normalise(torch.full((1, 3, 1, 1), end)) for end in (0.0, 1.0))
    canonizers = [ResNetCanonizer() if "resnet" in model.card.key else VGGCanonizer()]
    composite = {
        "epsilon_plus": lambda: EpsilonPlus(canonizers=canonizers),
        "epsilon_plus_flat": lambda: EpsilonPlusFlat(canonizers=canonizers),
        "epsilon_alpha2_beta1": lambda: EpsilonAlpha2Beta1(canonizers=canonizers),
        "epsilon_gamma_box": lambda: EpsilonGammaBox(low=low, high=high, canonizers=canonizers),
    }[name]()
    with Gradient(model=other.network, composite=composite) as attributor:
        _, expected = attributor(normalised.clone(), lambda scores: torch.eye(scores.shape[1])[[3]] * scores)
    return same(found.numpy(), expected[0].sum(0).numpy())


@pytest.mark.slow
@pytest.mark.parametrize(
    "key", ["resnet18", "vgg11", "squeezenet1_1", "densenet121", "googlenet", "inception_v3", "mobilenet_v2"]
)
def test_relevance_adds_up_on_every_architecture(key: str) -> None:
    assert shared_out(models.load(key, weights="random", device="cpu"))[1] == pytest.approx(1, abs=1e-4)


def test_a_bias_alone_hands_its_relevance_on_evenly_where_biases_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why zennit's own rules lose nine tenths on MobileNetV2: many depthwise units are above zero for their bias alone.

    z-plus has no positive part to share by there. With the bias counted, it takes all.
    """
    network = nn.Sequential(nn.Conv2d(3, 1, 2), nn.ReLU(), nn.Flatten(), nn.Linear(1, 2))
    with torch.no_grad():
        network[0].weight.fill_(-1)
        network[0].bias.fill_(100)
        network[3].weight.fill_(1)
    model = toy.loaded(network, 2, side=2)
    without, arrived = shared_out(model)
    np.testing.assert_allclose(without.numpy(), np.full((2, 2), 0.25), rtol=1e-5)
    assert arrived == pytest.approx(1)
    found = explain.run(model, torch.full((1, 3, 2, 2), 0.5), explain.LRP(), 1)
    assert found.checks["evenly"] == pytest.approx(1)
    assert any("shared evenly" in note for note in found.notes)
    assert not shared_out(model, biases=True)[0].any()
    monkeypatch.setattr(relevance_rules, "Complete", lambda rule, evenly: rule)
    assert shared_out(model)[1] == 0


def test_the_copy_shares_the_weights_that_are_not_folded() -> None:
    network = toy.seeded(Dense())
    copied = relevance_copy(toy.loaded(network, 4, side=32).graph).network
    shared = {id(tensor) for tensor in network.parameters()}
    own = [path for path, tensor in copied.named_parameters() if id(tensor) not in shared]
    # conv0 and conv1 have no batch norm behind them; bn1 and bn2 become a scale and a shift each.
    assert len(own) == 4
    assert not {id(module) for module in network.modules()} & {id(module) for module in copied.modules()}


def test_two_threads_get_what_each_would_alone() -> None:
    model = toy.loaded(toy.seeded(Gated()), 4, side=32, plain=False)
    expected = [explain.run(model, toy.picture(32, seed), explain.LRP(), 1).values for seed in (1, 2)]
    wrong: list[int] = []

    def ask(place: int) -> None:
        for _ in range(5):
            found = explain.run(model, toy.picture(32, place + 1), explain.LRP(), 1).values
            if not np.array_equal(found, expected[place]):
                wrong.append(place)

    threads = [threading.Thread(target=ask, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_nothing_of_the_copy_stays_in_memory() -> None:
    model = toy.loaded(toy.seeded(Reused()), 4, side=32, plain=False)
    relevance = Relevance(model, probe(model), model(probe(model)), "epsilon_plus")
    relevance.shares(model(probe(model)), biases=True)
    left = weakref.ref(relevance.copy.network)
    del relevance
    gc.collect()
    assert left() is None


def test_a_probability_is_refused_in_a_sentence() -> None:
    model = toy.loaded(toy.seeded(Reused()), 4, side=32, plain=False)
    with pytest.raises(UnsuitableError, match="probability"):
        explain.run(model, toy.picture(32), explain.LRP(), ClassProbability(1))


class Multiplying(nn.Module):
    """Multiplies two things neither of which is plainly a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 4, 3, padding=1)
        self.other = nn.Conv2d(3, 4, 3, padding=1)
        self.fc = nn.Linear(4, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.fc((self.one(pixels) * self.other(pixels)).mean((2, 3)))


def test_what_no_rule_is_known_for_is_refused_by_name() -> None:
    reason = explain.unsuitable(toy.loaded(toy.seeded(Multiplying()), 3), explain.LRP)
    assert reason == "This network holds an operation (mul) that this method has no rule for."
    unread = explain.unsuitable(toy.loaded(toy.seeded(toy.Branching()), 3), explain.LRP)
    assert unread is not None and "cannot be read" in unread


def test_where_every_unit_has_inputs_to_share_by_nothing_is_shared_evenly() -> None:
    found = explain.run(toy.loaded(toy.seeded(Reused()), 4, side=32, plain=False), toy.picture(32), explain.LRP(), 1)
    assert found.checks["evenly"] == 0 and len(found.notes) == 1


class Clamped(nn.Module):
    """Cuts off what is below zero by one function or another."""

    def __init__(self, rectify: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.fc = nn.Linear(8, 4)
        self.rectify = rectify

    def forward(self, pixels: Tensor) -> Tensor:
        return self.fc(self.rectify(self.conv2(self.rectify(self.conv1(pixels)))).mean((2, 3)))


@pytest.mark.parametrize(
    "rectify", [lambda given: given.clamp(min=0), lambda given: torch.clamp(given, 0), lambda given: given.clamp_min(0)]
)
def test_a_clamp_at_zero_is_a_relu(rectify: Callable[[Tensor], Tensor]) -> None:
    maps = [
        explain.run(toy.loaded(toy.seeded(Clamped(kind)), 4, side=32), toy.picture(32), explain.LRP(), 1).values
        for kind in (functional.relu, rectify)
    ]
    np.testing.assert_allclose(*maps, rtol=1e-5, atol=1e-7)


def test_a_clamp_at_what_follows_from_the_picture_is_refused() -> None:
    class Bounded(Clamped):
        def forward(self, pixels: Tensor) -> Tensor:
            first = self.conv1(pixels)
            return self.fc(first.clamp(min=self.conv2(first)).mean((2, 3)))

    reason = explain.unsuitable(toy.loaded(toy.seeded(Bounded(functional.relu)), 4, side=32), explain.LRP)
    assert reason == "This network holds an operation (clamp) that this method has no rule for."


def test_a_network_that_gives_no_tensor_is_refused_in_words() -> None:
    class Named(toy.SingleLogit):
        def forward(self, pixels: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
            return {"out": super().forward(pixels)}

    reason = explain.unsuitable(toy.loaded(toy.seeded(Named()), 1), explain.LRP)
    assert reason is not None and "dict" in reason


def test_relevance_that_gets_lost_is_refused_with_the_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    model = toy.loaded(toy.seeded(Reused()), 4, side=32, plain=False)
    whole = Relevance.shares
    monkeypatch.setattr(Relevance, "shares", lambda self, logits, biases: whole(self, logits, biases=biases) * 0.8)
    reason = explain.unsuitable(model, explain.LRP)
    assert reason is not None and "20.0 % of the relevance is lost" in reason and "network" in reason


def test_the_pictures_own_conservation_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    model = toy.loaded(toy.seeded(Reused()), 4, side=32, plain=False)
    assert explain.unsuitable(model, explain.LRP) is None
    assert explain.run(model, toy.picture(32), explain.LRP(), 1).checks["conservation"] < 1e-4
    whole = Relevance.shares
    monkeypatch.setattr(Relevance, "shares", lambda self, logits, biases: whole(self, logits, biases=biases) * 0.8)
    with pytest.raises(UnsuitableError, match=r"20\.0 %"):
        explain.run(model, toy.picture(32), explain.LRP(), 1)
