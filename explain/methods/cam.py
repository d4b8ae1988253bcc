"""CAM: the class's own weights, laid over the last layer's activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

import torch

from explain.class_activation import ClassActivationMap, activation_of, channel_weighted, gradient_of
from explain.method import register
from explain.suitability import close, default_layer, laid_out, probe, without_spatial_layer
from explain.target import ClassProbability
from explain.tracing import Trace
from models.errors import LayerError, UnsuitableError

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from models import LoadedModel

#: How far channels' means are drawn from zero, in mean activations.
FAR = 10

_endings: WeakKeyDictionary[LoadedModel, dict[str, str | None]] = WeakKeyDictionary()


@register
@dataclass(frozen=True)
class CAM(ClassActivationMap):
    """Show which area holds what the class's weights look for: an exact account of the score, where there is one.

    ReLU(sum over channels of w A), w = the weights of the class in the linear layer (Zhou et al., 2015,
    arXiv:1512.04150). Only where nothing but global average pooling and one linear layer follow: `grid`, signed,
    averages to the score less its bias, and is Grad-CAM's times the number of places. A contrast takes the difference
    of two classes' weights. A probability has no weights of its own and is refused. It does not show what led to
    the activations; the bias has no place.
    """

    label: ClassVar = "CAM"
    paper: ClassVar = "Zhou et al., 2015, arXiv:1512.04150"
    caption: ClassVar = "instant: where, coarse; an exact account"

    def grid(self, trace: Trace, target: Target, layer: str) -> Tensor:
        """Weigh each channel by the class's weight: (h, w), signed, in units of the score."""
        target(trace.logits)  # a class that is not there is refused first
        if isinstance(target, ClassProbability):
            raise UnsuitableError(
                "A probability mixes the weights of all classes, so CAM has no map for it.",
                "Explain the class's score, or one class against another.",
            )
        reason = _ending(trace, layer)
        if reason is not None:
            raise LayerError(reason, "Grad-CAM works at any layer that has places.")
        activation = activation_of(trace, layer)
        # The gradient by a place is the weight over the number of places: summed over the places it is the weight.
        return channel_weighted(activation, gradient_of(trace, target, layer).sum((1, 2)))

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Refuse networks that end in more, or less, than global average pooling and one linear layer."""
        reason = without_spatial_layer(model)
        return reason or _ending(Trace(model, probe(model)), default_layer(model))


def _ending(trace: Trace, layer: str) -> str | None:
    """Say what is wrong with the network's ending after a layer, or None; tried once, then remembered."""
    known = _endings.setdefault(trace.model, {})
    if layer not in known:
        known[layer] = _otherwise(trace, layer)
    return known[layer]


def _otherwise(trace: Trace, layer: str) -> str | None:
    """Say in what the network after a layer differs from global average pooling and one linear layer, or None.

    Tried with activations drawn at random, in one run of what comes after the layer: the scores must be those of the
    activations' means (whatever way they are taken), and add up as a linear layer's do.
    """
    own, generator = trace.activation(layer), torch.Generator().manual_seed(0)
    scale = float(activation_of(trace, layer).abs().mean()) or 1.0
    places = [axis for axis, letter in enumerate(trace.model.graph.geometry[layer].axes) if letter in "HWT"]
    one_place = [1 if axis in places else size for axis, size in enumerate(own.shape)]

    def draw() -> Tensor:
        # Means far apart, so that what follows the average is tried far to both sides of any bias.
        noise, means = (torch.randn(shape, generator=generator) for shape in (own.shape, one_place))
        return scale * (noise + FAR * means).to(own)

    first, second = draw(), draw()
    average = first.mean(places, keepdim=True).expand_as(first)
    with torch.no_grad():
        whole = trace.rest(layer, torch.cat([first * 0, first, second, first + second, average]))
    nothing, one, other, both, averaged = whole
    moved = float((one - nothing).abs().max())
    tolerance = close(own.dtype)
    off = max(float((one - averaged).abs().max()), float((one + other - both - nothing).abs().max()))
    if not moved or not off <= tolerance * moved:
        return f"This network does more after {layer!r} than average its places and apply one linear layer."
    direct = laid_out(trace.model, layer, first).mean((2, 3))[0]
    if len(direct) == len(one) and torch.allclose(one, direct, rtol=tolerance, atol=tolerance * moved):
        return f"This network's scores are the averages of {layer!r} themselves: no linear layer with weights follows."
    return None
