"""SmoothGrad-Squared: the squared gradient, averaged over noisy copies of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from explain.averaging import Moments, NoisyGradients
from explain.method import register

if TYPE_CHECKING:
    from torch import Tensor


@register
@dataclass(frozen=True)
class SmoothGradSquared(NoisyGradients):
    """Show the pixels where a small change moves the score far, up or down, over noisy copies of the picture.

    mean of (dy/dx)^2 in pixel space, the largest over the three colours (Hooker et al., 2018, arXiv:1806.10758, who
    found that it ranks pixels better than SmoothGrad), in squared units of the score. Gradients of either sign add up
    rather than cancel, so the map does not say what speaks for the class. The check "standard_error" is what so few
    copies leave open, as a share of the norm of that mean over pixels and colours.
    """

    label: ClassVar = "SmoothGrad-Squared"
    paper: ClassVar = "Hooker et al., 2018, arXiv:1806.10758"
    caption: ClassVar = "medium: pixels that move it; favours strong ones"

    def average(self, moments: Moments) -> tuple[Tensor, Tensor]:
        """Average the gradient's square."""
        return moments.mean(2), moments.error_of_mean(2)
