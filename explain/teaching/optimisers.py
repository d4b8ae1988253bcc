"""How a gradient becomes a step: SGD, momentum, RMSprop and Adam, as their papers write them and torch does them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

#: What keeps a division from being by zero.
TINY = 1e-8


class Optimiser(ABC):
    """Turns the gradients of all weights into the step that is taken; each kind remembers what it needs."""

    @abstractmethod
    def steps(self, gradients: list[Tensor], rate: float) -> list[Tensor]:
        """Return what is to be taken away from each weight."""


class Descent(Optimiser):
    """Stochastic gradient descent: the gradient times the learning rate."""

    def steps(self, gradients: list[Tensor], rate: float) -> list[Tensor]:
        """Return what is to be taken away from each weight."""
        return [rate * gradient for gradient in gradients]


class Momentum(Optimiser):
    """Descent with a memory: v = 0.9 v + g, and the step is the rate times v (Polyak, 1964)."""

    def __init__(self) -> None:
        self._speeds: list[Tensor] | None = None

    def steps(self, gradients: list[Tensor], rate: float) -> list[Tensor]:
        """Return what is to be taken away from each weight."""
        before = self._speeds
        self._speeds = gradients if before is None else [0.9 * v + g for v, g in zip(before, gradients, strict=True)]
        return [rate * v for v in self._speeds]


class RMSprop(Optimiser):
    """Each weight's gradient is divided by its own usual size: s = 0.99 s + 0.01 g² (Hinton's lecture 6e, 2012)."""

    def __init__(self) -> None:
        self._squares: list[Tensor] | None = None

    def steps(self, gradients: list[Tensor], rate: float) -> list[Tensor]:
        """Return what is to be taken away from each weight."""
        before = self._squares or [0 * g for g in gradients]
        self._squares = [0.99 * s + 0.01 * g * g for s, g in zip(before, gradients, strict=True)]
        return [rate * g / (s.sqrt() + TINY) for g, s in zip(gradients, self._squares, strict=True)]


class Adam(Optimiser):
    """Momentum divided by the usual size of the gradient, both corrected for their start (arXiv:1412.6980)."""

    def __init__(self) -> None:
        self._count = 0
        self._means: list[Tensor] | None = None
        self._squares: list[Tensor] | None = None

    def steps(self, gradients: list[Tensor], rate: float) -> list[Tensor]:
        """Return what is to be taken away from each weight."""
        self._count += 1
        means, squares = (before or [0 * g for g in gradients] for before in (self._means, self._squares))
        self._means = [0.9 * m + 0.1 * g for m, g in zip(means, gradients, strict=True)]
        self._squares = [0.999 * s + 0.001 * g * g for s, g in zip(squares, gradients, strict=True)]
        first, second = 1 - 0.9**self._count, 1 - 0.999**self._count
        return [
            rate * (m / first) / ((s / second).sqrt() + TINY) for m, s in zip(self._means, self._squares, strict=True)
        ]


KINDS: Mapping[str, type[Optimiser]] = MappingProxyType(
    {"sgd": Descent, "momentum": Momentum, "rmsprop": RMSprop, "adam": Adam}
)
