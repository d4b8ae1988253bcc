"""The filters of a layer: their kernels, how large and how alike they are, and how their weights are spread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from models.errors import LayerError, ParameterError
from models.hooks import module_of
from models.progress import track

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, fx

    from models import LoadedModel

    Floats = NDArray[np.float32]

#: What holds filters.
KINDS = (nn.Conv2d, nn.Linear)
#: Layers with weights of their own that leave every channel where it is.
NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.PReLU)
#: Bars of a histogram of weights; an odd number, so that one of them is around zero.
BARS = 61
#: Filters compared with all others in one step.
STEP = 128


@dataclass(frozen=True, eq=False)
class Filters:
    """What all filters of a layer have in common, and how each compares with the others.

    shape: (filters, inputs of each, height, width). coloured: whether the inputs are the picture's colours.
    source: the layer whose channels are the inputs, "" where that is no layer. norms (F,): the length of each filter
    (L2). twins (F,): the filter of the same inputs that points the most the same way, -1 where there is no other;
    cosines (F,): of the angle between the two. counts (B,), edges (B + 1,): histogram of all weights.
    """

    layer: str
    kind: str
    shape: tuple[int, int, int, int]
    groups: int
    coloured: bool
    source: str
    norms: Floats
    twins: NDArray[np.int64]
    cosines: Floats
    counts: NDArray[np.int64]
    edges: Floats


@dataclass(frozen=True, eq=False)
class Filter:
    """One filter: slices (I, h, w), one for each channel of `inputs` (I,) that it reads; bias None = it has none.

    counts (B,): histogram of its weights, with the edges of all filters together.
    """

    number: int
    slices: Floats
    inputs: NDArray[np.int64]
    bias: float | None
    counts: NDArray[np.int64]


def holders(model: LoadedModel, layer: str, most: int = 4) -> tuple[str, ...]:
    """Name the layer itself if it holds filters, else the nearest ones before it that do, at most `most`."""
    graph = model.graph
    graph.layer(layer)
    if graph.operations is None:
        names = [info.name for info in graph.layers]
        before = [name for name in names[: names.index(layer) + 1] if _module(model, name) is not None]
        return (layer,) if layer in before else tuple(before[-1:])
    names_of = model.graph.names
    found: list[str] = []
    seen: set[fx.Node] = set()
    waiting = [graph.node(layer)]
    while waiting and len(found) < most:
        node = waiting.pop(0)
        if node in seen:
            continue
        seen.add(node)
        module = graph.operations.modules[str(node.target)] if node.op == "call_module" else None
        if isinstance(module, KINDS) and node in names_of:
            found.append(names_of[node])
        elif module is None or isinstance(module, NORMS) or not any(True for _ in module.parameters()):
            waiting.extend(node.all_input_nodes)
    return tuple(found)


def read_filters(model: LoadedModel, layer: str) -> Filters:
    """Measure all filters of a convolution or linear layer; reports as it compares them."""
    module = _holder(model, layer)
    kernels = _kernels(module)
    count, inputs, height, width = kernels.shape
    groups = module.groups if isinstance(module, nn.Conv2d) else 1
    flat = kernels.flatten(1)
    norms = flat.norm(dim=1)
    top = float(flat.abs().max()) or 1.0
    twins, cosines = np.full(count, -1, np.int64), np.zeros(count, np.float32)
    counts = np.zeros(BARS, np.int64)
    inside = count // groups
    parts = [(group, start) for group in range(groups) for start in range(0, inside, STEP)]
    for group, start in track(parts, len(parts)):
        first = group * inside
        rows = slice(first + start, first + min(start + STEP, inside))
        counts += _histogram(flat[rows], top)
        if inside > 1:
            others = slice(first, first + inside)
            # A filter of zeros points nowhere: its cosines are zero.
            lengths = (norms[rows, None] * norms[None, others]).clamp_min(torch.finfo(flat.dtype).tiny)
            alike = flat[rows] @ flat[others].T / lengths
            alike[torch.arange(len(alike)), torch.arange(start, start + len(alike))] = -math.inf
            best = alike.max(1)
            twins[rows] = best.indices.cpu().numpy() + first
            cosines[rows] = best.values.clamp(-1, 1).cpu().numpy()
    return Filters(
        layer=layer,
        kind=type(module).__name__,
        shape=(count, inputs, height, width),
        groups=groups,
        coloured=_coloured(model, layer, module),
        source=_source(model, layer),
        norms=norms.cpu().numpy(),
        twins=twins,
        cosines=cosines,
        counts=counts,
        edges=np.linspace(-top, top, BARS + 1, dtype=np.float32),
    )


def read_filter(model: LoadedModel, layer: str, number: int, top: float) -> Filter:
    """Read one filter; `top` is where the histogram of all filters ends."""
    module = _holder(model, layer)
    kernels = _kernels(module)
    if not 0 <= number < len(kernels):
        raise ParameterError(f"{layer!r} has the filters 0 to {len(kernels) - 1}, not {number}.")
    slices = kernels[number]
    groups = module.groups if isinstance(module, nn.Conv2d) else 1
    first = number // (len(kernels) // groups) * len(slices)
    bias = None if module.bias is None else float(module.bias[number])
    counts = _histogram(slices.flatten(), top)
    return Filter(number, slices.cpu().numpy().copy(), np.arange(first, first + len(slices)), bias, counts)


def read_colours(model: LoadedModel, layer: str, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Paint kernels that read the picture's colours: (n, h, w, 3) levels around mid-grey, each by its largest weight.

    A colour brighter than 128 is one that the filter looks for, a darker one speaks against it.
    """
    module = _holder(model, layer)
    if not _coloured(model, layer, module):
        raise LayerError(f"{layer!r} does not read colours.", "Pick the first convolution.")
    kernels = _kernels(module)[torch.from_numpy(numbers).to(module.weight.device)]
    tops = kernels.abs().amax((1, 2, 3), keepdim=True).clamp_min(torch.finfo(kernels.dtype).tiny)
    levels = (128 + 127 * kernels / tops).round().permute(0, 2, 3, 1)
    found: NDArray[np.uint8] = levels.to(torch.uint8).cpu().numpy()
    return found


