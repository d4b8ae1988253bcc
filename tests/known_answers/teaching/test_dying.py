"""One unit's training against torch's, and that a ReLU dies where a leaky one comes back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch.nn import functional

from explain.teaching import dying


@given(some.floats(0.05, 1.0), some.floats(0.0, 0.3), some.integers(0, 20))
@settings(deadline=None, max_examples=20)
def test_training_is_that_of_torch(rate: float, leak: float, seed: int) -> None:
    inputs, wanted = dying.data(seed)
    found = dying.train(inputs, wanted, rate, leak, steps=8)
    x, y = torch.from_numpy(inputs), torch.from_numpy(wanted)
    weight, bias = (torch.tensor(each, dtype=torch.float64) for each in (dying.WEIGHT, dying.BIAS))
    for step in range(9):
        weight, bias = weight.detach().requires_grad_(), bias.detach().requires_grad_()
        loss = functional.mse_loss(functional.leaky_relu(weight * x + bias, leak), y)
        steps = torch.autograd.grad(loss, (weight, bias))
        assert found.losses[step] == pytest.approx(loss.item(), rel=1e-6, abs=1e-12)
        assert found.weights[step] == pytest.approx(weight.item(), rel=1e-6, abs=1e-12)
        assert found.gradients[step] == pytest.approx(torch.stack(steps).norm().item(), rel=1e-6, abs=1e-12)
        weight, bias = weight - rate * steps[0], bias - rate * steps[1]


@pytest.mark.parametrize("seed", range(5))
def test_a_large_step_kills_a_relu_for_good_and_a_leaky_one_comes_back(seed: int) -> None:
    inputs, wanted = dying.data(seed)
    plain, leaky = (dying.train(inputs, wanted, 0.8, leak) for leak in (0.0, 0.1))
    assert plain.died == 1
    assert set(plain.gradients[1:]) == {0.0}
    assert plain.biases[1] == plain.biases[-1]
    assert leaky.died is None
    assert leaky.came_back is not None and leaky.came_back > 1
    assert leaky.losses[-1] < 0.2 * plain.losses[-1]


def test_a_small_step_kills_nothing() -> None:
    life = dying.train(*dying.data(), 0.3, 0.0)
    assert (life.died, life.came_back) == (None, None)
    assert life.losses[-1] < 0.01


def test_a_unit_that_goes_off_late_died_late() -> None:
    numbers = (0.0,) * 4
    life = dying.Life(numbers, numbers, numbers, numbers, on=(1.0, 0.0, 0.5, 0.0))
    assert (life.died, life.came_back) == (3, 2)


def test_inputs_are_drawn_by_their_seed() -> None:
    np.testing.assert_array_equal(dying.data(3)[0], dying.data(3)[0])
    assert not np.array_equal(dying.data(3)[0], dying.data(4)[0])
