"""Attention rollout: where the class token looks, through all layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch

from explain import rollout
from explain.method import Method, register
from explain.params import Range
from explain.results import Heatmap
from models.progress import track

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace
    from models import LoadedModel

#: How much of a place goes on as it is, past the attention: as in the paper.
RESIDUAL = 0.5


@register
@dataclass(frozen=True)
class AttentionRollout(Method):
    """Show which patches the class token has taken something from, through all layers of attention.

    The same for every class: it says where the network looks, not what speaks for a class. A' = 0.5 A + 0.5 I for each
    layer's attention A, heads fused, rows adding up to 1; multiplied from the first layer to the last, the row of the
    class token (Abnar & Zuidema, 2020, arXiv:2005.00928). `grid` holds each patch's share of what the class token
    gathers, 0 to 1; with the class token's own share they add up to 1. What the layers do with what they gather
    is left out. `discard` is an addition of others, not of the paper.
    """

    family: ClassVar = "Attention"
    label: ClassVar = "Attention rollout"
    paper: ClassVar = "Abnar & Zuidema, 2020, arXiv:2005.00928"
    caption: ClassVar = "fast: where it looks, for any class; not why"
    caution: ClassVar = "The same for every class: where the network looks, not why."
    question: ClassVar = "where"

    heads: Annotated[Literal["mean", "max", "min"], "How the heads of a layer become one"] = "mean"
    discard: Annotated[
        float,
        Range(0, 0.95, 0.05),
        "Share of the weakest links of each layer to cut; the class token's to itself stays",
    ] = 0.0

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), not negative, and grid (h, w)."""
        layers = rollout.layers_of(trace)
        total = rollout.rolled(self._flow(rollout.weights(trace, layer)) for layer in track(layers, len(layers)))
        return rollout.from_class_token(trace, total, self.caution)

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Refuse networks that do not read their answer from a class token's attention."""
        return rollout.why_not(model)

    def _flow(self, weights: Tensor) -> Tensor:
        """Turn a layer's weights (heads, tokens, tokens) into what goes from place to place, (tokens, tokens)."""
        fused = {"mean": weights.mean(0), "max": weights.amax(0), "min": weights.amin(0)}[self.heads]
        if self.discard:
            weakest = fused.flatten().topk(int(self.discard * fused.numel()), largest=False, sorted=False).indices
            # As is usual, the class token stays linked to itself, so that no row of its becomes empty.
            weakest = weakest[weakest != 0]
            fused = fused.flatten().index_fill(0, weakest, 0).reshape(fused.shape)
        flow = (1 - RESIDUAL) * fused + RESIDUAL * torch.eye(len(fused), device=fused.device)
        return flow / flow.sum(1, keepdim=True)
