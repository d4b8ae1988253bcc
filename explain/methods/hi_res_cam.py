"""HiResCAM: each place of a layer times its own gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from explain.class_activation import GradientActivationMap, element_weighted
from explain.method import register

if TYPE_CHECKING:
    from torch import Tensor


@register
@dataclass(frozen=True)
class HiResCAM(GradientActivationMap):
    """Show what each place of the layer adds to the score, to first order.

    ReLU(sum over channels of g A), with g = dy/dA at each place, not its mean as in Grad-CAM (Draelos and Carin,
    2020, arXiv:2011.08891). In units of the score. Where only global average pooling and one linear layer follow,
    `grid` adds up to the score less its bias, and equals Grad-CAM's. At any other layer the shares hold for small
    changes only. `grid` holds the signed map before the ReLU.
    """

    label: ClassVar = "HiResCAM"
    paper: ClassVar = "Draelos and Carin, 2020, arXiv:2011.08891"
    caption: ClassVar = "fast: where, coarse; faithful place by place"

    def weigh(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Multiply place by place, and add up the channels."""
        return element_weighted(activation, gradient)
