"""How many multiplications with an addition each operation of a network takes; counted from shapes, nothing is run."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from models.hooks import module_of
from models.tracer import UNTRACEABLE

if TYPE_CHECKING:
    from models.graph import Graph
    from models.loaded import LoadedModel

#: The modules whose count follows from their weights and the size of their output.
_BY_OUTPUT = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def multiply_adds(model: LoadedModel) -> dict[str, int]:
    """Count for each layer that holds no others what it takes for one picture; what multiplies no matrices takes 0.

    Convolutions, matrix products and attention count, as in the figures that are published; norms,
    activations and additions do not. An operation that cannot be repeated on its shapes alone counts 0.
    """
    graph = model.graph
    if graph.operations is None:
        modules = dict(model.network.named_modules())
        named = {layer.name: modules.get(module_of(layer.name, modules)) for layer in graph.layers}
        return {layer.name: _by_output(named[layer.name], layer.shape) or 0 for layer in graph.layers}
    own: dict[fx.Node, str] = {}
    for name, node in graph.operations.names.items():
        own.setdefault(node, name)
    found = {}
    for node in graph.moving & set(own):
        # Another thread may have hooked a module for a moment; its copy must not take the hook along.
        with model.lock:
            found[own[node]] = _of(node, graph)
    return found


def _of(node: fx.Node, graph: Graph) -> int:
    assert graph.operations is not None
    shape = graph.shapes.get(node)
    if shape is None or node.op == "placeholder":
        return 0
    module = graph.operations.modules[str(node.target)] if node.op == "call_module" else None
    known = _by_output(module, shape)
    if known is not None:
        return known
    if module is not None and all(parameter.ndim < 2 for parameter in module.parameters()):
        return 0
    if any(graph.shapes.get(source) is None for source in node.all_input_nodes):
        return 0
    return _repeated(node, graph, module)


def _by_output(module: nn.Module | None, shape: tuple[int, ...]) -> int | None:
    """Count by the weights that each number of the output takes; None where that is not the rule."""
    return math.prod(shape) * module.weight[0].numel() if isinstance(module, _BY_OUTPUT) else None


def _repeated(node: fx.Node, graph: Graph, module: nn.Module | None) -> int:
    """Do an operation again on tensors without content, and let torch's own formulas count."""

    def empty(source: fx.Node) -> Any:
        if source.op == "get_attr":
            owner, _, name = str(source.target).rpartition(".")
            return getattr(modules[owner], name).to("meta")
        shape = graph.shapes[source]
        assert shape is not None
        return torch.empty(shape, device="meta")

    assert graph.operations is not None
    modules = graph.operations.modules
    args, kwargs = fx.map_arg(node.args, empty), fx.map_arg(node.kwargs, empty)
    counter = _Counter()
    try:
        with torch.no_grad(), counter:
            if module is not None:
                _without_content(module)(*args, **kwargs)
            elif node.op == "call_method":
                getattr(args[0], str(node.target))(*args[1:], **kwargs)
            elif callable(node.target):
                node.target(*args, **kwargs)
    except (*UNTRACEABLE, IndexError):
        return 0
    return counter.multiply_adds


def _without_content(module: nn.Module) -> nn.Module:
    """Copy a module without copying its weights."""
    memo: dict[int, Any] = {
        id(weight): nn.Parameter(weight.to("meta"), requires_grad=False) for weight in module.parameters()
    }
    memo |= {id(buffer): buffer.to("meta") for buffer in module.buffers()}
    return copy.deepcopy(module, memo)


class _Counter(TorchDispatchMode):
    """Counts multiplications with an addition inside the `with`; torch's formulas count each as two."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.multiply_adds = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result: Tensor | Any = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.multiply_adds += int(formula(*args, **(kwargs or {}), out_val=result)) // 2
        return result
