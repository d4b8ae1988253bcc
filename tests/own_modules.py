"""A network written anew so that each ReLU and each pool is a module of its own: where captum's hooks are right.

captum hooks modules, so it misses ReLUs that are functions and mixes up calls of one that is used twice. Its DeepLIFT
passes a ReLU by that stands right before a max pool, and counts a maximum once that two windows share. Here every
window of a pool has its own copy of what it sees (a linear step), so that windows never share anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

import models

RELUS = (torch.relu, functional.relu, functional.relu_, "relu", "relu_")
POOLS = (torch.max_pool2d, functional.max_pool2d)
#: Below whatever a network's layers give.
LOW = -1e6


class Windows(nn.Module):
    """Max pooling of windows laid out side by side."""

    def __init__(self, size: int, stride: int, padding: int = 0, ceil_mode: bool = False) -> None:
        super().__init__()
        self.size, self.stride, self.padding, self.ceil_mode = size, stride, padding, ceil_mode
        self.pool = nn.MaxPool2d((1, size * size))

    def forward(self, given: Tensor) -> Tensor:
        ends = [self._beyond(side) for side in given.shape[2:]]
        padded = functional.pad(given, (self.padding, ends[1], self.padding, ends[0]), value=LOW)
        seen = padded.unfold(2, self.size, self.stride).unfold(3, self.size, self.stride)
        channels, rows, columns = seen.shape[1:4]
        return self.pool(seen.reshape(-1, channels, rows * columns, self.size**2)).view(-1, channels, rows, columns)

    def _beyond(self, side: int) -> int:
        """Count the places after the end that the last window needs."""
        over = side + 2 * self.padding - self.size
        windows = (-(-over // self.stride) if self.ceil_mode else over // self.stride) + 1
        if self.ceil_mode and (windows - 1) * self.stride >= side + self.padding:
            windows -= 1
        return max(self.padding, (windows - 1) * self.stride + self.size - side - self.padding)


class Ceiled(nn.Module):
    """A ReLU6 as a ReLU and a ceiling: captum's Guided Backprop and Deconvnet change nn.ReLU alone.

    closing: whether the ceiling stops gradients, as it does in Guided Backprop; a Deconvnet does not ask what was open.
    """

    def __init__(self, closing: bool) -> None:
        super().__init__()
        self.relu, self.closing = nn.ReLU(), closing

    def forward(self, given: Tensor) -> Tensor:
        value = self.relu(given)
        return value.clamp(max=6) if self.closing else value - (value - 6).clamp(min=0).detach()


def own_modules(model: models.LoadedModel, relu6: Callable[[], nn.Module] = nn.ReLU6) -> nn.Module:
    """Write a network anew; all other modules are its own, and none of those is changed.

    relu6: makes what stands for a ReLU6.
    """
    written = fx.symbolic_trace(model.network)
    modules = dict(model.network.named_modules())
    for number, node in enumerate(list(written.graph.nodes)):
        module = _own(node, modules, relu6)
        if module is None:
            continue
        name = f"own_{number}"
        written.add_module(name, module)
        with written.graph.inserting_before(node):
            node.replace_all_uses_with(written.graph.call_module(name, (node.args[0],)))
        written.graph.erase_node(node)
    written.recompile()
    return written.eval()


def _own(node: fx.Node, modules: dict[str, nn.Module], relu6: Callable[[], nn.Module]) -> nn.Module | None:
    if node.op != "call_module":
        pooled = node.target in POOLS
        return Windows(**_settings(*node.args[1:], **node.kwargs)) if pooled else _relu(node.target in RELUS)
    module = modules[str(node.target)]
    if isinstance(module, nn.ReLU6):
        return relu6()
    if isinstance(module, nn.MaxPool2d):
        return Windows(module.kernel_size, module.stride, module.padding, module.ceil_mode)
    return _relu(isinstance(module, nn.ReLU))


def _relu(there: bool) -> nn.Module | None:
    return nn.ReLU() if there else None


def _settings(kernel_size: int, stride: int | None = None, padding: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "size": kernel_size,
        "stride": stride or kernel_size,
        "padding": padding,
        "ceil_mode": more.get("ceil_mode", False),
    }
