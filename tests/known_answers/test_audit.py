"""The audit of a layer: planted dead and duplicated filters are found, all of them and no others."""

from __future__ import annotations

import copy
import dataclasses
from threading import RLock
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

import models
import toy
from explain import audit as auditing
from explain import pairs as pairing
from explain.audit import Audit, audit
from explain.pairs import Pairs
from explain.saving import Saving, saving, weights_of
from models.errors import LayerError, PictureError
from models.evaluate import multiply_adds
from models.loaded import LoadedModel
from models.progress import Progress, heard_by


class Chain(nn.Module):
    """Convolution, norm, ReLU, convolution, ReLU, classes; `first` and `second` are the numbers of channels."""

    def __init__(self, first: int = 10, second: int = 8) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, first, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(first)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(first, second, 3, stride=2, padding=1, bias=False)
        self.fc = nn.Linear(second * 4, 4)

    def forward(self, pixels: Tensor) -> Tensor:
        first = self.relu(self.bn1(self.conv1(pixels)))
        second = functional.relu(self.conv2(first))
        return self.fc(torch.flatten(functional.adaptive_avg_pool2d(second, 2), 1))


class Depthwise(nn.Module):
    """Widen, one filter for each channel, weigh the channels, narrow: an inverted residual without its skip."""

    def __init__(self, wide: int = 6) -> None:
        super().__init__()
        self.widen = nn.Conv2d(3, wide, 1)
        self.apart = nn.Conv2d(wide, wide, 3, padding=1, groups=wide)
        self.squeeze = nn.Conv2d(wide, 2, 1)
        self.excite = nn.Conv2d(2, wide, 1)
        self.narrow = nn.Conv2d(wide, 4, 1)
        self.fc = nn.Linear(4, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        apart = self.apart(self.widen(pixels).relu()).relu()
        factor = self.excite(self.squeeze(apart.mean((2, 3), keepdim=True)).relu()).sigmoid()
        return self.fc(self.narrow(apart * factor).relu().mean((2, 3)))


class Dense(nn.Module):
    """Each layer reads everything before it."""

    def __init__(self, first: int = 5, second: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, first, 3, padding=1)
        self.conv2 = nn.Conv2d(first, second, 3, padding=1)
        self.bn = nn.BatchNorm2d(first + second)
        self.fc = nn.Linear(first + second, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        first = self.conv1(pixels)
        both = torch.cat([first, self.conv2(first)], 1)
        return self.fc(self.bn(both).relu().mean((2, 3)))


class Skip(nn.Module):
    """A sum of two branches."""

    def __init__(self, inner: int = 6) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 5, 3, padding=1)
        self.conv1 = nn.Conv2d(5, inner, 3, padding=1)
        self.conv2 = nn.Conv2d(inner, 5, 3, padding=1)
        self.fc = nn.Linear(5, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        stem = self.stem(pixels).relu()
        return self.fc((self.conv2(self.conv1(stem).relu()) + stem).relu().mean((2, 3)))


class Folded(nn.Module):
    """Has an output with two axes that might be channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.fc = nn.Linear(3, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.fc(torch.unflatten(self.conv(pixels), 1, (2, 3)).mean((1, 3, 4)))


def pictures(count: int = 11, side: int = 16) -> list[Tensor]:
    return [toy.picture(side, seed) for seed in range(count)]


def copy_channel(network: nn.Module, conv: str, norm: str, source: int, to: int) -> None:
    for module in (network.get_submodule(conv), network.get_submodule(norm)):
        for held in (*module.parameters(), *module.buffers()):
            if held.ndim:
                held[to] = held[source]


def silence_channel(network: nn.Module, norm: str, channel: int) -> None:
    module = network.get_submodule(norm)
    assert isinstance(module, nn.BatchNorm2d)
    module.weight[channel] = 0
    module.bias[channel] = -0.1


def planted() -> LoadedModel:
    """Channels 2 and 7 are dead; 4 and 9 are copies of 1, and 6 of 3."""
    model = toy.loaded(toy.seeded(Chain()), 4)
    with torch.no_grad():
        model.network.bn1.bias += 0.4  # else a few of the drawn channels are dead, too
        for source, to in ((1, 4), (1, 9), (3, 6)):
            copy_channel(model.network, "conv1", "bn1", source, to)
        for channel in (2, 7):
            silence_channel(model.network, "bn1", channel)
    return model


def alike(*planned: tuple[int, int, float]) -> Pairs:
    first, second, correlation = (np.array(one) for one in zip(*planned, strict=True))
    return Pairs(first.astype(np.int16), second.astype(np.int16), correlation.astype(np.float32))


class Watching(TorchDispatchMode):
    """Counts products of matrices, and keeps the largest number of elements of what is made inside the `with`."""

    def __init__(self) -> None:
        super().__init__()
        self.products = self.largest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.products += func is torch.ops.aten.mm.default
        if isinstance(made, Tensor):
            self.largest = max(self.largest, made.numel())
        return made


def pairs(found: Audit) -> set[tuple[int, int]]:
    return {(pair.first, pair.second) for pair in found.redundant()}


def test_planted_dead_and_duplicated_filters_are_recovered_exactly() -> None:
    found = audit(planted(), "relu", pictures())
    assert (found.channels, found.pictures, found.signed) == (10, 11, False)
    assert found.dead == (2, 7)
    assert pairs(found) == {(1, 4), (1, 9), (4, 9), (3, 6)}
    assert all(pair.correlation == pytest.approx(1, abs=1e-6) for pair in found.redundant())
    assert all(pair.cosine == pytest.approx(1, abs=1e-6) for pair in found.redundant())
    assert found.spare() == (2, 4, 6, 7, 9)


def test_a_network_without_planted_filters_has_none() -> None:
    model = toy.loaded(toy.seeded(Chain()), 4)
    with torch.no_grad():
        model.network.bn1.bias += 0.4
    found = audit(model, "relu", pictures())
    assert (found.dead, found.redundant(), found.spare()) == ((), (), ())


def test_what_is_planted_in_a_trained_network_is_recovered_exactly() -> None:
    """In layer after layer of the bundled network, whatever it had before stays as it was."""
    whole = models.load("everyday_resnet")
    names = [name for name, module in whole.network.named_modules() if isinstance(module, nn.BatchNorm2d)]
    shown = pictures(6, whole.card.pixels.side)
    for norm in (names[0], names[len(names) // 2]):
        conv = [name for name, module in whole.network.named_modules() if isinstance(module, nn.Conv2d)][
            names.index(norm)
        ]
        before = audit(whole, norm, shown)
        one, other, third = np.argsort(-before.highest)[:3].tolist()
        network = copy.deepcopy(whole.network)
        with torch.no_grad():
            copy_channel(network, conv, norm, one, other)
            silence_channel(network, norm, third)
        found = audit(dataclasses.replace(whole, network=network, lock=RLock()), norm, shown)
        assert set(found.dead) - set(before.dead) == {third}
        assert pairs(found) - pairs(before) == {(min(one, other), max(one, other))}


def test_correlations_are_numpys_over_all_places_of_all_pictures() -> None:
    model = toy.loaded(toy.seeded(Chain()), 4)
    shown = pictures(7)
    with torch.no_grad():
        # Close to another, but not the same.
        noise = 0.05 * torch.randn(model.network.conv1.weight[0].shape, generator=torch.Generator().manual_seed(3))
        copy_channel(model.network, "conv1", "bn1", 0, 5)
        model.network.conv1.weight[5] += noise
        responses = torch.cat([model.network.relu(model.network.bn1(model.network.conv1(one))) for one in shown])
    table = responses.transpose(0, 1).flatten(1).double().numpy()
    found = audit(model, "relu", shown)
    assert found.dead == tuple(np.flatnonzero(table.max(1) <= 0))
    pair = next(pair for pair in found.pairs if (pair.first, pair.second) == (0, 5))
    assert pair.correlation == pytest.approx(np.corrcoef(table[0], table[5])[0, 1], abs=1e-5)
    assert 0.9 < pair.correlation < 0.9999
    weights = model.network.conv1.weight.flatten(1)
    assert pair.cosine == pytest.approx(functional.cosine_similarity(weights[0], weights[5], 0).item(), abs=1e-5)
    assert found.share == pytest.approx((table > 0).mean(1))
    assert found.highest == pytest.approx(table.max(1))


def test_a_channel_far_from_zero_that_hardly_moves_keeps_its_correlations() -> None:
    """Sums of squares of numbers near 1000 would have lost all digits of a movement of 0.01."""
    model = toy.loaded(toy.seeded(Chain()), 4)
    with torch.no_grad():
        model.network.bn1.weight[:2] = 0.02
        model.network.bn1.bias[:2] = 1000
        copy_channel(model.network, "conv1", "bn1", 0, 1)
    assert (0, 1) in pairs(audit(model, "relu", pictures()))


def test_channels_that_never_move_are_no_pair() -> None:
    model = toy.loaded(toy.seeded(Chain()), 4)
    with torch.no_grad():
        model.network.bn1.weight[:3] = 0
        model.network.bn1.bias[:3] = torch.tensor([0.3, 0.7, 1.1])
    found = audit(model, "relu", pictures())
    assert not {0, 1, 2} & {number for pair in found.pairs for number in (pair.first, pair.second)}


def test_channels_that_meet_nothing_twice_are_a_pair_only_if_their_weights_are_the_same() -> None:
    """Two pictures are two points, through which there is always a line."""
    model = toy.loaded(toy.seeded(Chain()), 4)
    assert audit(model, "fc", pictures(2)).pairs == ()
    with torch.no_grad():
        model.network.fc.weight[2] = model.network.fc.weight[0]
    assert pairs(audit(model, "fc", pictures(2))) == {(0, 2)}


def test_a_channel_that_is_above_zero_at_one_place_in_a_thousand_is_nearly_dead_and_not_dead() -> None:
    model = planted()
    shown = pictures(8)
    with torch.no_grad():
        answers = torch.cat([model.network.bn1(model.network.conv1(one)) for one in shown])[:, 0]
        highest = answers.flatten().sort(descending=True).values
        model.network.bn1.bias[0] -= (highest[1] + highest[2]) / 2
    found = audit(model, "relu", shown)
    assert found.nearly_dead == (0,)
    assert 0 not in found.dead
    assert found.share[0] == pytest.approx(2 / (8 * 16 * 16))
    assert 1 <= found.seen[0] <= 2


def test_a_copy_of_a_copy_goes_and_what_it_is_a_copy_of_stays() -> None:
    found = dataclasses.replace(
        audit(planted(), "relu", pictures()),
        alike=alike((0, 1, 0.995), (1, 3, 0.995), (3, 5, 0.992), (5, 8, 0.93)),
    )
    # 3 is like 1, which has gone; so 3 stays, and 5 goes for it.
    assert found.spare() == (1, 2, 5, 7)
    assert found.spare(0.9) == (1, 2, 5, 7)


def test_what_is_found_does_not_depend_on_how_many_channels_are_compared_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = audit(planted(), "relu", pictures())
    monkeypatch.setattr(pairing, "ROWS", 3)
    found = audit(planted(), "relu", pictures())
    assert pairs(found) == {(1, 4), (1, 9), (4, 9), (3, 6)}
    assert [(pair.first, pair.second) for pair in found.pairs] == [(pair.first, pair.second) for pair in whole.pairs]
    assert found.like() == {4: 1, 9: 1, 6: 3} and found.count_redundant() == 4


def test_comparing_the_channels_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(BaseException):
        pass

    def listen(progress: Progress) -> None:
        if (progress.done, progress.total) == (2, 4):
            raise Stopped

    monkeypatch.setattr(pairing, "ROWS", 3)
    with pytest.raises(Stopped), heard_by(listen):
        audit(planted(), "relu", pictures(11))


def test_a_whole_batch_is_multiplied_at_once() -> None:
    model = planted()
    audit(model, "relu", pictures(1))
    with Watching() as watching:
        found = audit(model, "relu", pictures(5))
    # One for the batch, one for the cosines of the weights.
    assert watching.products == 2
    assert found.pictures == 5


def test_channels_of_too_wide_a_layer_are_judged_but_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = audit(planted(), "relu", pictures())
    monkeypatch.setattr(auditing, "MOST_CHANNELS", 9)
    found = audit(planted(), "relu", pictures())
    assert compared.alike is not None and found.alike is None
    assert (found.pairs, found.count_redundant(), found.like()) == ((), 0, {})
    assert found.dead == found.spare() == (2, 7)
    assert found.share == pytest.approx(compared.share)


def test_a_wide_layer_takes_no_memory_by_the_square_of_its_channels() -> None:
    model = toy.loaded(toy.seeded(toy.Linear(side=48)), 3, side=48)
    with Watching() as watching:
        found = audit(model, "flatten", pictures(3, 48))
    assert found.channels == 6912 > auditing.MOST_CHANNELS
    assert watching.largest <= 64 * 6912


def test_more_pairs_than_are_listed_are_counted_and_what_could_go_follows_from_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pairing, "MOST_LISTED", 2)
    found = audit(planted(), "relu", pictures())
    assert len(found.redundant()) == len(found.pairs) == 2
    assert found.count_redundant() == 4
    assert found.spare() == (2, 4, 6, 7, 9)
    assert set(found.like()) == {4, 6, 9}


def test_layers_before_the_activation_say_that_they_go_below_zero() -> None:
    found = audit(planted(), "bn1", pictures())
    assert found.signed
    assert {2, 7} <= set(found.dead)
    assert pairs(found) == {(1, 4), (1, 9), (4, 9), (3, 6)}


def test_only_the_layers_up_to_the_audited_one_are_run() -> None:
    model = planted()
    audit(model, "relu", pictures(1))
    with toy.Counting() as counting:
        audit(model, "relu", pictures(5))
    # One for each batch: conv1, and not conv2.
    assert counting.forward == 1


def test_a_network_that_cannot_be_followed_is_audited_without_its_saving() -> None:
    model = toy.loaded(toy.seeded(toy.Branching()), 3)
    with torch.no_grad():
        model.network.conv2.weight[4] = model.network.conv2.weight[1]
        model.network.conv2.bias[4] = model.network.conv2.bias[1]
    found = audit(model, "conv2", pictures())
    assert (1, 4) in pairs(found)
    assert found.saving is None


def test_a_linear_layers_units_are_channels() -> None:
    model = toy.loaded(toy.seeded(Chain()), 4)
    with torch.no_grad():
        model.network.fc.weight[2] = model.network.fc.weight[0]
    found = audit(model, "fc", pictures())
    assert found.channels == 4
    assert (0, 2) in pairs(found)


def test_an_audit_reports_what_it_knows_so_far_and_can_be_stopped() -> None:
    class Stopped(BaseException):
        pass

    heard: list[Audit] = []

    def listen(progress: Progress) -> None:
        if progress.partial is not None:
            heard.append(progress.partial)
            raise Stopped

    model = toy.loaded(toy.seeded(Chain()), 4)
    with pytest.raises(Stopped), heard_by(listen):
        audit(model, "relu", pictures(200))
    assert 0 < heard[0].pictures < 200
    assert heard[0].pairs == ()


def test_no_pictures_and_layers_without_channels_are_refused() -> None:
    model = toy.loaded(toy.seeded(Chain()), 4)
    with pytest.raises(PictureError, match="no picture"):
        audit(model, "relu", [])
    with pytest.raises(LayerError, match="no layer named 'conv9'"):
        audit(model, "conv9", pictures())
    folded = toy.loaded(toy.seeded(Folded()), 3)
    with pytest.raises(LayerError, match="no axis is known to be channels"):
        audit(folded, "unflatten", pictures())


def cost(network: nn.Module) -> tuple[int, int]:
    return sum(one.numel() for one in network.parameters()), multiply_adds(network, 16)


def difference(wide: nn.Module, narrow: nn.Module) -> tuple[int, int]:
    (weights, steps), (fewer_weights, fewer_steps) = cost(wide), cost(narrow)
    return weights - fewer_weights, steps - fewer_steps


@pytest.mark.parametrize(
    ("wide", "narrow", "layers"),
    [
        (Chain(10, 8), Chain(9, 8), ("conv1", "bn1", "relu")),
        (Chain(10, 8), Chain(10, 7), ("conv2", "relu_1")),
        (Dense(5, 4), Dense(4, 4), ("conv1",)),
        (Dense(5, 4), Dense(5, 3), ("conv2",)),
        (Skip(6), Skip(5), ("conv1",)),
    ],
    ids=["chain, first", "chain, second", "dense, first", "dense, second", "inside a skip"],
)
def test_a_channel_saves_what_a_network_built_without_it_saves(
    wide: nn.Module, narrow: nn.Module, layers: tuple[str, ...]
) -> None:
    model = toy.loaded(toy.seeded(wide), 4)
    names = {info.name for info in model.layers()}
    for layer in layers:
        if layer in names:
            assert saving(model, layer) == Saving(*difference(wide, narrow), whole=True), layer


def test_a_channel_with_a_filter_of_its_own_takes_the_filter_before_it_along() -> None:
    """The factor that weighs the channel could go, too, but is counted only where it is read."""
    model = toy.loaded(toy.seeded(Depthwise()), 3)
    weights, steps = difference(Depthwise(6), Depthwise(5))
    excite = (2 + 1, 2)
    for layer in ("widen", "apart"):
        assert saving(model, layer) == Saving(weights - excite[0], steps - excite[1], whole=True)


def test_a_channel_of_a_sum_stays_and_only_what_reads_it_is_saved() -> None:
    model = toy.loaded(toy.seeded(Skip()), 3)
    assert saving(model, "stem") == Saving(6 * 9, 6 * 9 * 256, whole=False)
    assert saving(model, "conv2") == Saving(0, 0, whole=False)
    assert saving(model, "add") == Saving(3, 3, whole=False)
    assert saving(model, "fc") == Saving(0, 0, whole=False)


@pytest.mark.parametrize(
    ("layer", "made_by"), [("conv1", "conv1"), ("relu", "conv1"), ("conv2", "conv2"), ("fc", "fc")]
)
def test_the_weights_of_a_layers_channels_are_those_of_the_layer_that_makes_them(layer: str, made_by: str) -> None:
    model = toy.loaded(toy.seeded(Chain()), 4)
    found = weights_of(model, layer)
    assert found is not None
    assert torch.equal(found, model.network.get_submodule(made_by).weight)


def test_a_sum_has_no_weights_of_its_own() -> None:
    assert weights_of(toy.loaded(toy.seeded(Skip()), 3), "add") is None


@pytest.mark.slow
@pytest.mark.parametrize("key", ["resnet18", "densenet121", "mobilenet_v2", "efficientnet_b0", "googlenet"])
def test_no_layer_of_a_known_network_is_said_to_save_more_than_the_network_has(key: str) -> None:
    """Where all channels of a layer are taken out, what is left may not be negative; a filter always counts."""
    model = models.load(key, weights="random")
    for info in (info for info in model.layers() if info.kind == "Conv2d"):
        found = saving(model, info.name)
        assert found is not None
        own = model.network.get_submodule(info.name).weight[0].numel()
        assert found.parameters >= (own if found.whole else 0), info.name
        assert found.parameters * info.shape[1] <= model.card.parameters, info.name
        assert found.multiply_adds * info.shape[1] <= model.card.multiply_adds, info.name
