"""Guided Grad-CAM: the fine lines of Guided Backprop, where Grad-CAM finds evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from explain.class_activation import activation_of, channel_weighted, drawn, gradient_of
from explain.method import Method, register
from explain.params import LayerName
from explain.rectifying import WARNING, rectified_gradient, without_relu
from explain.suitability import default_layer, without_spatial_layer

if TYPE_CHECKING:
    from explain.results import Heatmap
    from explain.target import Target
    from explain.tracing import Trace
    from models import LoadedModel


@register
@dataclass(frozen=True)
class GuidedGradCAM(Method):
    """Show fine lines and textures in the area that raised the score of a class.

    Guided Backprop, summed over colours, times Grad-CAM of the layer, upsampled bilinearly after its ReLU (Selvaraju
    et al., 2016, arXiv:1610.02391). Signed, as Guided Backprop is. Only the area is about the class: the lines within
    it hardly change with the class or with random weights (arXiv:1810.03292), and partly recover the picture itself.
    `grid` holds Grad-CAM's map before its ReLU.
    """

    family: ClassVar = "Class activation maps"
    label: ClassVar = "Guided Grad-CAM"
    paper: ClassVar = "Selvaraju et al., 2016, arXiv:1610.02391"
    caption: ClassVar = "fast: crisp edges; fails sanity checks"
    caution: ClassVar = WARNING
    shares: ClassVar = False

    layer: Annotated[str | None, LayerName(), "Layer whose places are weighed; none = the last one that has any"] = None

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), signed, and Grad-CAM's grid (h, w)."""
        layer = default_layer(trace.model) if self.layer is None else self.layer
        weights = gradient_of(trace, target, layer).mean((1, 2))
        area = drawn(trace, channel_weighted(activation_of(trace, layer), weights), layer)
        gradient, notes = rectified_gradient(trace, target, "open")
        return replace(area, values=area.values * gradient[0].sum(0).cpu().numpy(), signed=True, notes=notes)

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Refuse networks without a layer that has places, and those where Guided Backprop is the plain gradient."""
        return without_spatial_layer(model) or without_relu(model, "open")
