"""What a network would save without one channel of a layer: the weights that touch nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import fx, nn

if TYPE_CHECKING:
    from torch import Tensor

    from models import LoadedModel

#: Modules and functions that answer for each channel from that channel alone, and hold no weights.
MODULES = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.SiLU, nn.GELU, nn.Mish, nn.Hardswish, nn.Hardtanh),
    *(nn.Sigmoid, nn.Hardsigmoid, nn.Tanh, nn.Softplus, nn.Identity, nn.Dropout, nn.Dropout2d, nn.Flatten),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
)
FUNCTIONS = {
    *("relu", "relu6", "leaky_relu", "elu", "selu", "silu", "gelu", "mish", "hardswish", "hardtanh", "sigmoid", "tanh"),
    *("hardsigmoid", "softplus", "dropout", "dropout2d", "flatten", "contiguous", "max_pool2d", "boolean_dispatch"),
    *("avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "mean", "stochastic_depth", "view", "reshape"),
}


@dataclass(frozen=True)
class Saving:
    """What taking out one channel saves: weights, and multiply-adds for each picture.

    whole: whether the channel can be taken out altogether. Where it is part of a sum, such as a skip, it must
    stay in the sum, and only the weights that read it are counted.
    """

    parameters: int
    multiply_adds: int
    whole: bool


def saving(model: LoadedModel, layer: str) -> Saving | None:
    """Count what one channel of a layer costs: its filter, its share of norms, and the weights that read it.

    Follows the channel through what leaves channels apart, both ways (as in Fang et al., 2023, arXiv:2301.12900).
    None for a network whose operations cannot be followed.
    """
    found = _followed(model, layer)
    if found is None:
        return None
    made = [*found.readers, *found.makers] if found.whole else found.readers
    return Saving(sum(weights for weights, _ in made), sum(steps for _, steps in made), found.whole)


def weights_of(model: LoadedModel, layer: str) -> Tensor | None:
    """Return the weights that make each channel of a layer, (C, ...): of the convolution or linear layer before it.

    None where there is none, or more than one, as after a sum.
    """
    found = _followed(model, layer)
    return None if found is None or found.filters is None else found.filters.detach()


@dataclass
class _Followed:
    """A channel on its way: what makes and what reads it, each as weights and multiply-adds."""

    makers: list[tuple[int, int]] = field(default_factory=list)
    readers: list[tuple[int, int]] = field(default_factory=list)
    filters: Tensor | None = None
    whole: bool = True


def _followed(model: LoadedModel, layer: str) -> _Followed | None:
    operations = model.graph.operations
    if operations is None:
        return None
    walk = _Walk(operations.modules, model.graph.shapes)
    walk.follow(model.graph.node(layer))
    return walk.found


class _Walk:
    """Visits every operation whose output holds the channel."""

    def __init__(self, modules: dict[str, nn.Module], shapes: dict[fx.Node, tuple[int, ...] | None]) -> None:
        self.modules, self.shapes = modules, shapes
        self.found = _Followed()

    def follow(self, start: fx.Node) -> None:
        """Go from an operation that holds the channel back to what makes it, and on to all that reads it."""
        seen: set[fx.Node] = set()
        waiting = [(start, True)]
        while waiting:
            node, backwards = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            self._count_made(node)
            source = self._source(node) if backwards else None
            if source is not None:
                waiting.append((source, True))
            for user in node.users:
                if self._holds(user):
                    # What comes beside the channel in a joined output has sources of its own.
                    waiting.append((user, backwards and not self._joins(user)))
                else:
                    self._count_read(user, node)

    def _source(self, node: fx.Node) -> fx.Node | None:
        """Find where the channel was before; None where it is made here, or comes from more than one place."""
        module = self._module(node)
        if isinstance(module, (nn.Conv2d, nn.Linear)) and not _depthwise(module):
            return None
        if self._gates(node):
            gated = [one for one in node.all_input_nodes if self._shape(one) == self._shape(node)]
            if len(gated) == 1:
                return gated[0]
        elif self._holds(node) and not self._joins(node):
            return node.all_input_nodes[0]
        self.found.whole = False
        return None

    def _count_made(self, node: fx.Node) -> None:
        """Count the weights that make the channel, or change it by itself."""
        module = self._module(node)
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            if self.found.filters is None:
                self.found.filters = module.weight
            weights = module.weight[0].numel()
            self.found.makers.append((weights + (module.bias is not None), weights * self._places(node)))
        elif isinstance(module, nn.BatchNorm2d) and module.affine:
            self.found.makers.append((2, 0))

    def _count_read(self, user: fx.Node, node: fx.Node) -> None:
        """Count the weights that read the channel; any other reader, the answer among them, needs it to stay."""
        module = self._module(user)
        features = 1
        if isinstance(module, nn.Conv2d):
            inputs = module.in_channels
        elif isinstance(module, nn.Linear) and len(self._shape(node)) == 2:
            inputs, features = module.in_features, self._features(node)
        else:
            self.found.whole = False
            return
        weights = module.weight.numel() // inputs * features
        self.found.readers.append((weights, weights * self._places(user)))

    def _holds(self, node: fx.Node) -> bool:
        """Tell whether an operation leaves channels apart, so that its output holds the channel again."""
        module = self._module(node)
        if isinstance(module, nn.BatchNorm2d) or _depthwise(module) or self._gates(node) or self._joins(node):
            return True
        plain = isinstance(module, MODULES) if module is not None else _name(node) in FUNCTIONS
        if not plain or not node.all_input_nodes:
            return False
        before, after = self._shape(node.all_input_nodes[0]), self._shape(node)
        # Batch and channels come first, which is not so for tokens; or places were laid behind each other.
        flat = len(after) == 2 and math.prod(before) == math.prod(after)
        return len(before) in (2, 4) and (before[:2] == after[:2] or flat)

    def _gates(self, node: fx.Node) -> bool:
        """Tell whether this multiplies each channel by a factor of its own, as squeeze-and-excitation does."""
        shapes = [self._shape(one) for one in node.all_input_nodes]
        return _name(node) == "mul" and len(shapes) == 2 and shapes[0][:2] == shapes[1][:2]

    def _joins(self, node: fx.Node) -> bool:
        """Tell whether this puts channels beside others."""
        axis = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
        return _name(node) in ("cat", "concat") and len(self._shape(node)) == 4 and axis in (1, -3)

    def _features(self, node: fx.Node) -> int:
        """Count the features that one channel became where its places were laid behind each other."""
        flat = node
        while len(self._shape(flat)) == 2 and self._holds(flat):
            flat = flat.all_input_nodes[0]
        return self._shape(node)[1] // self._shape(flat)[1]

    def _places(self, node: fx.Node) -> int:
        """Count the places at which a layer's weights are used."""
        shape = self._shape(node)
        return math.prod(shape[2:] if isinstance(self._module(node), nn.Conv2d) else shape[1:-1])

    def _shape(self, node: fx.Node) -> tuple[int, ...]:
        return self.shapes[node] or ()

    def _module(self, node: fx.Node) -> nn.Module | None:
        return self.modules[str(node.target)] if node.op == "call_module" else None


def _name(node: fx.Node) -> str:
    """Name the function or tensor method that an operation calls."""
    if node.op not in ("call_function", "call_method"):
        return ""
    return node.target if isinstance(node.target, str) else str(getattr(node.target, "__name__", ""))


def _depthwise(module: nn.Module | None) -> bool:
    return isinstance(module, nn.Conv2d) and module.groups == module.in_channels == module.out_channels > 1
