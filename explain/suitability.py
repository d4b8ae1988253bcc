"""Does a question mean anything on this network? Decided by probing the network, never by its name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch
from torch.nn import functional

from explain.target import ClassLogit
from explain.tracing import Trace
from models.errors import LayerError

if TYPE_CHECKING:
    from torch import Tensor

    from models import LoadedModel

_default_layers: WeakKeyDictionary[LoadedModel, str | None] = WeakKeyDictionary()

#: How many of the last spatial layers are probed for gradient.
PROBED = 48
#: How far two ways to the same scores may lie apart, as a share of their size; where numbers have few bits, how many
#: times what one of them rounds.
CLOSE, ROUNDINGS = 1e-3, 16


def probe(model: LoadedModel, seed: int = 0) -> Tensor:
    """Draw a smooth picture to probe a network with: (1, 3, side, side) in [0, 1], one a seed."""
    side = model.card.pixels.side
    coarse = torch.rand((1, 3, 7, 7), generator=torch.Generator().manual_seed(seed))
    smooth = functional.interpolate(coarse, (side, side), mode="bicubic", align_corners=False)
    return smooth.clamp(0, 1).to(model.device)


def close(dtype: torch.dtype) -> float:
    """Say how far two ways to the same scores may lie apart in numbers of this type, as a share of their size."""
    return max(CLOSE, ROUNDINGS * torch.finfo(dtype).eps)


def default_layer(model: LoadedModel) -> str:
    """Return the last layer that still has places and carries gradient at them; refuses where there is none.

    The card's `default_layer` goes first, if pictures of this size leave it more than one place. The name is that of
    the outermost container with this output.
    """
    named = model.card.default_layer
    if named is not None and math.prod(grid_of(model, named)[1:]) > 1:
        return named
    if model not in _default_layers:
        _default_layers[model] = _last_with_gradient(model)
    found = _default_layers[model]
    if found is None:
        raise LayerError("No layer of this network has places that carry gradient.", "A map of places needs one.")
    return found


def without_spatial_layer(model: LoadedModel) -> str | None:
    """Say why a map of a layer's places means nothing here, or None if the network has a layer with places."""
    try:
        default_layer(model)
    except LayerError as error:
        return error.message
    return None


def spatial_layers(model: LoadedModel) -> list[str]:
    """List the layers whose output has more than one place, in the order they run."""
    return [
        layer.name
        for layer in model.layers()
        if math.prod(grid_of(model, layer.name)[1:]) > 1
    ]


def grid_of(model: LoadedModel, layer: str) -> tuple[int, int, int]:
    """Return channels, rows and columns of a layer's output; what has no places counts as one row and column."""
    shape = model.graph.layer(layer).shape
    geometry = model.graph.geometry[layer]
    if not geometry.spatial:
        return math.prod(shape), 1, 1
    rows, columns = geometry.grid or (shape[geometry.axes.index("H")], shape[geometry.axes.index("W")])
    return shape[geometry.axes.index("C")], rows, columns


def laid_out(model: LoadedModel, layer: str, output: Tensor) -> Tensor:
    """Lay a layer's output out as channels by height by width: (N, C, h, w); refuses what has no places.

    Tokens come onto their grid, and those that belong to no place (the class token) are left out.
    """
    geometry = model.graph.geometry[layer]
    axes = geometry.axes
    if not geometry.spatial or len(axes) != output.ndim:
        raise LayerError(
            f"{layer!r} gives shape {tuple(output.shape)}; a map needs height and width.", "Pick a convolution."
        )
    if "T" in axes:
        assert geometry.grid is not None
        place = axes.index("T")
        usual = model.graph.layer(layer).shape[place]
        if output.shape[place] != usual:
            side = model.card.pixels.side
            raise LayerError(
                f"{layer!r} gives {output.shape[place]} tokens; for pictures of {side} x {side} there are {usual}.",
                "Bring the picture to that size.",
            )
        tokens = output.permute([axes.index(axis) for axis in "NCT"])[:, :, geometry.prefix :]
        height, width = geometry.grid
        return tokens[:, :, : height * width].reshape(*tokens.shape[:2], height, width)
    return output.permute([axes.index(axis) for axis in "NCHW"])


def _last_with_gradient(model: LoadedModel) -> str | None:
    candidates = spatial_layers(model)[-PROBED:]
    if not candidates:
        return None
    trace = Trace(model, probe(model))
    target = ClassLogit(int(trace.logits[0].argmax()))
    gradients = trace.gradient(target, *candidates)
    carrying = [
        layer
        for layer, gradient in zip(candidates, gradients, strict=True)
        if bool(laid_out(model, layer, gradient).abs().amax() > 0)
    ]
    return _outermost(model, carrying[-1]) if carrying else None


def _outermost(model: LoadedModel, layer: str) -> str:
    """Name the outermost container that returns the same output."""
    operations = model.graph.operations
    if operations is None:
        return layer
    node = operations.names[layer]
    same = [info.name for info in model.layers() if operations.names[info.name] is node]
    return min(same, key=lambda name: (name.count("."), same.index(name)))
