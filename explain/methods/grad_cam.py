"""Grad-CAM: which places of a layer speak for a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from explain.class_activation import GradientActivationMap, channel_weighted
from explain.method import register

if TYPE_CHECKING:
    from torch import Tensor


@register
@dataclass(frozen=True)
class GradCAM(GradientActivationMap):
    """Show which area raised the score of a class, as the last spatial layer sees it.

    ReLU(sum over channels of mean(dy/dA) A), upsampled bilinearly to the crop (Selvaraju et al., 2016,
    arXiv:1610.02391). Coarse: as fine as the layer's grid. `grid` holds the signed map before the
    ReLU; what speaks against the class is cut off in the picture.
    """

    label: ClassVar = "Grad-CAM"
    paper: ClassVar = "Selvaraju et al., 2016, arXiv:1610.02391"
    caption: ClassVar = "fast: where, coarse but well tested"

    def weigh(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Weigh each channel by its mean gradient."""
        return channel_weighted(activation, gradient.mean((1, 2)))
