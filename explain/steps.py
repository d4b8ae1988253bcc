"""What goes on inside one step of a network, as numbers: how one output comes from the inputs that it reads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Sums = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Step:
    """One unit of a layer. Abstract: a weighted sum, pooling, norm, activation, combination or moved number.

    kind: the operation, such as "Conv2d". source: the layer read. output: what the network gave; `result` is
    the same, computed again from the numbers shown.
    """

    layer: str
    kind: str
    source: str
    output: float

    @property
    def result(self) -> float:
        """Work the output out from the numbers of the step."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False, kw_only=True)
class WeightedSum(Step):
    """A convolution or linear layer: patch times kernel, summed, plus the bias.

    patch, kernel: (channels, h, w). channels: the numbers of the input channels read. rows, columns: where
    on the input the patch lies. padded: (h, w), places beyond the input, which count as zero.
    """

    patch: Floats
    kernel: Floats
    bias: float | None
    channels: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    padded: NDArray[np.bool_]

    @property
    def products(self) -> Sums:
        """Each input times its weight."""
        products: Sums = self.patch.astype(np.float64) * self.kernel
        return products

    @property
    def contributions(self) -> Sums:
        """What each input channel adds, (channels,)."""
        contributions: Sums = self.products.sum(axis=(1, 2))
        return contributions

    @property
    def result(self) -> float:
        """Sum the products, and add the bias."""
        return float(self.products.sum()) + (self.bias or 0.0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Pooling(Step):
    """The largest or the average of a patch (h, w); `padded` places are no candidates, and count as zero.

    divisor: by what the sum of an average is divided.
    """

    way: Literal["largest", "average"]
    patch: Floats
    padded: NDArray[np.bool_]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    divisor: int

    @property
    def result(self) -> float:
        """Take the largest, or divide the sum."""
        seen = self.patch.astype(np.float64)[~self.padded]
        return float(seen.max() if self.way == "largest" else seen.sum() / self.divisor)


@dataclass(frozen=True, eq=False, kw_only=True)
class Norm(Step):
    """A value shifted and scaled: (value - mean) / sqrt(variance + epsilon) * weight + bias.

    over: what mean and variance were taken over, in words.
    """

    value: float
    mean: float
    variance: float
    epsilon: float
    weight: float
    bias: float
    over: str

    @property
    def result(self) -> float:
        """Shift and scale."""
        return (self.value - self.mean) / math.sqrt(self.variance + self.epsilon) * self.weight + self.bias


@dataclass(frozen=True, eq=False, kw_only=True)
class Activation(Step):
    """A function of one value; `function` names one of FUNCTIONS."""

    value: float
    function: str

    @property
    def formula(self) -> str:
        """The function as it is written."""
        return FUNCTIONS[self.function][0]

    @property
    def result(self) -> float:
        """Apply the function."""
        return FUNCTIONS[self.function][1](self.value)


@dataclass(frozen=True)
class Part:
    """One number that goes into another: the layer or weight it comes from, where in it, and its value."""

    source: str
    place: str
    value: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Combination(Step):
    """The sum, difference, product or quotient of parts from two places; or one part that was only moved."""

    way: Literal["sum", "difference", "product", "quotient", "move"]
    parts: tuple[Part, ...]

    @property
    def result(self) -> float:
        """Combine the parts."""
        first, *others = (part.value for part in self.parts)
        for other in others:
            first = _TOGETHER[self.way](first, other)
        return first


_TOGETHER: dict[str, Callable[[float, float], float]] = {
    "sum": lambda one, other: one + other,
    "difference": lambda one, other: one - other,
    "product": lambda one, other: one * other,
    "quotient": lambda one, other: one / other,
}


def _sigmoid(value: float) -> float:
    return 0.5 + 0.5 * math.tanh(value / 2)


#: Formula and computation of each activation, by the name that torch gives it in lower case.
FUNCTIONS: dict[str, tuple[str, Callable[[float], float]]] = {
    "relu": ("max(0, x)", lambda value: max(0.0, value)),
    "relu6": ("min(6, max(0, x))", lambda value: min(6.0, max(0.0, value))),
    "sigmoid": ("1 / (1 + exp(-x))", _sigmoid),
    "tanh": ("tanh(x)", math.tanh),
    "silu": ("x / (1 + exp(-x))", lambda value: value * _sigmoid(value)),
    "gelu": ("x · (1 + erf(x / √2)) / 2", lambda value: value * (1 + math.erf(value / math.sqrt(2))) / 2),
    "hardsigmoid": ("min(6, max(0, x + 3)) / 6", lambda value: min(6.0, max(0.0, value + 3)) / 6),
    "hardswish": ("x · min(6, max(0, x + 3)) / 6", lambda value: value * min(6.0, max(0.0, value + 3)) / 6),
}
