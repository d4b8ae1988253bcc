"""SmoothGrad: the gradient, averaged over noisy copies of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from explain.averaging import Moments, NoisyGradients
from explain.method import register

if TYPE_CHECKING:
    from torch import Tensor


@register
@dataclass(frozen=True)
class SmoothGrad(NoisyGradients):
    """Show the pixels where a small change would move the score the most, on average over noisy copies of the picture.

    |mean of dy/dx| in pixel space, the largest over the three colours as for Saliency, which it equals without noise
    (Smilkov et al., 2017, arXiv:1706.03825). Less grainy than Saliency, and no nearer to what speaks for the class: it
    has no sign. The check "standard_error" is what so few copies leave open, as a share of the norm of that mean.
    """

    label: ClassVar = "SmoothGrad"
    paper: ClassVar = "Smilkov et al., 2017, arXiv:1706.03825"
    caption: ClassVar = "medium: pixels that move it, steadier; no sign"
    powers: ClassVar = 2

    def average(self, moments: Moments) -> tuple[Tensor, Tensor]:
        """Average the gradient itself."""
        return moments.mean(), moments.error_of_mean()