def _module(model: LoadedModel, layer: str) -> nn.Conv2d | nn.Linear | None:
    """Return the convolution or linear layer of that name, None where it is something else."""
    modules = dict(model.network.named_modules())
    operations = model.graph.operations
    node = None if operations is None else model.graph.node(layer)
    if node is not None and node.op != "call_module":
        return None
    module = modules.get(module_of(layer, modules) if node is None else str(node.target))
    return module if isinstance(module, KINDS) else None


def _holder(model: LoadedModel, layer: str) -> nn.Conv2d | nn.Linear:
    info = model.graph.layer(layer)
    module = _module(model, layer)
    if module is None:
        near = holders(model, layer)
        hint = f"The nearest before it are those of {' and '.join(near)}." if near else "Pick a convolution."
        raise LayerError(f"{layer!r} is a layer of kind {info.kind}, which holds no filters.", hint)
    return module


def _kernels(module: nn.Conv2d | nn.Linear) -> Tensor:
    """Return the weights as (filters, inputs, h, w); those of a linear layer have one place."""
    weight = module.weight.detach().float()
    return weight if weight.ndim == 4 else weight[:, :, None, None]


def _histogram(weights: Tensor, top: float) -> NDArray[np.int64]:
    counts = torch.histc(weights.cpu(), BARS, -top, top)
    return counts.round().to(torch.int64).numpy()


def _coloured(model: LoadedModel, layer: str, module: nn.Conv2d | nn.Linear) -> bool:
    """Whether the layer is the first convolution, and reads the three colours."""
    first = next(info.name for info in model.layers() if _module(model, info.name) is not None)
    return isinstance(module, nn.Conv2d) and module.in_channels == 3 and module.groups == 1 and layer == first


def _source(model: LoadedModel, layer: str) -> str:
    """Name the layer whose output goes into this one."""
    if model.graph.operations is None:
        return ""
    inputs = model.graph.node(layer).all_input_nodes
    return model.graph.names.get(inputs[0], "") if inputs else ""
