"""Eigen-CAM: the places that stand out most in a layer, whatever the class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from explain.class_activation import ClassActivationMap, activation_of, principal
from explain.method import register

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace


@register
@dataclass(frozen=True)
class EigenCAM(ClassActivationMap):
    """Show the places that stand out most in a layer, whatever the class.

    ReLU of the places' scores on the first principal component of the activations: channels as variables, places as
    samples, centred (Muhammad and Yeasin, 2020, arXiv:2008.00299, who do not centre). It is not class-specific: it
    uses no gradient, and every class gets the same map, so it shows what the layer responds to and not why the
    network decides. The sign of a component is arbitrary: it is turned so that the places where the layer's
    activations are strong (the sum of their squares) are positive.
    """

    label: ClassVar = "Eigen-CAM"
    paper: ClassVar = "Muhammad and Yeasin, 2020, arXiv:2008.00299"
    caption: ClassVar = "fast: what stands out, alike for every class"
    caution: ClassVar = "This map is the same for every class: it shows what stands out in the layer."

    def grid(self, trace: Trace, target: Target, layer: str) -> Tensor:
        """Project the activations on their first principal component: (h, w), signed."""
        activation = activation_of(trace, layer)
        return principal(activation, activation.square().sum(0))

    def remarks(self, trace: Trace, target: Target) -> tuple[str, ...]:
        """Say that the class plays no part."""
        return (self.caution,)
