"""Gradient rollout: which attention raised the score, through all layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from explain import rollout
from explain.method import Method, register
from explain.results import Heatmap
from models.progress import track

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace
    from models import LoadedModel


@register
@dataclass(frozen=True)
class GradientRollout(Method):
    """Show which patches reached the class token through attention that raised the score of a class.

    A' = I + mean over heads of ReLU(dy/dA times A) for each layer's attention A, multiplied from the first layer to the
    last, the row of the class token: the rule of Chefer et al., 2021, arXiv:2103.15679, for self-attention, which puts
    the attention itself in the place of the layer-wise relevance of their arXiv:2012.09838. Values only compare places;
    they have no unit. What lowered the score is cut off in every layer, and what happens outside of attention is
    left out.
    """

    family: ClassVar = "Attention"
    label: ClassVar = "Gradient rollout"
    paper: ClassVar = "Chefer et al., 2021, arXiv:2103.15679 (after arXiv:2012.09838)"
    caption: ClassVar = "fast: where, for a class; a rule of thumb"
    question: ClassVar = "where"

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), not negative, and grid (h, w)."""
        return rollout.from_class_token(trace, rollout.rolled(self._flows(trace, target)))

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Refuse networks that do not read their answer from a class token's attention."""
        return rollout.why_not(model)

    def _flows(self, trace: Trace, target: Target) -> Iterator[Tensor]:
        layers = rollout.layers_of(trace)
        gradients = trace.gradient(target, *layers)
        for layer, gradient in track(zip(layers, gradients, strict=True), len(layers)):
            weights = rollout.weights(trace, layer)
            raised = (rollout.weight_gradients(trace, layer, gradient) * weights).relu().mean(0)
            yield torch.eye(len(raised), device=raised.device) + raised
