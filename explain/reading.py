"""One unit of one operation, and what the network and a trace know of what it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import fx

from explain.steps import Part
from explain.suitability import grid_of
from models.errors import LayerError
from models.graph import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from explain.tracing import Trace

PICTURE = "the picture"


class Reading:
    """One unit of the operation that gives a layer's output.

    kind: what the operation is called in torch. operation: the module, or the function. tensor: what it gave.
    at: the unit's place in that.
    """

    def __init__(self, trace: Trace, layer: str, channel: int, row: int, column: int) -> None:
        graph = trace.model.graph
        graph.layer(layer)
        if graph.operations is None:
            raise LayerError("The operations of this network cannot be followed, so no step can be shown.")
        self.trace, self.layer = trace, layer
        self.operations, self.node = graph.operations, graph.operations.names[layer]
        self.names = graph.names
        self.operation: Any = self.node.target
        if self.node.op == "call_module":
            self.operation = self.operations.modules[str(self.node.target)]
            self.kind = type(self.operation).__name__
        else:
            self.kind = self.operation if isinstance(self.operation, str) else str(self.operation.__name__)
        self.tensor = trace.activation(layer)
        self.at = self._index(channel, row, column)

    @property
    def origin(self) -> dict[str, Any]:
        """What every step says: the layer, its kind, the layer it reads, and the unit's output."""
        source = self.node.args[0] if self.node.args else None
        name = self.name(source) if isinstance(source, fx.Node) else ""
        return {"layer": self.layer, "kind": self.kind, "source": name, "output": self.number(self.tensor, self.at)}

    @property
    def given(self) -> Tensor:
        """What the operation reads first."""
        return self.value(self.node.args[0] if self.node.args else self.node.kwargs["input"])

    @property
    def sources(self) -> list[fx.Node]:
        """The tensors that the operation reads, weights included; of one part of a chunked tensor, that tensor."""
        read = self.node.all_input_nodes
        if self.kind == "getitem" and read[0].target in ("chunk", "split", torch.chunk, torch.split):
            read = read[0].all_input_nodes
        elif self.kind == "getitem" and read[0].op == "call_module" and isinstance(self.node.args[1], int):
            return []  # one of several outputs of a module, such as attention and its weights
        return [source for source in read if self._is_tensor(source)]

    def value(self, node: Any) -> Tensor:
        """Look up what an operation gave for this picture, or a weight."""
        if node is self.operations.input:
            return self.trace.model.normalise(self.trace.pixels)
        if node in self.names:
            return self.trace.activation(self.names[node])
        value: Tensor = run(self.operations, {}, [node])[node]
        return value

    def moved(self, values: dict[fx.Node, Tensor]) -> Tensor:
        """Run the operation on other values."""
        known = {self.operations.input: self.value(self.operations.input), **values}
        result: Tensor = run(self.operations, known, [self.node])[self.node]
        return result

    def part(self, given: Any) -> Part:
        """Read the number that one side of an operation on two tensors brings in."""
        if not isinstance(given, fx.Node):
            return Part("a constant", "", float(given))
        tensor = self.value(given)
        shared = self.at[len(self.at) - tensor.ndim :]
        return self.part_at(given, [0 if size == 1 else at for size, at in zip(tensor.shape, shared, strict=True)])

    def part_at(self, node: fx.Node, index: Sequence[int]) -> Part:
        """Read one number of what an operation gave."""
        return Part(self.name(node), self._place(node, index), self.number(self.value(node), index))

    def name(self, node: fx.Node) -> str:
        """Name an operation as the layers are named."""
        return PICTURE if node is self.operations.input else self.names.get(node, str(node.target))

    def weights(self, name: str, argument: int) -> Any:
        """Read the weights of a module or function; None where it has none."""
        found = self.option(name, argument, None)
        return self.value(found) if isinstance(found, fx.Node) else found

    def option(self, name: str, argument: int, default: Any) -> Any:
        """Read a setting: of a module its attribute, of a function its argument."""
        if self.node.op == "call_module":
            return getattr(self.operation, name)
        return self.node.kwargs.get(name, self.node.args[argument] if len(self.node.args) > argument else default)

    @staticmethod
    def number(tensor: Tensor, index: Sequence[int]) -> float:
        """Read one number."""
        return float(tensor[tuple(index)])

    def _is_tensor(self, node: fx.Node) -> bool:
        return node is self.operations.input or node in self.names or node.op == "get_attr"

    def _place(self, node: fx.Node, index: Sequence[int]) -> str:
        """Say in words where in an operation's output a number stands."""
        geometry = self.trace.model.graph.geometry.get(self.names.get(node, ""))
        axes = geometry.axes if geometry is not None and geometry.spatial else ""
        axes = "NCHW" if node is self.operations.input else axes
        if len(axes) != len(index) or "T" in axes:
            return f"value {', '.join(map(str, index[1:]))}" if len(index) > 1 else ""
        words = {"C": "channel", "H": "row", "W": "column"}
        return ", ".join(f"{words[axis]} {index[axes.index(axis)]}" for axis in "CHW")

    def _index(self, channel: int, row: int, column: int) -> tuple[int, ...]:
        """Find the unit in the layer's output."""
        model, shape = self.trace.model, tuple(self.tensor.shape)
        channels, rows, columns = grid_of(model, self.layer)
        if not (0 <= channel < channels and 0 <= row < rows and 0 <= column < columns):
            raise LayerError(
                f"{self.layer!r} has {channels} x {rows} x {columns} units; "
                f"there is no channel {channel}, row {row}, column {column}."
            )
        geometry = model.graph.geometry[self.layer]
        if not geometry.spatial:
            return tuple(int(place) for place in np.unravel_index(channel, shape))
        token = geometry.prefix + row * columns + column
        places = {"N": 0, "C": channel, "H": row, "W": column, "T": token}
        return tuple(places[axis] for axis in geometry.axes)
