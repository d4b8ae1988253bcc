"""What the class activation maps share: a layer's activation and gradient on a grid, and the way up to the crop."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from torch.nn import functional

from explain.method import Method
from explain.params import LayerName
from explain.results import Heatmap
from explain.suitability import default_layer, laid_out, without_spatial_layer

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace
    from models import LoadedModel


@dataclass(frozen=True)
class ClassActivationMap(Method):
    """A map of a layer's places. Abstract: a subclass says how the layer's activation becomes one number a place."""

    family: ClassVar = "Class activation maps"
    question: ClassVar = "where"

    layer: Annotated[str | None, LayerName(), "Layer whose places are weighed; none = the last one that has any"] = None

    @abstractmethod
    def grid(self, trace: Trace, target: Target, layer: str) -> Tensor:
        """Compute one number for each place of the layer: (h, w), signed."""

    def remarks(self, trace: Trace, target: Target) -> tuple[str, ...]:
        """Say what a user must know beside the map."""
        return ()

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), not negative, and grid (h, w), signed."""
        layer = default_layer(trace.model) if self.layer is None else self.layer
        return drawn(trace, self.grid(trace, target, layer), layer, self.remarks(trace, target))

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Refuse networks without a layer that has places and carries gradient."""
        return without_spatial_layer(model)


@dataclass(frozen=True)
class GradientActivationMap(ClassActivationMap):
    """A map of activations weighed by their gradient. Abstract: a subclass states only its weighting."""

    @abstractmethod
    def weigh(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Turn A and g = dy/dA, both (K, h, w), into the map before ReLU and upsampling, (h, w)."""

    def grid(self, trace: Trace, target: Target, layer: str) -> Tensor:
        """Weigh the layer's activation by its gradient: (h, w), signed."""
        return self.weigh(activation_of(trace, layer), gradient_of(trace, target, layer))


def activation_of(trace: Trace, layer: str) -> Tensor:
    """Lay out what the layer gave: A, (K, h, w) float32."""
    return laid_out(trace.model, layer, trace.activation(layer))[0].float()


def gradient_of(trace: Trace, target: Target, layer: str) -> Tensor:
    """Lay out the gradient at the layer, one backward from there on, remembered: g, (K, h, w) float32."""
    return laid_out(trace.model, layer, trace.gradient(target, layer)[0])[0].float()


def channel_weighted(activation: Tensor, weights: Tensor) -> Tensor:
    """Add up the channels (K, h, w), each times its weight (K,): (h, w)."""
    return (weights[:, None, None] * activation).sum(0)


def element_weighted(activation: Tensor, weights: Tensor) -> Tensor:
    """Add up the channels (K, h, w), each place times its own weight (K, h, w): (h, w)."""
    return (weights * activation).sum(0)


def upsampled(grid: Tensor, side: tuple[int, int]) -> Tensor:
    """Bring a grid (h, w) to this height and width, bilinearly; the outer edges, not the outer centres, coincide."""
    return functional.interpolate(grid[None, None], side, mode="bilinear", align_corners=False)[0, 0]


def drawn(trace: Trace, grid: Tensor, layer: str | None, notes: tuple[str, ...] = ()) -> Heatmap:
    """Make the heatmap of a signed grid (h, w): what is negative is cut off, then the grid is brought to the crop."""
    height, width = trace.pixels.shape[-2:]
    values = upsampled(grid.relu(), (height, width))
    if grid.numel() == 1:
        notes = (*notes, "This layer has one place, so its map is the same everywhere.")
    return Heatmap(values=values.cpu().numpy(), signed=False, grid=grid.cpu().numpy(), layer=layer, notes=notes)


def principal(maps: Tensor, like: Tensor) -> Tensor:
    """Project each place on the first principal component of the channels: (K, h, w) -> (h, w).

    Places are the samples, channels the variables, each centred. A component's sign is arbitrary: it is turned so
    that the map agrees with `like` (h, w), in that their product adds up to more than zero. Taken from the smaller
    of the two Gram matrices, (places, places) or (K, K), never from the singular values of the whole.
    """
    centred = maps.flatten(1) - maps.flatten(1).mean(1, keepdim=True)
    channels, places = centred.shape
    gram = centred.T @ centred if places <= channels else centred @ centred.T
    values, vectors = torch.linalg.eigh(gram.cpu())
    first = vectors[:, -1].to(centred)
    scores = first * values[-1].clamp(min=0).sqrt().to(centred) if places <= channels else first @ centred
    found: Tensor = scores.reshape(like.shape)
    return -found if float((found * like).sum()) < 0 else found
