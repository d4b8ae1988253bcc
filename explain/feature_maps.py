"""What the page says about the channels of a layer: their order, what each adds to a class, and the activation near."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

from explain.suitability import laid_out

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import fx

    from explain.results import FeatureMaps
    from explain.target import Target
    from explain.tracing import Trace
    from models import LoadedModel

Order = Literal["contribution", "maximum", "mean", "index"]
ORDERS: tuple[Order, ...] = get_args(Order)


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each channel of a layer adds to a target: (C,) float32, gradient times activation summed over its places.

    Where only a linear layer follows, these and the bias add up to the score; elsewhere they are the first-order share.
    """

    values: NDArray[np.float32]


def contributions(trace: Trace, layer: str, target: Target) -> Contributions:
    """Sum gradient times activation over the places of each channel."""
    share = trace.gradient(target, layer)[0] * trace.activation(layer)
    if trace.model.graph.geometry[layer].spatial:
        by_channel = laid_out(trace.model, layer, share).sum((0, 2, 3))
    else:
        by_channel = share.flatten()
    return Contributions(by_channel.float().cpu().numpy())


def ordered(maps: FeatureMaps, order: Order, added: Contributions | None = None) -> NDArray[np.int64]:
    """Number the channels in an order, the largest first: by what they add, their maximum, their mean, or unsorted."""
    if order == "index":
        return np.arange(len(maps.maps))
    if order == "contribution":
        assert added is not None
        by = added.values
    else:
        by = maps.maps.max((1, 2)) if order == "maximum" else maps.maps.mean((1, 2))
    return np.argsort(-by, kind="stable")


@dataclass(frozen=True)
class Around:
    """The layers next to an activation: the one that goes into it, the activation itself, and its kind ("ReLU").

    here: which of the two the layer asked about is, by another name perhaps; "" for neither.
    """

    before: str
    after: str
    kind: str
    here: Literal["before", "after", ""]


#: Norms that leave each channel where it is.
NORMS = (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm, FrozenBatchNorm2d, nn.Identity)
#: Activations by the names of their functions.
ACTIVATIONS = ("relu", "relu6", "leaky_relu", "elu", "selu", "silu", "gelu", "mish", "hardswish", "sigmoid", "tanh")
#: How many operations may lie between a layer and its activation.
NEAR = 4


def around(model: LoadedModel, layer: str) -> Around | None:
    """Find the activation that a layer's output goes into, or that gave it; None where there is none near."""
    operations = model.graph.operations
    if operations is None:
        return None
    asked = node = operations.names[layer]
    modules = operations.modules
    for _ in range(NEAR):
        kind = _activation(node, modules)
        if kind:
            source = node.all_input_nodes[0]
            names = [model.graph.names.get(one, "") for one in (source, node)]
            here: Literal["before", "after", ""] = "after" if node is asked else "before" if source is asked else ""
            return Around(names[0], names[1], kind, here) if all(names) else None
        activated = [user for user in node.users if _activation(user, modules)]
        users = list(node.users)
        if not activated and not (len(users) == 1 and _keeps_channels(users[0], modules)):
            return None
        node = activated[0] if activated else users[0]
    return None


def _keeps_channels(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether an operation is a norm, or adds another branch."""
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], NORMS)
    return node.op == "call_function" and getattr(node.target, "__name__", "") == "add"


def _activation(node: fx.Node, modules: dict[str, nn.Module]) -> str:
    """Name the activation that an operation is, or "" if it is none."""
    if node.op == "call_module":
        module = modules[str(node.target)]
        return type(module).__name__ if type(module).__name__.lower() in _FOLDED else ""
    name = node.target if isinstance(node.target, str) else str(getattr(node.target, "__name__", ""))
    return name if name in ACTIVATIONS else ""


_FOLDED = {name.replace("_", "") for name in (*ACTIVATIONS, "prelu", "softplus")}
