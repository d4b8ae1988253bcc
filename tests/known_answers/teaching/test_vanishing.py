"""The stack of layers against torch's autograd, and what it is there to show."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import nn

from explain.teaching import pictures
from explain.teaching.activations import ACTIVATIONS
from explain.teaching.vanishing import INITIALISATIONS, Passage, passage, patches, weights
from models.errors import ParameterError

TORCH = {"relu": nn.ReLU(), "leaky": nn.LeakyReLU(), "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh(), "gelu": nn.GELU()}
SEEN = ("chelsea", "coffee", "bus", "lemon")


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    return patches([pictures.small(name, 64) for name in SEEN])


def through(data: tuple[np.ndarray, np.ndarray], activation: str, rule: str, layers: int = 10) -> Passage:
    return passage(*data, weights(rule, layers, len(SEEN), 0), activation)


@given(
    some.sampled_from(sorted(ACTIVATIONS)),
    some.sampled_from(sorted(INITIALISATIONS)),
    some.integers(2, 12),
    some.integers(0, 9),
)
@settings(deadline=None, max_examples=40)
def test_gradients_are_those_of_torch(activation: str, rule: str, layers: int, seed: int) -> None:
    numbers, truths = patches([pictures.small(name, 64) for name in SEEN])
    matrices = weights(rule, layers, len(SEEN), seed)
    found = passage(numbers, truths, matrices, activation)
    held = [torch.from_numpy(each).requires_grad_() for each in matrices]
    given, outputs = torch.from_numpy(numbers), []
    for matrix in held[:-1]:
        given = TORCH[activation](given @ matrix)
        outputs.append(given)
    loss = nn.functional.cross_entropy(given @ held[-1], torch.from_numpy(truths))
    gradients = torch.autograd.grad(loss, [*held[:-1], *outputs])
    wanted = [each.norm().item() for each in gradients]
    np.testing.assert_allclose(found.gradients, wanted[:layers], rtol=1e-6)
    np.testing.assert_allclose(found.arriving, wanted[layers:], rtol=1e-6)
    np.testing.assert_allclose(found.spreads, [each.std(correction=0).item() for each in outputs], rtol=1e-6)
    assert found.loss == pytest.approx(loss.item(), rel=1e-6)


def test_he_with_relu_passes_the_gradient_on_and_xavier_with_tanh_does(data: tuple[np.ndarray, np.ndarray]) -> None:
    assert 0.3 < through(data, "relu", "he").kept < 3
    assert 0.1 < through(data, "tanh", "xavier").kept < 3


def test_sigmoid_makes_the_gradient_vanish_whatever_the_first_weights(data: tuple[np.ndarray, np.ndarray]) -> None:
    assert all(through(data, "sigmoid", rule).kept < 1e-3 for rule in ("naive", "xavier", "he"))


def test_small_weights_make_it_vanish_and_large_ones_explode(data: tuple[np.ndarray, np.ndarray]) -> None:
    assert through(data, "relu", "naive").kept < 1e-9
    assert through(data, "relu", "large").kept > 1e4


def test_patches_are_centred_and_every_picture_is_among_them(data: tuple[np.ndarray, np.ndarray]) -> None:
    numbers, truths = data
    assert numbers.mean() == pytest.approx(0, abs=1e-9)
    assert numbers.std() == pytest.approx(1)
    assert set(truths) == set(range(len(SEEN)))


def test_patches_of_another_size_are_refused() -> None:
    with pytest.raises(ParameterError, match="64"):
        passage(np.zeros((3, 9)), np.zeros(3, np.intp), weights("he", 2, 4, 0), "relu")
