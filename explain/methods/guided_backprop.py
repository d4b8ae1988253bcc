"""Guided Backprop: the gradient, as far as it is positive all the way."""

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
class GuidedBackprop(Method):
    """Show sharply which edges and textures excited the units that raised the score.

    dy/dx in pixel space, summed over colours, where each ReLU passes a gradient only if its input and that gradient
    are positive (Springenberg et al., 2014, arXiv:1412.6806); ReLU6 counts as a ReLU. Signed: brighter pixels there
    raise or lower what excited them. It does not show what speaks for this class rather than another: the map hardly
    changes with the class or with random weights (Adebayo et al., 2018, arXiv:1810.03292), and partly recovers the
    picture itself.
    """

    family: ClassVar = "Gradients"
    label: ClassVar = "Guided Backprop"
    paper: ClassVar = "Springenberg et al., 2014, arXiv:1412.6806"
    caption: ClassVar = "fast: crisp edges; fails sanity checks"
    caution: ClassVar = WARNING
    shares: ClassVar = False

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), signed, in units of the target for a pixel value of 1."""
        gradient, notes = rectified_gradient(trace, target, "open")
        return Heatmap(values=gradient[0].sum(0).cpu().numpy(), signed=True, notes=notes)

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Refuse networks where the map would be the plain gradient."""
        return without_relu(model, "open")
