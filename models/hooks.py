"""The only code that registers hooks on a network; a hook exists only inside a `with`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    return type(output)([tensor, *output[1:]]) if isinstance(output, (tuple, list)) else tensor


@contextmanager
def recording(network: nn.Module, *names: str) -> Iterator[dict[str, Tensor]]:
    """Collect the output of the named modules while the network runs inside the `with`.

    What is collected is safe from later in-place writes: the network goes on with a clone, and the
    tensor collected stays part of the autograd graph. A module that is called again gives `name_1`,
    `name_2` and so on.
    """
    seen: dict[str, Tensor] = {}

    def collect(output: Any, name: str) -> Any:
        tensor = first_tensor(output)
        if tensor is None:
            return None
        seen[_free(name, seen)] = tensor
        return with_first_tensor(output, tensor.clone())

    with _hooked(network, {name: partial(collect, name=name) for name in names}):
        yield seen


@contextmanager
def replacing(network: nn.Module, replacements: dict[str, Tensor]) -> Iterator[None]:
    """Give these tensors in place of what the named modules return, while the network runs inside the `with`.

    `name_1` stands for a module's second call, as in `recording`.
    """
    modules = dict(network.named_modules())
    calls: dict[str, int] = {}

    def replace(output: Any, module: str) -> Any:
        call = calls.get(module, 0)
        calls[module] = call + 1
        tensor = replacements.get(f"{module}_{call}" if call else module)
        return None if tensor is None else with_first_tensor(output, tensor)

    hooked = {name if name in modules else name.rpartition("_")[0] for name in replacements}
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


def _free(name: str, taken: dict[str, Any]) -> str:
    count = 0
    while (numbered := name if count == 0 else f"{name}_{count}") in taken:
        count += 1
    return numbered
