"""Activation functions with their derivatives, as torch defines them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

#: What a leaky ReLU lets through below zero unless told otherwise, torch's default.
LEAK = 0.01
_erf = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True)
class Activation:
    """An activation function: how it is written, what it gives, and its derivative.

    remark: in a sentence, what is good or bad about it.
    """

    label: str
    formula: str
    slope_formula: str
    remark: str
    value: Callable[[Floats], Any]
    slope: Callable[[Floats], Any]


def relu(numbers: Floats) -> Any:
    """Cut off what is below zero."""
    return np.maximum(numbers, 0)


def relu_slope(numbers: Floats) -> Any:
    """Return 1 above zero, else 0."""
    return (numbers > 0).astype(numbers.dtype)


def leaky_relu(numbers: Floats, leak: float = LEAK) -> Any:
    """Let a small share through of what is below zero."""
    return np.where(numbers > 0, numbers, leak * numbers)


def leaky_relu_slope(numbers: Floats, leak: float = LEAK) -> Any:
    """Return 1 above zero, else the leak."""
    return np.where(numbers > 0, 1.0, leak).astype(numbers.dtype)


def sigmoid(numbers: Floats) -> Any:
    """Squeeze numbers into 0 to 1; written so that no power overflows."""
    power = np.exp(-np.abs(numbers))
    return np.where(numbers >= 0, 1 / (1 + power), power / (1 + power))


def sigmoid_slope(numbers: Floats) -> Any:
    """Return s(1 - s): at most a quarter, at zero."""
    # From the power itself: 1 - s would lose its digits where s is nearly 1.
    power = np.exp(-np.abs(numbers))
    return power / (1 + power) ** 2


def tanh(numbers: Floats) -> Any:
    """Squeeze numbers into -1 to 1."""
    return np.tanh(numbers)


def tanh_slope(numbers: Floats) -> Any:
    """Return 1 - tanh²: at most 1, at zero."""
    return 1 - np.tanh(numbers) ** 2


def gelu(numbers: Floats) -> Any:
    """Weigh a number by the share of a normal distribution that lies below it."""
    return (numbers * _normal_share(numbers)).astype(numbers.dtype)


def gelu_slope(numbers: Floats) -> Any:
    """Return P(x) + x p(x), with the normal distribution's share P and density p."""
    density = np.exp(-0.5 * numbers**2) / math.sqrt(2 * math.pi)
    return (_normal_share(numbers) + numbers * density).astype(numbers.dtype)


def _normal_share(numbers: Floats) -> Any:
    return 0.5 * (1 + _erf(numbers / math.sqrt(2)))


#: All activation functions by the key that stands in the address; the first is the default.
ACTIVATIONS = {
    "relu": Activation(
        "ReLU",
        "max(0, x)",
        "1 if x > 0, else 0",
        "It passes a gradient on whole, or not at all.",
        relu,
        relu_slope,
    ),
    "leaky": Activation(
        "Leaky ReLU",
        f"x if x > 0, else {LEAK:g} x",
        f"1 if x > 0, else {LEAK:g}",
        "Below zero a little of the gradient still comes through, so a unit can come back.",
        leaky_relu,
        leaky_relu_slope,
    ),
    "sigmoid": Activation(
        "Sigmoid",
        "s = 1 / (1 + exp(-x))",
        "s (1 - s)",
        "Its slope is never more than 0.25, so each layer takes at least three quarters of the gradient away.",
        sigmoid,
        sigmoid_slope,
    ),
    "tanh": Activation(
        "Tanh",
        "t = tanh(x)",
        "1 - t²",
        "Its slope is 1 at zero, but nearly nothing beyond 3 and below -3: there it is saturated.",
        tanh,
        tanh_slope,
    ),
    "gelu": Activation(
        "GELU",
        "x P(x), where P(x) is the normal distribution's share below x",
        "P(x) + x p(x), where p is the normal density",
        "A smooth ReLU: it lets small negative numbers through, and has no corner at zero.",
        gelu,
        gelu_slope,
    ),
}
