"""Softmax, entropy and cross-entropy against torch's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch.nn import functional

from explain.teaching.softmax import cross_entropy, cross_entropy_gradient, entropy, log_softmax, softmax
from models.errors import ParameterError

LOGITS = some.lists(some.floats(-30, 30), min_size=2, max_size=12).map(np.array)
TEMPERATURES = some.floats(0.1, 10)


@given(LOGITS, TEMPERATURES)
@settings(deadline=None, max_examples=60)
def test_probabilities_are_those_of_torch(logits: np.ndarray, temperature: float) -> None:
    scaled = torch.from_numpy(logits) / temperature
    np.testing.assert_allclose(softmax(logits, temperature), scaled.softmax(0).numpy(), atol=1e-9)
    np.testing.assert_allclose(log_softmax(logits, temperature), scaled.log_softmax(0).numpy(), rtol=1e-6, atol=1e-9)


@given(LOGITS, TEMPERATURES, some.data())
@settings(deadline=None, max_examples=60)
def test_the_loss_and_its_gradient_are_those_of_torch(
    logits: np.ndarray, temperature: float, more: some.DataObject
) -> None:
    true = more.draw(some.integers(0, len(logits) - 1))
    given = torch.from_numpy(logits).requires_grad_()
    loss = functional.cross_entropy(given[None] / temperature, torch.tensor([true]))
    (wanted,) = torch.autograd.grad(loss, given)
    assert cross_entropy(logits, true, temperature) == pytest.approx(loss.item(), rel=1e-6, abs=1e-9)
    np.testing.assert_allclose(cross_entropy_gradient(logits, true, temperature), wanted.numpy(), atol=1e-6)


@given(LOGITS, some.floats(-100, 100))
@settings(deadline=None)
def test_a_constant_changes_nothing(logits: np.ndarray, constant: float) -> None:
    np.testing.assert_allclose(softmax(logits + constant), softmax(logits), atol=1e-9)


@given(LOGITS, TEMPERATURES)
@settings(deadline=None)
def test_the_temperature_leaves_the_order(logits: np.ndarray, temperature: float) -> None:
    assert (np.diff(softmax(logits, temperature)[np.argsort(logits, kind="stable")]) >= -1e-15).all()


@given(LOGITS)
@settings(deadline=None)
def test_the_hotter_the_more_undecided(logits: np.ndarray) -> None:
    cold, warm, hot = (entropy(softmax(logits, temperature)) for temperature in (0.3, 1, 5))
    assert cold <= warm + 1e-9 <= hot + 2e-9 <= math.log2(len(logits)) + 3e-9


def test_entropy_is_measured_in_bits() -> None:
    assert entropy(np.full(8, 1 / 8)) == pytest.approx(3)
    assert entropy(np.array([0.0, 1.0, 0.0])) == 0


def test_no_power_overflows() -> None:
    np.testing.assert_array_equal(softmax(np.array([1e5, 0.0])), [1, 0])
    assert cross_entropy(np.array([1e5, 0.0]), 1) == 1e5


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_temperature_is_above_zero(temperature: float) -> None:
    with pytest.raises(ParameterError, match="above 0"):
        softmax(np.zeros(2), temperature)
