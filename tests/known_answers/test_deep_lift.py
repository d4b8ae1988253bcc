"""DeepLIFT: captum on plain networks, networks solvable by hand, shares that add up whatever a network is made of."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import explain
import models
import toy
from explain.methods.deep_lift import _shared_out
from explain.multipliers import multipliers
from explain.suitability import probe
from explain.target import ClassLogit, ClassProbability, Contrast
from models.errors import UnsuitableError
from oracles import OfPixels, same

TARGETS = [ClassLogit(2), ClassProbability(1), Contrast(0, 2)]


class Between(nn.Module):
    """Two convolutions and a linear layer, with something between the convolutions."""

    def __init__(self, between: nn.Module | Callable[[Tensor], Tensor], channels: int = 8) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.between = between
        self.conv2 = nn.Conv2d(channels, 8, 3, padding=1)
        self.fc = nn.Linear(8, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.fc(self.conv2(self.between(self.conv1(pixels))).mean((2, 3)))


class Gate(nn.Module):
    """Squeeze and excitation: a channel is multiplied by what the whole picture says of it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)

    def forward(self, given: Tensor) -> Tensor:
        scale = functional.relu(self.first(functional.adaptive_avg_pool2d(given, 1)))
        return given * torch.sigmoid(self.second(scale))


class Attention(nn.Module):
    """Self-attention over places, by torch's own module or its function."""

    def __init__(self, own: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True) if own else None
        self.norm = nn.LayerNorm(8)

    def forward(self, given: Tensor) -> Tensor:
        tokens = self.norm(given.flatten(2).transpose(1, 2))
        if self.attention is None:
            mixed = functional.scaled_dot_product_attention(tokens, tokens * 2, tokens)
        else:
            mixed = self.attention(tokens, tokens, tokens, need_weights=False)[0]
        return given + mixed.transpose(1, 2).reshape(given.shape)


class Cosine(nn.Module):
    """Attention between unit vectors, written with einsum, as Swin v2 and MaxViT do."""

    def forward(self, given: Tensor) -> Tensor:
        tokens = functional.normalize(given.flatten(2), dim=1)
        weights = torch.softmax(5 * torch.einsum("bci,bcj->bij", tokens, tokens), -1)
        return (given.flatten(2) @ weights).reshape(given.shape)


class InPlace(nn.Module):
    """Reads a tensor, then writes into it."""

    def forward(self, given: Tensor) -> Tensor:
        gate = torch.sigmoid(given)
        given += 1
        given *= gate
        return functional.relu_(given)


class Densely(nn.Module):
    """Concatenates with what it made, with one ReLU for two uses."""

    def __init__(self) -> None:
        super().__init__()
        self.relu, self.conv = nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, given: Tensor) -> Tensor:
        return torch.cat([self.relu(given), self.relu(self.conv(given))], 1)


#: What stands between the convolutions; each has a rule.
BETWEEN: dict[str, tuple[Callable[[], Any], int]] = {
    **{
        kind.__name__: (kind, 8)
        for kind in (
            *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.SiLU, nn.GELU, nn.Hardswish),
            *(nn.Hardsigmoid, nn.Hardtanh, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Mish, nn.Softsign, nn.LogSigmoid),
            *(nn.Tanhshrink, Gate, Cosine, InPlace, nn.Softmax2d, nn.Identity),
        )
    },
    "PReLU of each channel": (lambda: nn.PReLU(8), 8),
    "GELU by tanh": (lambda: nn.GELU("tanh"), 8),
    "threshold": (lambda: nn.Threshold(0.1, 0.1), 8),
    "functional": (lambda: lambda given: torch.tanh(functional.relu(given)) + given.sigmoid(), 8),
    "powers": (lambda: lambda given: given**2 + 0.1 * given.exp() + 2 ** given.clamp(-1, 1), 8),
    "quotient": (lambda: lambda given: given / (1 + given.abs()) + 1 / (2 + given.abs()), 8),
    "concatenated": (Densely, 16),
    "overlapping max pool": (lambda: nn.MaxPool2d(3, 2, ceil_mode=True), 8),
    "padded max pool": (lambda: nn.MaxPool2d(3, 1, padding=1), 8),
    "dilated max pool": (lambda: nn.MaxPool2d(2, 1, dilation=2), 8),
    "adaptive max pool": (lambda: nn.AdaptiveMaxPool2d(5), 8),
    "layer norm": (lambda: nn.LayerNorm([8, 16, 16]), 8),
    "group norm": (lambda: nn.GroupNorm(2, 8), 8),
    "instance norm": (lambda: nn.InstanceNorm2d(8, affine=True), 8),
    "instance norm with fixed statistics": (lambda: nn.InstanceNorm2d(8, track_running_stats=True), 8),
    "larger and smaller": (lambda: lambda given: torch.maximum(given, 0.2 - given) + torch.minimum(given, given**2), 8),
    "local response norm": (lambda: nn.LocalResponseNorm(3, alpha=0.5), 8),
    "attention": (lambda: Attention(own=True), 8),
    "attention by function": (lambda: Attention(own=False), 8),
}


