"""Runs a network with some of its operations computed otherwise; the network itself stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

#: How an operation is computed instead: rule(compute, *args, **kwargs), where compute(*args, **kwargs) is the
#: operation itself, free of side effects.
Rule = Callable[..., Any]


class Rewritten(TorchFunctionMode):
    """Inside the `with`, operations are computed by the rule of their name: "relu", "mul", "max_pool2d" ...

    Every call that the network makes comes by here: each call of a module that is used again, functional calls and
    methods of tensors alike, also in networks that torch.fx cannot follow. A call that writes into its input does so
    with the rule's result. Holds for this thread alone. Differentiate outside the `with`.
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        super().__init__()
        self._rules = rules

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        rule = self._rules.get(name) or self._rules.get(name.removesuffix("_"))
        if rule is None:
            return func(*args, **kwargs)
        if "input" in kwargs:
            args = (kwargs.pop("input"), *args)
        by_flag = bool(kwargs.pop("inplace", False))
        by_name = name.endswith("_") and not name.endswith("__")
        if not (by_flag or by_name):
            return rule(func, *args, **kwargs)
        written = args[0]
        # The rule may keep what it was given for the gradient: it gets a copy that nobody writes into.
        return written.copy_(rule(_on_copy(func) if by_name else func, written.clone(), *args[1:], **kwargs))


class _Valued(torch.autograd.Function):
    """The value of one tensor with the gradient of another."""

    @staticmethod
    def forward(ctx: Any, surrogate: Tensor, value: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def valued(surrogate: Tensor, value: Tensor) -> Tensor:
    """Return `value`, differentiated as if it were `surrogate`."""
    found: Tensor = _Valued.apply(surrogate, value.detach())
    return found


def _on_copy(func: Any) -> Rule:
    return lambda written, *args, **kwargs: func(written.clone(), *args, **kwargs)
