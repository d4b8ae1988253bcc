"""Input x Gradient: how much each pixel's brightness adds to the score, to first order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from explain.method import Method, register
from explain.results import Heatmap

if TYPE_CHECKING:
    from explain.target import Target
    from explain.tracing import Trace


@register
@dataclass(frozen=True)
class InputXGradient(Method):
    """Show how much each pixel's brightness adds to the score, to first order.

    x dy/dx in pixel space, 0 black and 1 white, summed over colours (Shrikumar et al., 2016, arXiv:1605.01713).
    Signed, in units of the score: negative values spoke against the class. Black pixels get nothing, whatever they
    mean; the values add up to the score only where the network is linear, and are grainy on most.
    """

    family: ClassVar = "Gradients"
    label: ClassVar = "Input x Gradient"
    paper: ClassVar = "Shrikumar et al., 2016, arXiv:1605.01713"
    caption: ClassVar = "fast: for and against, grainy; blind to black"

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: (H, W), signed."""
        product = trace.pixels[0] * trace.input_gradient(target)[0]
        return Heatmap(values=product.sum(0).cpu().numpy(), signed=True)
