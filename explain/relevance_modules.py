"""Operations as modules of their own: what the rules of layer-wise relevance propagation are put on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from zennit.layer import Sum

if TYPE_CHECKING:
    from torch import Tensor


class PassedOn(nn.Module):
    """Computes anything that keeps the shape, and hands the relevance of its output to its first input."""

    def __init__(self, compute: Callable[..., Tensor]) -> None:
        super().__init__()
        self.compute = compute

    def forward(self, signal: Tensor, *rest: Any, **settings: Any) -> Tensor:
        """Compute."""
        with torch.no_grad():
            value = self.compute(signal.detach(), *rest, **settings)
        handed: Tensor = _Handing.apply(signal, value)
        return handed


class Averaged(nn.Module):
    """Computes something linear without a bias, such as a mean; each input gets what it gave."""

    def __init__(self, compute: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.compute = compute

    def forward(self, signal: Tensor) -> Tensor:
        """Compute."""
        return self.compute(signal)


class Scaled(nn.Module):
    """Multiplies by a weight and adds a bias, place by place: a batch norm that no convolution can take in."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = nn.Parameter(bias, requires_grad=False)

    def forward(self, signal: Tensor) -> Tensor:
        """Scale and shift."""
        return signal * self.weight + self.bias


class Added(nn.Module):
    """Adds two things that both depend on the picture, or takes one from the other where the sign is -1."""

    def __init__(self, sign: int) -> None:
        super().__init__()
        self.sign = sign
        self.sum = Sum()

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Add them."""
        total: Tensor = self.sum(torch.stack(torch.broadcast_tensors(one, self.sign * other), -1))
        return total


class _Handing(torch.autograd.Function):
    """Gives the value in place of the signal, and what comes back to the signal."""

    @staticmethod
    def forward(context: Any, signal: Tensor, value: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(context: Any, *relevance: Tensor) -> tuple[Tensor, None]:
        return relevance[0], None
