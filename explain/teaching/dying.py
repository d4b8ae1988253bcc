"""A unit that dies: one step that is too large, after which no input switches a ReLU on again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.teaching.activations import leaky_relu, leaky_relu_slope

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

INPUTS = 64
STEPS = 40
#: Where the unit begins: switched on by every input.
WEIGHT, BIAS = 1.0, 4.0
SPREAD = 0.5


@dataclass(frozen=True, eq=False)
class Life:
    """The training of one unit, before each step and after the last.

    weights, biases, losses, gradients: what they were; gradients: the norm of the loss's gradient. on: the share of the
    inputs that switch the unit on.
    """

    weights: tuple[float, ...]
    biases: tuple[float, ...]
    losses: tuple[float, ...]
    gradients: tuple[float, ...]
    on: tuple[float, ...]

    @property
    def died(self) -> int | None:
        """The step after which no input switched the unit on for the rest of the training; None if it never died."""
        alive = [step for step, share in enumerate(self.on) if share > 0]
        return None if alive[-1] == len(self.on) - 1 else alive[-1] + 1

    @property
    def came_back(self) -> int | None:
        """The first step after which a unit that was off for all inputs was on again; None if there was none."""
        off = next((step for step, share in enumerate(self.on) if share == 0), None)
        if off is None:
            return None
        return next((step for step, share in enumerate(self.on) if step > off and share > 0), None)


def data(seed: int = 0) -> tuple[Floats, Floats]:
    """Draw inputs x, and what the unit should give: x where it is above zero, else 0."""
    inputs = np.random.default_rng(seed).standard_normal(INPUTS) * SPREAD
    return inputs, np.maximum(inputs, 0)


def train(inputs: Floats, wanted: Floats, rate: float, leak: float, steps: int = STEPS) -> Life:
    """Train one unit, activation(w x + b), by gradient descent on the mean squared error; leak 0 is a plain ReLU."""
    weight, bias = WEIGHT, BIAS
    rows: list[tuple[float, ...]] = []
    for _ in range(steps + 1):
        loss, on, down_weight, down_bias = _look(inputs, wanted, weight, bias, leak)
        rows.append((weight, bias, loss, float(np.hypot(down_weight, down_bias)), on))
        weight, bias = weight - rate * down_weight, bias - rate * down_bias
    return Life(*zip(*rows, strict=True))


def _look(inputs: Floats, wanted: Floats, weight: float, bias: float, leak: float) -> tuple[float, ...]:
    """Return the loss, the share of inputs that are on, and the gradient with respect to weight and bias."""
    sums = weight * inputs + bias
    missed: Any = leaky_relu(sums, leak) - wanted
    back = 2 * missed * leaky_relu_slope(sums, leak)
    return float((missed**2).mean()), float((sums > 0).mean()), float((back * inputs).mean()), float(back.mean())
