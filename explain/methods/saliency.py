"""Saliency: the plain gradient."""

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
class Saliency(Method):
    """Show the pixels where the smallest change would move the score the most.

    |dy/dx| in pixel space, the largest over the three colours (Simonyan et al., 2013, arXiv:1312.6034).
    The map says how sensitive the score is, not what speaks for it; it is noisy on most networks.
    """

    family: ClassVar = "Gradients"
    label: ClassVar = "Saliency"
    paper: ClassVar = "Simonyan et al., 2013, arXiv:1312.6034"
    caption: ClassVar = "fast: pixels that move the score; grainy"

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: (H, W), not negative."""
        gradient = trace.input_gradient(target)[0]
        return Heatmap(values=gradient.abs().amax(0).cpu().numpy(), signed=False)
