"""EigenGrad-CAM: the main pattern in the activations times their gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from explain.class_activation import GradientActivationMap, principal
from explain.method import register

if TYPE_CHECKING:
    from torch import Tensor


@register
@dataclass(frozen=True)
class EigenGradCAM(GradientActivationMap):
    """Show the main pattern, over the places, of what raises the score: smoother than HiResCAM, and less faithful.

    ReLU of the places' scores on the first principal component of g A, g = dy/dA: Eigen-CAM (Muhammad and Yeasin,
    2020, arXiv:2008.00299) made class-specific, as pytorch-grad-cam does it. Whatever lies outside that one pattern
    is not shown, and the values add up to no score. The sign of a component is arbitrary: it is turned to agree with
    the sum of g A over the channels, so that what speaks for the class is positive.
    """

    label: ClassVar = "EigenGrad-CAM"
    paper: ClassVar = "After Muhammad and Yeasin, 2020, arXiv:2008.00299"
    caption: ClassVar = "fast: where, coarse; the main pattern only"

    def weigh(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Project g A on its first principal component."""
        shares = gradient * activation
        return principal(shares, shares.sum(0))
