"""Two runs of one network compared: between them each operation gets a slope in place of its gradient."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from explain.rewriting import Rule, valued
from models.device import free_memory
from models.errors import UnsuitableError

#: Two values closer than this, as a share of their size, differ by little more than rounding.
CLOSE = 1e-4
#: Bytes that the second run takes for each byte that the first one remembers, about: inputs, slopes, what is between.
MEMORY_FOR_EACH = 4


class Slopes:
    """Rules for single operations that are not linear; run first on one picture, then on another.

    In the first run they remember what each operation was given. In the second they meet the same operations in the
    same order, and give each the slope between the two: what its output differs by is then exactly the sum of what
    its inputs differ by, each times its slope. Linear operations have that with their own gradient.
    """

    def __init__(self) -> None:
        self.recording = True
        self._given: deque[tuple[Tensor, ...]] = deque()
        self._room = free_memory() / MEMORY_FOR_EACH

    def elementwise(self, compute: Rule, given: Tensor, *rest: Any, **options: Any) -> Tensor:
        """Take the output's difference over the input's, for each value by itself: the Rescale rule."""
        start = self._started(given)
        if start is None or not given.requires_grad:
            result: Tensor = compute(given, *rest, **options)
        else:
            result = _Sloped.apply(given, start[0], lambda values: compute(values, *rest, **options))
        return result

    def product(self, compute: Rule, first: Any, second: Any, **options: Any) -> Any:
        """Share out the difference of a product: the mean of changing one factor first, and the other first."""
        if not isinstance(first, Tensor) or not isinstance(second, Tensor) or options:
            return compute(first, second, **options)
        start = self._started(first, second)
        if start is None or not (first.requires_grad and second.requires_grad):
            return compute(first, second)
        with torch.no_grad():
            value = compute(first, second)
            first_mean, second_mean = first.lerp(start[0], 0.5), second.lerp(start[1], 0.5)
        return valued(compute(first, second_mean) + compute(first_mean, second), value)

    def quotient(self, compute: Rule, first: Any, second: Any, **options: Any) -> Any:
        """Take a quotient as the product with the reciprocal."""
        if not isinstance(second, Tensor) or options:
            return compute(first, second, **options)
        return self.product(torch.mul, first, self.elementwise(torch.reciprocal, second))

    def power(self, compute: Rule, given: Any, exponent: Any) -> Any:
        """Take a power elementwise, where the exponent is a number."""
        return compute(given, exponent) if isinstance(exponent, Tensor) else self.elementwise(compute, given, exponent)

    def einsum(self, compute: Rule, equation: str, *operands: Tensor) -> Any:
        """Take a sum of products of two tensors as a product."""
        if len(operands) != 2:
            return compute(equation, *operands)
        return self.product(partial(compute, equation), *operands)

    def max_pool(self, compute: Rule, given: Tensor, *rest: Any, return_indices: bool = False, **options: Any) -> Any:
        """Pool by the places of the largest."""
        if return_indices:
            return compute(given, *rest, return_indices=True, **options)
        return self._largest(partial(functional.max_pool2d, return_indices=True, **options), given, *rest)

    def adaptive_max_pool(self, compute: Rule, given: Tensor, size: Any, return_indices: bool = False) -> Any:
        """Pool by the places of the largest."""
        if return_indices:
            return compute(given, size, return_indices=True)
        return self._largest(partial(functional.adaptive_max_pool2d, return_indices=True), given, size)

    def softmax(self, compute: Rule, given: Tensor, dim: int | None = None, *rest: Any, **options: Any) -> Tensor:
        """Take softmax as exp of the score less the log of the sum.

        exp has the slope s = (p1 - p0) / (log p1 - log p0). As the probabilities always add up to 1, the difference
        of the log of the sum is that of the scores, weighed by s.
        """
        start = self._started(given)
        if start is None or not given.requires_grad or dim is None:
            plain: Tensor = compute(given, dim, *rest, **options)
            return plain
        with torch.no_grad():
            value = compute(given, dim, *rest, **options)
            logs, start_logs = given.log_softmax(dim), start[0].log_softmax(dim)
            run = logs - start_logs
            slope = (logs.exp() - start_logs.exp()) / run
            slope = torch.where(run.abs() <= CLOSE, logs.lerp(start_logs, 0.5).exp(), slope)
            # Where a mask of minus infinity rules a place out of both runs, nothing differs.
            slope = slope.nan_to_num(0)
            share = slope / slope.sum(dim, keepdim=True)
        finite = given.masked_fill(given.isinf(), 0)
        return valued(slope * (finite - (share * finite).sum(dim, keepdim=True)), value)

    def _largest(self, pool: Rule, given: Tensor, *rest: Any) -> Tensor:
        """Give the difference of each window to the place of the larger maximum; a place adds up its windows.

        There the input differs by at least as much as the output, so that each window's slope is in 0..1.
        """
        start = self._started(given)
        if start is None or not given.requires_grad:
            plain: Tensor = pool(given, *rest)[0]
            return plain
        with torch.no_grad():
            value, place = pool(given, *rest)
            start_value, start_place = pool(start[0], *rest)
            chosen = torch.where(value >= start_value, place, start_place).flatten(-2)
            run = (given - start[0]).flatten(-2).gather(-1, chosen).view_as(value)
            slope = torch.where(run == 0, 1, (value - start_value) / run)
        return valued(given.flatten(-2).gather(-1, chosen).view_as(value) * slope, value)

    def _started(self, *given: Tensor) -> tuple[Tensor, ...] | None:
        """Remember in the first run what an operation was given, and return it in the second."""
        if self.recording:
            self._room -= sum(each.nbytes for each in given if each.device.type == "cpu")
            if self._room < 0:
                raise UnsuitableError(
                    "To compare every operation of this network, this method would take more memory than is free.",
                    "Integrated Gradients takes little.",
                )
            # Copies: the network may go on to write into its own.
            self._given.append(tuple(each.detach().clone() for each in given))
            return None
        start = self._given.popleft() if self._given else ()
        if [each.shape for each in start] != [each.shape for each in given]:
            raise UnsuitableError(
                "This network does not compute the same operations for the baseline as for the picture.",
                "Integrated Gradients needs no comparison of operations.",
            )
        return start


class _Sloped(torch.autograd.Function):
    """An elementwise operation with the slope between two inputs as its gradient; where they are close, its own."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, start: Tensor, compute: Rule) -> Tensor:
        leaf = given.detach().requires_grad_()
        with torch.enable_grad():
            found = compute(leaf)
            (tangent,) = torch.autograd.grad(found, [leaf], torch.ones_like(found))
        value: Tensor = found.detach()
        run = given - start
        close = run.abs() <= (given + start).abs_().mul_(CLOSE)
        ctx.save_for_backward(torch.where(close, tangent, (value - compute(start)).div_(run)))
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return gradient * slope, None, None
