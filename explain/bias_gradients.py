"""A score as a sum: the gradient times the pixels, and the gradient times the bias of every layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn
from torch.overrides import TorchFunctionMode

from explain.gradients import differentiate
from models.graph import Graph, run

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace
    from models.graph import Values

#: Layers that multiply by fixed numbers and add fixed ones. A norm over the picture itself is none of them, and where
#: a batch norm has no fixed statistics, the sum is not complete and says so.
_AFFINE = {
    *("conv1d", "conv2d", "conv3d", "conv_transpose2d", "convtranspose2d", "linear", "add", "sub", "rsub"),
    *("batchnorm1d", "batchnorm2d", "batchnorm3d", "batch_norm", "frozenbatchnorm2d"),
}
#: Functions of each value by itself that are no straight lines through zero, and gates.
_CURVED = {
    *("relu6", "hardtanh", "silu", "gelu", "elu", "celu", "selu", "mish", "softplus", "sigmoid", "tanh", "logsigmoid"),
    *("hardsigmoid", "hardswish", "softsign", "tanhshrink", "mul", "multiply", "div", "truediv"),
}
_GATES = {"mul", "multiply", "div", "truediv"}


@dataclass(frozen=True, eq=False)
class BiasGradients:
    """The parts of a score, each the gradient times what it is the gradient by.

    pixels: (1, 3, H, W), of the pixels in [0, 1]. shift: (1, 3, H, W), of the shift that the input normalisation
    adds. layers: of each layer's bias, in the shape of its output, by the layer's name. without_place: of the target
    itself, where it is curved (a probability). score: what all of them should add up to.
    """

    pixels: Tensor
    shift: Tensor
    layers: dict[str, Tensor]
    without_place: float
    score: float

    @property
    def missing(self) -> float:
        """What the parts miss, as a share of the score, or of a ten-thousandth of their sizes where that is more.

        Else rounding would count where large parts cancel out to a score of next to nothing.
        """
        parts = [part.cpu().double() for part in (self.pixels, self.shift, *self.layers.values())]
        total = sum(float(part.sum()) for part in parts) + self.without_place
        sizes = sum(float(part.abs().sum()) for part in parts)
        return abs(total - self.score) / max(abs(self.score), 1e-4 * sizes, 1e-30)


def bias_gradients(trace: Trace, target: Target) -> BiasGradients:
    """Take a score apart in one run and one backward (Srinivas & Fleuret, 2019, arXiv:1905.00780).

    The bias of a layer is what it adds, whatever comes in: of a convolution or linear layer its bias, of a batch norm
    with fixed statistics beta - gamma mean / std. A curved function of single values (SiLU, ReLU6, a gate) is replaced
    by its tangent, which adds f(x) - f'(x) x: the paper's implicit bias. Every call of a module counts. Needs a
    network whose operations can be read.
    """
    model, operations = trace.model, trace.model.graph.operations
    assert operations is not None
    nodes = _with_bias(model.graph)
    sources = {source for node in nodes for source in _moving(model.graph, node)}
    leaf = trace.pixels.clone().requires_grad_()
    with torch.enable_grad(), model.lock, _OutOfPlace():
        known: Values = {operations.input: model.normalise(leaf)}
        values = run(operations, known, [operations.output, *nodes, *sources])
        logits: Tensor = values[operations.output]
        score = target(logits).sum()
        by_pixels, by_logits, *by_outputs = differentiate(score, [leaf, logits, *(values[node] for node in nodes)])
    inputs = {node: values[node].detach() for node in sources}
    with model.lock, _OutOfPlace():
        layers = {
            model.graph.names[node]: gradient * _bias(model.graph, node, inputs)
            for node, gradient in zip(nodes, by_outputs, strict=True)
        }
    explained = float(score.detach())
    mean = by_pixels.new_tensor(model.card.pixels.mean).view(1, -1, 1, 1)
    return BiasGradients(
        pixels=by_pixels * trace.pixels,
        shift=by_pixels * -mean,
        layers=layers,
        without_place=explained - float((by_logits * logits.detach()).sum()),
        score=explained,
    )


def _with_bias(graph: Graph) -> list[fx.Node]:
    """List the operations that add something of their own."""
    return [node for node in graph.names if node in graph.moving and _adds(graph, node)]


def _adds(graph: Graph, node: fx.Node) -> bool:
    kind, moving = graph.layer(graph.names[node]).kind.lower(), _moving(graph, node)
    if kind in _GATES:
        # A product with fixed numbers is a straight line through zero, and so is a quotient by them.
        divisor = kind in ("div", "truediv") and node.args[-1] in moving
        return divisor or len([part for part in node.args if part in moving]) > 1
    if kind in _AFFINE:
        module = _module(graph, node)
        without = isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)) and module.bias is None
        return len(moving) == 1 and not without
    return kind in _CURVED and len(moving) == 1


def _bias(graph: Graph, node: fx.Node, values: Values) -> Tensor:
    """Work out what an operation adds: for a straight line its value at zero, else what its tangent has there."""
    operations = graph.operations
    assert operations is not None
    sources = _moving(graph, node)
    with torch.no_grad():
        if graph.layer(graph.names[node]).kind.lower() in _AFFINE:
            constant: Tensor = run(operations, {sources[0]: torch.zeros_like(values[sources[0]])}, [node])[node]
            return constant
    shape = torch.broadcast_shapes(*(values[source].shape for source in sources))
    # What is true or false, as a mask is, has no slope: as a factor it counts as it stands.
    leaves = [values[source].expand(shape).clone() for source in sources]
    for leaf in leaves:
        leaf.requires_grad_(leaf.is_floating_point())
    with torch.enable_grad():
        result: Tensor = run(operations, dict(zip(sources, leaves, strict=True)), [node])[node]
        slopes = differentiate(result.sum(), leaves)
    tangent = sum((slope * leaf.detach() for slope, leaf in zip(slopes, leaves, strict=True)), torch.zeros(()))
    return result.detach().to(tangent) - tangent


def _moving(graph: Graph, node: fx.Node) -> list[fx.Node]:
    """List the tensors that an operation reads and that depend on the picture."""
    return [source for source in node.all_input_nodes if source in graph.moving and graph.shapes[source] is not None]


def _module(graph: Graph, node: fx.Node) -> nn.Module | None:
    assert graph.operations is not None
    return graph.operations.modules[str(node.target)] if node.op == "call_module" else None




class _OutOfPlace(TorchFunctionMode):
    """Makes every activation inside the `with` give a new tensor: what came before it is asked for, too."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        options = dict(kwargs or {})
        if options.get("inplace"):
            options["inplace"] = False
        return func(*args, **options)
