"""A network as a graph of its operations: their names, shapes and receptive fields, and running a part of them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, fx, nn

from models.device import out_of_memory
from models.errors import LayerError, ModelError
from models.geometry import Geometry, axes_of, geometry_of
from models.hooks import first_tensor, module_of, recording
from models.tracer import UNTRACEABLE, Operations, read_operations

Values = dict[fx.Node, Any]


#: How much of a network's last outputs is worth holding beside those of whole blocks.
LAST_BYTES = 8 * 2**20


@dataclass(frozen=True)
class LayerInfo:
    """One layer with an output.

    kind: "Conv2d", "add", "Bottleneck" ... shape: of the output for one picture, batch axis included.
    parameters: weights held by the layer. receptive_field: height and width in pixels of the crop,
    None = the whole picture, or not known in a network that torch.fx cannot follow.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    receptive_field: tuple[int, int] | None


@dataclass(frozen=True, eq=False)
class Graph:
    """What a network does, in the order it does it.

    `operations` is None for a network that torch.fx cannot follow; its layers are then the modules
    that were called, and it can only be run whole. `shapes` holds None for operations that give no
    tensor, such as a batch size. `outputs` counts the scores of one picture. `sound_cuts` remembers which
    layers the network may be cut at.
    """

    layers: tuple[LayerInfo, ...]
    geometry: dict[str, Geometry]
    operations: Operations | None
    shapes: dict[fx.Node, tuple[int, ...] | None]
    outputs: int
    sound_cuts: dict[fx.Node, bool] = field(default_factory=dict)

    @cached_property
    def worth_holding(self) -> tuple[tuple[fx.Node, int], ...]:
        """The operations whose output answers later questions soonest, each with its size in bytes.

        Those that containers return, outer containers first; then the last layers, up to `LAST_BYTES`: maps of class
        activation ask for them, and not every network has containers there.
        """
        if self.operations is None:
            return ()
        names, modules = self.operations.names, self.operations.modules
        containers = [
            layer
            for layer in sorted(self.layers, key=lambda layer: layer.name.count("."))
            if any(True for _ in modules.get(layer.name, nn.Identity()).children())
        ]
        sizes = {names[layer.name]: 4 * math.prod(layer.shape) for layer in containers}
        room = LAST_BYTES
        for layer in reversed(self.layers):
            room -= 4 * math.prod(layer.shape)
            if room < 0:
                break
            sizes.setdefault(names[layer.name], 4 * math.prod(layer.shape))
        return tuple(sizes.items())

    @cached_property
    def moving(self) -> set[fx.Node]:
        """The operations that depend on the picture."""
        return dependents(self.operations, [self.operations.input]) if self.operations is not None else set()

    @cached_property
    def _by_name(self) -> dict[str, LayerInfo]:
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def names(self) -> dict[fx.Node, str]:
        """The layer that each operation is; one that goes by several names has the innermost."""
        if self.operations is None:
            return {}
        return {self.operations.names[layer.name]: layer.name for layer in reversed(self.layers)}

    def layer(self, name: str) -> LayerInfo:
        """Return the layer of that name, or refuse with the names that come closest."""
        if name in self._by_name:
            return self._by_name[name]
        close = difflib.get_close_matches(str(name), [layer.name for layer in self.layers], 3)
        hint = f"Did you mean {' or '.join(close)}?" if close else "layers() lists them."
        raise LayerError(f"The network has no layer named {name!r}.", hint)

    def node(self, name: str) -> fx.Node:
        """Return the operation that gives this layer's output."""
        self.layer(name)
        assert self.operations is not None
        return self.operations.names[name]


def read_graph(network: nn.Module, example: Tensor) -> Graph:
    """Read a network's operations and probe them once with `example` (1, 3, H, W), normalised pixels.

    The example should be a picture with content: on an empty one, what is traced wrongly may not show.
    """
    with torch.no_grad():
        answer = network(example.clone())
        if not isinstance(answer, Tensor) or answer.ndim != 2:
            given = f"a tensor of shape {tuple(answer.shape)}" if isinstance(answer, Tensor) else type(answer).__name__
            raise ModelError(f"A network gives logits of shape (pictures, classes); this one gives {given}.")
        try:
            operations = read_operations(network)
            values: Values = {operations.input: example}
            shapes: dict[fx.Node, tuple[int, ...] | None] = {operations.input: tuple(example.shape)}
            plain = set()
            for node, value in _computed(operations, operations.nodes[1:], values, {operations.output}):
                shapes[node] = _shape(value)
                if isinstance(value, Tensor):
                    plain.add(node)
            if not _same(values[operations.output], answer):
                raise ValueError("The traced network gives another answer.")
        except UNTRACEABLE as error:
            if out_of_memory(error):
                raise
            return _read_by_hooks(network, example, answer.shape[1])
    modules = operations.modules
    geometry = geometry_of(operations.nodes, modules, shapes)
    layers, places = [], {}
    for name, node in _in_order(operations):
        shape, seen = shapes[node], geometry[node].receptive_field
        if shape is not None and (node.op == "call_module" or node in plain):
            layers.append(LayerInfo(name, _kind(name, node, modules), shape, _parameters(name, modules), seen))
            places[name] = geometry[node]
    return Graph(tuple(layers), places, operations, shapes, answer.shape[1])


