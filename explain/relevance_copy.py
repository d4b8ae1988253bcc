"""A copy of a network in which every call has a module of its own, so that rules of relevance can be put on it.

The copy shares the weights and nothing else: no hook, flag or attribute of the network is touched. What torch.fx reads
as a function becomes a module; a batch norm is folded into the convolution before it (which then has weights of its
own); a gate, as in squeeze and excitation, counts as a constant.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from torchvision.ops import FrozenBatchNorm2d, Permute, StochasticDepth
from zennit.types import Activation, AvgPool, BatchNorm, ConvolutionStandard, Linear, MaxPool

from explain.relevance_modules import Added, Averaged, PassedOn, Scaled
from models.errors import UnsuitableError
from models.graph import run
from models.tracer import Operations

if TYPE_CHECKING:
    from torch import Tensor

    from models.graph import Graph

#: Functions and methods by name. What is only moved, cut or joined carries relevance by its gradient.
# fmt: off
MOVING = {
    "adaptive_max_pool2d", "cat", "channel_shuffle", "chunk", "clone", "concat", "contiguous", "dropout", "expand",
    "flatten", "float", "getitem", "max_pool2d", "movedim", "pad", "permute", "reshape", "roll", "select", "split",
    "squeeze", "stack", "swapaxes", "to", "transpose", "unbind", "unflatten", "unsqueeze", "view",
}
ELEMENTWISE = {
    "clamp", "clamp_min", "elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "layer_norm", "leaky_relu", "mish",
    "neg", "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "tanh",
}
# fmt: on
AVERAGING = {"adaptive_avg_pool2d", "avg_pool2d", "mean", "sum"}
ADDING = {"add": 1, "sub": -1}
MULTIPLYING = {"div", "mul", "truediv"}

MOVING_MODULES = (
    *(MaxPool, StochasticDepth, Permute),
    *(nn.Dropout, nn.Dropout2d, nn.Flatten, nn.Identity, nn.Unflatten, nn.ChannelShuffle, nn.ZeroPad2d),
)
ELEMENTWISE_MODULES = (Activation, nn.Mish, nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm)
BATCH_NORMS = (BatchNorm, FrozenBatchNorm2d)
#: What opens and closes a gate.
GATES = {"hardsigmoid", "sigmoid", "softmax", "tanh"}
GATE_MODULES = (nn.Sigmoid, nn.Hardsigmoid, nn.Softmax, nn.Tanh)


def relevance_copy(graph: Graph) -> Operations:
    """Rewrite a network; refuses one whose operations cannot be read, or that holds one without a rule.

    The copy's `network` holds its modules in the order they run.
    """
    if graph.operations is None:
        raise UnsuitableError("The operations of this network cannot be read, so relevance has no way through it.")
    writer = _Writer(graph, graph.operations)
    for node in graph.operations.nodes:
        writer.write(node)
    return writer.operations()


class _Writer:
    """Writes one operation after the other."""

    def __init__(self, graph: Graph, read: Operations) -> None:
        self.read = read
        self.shapes = graph.shapes
        self.moving = {node for node in graph.moving if graph.shapes[node] is not None}
        self.written: dict[fx.Node, fx.Node] = {}
        self.graph = fx.Graph()
        self.calls: dict[str, nn.Module] = {}

    def operations(self) -> Operations:
        """Return what has been written."""
        modules = {**self.read.modules, **self.calls}
        return Operations(
            nn.ModuleList(self.calls.values()), modules, tuple(self.graph.nodes), {}, self.written[self.read.output]
        )

    def write(self, node: fx.Node) -> None:
        """Write one operation: one that touches the picture as a module with a rule, any other as it is."""
        if node in self.moving and node.op == "call_module":
            self._write_module(node, self.read.modules[str(node.target)])
        elif node in self.moving and node.op in ("call_function", "call_method"):
            self._write_function(node, str(node.target if node.op == "call_method" else _name(node.target)))
        else:
            self._keep(node)

    def _write_module(self, node: fx.Node, module: nn.Module) -> None:
        if isinstance(module, BATCH_NORMS):
            self._write_batch_norm(node, module)
        elif isinstance(module, (*MOVING_MODULES, Linear, AvgPool)):
            self._call(node, _twin(module))
        elif isinstance(module, ELEMENTWISE_MODULES) and not isinstance(module, nn.MultiheadAttention):
            self._call(node, PassedOn(_twin(module)))
        else:
            raise _unknown(type(module).__name__)

    def _write_function(self, node: fx.Node, name: str) -> None:
        compute: Any = node.target if node.op == "call_function" else getattr(torch.Tensor, name, None)
        first, *rest = node.args or (None,)
        if name in MOVING:
            self._keep(node)
        elif name in ELEMENTWISE and self.moving.intersection(node.all_input_nodes) == {first}:
            self._call(node, PassedOn(compute))
        elif name in AVERAGING and node.all_input_nodes == [first]:
            self._call(node, Averaged(partial(_computed, compute, rest, dict(node.kwargs))), (first,))
        elif name in ADDING and not node.kwargs:
            self._write_sum(node, ADDING[name])
        elif name in MULTIPLYING and not node.kwargs:
            self._write_product(node, compute, name)
        else:
            raise _unknown(name)

    def _write_batch_norm(self, node: fx.Node, norm: Any) -> None:
        """Fold it into the convolution or linear layer before it, if nothing else reads that one's output."""
        (source,) = node.all_input_nodes
        before = self.calls.get(str(self.written[source].target))
        if isinstance(before, (ConvolutionStandard, nn.Linear)) and len(source.users) == 1:
            fuse: Any = fuse_linear_bn_eval if isinstance(before, nn.Linear) else fuse_conv_bn_eval
            self._replace(str(self.written[source].target), fuse(before, norm))
            self.written[node] = self.written[source]
            return
        shape = (-1, *[1] * (len(self.shapes[node] or ()) - 2))
        scale = (norm.running_var + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight)
        shift = (0 if norm.bias is None else norm.bias) - norm.running_mean * scale
        self._call(node, Scaled(scale.reshape(shape), shift.reshape(shape)))

    def _write_sum(self, node: fx.Node, sign: int) -> None:
        one, other = node.args
        if one in self.moving and other in self.moving:
            self._call(node, Added(sign))
        elif one in self.moving:
            constant = sign * self._constant(other)
            self._call(node, Scaled(torch.ones_like(constant), constant), (one,))
        else:
            constant = self._constant(one)
            self._call(node, Scaled(torch.full_like(constant, sign), constant), (other,))

    def _write_product(self, node: fx.Node, compute: Any, name: str) -> None:
        one, other = node.args
        if one in self.moving and other in self.moving:
            signal, gate = self._signal_and_gate(node, one, other) if name == "mul" else (None, None)
        else:
            signal, gate = (one, other) if one in self.moving else (other, one)
        if signal is None or self.shapes[signal] != self.shapes[node] or (signal is other and name != "mul"):
            raise _unknown(name)
        self._call(node, PassedOn(compute), (signal, gate))

    def _signal_and_gate(self, node: fx.Node, one: Any, other: Any) -> tuple[Any, Any]:
        """Tell the signal from what only opens and closes it; (None, None) where neither is plainly a gate."""
        for signal, gate in ((one, other), (other, one)):
            if self.shapes[gate] != self.shapes[node] or self._is_gate(gate):
                return signal, gate
        return None, None

    def _is_gate(self, node: fx.Node) -> bool:
        if node.op == "call_module":
            return isinstance(self.read.modules[str(node.target)], GATE_MODULES)
        return _name(node.target) in GATES

    def _constant(self, given: Any) -> Tensor:
        value = run(self.read, {}, [given])[given] if isinstance(given, fx.Node) else given
        tensor = torch.as_tensor(value)
        return tensor if tensor.is_floating_point() else tensor.float()

    def _keep(self, node: fx.Node) -> None:
        self.written[node] = self.graph.node_copy(node, self.written.__getitem__)

    def _call(self, node: fx.Node, module: nn.Module, args: tuple[Any, ...] | None = None) -> None:
        """Write a call of a new module, with the node's own arguments unless others are given."""
        name = f"call {len(self.calls)}"
        self._replace(name, module)
        given = fx.map_arg(node.args if args is None else args, self.written.__getitem__)
        settings = fx.map_arg(node.kwargs, self.written.__getitem__) if args is None else {}
        self.written[node] = self.graph.call_module(name, given, settings)

    def _replace(self, name: str, module: nn.Module) -> None:
        self.calls[name] = module.eval()


def _twin(module: nn.Module) -> nn.Module:
    """Copy a module, but not its weights."""
    shared = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    return copy.deepcopy(module, shared)


def _computed(compute: Any, rest: list[Any], settings: dict[str, Any], signal: Tensor) -> Tensor:
    value: Tensor = compute(signal, *rest, **settings)
    return value


def _name(target: Any) -> str:
    return getattr(target, "__name__", str(target))


def _unknown(kind: str) -> UnsuitableError:
    return UnsuitableError(f"This network holds an operation ({kind}) that this method has no rule for.")
