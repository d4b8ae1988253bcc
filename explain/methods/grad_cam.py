"""Grad-CAM: which places of a layer speak for a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from torch.nn import functional

from explain.method import Method, register
from explain.params import LayerName
from explain.results import Heatmap
from explain.suitability import default_layer, laid_out, without_spatial_layer

if TYPE_CHECKING:
    from explain.target import Target
    from explain.tracing import Trace
    from models import LoadedModel


@register
@dataclass(frozen=True)
class GradCAM(Method):
    """Show which area raised the score of a class, as the last spatial layer sees it.

    ReLU(sum over channels of mean(dy/dA) A), upsampled bilinearly to the crop (Selvaraju et al., 2016,
    arXiv:1610.02391). Coarse: as fine as the layer's grid. `grid` holds the signed map before the
    ReLU; what speaks against the class is cut off in the picture.
    """

    family: ClassVar = "Class activation maps"
    label: ClassVar = "Grad-CAM"
    paper: ClassVar = "Selvaraju et al., 2016, arXiv:1610.02391"
    caption: ClassVar = "fast: where"
    question: ClassVar = "where"

    layer: Annotated[str | None, LayerName(), "Layer whose places are weighed; none = the last one that has any"] = None

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), not negative, and grid (h, w), signed."""
        layer = default_layer(trace.model) if self.layer is None else self.layer
        activation = laid_out(trace.model, layer, trace.activation(layer))
        gradient = laid_out(trace.model, layer, trace.gradient(target, layer)[0])
        grid = (gradient.mean((2, 3), keepdim=True) * activation).sum(1, keepdim=True)
        side = trace.pixels.shape[-2:]
        values = functional.interpolate(grid.relu(), side, mode="bilinear", align_corners=False)
        return Heatmap(
            values=values[0, 0].cpu().numpy(), signed=False, grid=grid[0, 0].cpu().numpy(), layer=layer
        )

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Refuse networks without a layer that has places and carries gradient."""
        return without_spatial_layer(model)
