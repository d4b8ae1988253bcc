"""The only code that registers hooks on a network; a hook exists only inside a `with`."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from models.errors import LayerError

if TYPE_CHECKING:
    from torch import Tensor, nn


def first_tensor(output: Any) -> Tensor | None:
    """Return what a layer gave: the tensor itself, or the first of a tuple or list that starts with one."""
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    return output if isinstance(output, torch.Tensor) else None


def with_first_tensor(output: Any, tensor: Tensor) -> Any:
    """Put a tensor where `first_tensor` found one, and keep the rest of the output."""
    return like(output, [tensor, *output[1:]]) if isinstance(output, (tuple, list)) else tensor


def like(output: Any, parts: list[Any]) -> Any:
    """Make a tuple or list of the same kind with other parts; a named tuple takes its parts one by one."""
    make = getattr(type(output), "_make", type(output))
    return make(parts)


def module_of(layer: str, modules: Collection[str]) -> str:
    """Return the module a layer's name belongs to: `relu_1` is the second call of `relu`, if no module is named so."""
    base, _, number = layer.rpartition("_")
    return base if layer not in modules and number.isdigit() and base and base in modules else layer


def call_name(module: str, call: int, modules: Collection[str]) -> str:
    """Name a module's call, counted from 0: `relu`, `relu_1` ...; another module's own name is passed over."""
    if call == 0:
        return module
    free = (name for number in itertools.count(1) if (name := f"{module}_{number}") not in modules)
    return next(itertools.islice(free, call - 1, None))


@contextmanager
def recording(network: nn.Module, *names: str) -> Iterator[dict[str, Tensor]]:
    """Collect the output of the named modules while the network runs inside the `with`.

    What is collected is safe from later in-place writes: the network goes on with a clone, and the
    tensor collected stays part of the autograd graph. A module that is called again gives `name_1`,
    `name_2` and so on, names of other modules left out.
    """
    modules = dict(network.named_modules())
    seen: dict[str, Tensor] = {}
    calls: Counter[str] = Counter()

    def collect(output: Any, name: str) -> Any:
        calls[name] += 1
        tensor = first_tensor(output)
        if tensor is None:
            return None
        seen[call_name(name, calls[name] - 1, modules)] = tensor
        return with_first_tensor(output, tensor.clone())

    with _hooked(network, {name: partial(collect, name=name) for name in names}):
        yield seen


@contextmanager
def replacing(network: nn.Module, replacements: dict[str, Tensor]) -> Iterator[None]:
    """Give these tensors in place of what the named modules return, while the network runs inside the `with`.

    `name_1` stands for a module's second call, as in `recording`.
    """
    modules = dict(network.named_modules())
    calls: Counter[str] = Counter()

    def replace(output: Any, module: str) -> Any:
        calls[module] += 1
        tensor = replacements.get(call_name(module, calls[module] - 1, modules))
        return None if tensor is None else with_first_tensor(output, tensor)

    hooked = {module_of(name, modules) for name in replacements}
    with _hooked(network, {name: partial(replace, module=name) for name in hooked}):
        yield


@contextmanager
def _hooked(network: nn.Module, changes: dict[str, Callable[[Any], Any]]) -> Iterator[None]:
    """Hook each named module; what the function returns replaces the module's output, None leaves it."""
    modules = dict(network.named_modules())
    unknown = sorted(set(changes) - set(modules))
    if unknown:
        raise LayerError(f"The network has no layer named {unknown[0]!r}.")
    handles = []
    try:
        for name, change in changes.items():
            handles.append(
                modules[name].register_forward_hook(lambda module, inputs, output, change=change: change(output))
            )
        yield
    finally:
        for handle in handles:
            handle.remove()
