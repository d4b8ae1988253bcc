"""LayerCAM: each place of a layer times its own gradient, where that is positive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from explain.class_activation import GradientActivationMap, element_weighted
from explain.method import register

if TYPE_CHECKING:
    from torch import Tensor


@register
@dataclass(frozen=True)
class LayerCAM(GradientActivationMap):
    """Show the places where a stronger response would raise the score, also on early, finer layers.

    ReLU(sum over channels of ReLU(g) A), with g = dy/dA at each place (Jiang et al., "LayerCAM", IEEE Transactions on
    Image Processing, 2021, doi:10.1109/TIP.2021.3089943). Channels that speak against the class are left out, so the
    map is no balance and adds up to no score. `grid` is negative only where activations are.
    """

    label: ClassVar = "LayerCAM"
    paper: ClassVar = "Jiang et al., 2021, doi:10.1109/TIP.2021.3089943; refines Grad-CAM, arXiv:1610.02391"
    caption: ClassVar = "fast: where, finer on early layers; no sign"

    def weigh(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Multiply place by place where the gradient is positive, and add up the channels."""
        return element_weighted(activation, gradient.relu())
