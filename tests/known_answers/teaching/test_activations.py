"""Activation functions and their derivatives against torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import nn

from explain.teaching.activations import ACTIVATIONS, leaky_relu, leaky_relu_slope

TORCH = {"relu": nn.ReLU(), "leaky": nn.LeakyReLU(), "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh(), "gelu": nn.GELU()}
NUMBERS = some.lists(some.floats(-60, 60, allow_subnormal=False), min_size=1, max_size=20)


def values_and_slopes(function: nn.Module, numbers: list[float]) -> tuple[np.ndarray, np.ndarray]:
    given = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    values = function(given)
    (slopes,) = torch.autograd.grad(values.sum(), given)
    return values.detach().numpy(), slopes.numpy()


def test_every_function_is_compared() -> None:
    assert set(TORCH) == set(ACTIVATIONS)


@pytest.mark.parametrize("key", TORCH)
@given(numbers=NUMBERS)
@settings(deadline=None, max_examples=60)
def test_values_and_derivatives_are_those_of_torch(key: str, numbers: list[float]) -> None:
    values, slopes = values_and_slopes(TORCH[key], numbers)
    given = np.array(numbers)
    np.testing.assert_allclose(ACTIVATIONS[key].value(given), values, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(ACTIVATIONS[key].slope(given), slopes, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("key", TORCH)
def test_the_derivative_at_zero_is_that_of_torch(key: str) -> None:
    _, slopes = values_and_slopes(TORCH[key], [0.0])
    assert ACTIVATIONS[key].slope(np.zeros(1))[0] == pytest.approx(slopes[0], abs=1e-12)


@pytest.mark.parametrize("key", TORCH)
def test_single_precision_stays_single_precision(key: str) -> None:
    given = np.linspace(-3, 3, 7, dtype=np.float32)
    assert ACTIVATIONS[key].value(given).dtype == np.float32
    assert ACTIVATIONS[key].slope(given).dtype == np.float32


@given(numbers=NUMBERS, leak=some.floats(0.0, 0.5))
@settings(deadline=None, max_examples=40)
def test_a_leak_of_any_size_is_that_of_torch(numbers: list[float], leak: float) -> None:
    values, slopes = values_and_slopes(nn.LeakyReLU(leak), numbers)
    np.testing.assert_allclose(leaky_relu(np.array(numbers), leak), values, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(leaky_relu_slope(np.array(numbers), leak), slopes, rtol=1e-6, atol=1e-12)
