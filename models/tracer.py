"""Reads a network's operations with torch.fx, and makes them free of side effects."""

from __future__ import annotations

import inspect
import math
import operator
import re
from dataclasses import dataclass
from threading import Lock, get_ident
from typing import Any

import torch
import torchvision
from torch import fx, nn
from torchvision.ops import FrozenBatchNorm2d, Permute, StochasticDepth

#: What torch.fx raises on a network whose forward depends on its data or on Python that it cannot follow.
UNTRACEABLE = (
    *(fx.proxy.TraceError, TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError, KeyError),
    NameError,
)


@dataclass(frozen=True)
class Operations:
    """A network as a list of operations: the nodes in the order they run, and each node's names.

    A node has the name of the operation first, then those of the containers whose return value it is.
    """

    network: nn.Module
    modules: dict[str, nn.Module]
    nodes: tuple[fx.Node, ...]
    names: dict[str, fx.Node]
    output: fx.Node

    @property
    def input(self) -> fx.Node:
        """The node that stands for the picture."""
        return self.nodes[0]


#: While torch.fx traces, it changes what calling any module means, for all threads: two traces would mix.
_tracing = Lock()


def read_operations(network: nn.Module) -> Operations:
    """Trace a network into operations without in-place writes; raises one of UNTRACEABLE where that cannot be done."""
    with _tracing:
        tracer = _Tracer()
        graph = tracer.trace(network)
    _without_in_place_writes(graph)
    nodes = tuple(node for node in graph.nodes if node.op != "output")
    result = next(node for node in graph.nodes if node.op == "output").args[0]
    if not isinstance(result, fx.Node) or [node.op for node in nodes].count("placeholder") != 1:
        raise ValueError("The network does not turn one tensor into one tensor.")
    names = {name: node for name, node in tracer.names.items() if node in set(nodes)}
    # torch.fx leaves the tracer in a cycle; emptied, it does not keep the network alive until the next collection.
    vars(tracer).clear()
    return Operations(network, dict(network.named_modules()), nodes, names, result)


class _Tracer(fx.Tracer):
    """Names each operation as torchvision does, and remembers which node is each container's return value.

    Unlike torchvision's tracer it looks inside torchvision's blocks of convolution, norm and
    activation, and keeps the names of modules that end in a number (`conv_1`) as they are. Networks that other threads
    run meanwhile are none of its business.
    """

    def __init__(self) -> None:
        super().__init__(autowrap_modules=(math, torchvision.ops))
        self.names: dict[str, fx.Node] = {}
        self._thread = get_ident()
        self._path = ""
        self._paths: set[str] = set()

    def trace(self, root: Any, concrete_args: dict[str, Any] | None = None) -> fx.Graph:
        self._paths = {name for name, _ in root.named_modules()}
        return super().trace(root, concrete_args)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, (StochasticDepth, Permute, FrozenBatchNorm2d)) or super().is_leaf_module(
            m, module_qualified_name
        )

    def call_module(self, m: nn.Module, forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if get_ident() != self._thread:
            return forward(*args, **kwargs)
        outer, self._path = self._path, self.path_of_module(m)
        try:
            if self.is_leaf_module(m, self._path):
                return self.create_proxy("call_module", self._path, args, kwargs)
            result = forward(*args, **kwargs)
            if isinstance(result, fx.Proxy):
                self.names[self._free(self._path)] = result.node
            return result
        finally:
            self._path = outer

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        return attr_val if get_ident() != self._thread else super().getattr(attr, attr_val, parameter_proxy_cache)

    def create_proxy(self, kind: str, target: Any, args: Any, kwargs: Any, *rest: Any, **more: Any) -> fx.Proxy:
        proxy = super().create_proxy(kind, target, args, kwargs, *rest, **more)
        if kind == "call_module":
            name = self._path
        else:
            name = f"{self._path}.{re.sub(r'_[0-9]+$', '', str(proxy.node))}".lstrip(".")
        self.names[self._free(name)] = proxy.node
        return proxy

    def _free(self, name: str) -> str:
        """Number a name that is taken; a module's own path is never given to another module's second call."""
        if name not in self.names:
            return name
        count = 1
        while f"{name}_{count}" in self.names or f"{name}_{count}" in self._paths:
            count += 1
        return f"{name}_{count}"


_OUT_OF_PLACE = {
    getattr(operator, f"i{name.rstrip('_')}"): getattr(operator, name)
    for name in (
        *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"),
        *("and_", "or_", "xor", "lshift", "rshift"),
    )
}


def _without_in_place_writes(graph: fx.Graph) -> None:
    """Rewrite each in-place operation as one that makes a new tensor, which everything later reads."""
    order = {node: place for place, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        if not _made_out_of_place(node):
            continue
        written = node.args[0] if node.args else node.kwargs.get("input")
        if isinstance(written, fx.Node):
            for user in list(written.users):
                if order[user] > order[node]:
                    user.replace_input_with(written, node)


def _made_out_of_place(node: fx.Node) -> bool:
    """Change a node that writes into its first argument; say whether it was one.

    Raises ValueError for a write that nothing does out of place, such as `zero_`: as a node that nobody reads, it would
    be left out.
    """
    if node.kwargs.get("out") is not None:
        raise ValueError("The network writes into a tensor of its own.")
    if node.op == "call_method":
        name = str(node.target)
        if name == "__setitem__":
            raise ValueError("The network writes into a part of a tensor.")
        if not name.endswith("_") or name.endswith("__"):
            return False
        node.target = _twin(name, torch.Tensor)
        return True
    if node.op != "call_function" or not callable(node.target):
        return False
    if node.target is operator.setitem:
        raise ValueError("The network writes into a part of a tensor.")
    if node.target in _OUT_OF_PLACE:
        node.target = _OUT_OF_PLACE[node.target]
        return True
    name = getattr(node.target, "__name__", "")
    # `operator.and_` and its like only avoid a word of Python's.
    if name.endswith("_") and not name.startswith("_") and node.target not in vars(operator).values():
        module = torch if name[:-1] in dir(torch) else nn.functional
        node.target = getattr(module, _twin(name, module))
        return True
    return _switched_off(node)


def _twin(name: str, module: Any) -> str:
    """Name the operation that gives what one of this name, such as `add_`, writes into its first argument."""
    if name[:-1] not in dir(module):
        raise ValueError(f"The network overwrites a tensor by {name}.")
    return name[:-1]


def _switched_off(node: fx.Node) -> bool:
    """Turn `inplace=True` into False, given by name or by position; say whether it was True."""
    if node.kwargs.get("inplace"):
        node.kwargs = {**node.kwargs, "inplace": False}
        return True
    try:
        parameters = list(inspect.signature(node.target).parameters)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    place = parameters.index("inplace") if "inplace" in parameters else len(node.args)
    if place >= len(node.args) or not node.args[place]:
        return False
    node.args = (*node.args[:place], False, *node.args[place + 1 :])
    return True
