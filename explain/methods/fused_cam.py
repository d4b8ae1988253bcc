"""Fused CAM: where coarse and fine layers agree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from torch import Tensor

from explain.class_activation import activation_of, drawn, element_weighted, gradient_of, upsampled
from explain.method import Method, register
from explain.params import Range
from explain.suitability import default_layer, grid_of, spatial_layers, without_spatial_layer

if TYPE_CHECKING:
    from torch import fx

    from explain.results import Heatmap
    from explain.target import Target
    from explain.tracing import Trace
    from models import LoadedModel


@register
@dataclass(frozen=True)
class FusedCAM(Method):
    """Show where coarse and fine layers agree that a place speaks for the class.

    The geometric mean of several layers' HiResCAM maps (Draelos and Carin, 2020, arXiv:2011.08891), each after its
    ReLU and brought bilinearly to the finest of these layers: a place counts only where every layer says so. The maps
    are taken as score per place of the finest grid, so that none is rescaled and the values keep the score's unit,
    though they do not add up to it. The layers: of those that everything passes through (no shortcut leads past them),
    the last of each resolution, counted from the network's default layer backwards; in a network of one resolution,
    such as ViT, some of them at even distances. How to fuse is ConvLens's own choice, measured against sums, maxima
    and LayerCAM's fusion. `grid` is the fused map on the finest grid, never negative: evidence against the class is
    not shown.
    """

    family: ClassVar = "Class activation maps"
    label: ClassVar = "Fused CAM"
    paper: ClassVar = "Fuses the maps of Draelos and Carin, 2020, arXiv:2011.08891"
    caption: ClassVar = "fast: where, finer; only what layers agree on"
    question: ClassVar = "where"

    layers: Annotated[int, Range(2, 5), "How many layers to fuse, from the last resolution to finer ones"] = 3

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W) and grid (h, w) of the finest layer, neither of them negative."""
        chosen = fused_layers(trace.model, self.layers)
        trace.gradient(target, *chosen)  # one backward for all; remembered
        pairs = [(activation_of(trace, layer), gradient_of(trace, target, layer)) for layer in chosen]
        maps = [element_weighted(activation, gradient).relu() for activation, gradient in pairs]
        height, width = max(maps, key=Tensor.numel).shape
        # What one place was worth is now shared by several.
        brought = [upsampled(each, (height, width)) * (each.numel() / (height * width)) for each in maps]
        fused = torch.stack(brought).log().mean(0).exp()
        return drawn(trace, fused, None, (f"Fused from the layers {', '.join(chosen)}.",))

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Refuse networks without a layer that has places and carries gradient."""
        return without_spatial_layer(model)


def fused_layers(model: LoadedModel, count: int) -> list[str]:
    """Choose the layers to fuse, in the order they run: at most `count`, and one at least."""
    layers = spatial_layers(model)
    layers = layers[: layers.index(default_layer(model)) + 1]
    if model.graph.operations is not None:
        passed, names = _passed_by_all(model), model.graph.operations.names
        # Of a layer's names the last, which is the outermost.
        layers = list({names[layer]: layer for layer in layers if names[layer] in passed}.values()) or layers[-1:]
    last = {grid_of(model, layer)[1:]: layer for layer in layers}
    if len(last) > 1:
        return list(last.values())[-count:]
    places = [math.ceil(part * len(layers) / count) - 1 for part in range(1, count + 1)]
    return list(dict.fromkeys(layers[place] for place in places))


def _passed_by_all(model: LoadedModel) -> set[fx.Node]:
    """Find the operations that all that is known of the picture passes through: no earlier one is read after them."""
    operations, shapes = model.graph.operations, model.graph.shapes
    assert operations is not None
    # Sizes are read anywhere and tell nothing of the picture.
    nodes = [node for node in operations.nodes if node in model.graph.moving and shapes[node] is not None]
    place = {node: index for index, node in enumerate(nodes)}
    passed, furthest = set(), 0
    for index, node in enumerate(nodes):
        if furthest <= index:
            passed.add(node)
        furthest = max([furthest, *(place[user] for user in node.users if user in place)])
    return passed