class Plain(nn.Module):
    """Every activation is a module of its own and used once, and none stands beside a max pool: captum's ground."""

    def __init__(self, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(3, 8, 3, padding=1), activation(), nn.Conv2d(8, 8, 1), nn.MaxPool2d(2)),
            *(nn.Conv2d(8, 8, 3, padding=1), activation(), nn.AdaptiveAvgPool2d(2), nn.Flatten()),
            *(nn.Linear(32, 16), activation(), nn.Linear(16, 3)),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        return self.layers(pixels)


def loaded(network: nn.Module, **more: Any) -> models.LoadedModel:
    return toy.loaded(toy.seeded(network), 3, **more)


def captums(network: nn.Module, pixels: Tensor, start: Tensor, index: int) -> tuple[Tensor, float]:
    """Ask captum: its shares, and by how much they miss the difference."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Setting forward, backward hooks and attributes on non-linear")
        shares, missing = captum.attr.DeepLift(network).attribute(
            pixels.clone().requires_grad_(), start, target=index, return_convergence_delta=True
        )
    return shares.detach(), float(missing)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.ELU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.Softplus])
@pytest.mark.parametrize(("baseline", "value"), [("black", 0.0), ("grey", 0.5)])
def test_on_plain_networks_the_shares_are_captums(activation: type[nn.Module], baseline: str, value: float) -> None:
    model = loaded(Plain(activation), plain=False)
    pixels = probe(model)
    expected, _ = captums(OfPixels(model), pixels, torch.full_like(pixels, value), 1)
    values = explain.run(model, pixels, explain.METHODS["DeepLift"](baseline=baseline), 1).values
    assert same(values, expected.sum(1)[0].numpy()) >= 0.9999
    np.testing.assert_allclose(values, expected.sum(1)[0].numpy(), rtol=1e-2, atol=1e-4 * np.abs(values).max())


def test_where_a_relu_stands_before_a_max_pool_captum_misses_its_own_sum() -> None:
    """Why no network with such a pair is compared with captum 0.9, VGG among them: it passes the ReLU by there.

    By hand: 1 and -1 against -1 and 2 pool to 1 and 2, a fall of 1, all from the second place. captum says +1 and 0,
    and reports itself that 2 is missing.
    """
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu, self.pool = nn.ReLU(), nn.MaxPool2d((1, 2))

        def forward(self, pixels: Tensor) -> Tensor:
            return self.pool(self.relu(4 * pixels[:, :1] - 1)).flatten(1).repeat(1, 2)

    picture, start = torch.zeros(1, 3, 1, 2), torch.zeros(1, 3, 1, 2)
    picture[0, 0, 0], start[0, 0, 0] = torch.tensor([0.5, 0.0]), torch.tensor([0.0, 0.75])
    found, *_ = multipliers(toy.loaded(Pair(), 2), picture, start, ClassLogit(1))
    assert (found * (picture - start))[0, 0, 0].tolist() == pytest.approx([0, -1])
    expected, missing = captums(Pair(), picture, start, 1)
    assert expected[0, 0, 0].tolist() == pytest.approx([1, 0]) and missing == pytest.approx(2)


@pytest.mark.parametrize(("baseline", "value"), [("black", 0.0), ("white", 1.0), ("grey", 0.5)])
def test_a_linear_networks_shares_are_its_weights_times_the_difference(baseline: str, value: float) -> None:
    model = loaded(toy.Linear())
    found = explain.run(model, toy.picture(), explain.METHODS["DeepLift"](baseline=baseline), 2)
    expected = (model.network.fc.weight[2].reshape(3, 16, 16) * (toy.picture()[0] - value)).sum(0)
    np.testing.assert_allclose(found.values, expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", BETWEEN)
def test_the_shares_add_up_to_the_difference(name: str, target: Any) -> None:
    between, channels = BETWEEN[name]
    model = loaded(Between(between(), channels), plain=False)
    assert explain.unsuitable(model, explain.METHODS["DeepLift"]) is None
    for baseline in ("black", "blur"):
        found = explain.run(model, toy.picture(), explain.METHODS["DeepLift"](baseline=baseline), target)
        assert found.checks["completeness"] < 1e-3 and not found.notes
    assert (found.values != 0).any()


def test_where_windows_share_a_maximum_its_slopes_add_up() -> None:
    """Worked out by hand: the 5 in the middle is the largest of both windows; against 1 and 2 it explains 4 and 3."""

    class Pools(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            pooled = functional.max_pool2d(pixels[:, :1], (1, 3), (1, 2))
            return pooled.flatten(1) @ torch.tensor([[1.0, 0.0], [10.0, 0.0]])

    picture, start = torch.zeros(1, 3, 1, 5), torch.zeros(1, 3, 1, 5)
    picture[0, 0, 0] = torch.tensor([0.0, 0.1, 0.5, 0.3, 0.0])
    start[0, 0, 0] = torch.tensor([0.1, 0.0, 0.0, 0.0, 0.2])
    found, begun, ended = multipliers(toy.loaded(Pools(), 2), picture, start, ClassLogit(0))
    assert (begun, ended) == pytest.approx((2.1, 5.5))
    shares = (found * (picture - start))[0, 0, 0].tolist()
    assert shares == pytest.approx([0, 0, 0.4 + 3, 0, 0], abs=1e-6)


def test_the_baselines_larger_maximum_bears_the_fall() -> None:
    class Pools(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return functional.max_pool2d(pixels[:, :1], (1, 3)).flatten(1).repeat(1, 2)

    picture, start = torch.zeros(1, 3, 1, 3), torch.zeros(1, 3, 1, 3)
    picture[0, 0, 0] = torch.tensor([0.4, 0.0, 0.1])
    start[0, 0, 0] = torch.tensor([0.3, 0.9, 0.0])
    found, *_ = multipliers(toy.loaded(Pools(), 2), picture, start, ClassLogit(0))
    assert (found * (picture - start))[0, 0, 0].tolist() == pytest.approx([0, -0.5, 0], abs=1e-6)


def test_a_product_is_shared_by_both_factors() -> None:
    """x y = 6 against 1 * 1: dx (y1 + y0) / 2 = 1 * 2 and dy (x1 + x0) / 2 = 2 * 1.5."""

    class Product(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return (pixels[:, 0] * pixels[:, 1] * 10).flatten(1).repeat(1, 2)

    picture = torch.tensor([0.2, 0.3, 0.0]).view(1, 3, 1, 1)
    start = torch.tensor([0.1, 0.1, 0.0]).view(1, 3, 1, 1)
    found, *_ = multipliers(toy.loaded(Product(), 2), picture, start, ClassLogit(0))
    assert (found * (picture - start)).flatten().tolist() == pytest.approx([0.2, 0.3, 0], abs=1e-6)


def test_a_rectified_difference_passes_in_the_share_that_comes_out() -> None:
    """From -1 to 3 a ReLU rises by 3 of 4; where both are nearly the same, its own gradient stands."""

    class Rectified(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return functional.relu(4 * pixels[:, 0] - 1).flatten(1).repeat(1, 2)

    picture, start = torch.ones(1, 3, 1, 2), torch.zeros(1, 3, 1, 2)
    start[..., 1] = 1 - 1e-7
    found, *_ = multipliers(toy.loaded(Rectified(), 2), picture, start, ClassLogit(0))
    assert found[0, 0, 0].tolist() == pytest.approx([3, 0])
    found, *_ = multipliers(toy.loaded(Rectified(), 2), picture, start, ClassLogit(1))
    assert found[0, 0, 0].tolist() == pytest.approx([0, 4], rel=1e-4)


def test_however_a_relu_is_written_the_shares_are_the_same() -> None:
    class Reused(Plain):
        def forward(self, pixels: Tensor) -> Tensor:
            again = self.layers[1]
            for place, layer in enumerate(self.layers):
                pixels = functional.relu(pixels) if place == 5 else again(pixels) if place == 9 else layer(pixels)
            return pixels

    found = [explain.run(loaded(kind()), toy.picture(), explain.METHODS["DeepLift"](), 0) for kind in (Plain, Reused)]
    np.testing.assert_array_equal(found[0].values, found[1].values)


def test_a_network_with_something_that_has_no_rule_is_refused_with_the_figure() -> None:
    class Unknown(nn.Module):
        def forward(self, given: Tensor) -> Tensor:
            return torch.where(given > 0.1, given, given * 0)

    model = loaded(Between(Unknown()))
    reason = explain.unsuitable(model, explain.METHODS["DeepLift"])
    assert reason is not None and "network" in reason and "%" in reason
    with pytest.raises(UnsuitableError, match="% of the rise"):
        explain.METHODS["DeepLift"]()(explain.trace(model, toy.picture()), ClassLogit(0))


def test_a_network_that_does_something_else_for_the_baseline_is_refused() -> None:
    class Deciding(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return (pixels.relu() if pixels.sum() > 0 else pixels).mean((2, 3))

    with pytest.raises(UnsuitableError, match="network does not compute the same operations"):
        explain.METHODS["DeepLift"]()(explain.trace(toy.loaded(Deciding(), 3), toy.picture()), ClassLogit(0))


def test_shares_that_cancel_are_counted_in_twice_the_bits() -> None:
    """Weights near 1e3 that add up to nothing, on equal pixels: in 32 bits what is left of 1e6 is rounding."""
    network = toy.Linear()
    weights = 1e3 * torch.randn(3, 768, generator=torch.Generator().manual_seed(0))
    weights[:, -1] -= weights.sum(1)
    with torch.no_grad():
        network.fc.weight.copy_(weights)
        network.fc.bias.zero_()
    model = toy.loaded(network, 3)
    uniform = torch.full((1, 3, 16, 16), 0.7)
    found = explain.METHODS["DeepLift"]()(explain.trace(model, uniform), ClassLogit(1))
    assert found.checks["completeness"] < 1e-3
    assert np.allclose(found.values, (0.7 * network.fc.weight[1].double()).view(3, 16, 16).sum(0).detach(), rtol=1e-4)


def test_shares_that_cancel_hide_no_operation_without_a_rule() -> None:
    """A hundredth of the evidence passes through a maximum over the picture, whose place moves; that has no rule."""

    class Partly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2, bias=False)

        def forward(self, pixels: Tensor) -> Tensor:
            ramp = torch.linspace(0, 0.3, 16)
            return self.fc(pixels.mean((2, 3)) + 0.01 * (pixels + ramp).amax((2, 3)))

    network = Partly()
    with torch.no_grad():
        network.fc.weight.copy_(torch.tensor([[1.0, -1.0, 0.0], [1.0, 1.0, 1.0]]))
    pixels = 0.05 + 0.55 * toy.picture()
    # The first two colours have nearly the same mean, but their maximum is not at the same place.
    pixels[:, 1] = pixels[:, 0] - 0.02
    pixels[:, 0, 0, 0] = 1
    model = toy.loaded(network, 2)
    shares, rise, _ = _shared_out(explain.trace(model, pixels), ClassLogit(0), "black")
    missing = abs(float(shares.sum()) - rise)
    assert missing / abs(rise) > 0.01 and missing < 0.01 * float(shares.abs().sum())
    with pytest.raises(UnsuitableError, match="% of the rise"):
        explain.METHODS["DeepLift"]()(explain.trace(model, pixels), ClassLogit(0))


@pytest.mark.slow
@pytest.mark.parametrize(
    "key", ["resnet18", "densenet121", "squeezenet1_1", "mobilenet_v2", "googlenet", "inception_v3", "swin_t"]
)
def test_the_shares_of_real_networks_add_up(key: str) -> None:
    model = models.load(key, weights="random", device="cpu")
    assert explain.unsuitable(model, explain.METHODS["DeepLift"]) is None
    found = explain.run(model, probe(model, seed=1), explain.METHODS["DeepLift"]())
    assert found.checks["completeness"] < 0.01 and not found.notes


@pytest.mark.slow
@pytest.mark.parametrize("key", ["mobilenet_v2", "squeezenet1_1"])
def test_the_shares_of_trained_networks_add_up(key: str, test_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVLENS_WEIGHTS", str(test_data / "weights"))
    model = models.load(key, device="cpu")
    for baseline in ("black", "white", "blur"):
        found = explain.run(model, probe(model, seed=1), explain.METHODS["DeepLift"](baseline=baseline))
        assert found.checks["completeness"] < 1e-3 and not found.notes
