"""VarGrad: how much the gradient varies over noisy copies of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from explain.averaging import Moments, NoisyGradients
from explain.method import register

if TYPE_CHECKING:
    from torch import Tensor


@register
@dataclass(frozen=True)
class VarGrad(NoisyGradients):
    """Show the pixels whose influence on the score changes the most from one noisy copy of the picture to the next.

    mean of (dy/dx - its mean)^2 in pixel space, the largest over the three colours (Adebayo et al., 2018,
    arXiv:1810.03307), in squared units of the score. It does not say what speaks for the class, nor how strong the
    influence is; without noise it is zero. The check "standard_error" is what so few copies leave open, as a share of
    the variance's norm over pixels and colours.
    """

    label: ClassVar = "VarGrad"
    paper: ClassVar = "Adebayo et al., 2018, arXiv:1810.03307"
    caption: ClassVar = "medium: where the gradient wavers, not why"

    def average(self, moments: Moments) -> tuple[Tensor, Tensor]:
        """Take the variance of the gradient over the copies there are."""
        mean, square, cube, fourth = (moments.mean(power) for power in (1, 2, 3, 4))
        variance = (square - mean**2).clamp_min(0)
        around_mean = fourth - 4 * mean * cube + 6 * mean**2 * square - 3 * mean**4
        return variance, (around_mean - variance**2).clamp_min(0) / max(moments.count - 1, 1)
