"""Layer activations: what each channel of a layer answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from explain.method import Method, register
from explain.params import LayerName
from explain.results import FeatureMaps
from explain.suitability import default_layer, laid_out, without_spatial_layer

if TYPE_CHECKING:
    from explain.target import Target
    from explain.tracing import Trace
    from models import LoadedModel


@register
@dataclass(frozen=True)
class LayerActivations(Method):
    """Show what every channel of a layer answers to the picture, as the layer gives it.

    The same for every class: the maps say what is there, not what it is used for (Zeiler & Fergus,
    2013, arXiv:1311.2901). Tokens of a transformer are laid out on their grid.
    """

    family: ClassVar = "Layers"
    label: ClassVar = "Feature maps"
    paper: ClassVar = "Zeiler & Fergus, 2013, arXiv:1311.2901"
    caption: ClassVar = "fast: what a layer gives, for no class"
    question: ClassVar = "parts"

    layer: Annotated[str | None, LayerName(), "Layer to read; none = the last one with places"] = None

    def __call__(self, trace: Trace, target: Target) -> FeatureMaps:
        """Return the maps (C, h, w); a layer without places gives (C, 1, 1)."""
        layer = default_layer(trace.model) if self.layer is None else self.layer
        output = trace.activation(layer)
        notes: tuple[str, ...] = ()
        if trace.model.graph.geometry[layer].spatial:
            output = laid_out(trace.model, layer, output)
        else:
            notes = (f"{layer} gives shape {tuple(output.shape)}, without height and width: one value for each unit.",)
            output = output.reshape(1, -1, 1, 1)
        return FeatureMaps(maps=output[0].float().cpu().numpy(), layer=layer, notes=notes)

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Refuse networks without a layer that has places."""
        return without_spatial_layer(model)
