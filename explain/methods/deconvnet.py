"""Deconvnet: the score sent back through the network, ReLUs included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from explain.method import Method, register
from explain.rectifying import WARNING, rectified_gradient, without_relu
from explain.results import Heatmap

if TYPE_CHECKING:
    from explain.target import Target
    from explain.tracing import Trace
    from models import LoadedModel


@register
@dataclass(frozen=True)
class Deconvnet(Method):
    """Show which patterns the network would draw to raise the score, going back from the score to the pixels.

    dy/dx in pixel space, summed over colours, where each ReLU passes a gradient if that gradient is positive, whether
    or not the unit was active (Zeiler & Fergus, 2013, arXiv:1311.2901); only max pools and the like still depend on
    the picture. Signed. It does not show what speaks for this class rather than another, and partly recovers the
    picture itself; as a way to look at one network it is superseded by Guided Backprop.
    """

    family: ClassVar = "Gradients"
    label: ClassVar = "Deconvnet"
    paper: ClassVar = "Zeiler & Fergus, 2013, arXiv:1311.2901"
    caption: ClassVar = "fast: patterns; fails sanity checks"
    caution: ClassVar = WARNING
    shares: ClassVar = False

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), signed, in units of the target for a pixel value of 1."""
        gradient, notes = rectified_gradient(trace, target, "all")
        return Heatmap(values=gradient[0].sum(0).cpu().numpy(), signed=True, notes=notes)

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Refuse networks where the map would be the plain gradient."""
        return without_relu(model, "all")
