"""Feature factorization: planted parts are found again, as well as scikit-learn finds them, and their shares add up."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from sklearn.decomposition import NMF
from torch import Tensor, nn

import explain
import models
import toy
from explain.factorization import factorize, missed
from explain.methods.feature_factorization import FeatureFactorization
from explain.results import Concepts
from explain.suitability import laid_out
from explain.target import ClassLogit, ClassProbability, Contrast, Target


def unheard(done: int, strengths: Tensor, patterns: Tensor) -> None:
    """Hear nothing."""


def table_of(model: models.LoadedModel, trace: explain.Trace, layer: str) -> Tensor:
    return laid_out(model, layer, trace.activation(layer))[0].flatten(1).T.relu()


def asked(model: models.LoadedModel, pixels: Tensor, target: Target | int, **settings: object) -> Concepts:
    found = explain.run(model, pixels, FeatureFactorization(**settings), target)
    assert isinstance(found, Concepts)
    return found


def test_planted_patterns_are_found_again() -> None:
    generator = torch.Generator().manual_seed(3)
    patterns = (torch.rand((3, 20), generator=generator) > 0.6).double()
    strengths = torch.rand((60, 3), generator=generator).double() * (torch.rand((60, 3), generator=generator) > 0.5)
    found, basis = factorize(strengths @ patterns, 3, 500, 0, unheard)
    cosines = basis @ (patterns / patterns.norm(dim=1, keepdim=True)).T
    best = max(sum(float(cosines[i, j]) for i, j in enumerate(order)) for order in itertools.permutations(range(3)))
    assert best > 2.999
    assert missed(strengths @ patterns, found, basis) < 1e-3


def test_nothing_is_negative_and_each_pattern_has_length_one() -> None:
    table = torch.rand((30, 12), generator=torch.Generator().manual_seed(1))
    strengths, patterns = factorize(table, 4, 50, 0, unheard)
    assert (strengths >= 0).all() and (patterns >= 0).all()
    torch.testing.assert_close(patterns.norm(dim=1), torch.ones(4).double())


def test_the_parts_miss_no_more_than_scikit_learns(everyday: models.LoadedModel) -> None:
    """Both stop at a local optimum that depends on the start; ours is at most 2 % above, from each of three starts."""
    trace = explain.trace(everyday, toy.picture(64))
    table = table_of(everyday, trace, "layer3")
    oracle = NMF(5, init="nndsvd", max_iter=2000, tol=1e-6)
    oracle.fit(table.double().numpy())
    best = oracle.reconstruction_err_ / float(table.norm())
    for seed in range(3):
        assert missed(table, *factorize(table, 5, 200, seed, unheard)) < 1.02 * best


def test_from_scikit_learns_start_the_same_parts_are_found(everyday: models.LoadedModel) -> None:
    """scikit-learn goes on from what we found, by its own rule, and finds next to nothing to mend."""
    trace = explain.trace(everyday, toy.picture(64))
    table = table_of(everyday, trace, "layer3").double()
    strengths, patterns = factorize(table, 4, 1000, 0, unheard)
    oracle = NMF(4, init="custom", max_iter=50, tol=1e-12)
    with pytest.warns(match="Maximum number of iterations"):
        again = oracle.fit_transform(table.numpy(), W=strengths.numpy().copy(), H=patterns.numpy().copy())
    scale = np.linalg.norm(oracle.components_, axis=1)
    for part in range(4):
        one, other = strengths[:, part].numpy(), again[:, part] * scale[part]
        assert one @ other > 0.999 * np.linalg.norm(one) * np.linalg.norm(other)


@pytest.mark.parametrize("target", [ClassLogit(2), ClassProbability(1), Contrast(0, 3)])
def test_the_shares_and_what_the_parts_miss_add_up_to_what_the_layer_adds(target: Target) -> None:
    """On a network that is straight after the layer, that is the score without its bias."""
    model, pixels = toy.loaded(toy.seeded(toy.Pooled()), 4, side=32), toy.picture(32)
    found = asked(model, pixels, target, layer="relu_1", parts=10, iterations=100)
    trace = explain.trace(model, pixels)
    gradient = trace.gradient(target, "relu_1")[0][0].flatten(1).T.double()
    table = table_of(model, trace, "relu_1").double()
    strengths, patterns = factorize(table, 10, 100, 0, unheard)
    beside = float((gradient * (table - strengths @ patterns)).sum())
    assert found.shares.sum() + beside == pytest.approx(found.checks["layer_adds"], rel=1e-4)
    if not isinstance(target, ClassProbability):
        bias = torch.zeros(1, 4) + model.network.fc.bias
        assert found.checks["layer_adds"] == pytest.approx(float(target(trace.logits) - target(bias)), rel=1e-3)


def test_two_objects_are_two_parts_and_the_one_that_counts_goes_first() -> None:
    class Colours(nn.Module):
        """Answers red in one channel and green in another; class 1 wants green."""

        def __init__(self) -> None:
            super().__init__()
            self.seen = nn.ReLU()

        def forward(self, pixels: Tensor) -> Tensor:
            red, green = self.seen(pixels[:, :2] - 0.5).mean((2, 3)).unbind(1)
            return torch.stack([red - green, 3 * green - red], 1)

    pixels = torch.zeros(1, 3, 32, 32)
    pixels[:, 0, 4:12, 4:12] = 1
    pixels[:, 1, 20:28, 16:24] = 1
    model = toy.loaded(Colours(), 2, side=32)
    found = asked(model, pixels, 1, layer="seen", parts=2)
    assert (found.maps[0] > 0.1).nonzero()[0].min() == 20 and (found.maps[1] > 0.1).nonzero()[0].max() == 11
    assert found.shares == pytest.approx([3 * 0.5 * 64 / 1024, -0.5 * 64 / 1024], rel=1e-4)
    assert found.error < 1e-4
    assert asked(model, pixels, 0, layer="seen", parts=2).maps[0][4:12, 4:12].min() > 0


def test_parts_are_ordered_by_share_and_stay_the_same_for_every_class(everyday: models.LoadedModel) -> None:
    one, other = (asked(everyday, toy.picture(64), index) for index in (3, 7))
    for found in (one, other):
        assert found.maps.shape == (5, 64, 64) and found.grids.shape == (5, 8, 8)
        assert (np.diff(found.shares) <= 0).all() and (found.maps >= 0).all()
    sizes = [sorted(float(grid.sum()) for grid in found.grids) for found in (one, other)]
    assert sizes[0] == pytest.approx(sizes[1], rel=1e-6)


def test_a_layer_of_zeros_has_no_parts_and_says_so() -> None:
    network = toy.seeded(toy.Pooled())
    with torch.no_grad():
        network.conv2.bias.fill_(-1e6)
    found = asked(toy.loaded(network, 4, side=32), toy.picture(32), 0, layer="relu_1")
    assert not found.maps.any() and found.error == 0 and "no parts" in found.notes[0]


def test_negative_values_are_left_out_and_the_note_says_how_many() -> None:
    network = toy.seeded(toy.Pooled())
    network.relu.inplace = False  # as in every network that is loaded
    found = asked(toy.loaded(network, 4, side=32), toy.picture(32), 0, layer="conv2")
    assert "negative values" in found.notes[0]


def test_progress_carries_the_parts_so_far(everyday: models.LoadedModel) -> None:
    heard: list[explain.Progress] = []
    with explain.heard_by(heard.append):
        found = asked(everyday, toy.picture(64), 3, iterations=30)
    assert [step.done for step in heard] == [0, 10, 20, 30]
    assert isinstance(heard[1].partial, Concepts) and heard[1].partial.error >= found.error
