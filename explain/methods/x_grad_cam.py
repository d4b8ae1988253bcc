"""XGrad-CAM: channels weighed by their gradient where they respond."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from explain.class_activation import GradientActivationMap, channel_weighted
from explain.method import register

if TYPE_CHECKING:
    from torch import Tensor

#: A channel whose positive and negative responses cancel to less than this share of them counts as adding up to zero.
CANCELLED = 1e-6


@register
@dataclass(frozen=True)
class XGradCAM(GradientActivationMap):
    """Show which area raised the score, each channel weighed by its gradient where it responds.

    ReLU(sum over channels of w A), w = sum(g A) / sum(A) over the places, g = dy/dA (Fu et al., 2020,
    arXiv:2008.02312); w = 0 for a channel that adds up to zero. `grid`, signed, adds up to the same as HiResCAM's.
    It is made for layers after a ReLU: where activations change sign, a channel that nearly cancels gets a weight
    that means little.
    """

    label: ClassVar = "XGrad-CAM"
    paper: ClassVar = "Fu et al., 2020, arXiv:2008.02312"
    caption: ClassVar = "fast: where, coarse; adds up after a ReLU"

    def weigh(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Weigh each channel by its mean gradient, the places weighed by their activation."""
        total = activation.sum((1, 2))
        counts = total.abs() > CANCELLED * activation.abs().sum((1, 2))
        return channel_weighted(activation, torch.where(counts, (gradient * activation).sum((1, 2)) / total, 0))
