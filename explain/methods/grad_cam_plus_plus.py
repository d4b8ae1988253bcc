"""Grad-CAM++: channels weighed by their positive gradients, each place by how much it would count alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from explain.class_activation import GradientActivationMap, channel_weighted
from explain.method import register

if TYPE_CHECKING:
    from torch import Tensor

#: As in pytorch-grad-cam. It is not always small beside the squared gradients of a trained network.
EPSILON = 1e-6


@register
@dataclass(frozen=True)
class GradCAMPlusPlus(GradientActivationMap):
    """Show which areas raised the score, so that several objects of one class all count.

    ReLU(sum over channels of w A), w = sum of alpha ReLU(g) over the places, alpha = g^2 / (2 g^2 + sum(A) g^3 + eps)
    with eps = 1e-6, and 0 where g = 0, g = dy/dA (Chattopadhyay et al., 2017, arXiv:1710.11063). Channels that speak
    against the class count for nothing, so the map is no balance. The formula is made for activations that are not
    negative, where alpha is at most 1/2; where it would be below zero or above 1, it is 1. `grid` is the map before
    the ReLU.
    """

    label: ClassVar = "Grad-CAM++"
    paper: ClassVar = "Chattopadhyay et al., 2017, arXiv:1710.11063"
    caption: ClassVar = "fast: where, several objects too"

    def weigh(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Weigh each channel by its positive gradients."""
        square = gradient.square()
        below = 2 * square + activation.sum((1, 2), keepdim=True) * square * gradient + EPSILON
        alpha = square / torch.maximum(below, square)
        return channel_weighted(activation, (alpha * gradient.relu()).sum((1, 2)))
