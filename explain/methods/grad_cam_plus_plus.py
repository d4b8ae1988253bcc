"""Grad-CAM++: channels weighed by their positive gradients, each place by how much it would count alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from explain.class_activation import GradientActivationMap, activation_of, channel_weighted, gradient_of
from explain.method import register
from explain.suitability import default_layer
from explain.target import ClassProbability

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace

#: As in pytorch-grad-cam. It is not always small beside the squared gradients of a trained network.
EPSILON = 1e-6


@register
@dataclass(frozen=True)
class GradCAMPlusPlus(GradientActivationMap):
    """Show which areas raised the score, so that several objects of one class all count.

    ReLU(sum over channels of w A), w = sum of alpha ReLU(g) over the places, alpha = g^2 / (2 g^2 + sum(A) g^3 + eps)
    with eps = 1e-6, and 0 where g = 0, g = dy/dA (Chattopadhyay et al., 2017, arXiv:1710.11063). Where y is a
    probability, whose gradients are tiny, eps is 1e-6 of the largest g^2. Channels that speak against the class count
    for nothing, so the map is no balance. The formula is made for activations that are not negative, where alpha is at
    most 1/2; a note says where it goes below zero or above 1. `grid` is the map before the ReLU.
    """

    label: ClassVar = "Grad-CAM++"
    paper: ClassVar = "Chattopadhyay et al., 2017, arXiv:1710.11063"
    caption: ClassVar = "fast: where, several objects; a rule of thumb"

    def grid(self, trace: Trace, target: Target, layer: str) -> Tensor:
        """Weigh the layer's activation by its gradient: (h, w), signed."""
        return self.weigh(*_measured(trace, target, layer))

    def weigh(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Weigh each channel by its positive gradients."""
        weights = (_alpha(activation, gradient) * gradient.relu()).sum((1, 2))
        return channel_weighted(activation, weights)

    def remarks(self, trace: Trace, target: Target) -> tuple[str, ...]:
        """Say that the layer is one that the formula is not made for."""
        layer = default_layer(trace.model) if self.layer is None else self.layer
        activation, gradient = _measured(trace, target, layer)
        alpha = _alpha(activation, gradient)
        beyond = (((alpha < 0) | (alpha > 1)) & (gradient > 0)).flatten(1).any(1)
        if not beyond.any():
            return ()
        return (
            f"Grad-CAM++ is made for activations that are not negative: in {int(beyond.sum())} of {len(beyond)} "
            "channels of this layer its weights leave their range of 0 to 1. A layer right after a ReLU is safe.",
        )


def _measured(trace: Trace, target: Target, layer: str) -> tuple[Tensor, Tensor]:
    """Read A and g; of a probability in the unit in which the largest g is 1, so that eps is small beside it.

    Their product, and so the map, is the same in any unit; alone eps is not.
    """
    activation, gradient = activation_of(trace, layer), gradient_of(trace, target, layer)
    largest = gradient.abs().max()
    if not isinstance(target, ClassProbability) or not largest:
        return activation, gradient
    return activation * largest, gradient / largest


def _alpha(activation: Tensor, gradient: Tensor) -> Tensor:
    square = gradient.square()
    below = 2 * square + activation.sum((1, 2), keepdim=True) * square * gradient + EPSILON
    return torch.where(below == 0, 0, square / below)