def run(operations: Operations, known: Values, wanted: Collection[fx.Node], kept: Collection[fx.Node] = ()) -> Values:
    """Compute the wanted nodes from the known ones; nothing else is computed, and nothing else is held on to.

    Returns the wanted nodes' values, those of `kept` that had to be computed on the way, and the known.
    """
    needed = needed_for(operations, known, wanted)
    plan = [node for node in operations.nodes if node in needed]
    values = dict(known)
    for _ in _computed(operations, plan, values, {*known, *wanted, *kept}):
        pass
    return values


def _computed(
    operations: Operations, plan: Sequence[fx.Node], values: Values, held: Collection[fx.Node]
) -> Iterator[tuple[fx.Node, Any]]:
    """Compute the nodes of the plan one by one and show each; what is not held is dropped after its last use."""
    last_use: dict[fx.Node, int] = {}
    for place, node in enumerate(plan):
        for source in node.all_input_nodes:
            last_use[source] = place
    for place, node in enumerate(plan):
        values[node] = _compute(node, values, operations.modules)
        yield node, values[node]
        for source in node.all_input_nodes:
            if last_use[source] == place and source not in held:
                del values[source]


def needed_for(operations: Operations, known: Collection[fx.Node], wanted: Collection[fx.Node]) -> set[fx.Node]:
    """Find the nodes that must be computed to get from the known nodes to the wanted ones."""
    needed: set[fx.Node] = set()
    open_nodes = [node for node in wanted if node not in known]
    while open_nodes:
        node = open_nodes.pop()
        if node not in needed:
            needed.add(node)
            open_nodes.extend(source for source in node.all_input_nodes if source not in known)
    return needed


def dependents(operations: Operations, changed: Collection[fx.Node]) -> set[fx.Node]:
    """Find the nodes whose value depends on one of the changed ones, those included."""
    reached = set(changed)
    for node in operations.nodes:
        if any(source in reached for source in node.all_input_nodes):
            reached.add(node)
    return reached


def _compute(node: fx.Node, values: Values, modules: dict[str, nn.Module]) -> Any:
    args = fx.map_arg(node.args, values.__getitem__)
    kwargs = fx.map_arg(node.kwargs, values.__getitem__)
    if node.op == "call_module":
        return modules[str(node.target)](*args, **kwargs)
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **kwargs)
    if node.op == "get_attr":
        owner, _, name = str(node.target).rpartition(".")
        return getattr(modules[owner], name)
    assert callable(node.target)
    return node.target(*args, **kwargs)


def _in_order(operations: Operations) -> list[tuple[str, fx.Node]]:
    """List the names of what depends on the picture, as it runs; inner containers before outer ones."""
    place = {node: index for index, node in enumerate(operations.nodes)}
    moving = dependents(operations, [operations.input]) - {operations.input}
    named = [(name, node) for name, node in operations.names.items() if node in moving]
    return sorted(named, key=lambda item: (place[item[1]], -item[0].count("."), item[0]))


def _kind(name: str, node: fx.Node, modules: dict[str, nn.Module]) -> str:
    module = modules.get(module_of(name, modules))
    if module is not None:
        return type(module).__name__
    return node.target if isinstance(node.target, str) else str(getattr(node.target, "__name__", node.target))


def _parameters(name: str, modules: dict[str, nn.Module]) -> int:
    module = modules.get(module_of(name, modules))
    return 0 if module is None else sum(parameter.numel() for parameter in module.parameters())


def _shape(value: Any) -> tuple[int, ...] | None:
    tensor = first_tensor(value)
    return None if tensor is None else tuple(tensor.shape)


def _same(one: Any, other: Tensor) -> bool:
    if not isinstance(one, Tensor) or one.shape != other.shape:
        return False
    tolerance = 1e-4 * float(other.abs().max().nan_to_num()) + 1e-6
    return torch.allclose(one, other, rtol=1e-3, atol=tolerance, equal_nan=True)


def _read_by_hooks(network: nn.Module, example: Tensor, outputs: int) -> Graph:
    """Fall back on the modules that are called, in the order they return."""
    modules = dict(network.named_modules())
    with recording(network, *(name for name in modules if name)) as seen:
        network(example.clone())
    kinds = {name: type(modules[module_of(name, modules)]).__name__ for name in seen}
    layers = tuple(
        LayerInfo(name, kinds[name], tuple(output.shape), _parameters(name, modules), None)
        for name, output in seen.items()
    )
    axes = {tuple(example.shape): "NCHW"}
    places = {}
    for name, output in seen.items():
        shape = tuple(output.shape)
        # What has no layout of its own has that of what came before in the same shape, if anything did.
        axes[shape] = axes_of(modules[module_of(name, modules)], shape) or axes.get(shape, "")
        places[name] = Geometry(axes[shape])
    return Graph(layers, places, None, {}, outputs)
