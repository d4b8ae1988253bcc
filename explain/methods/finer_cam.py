"""Finer-CAM: what sets a class apart from the classes most like it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch

from explain.class_activation import ClassActivationMap, activation_of, channel_weighted
from explain.gradients import differentiate
from explain.method import register
from explain.params import Range
from explain.suitability import laid_out
from explain.target import ClassLogit, Contrast, both

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace

_SHARES = {"probability": "the share of its probability", "equal": "an equal share"}


@register
@dataclass(frozen=True)
class FinerCAM(ClassActivationMap):
    """Show what sets a class apart from the classes most like it, not all that speaks for it.

    Grad-CAM of y - alpha sum_d w_d y_d, where d runs over the `references` classes whose scores are closest to the
    class's own (Zhang et al., 2025, arXiv:2501.11309). `weighting`: "probability", the variant of the authors'
    code, takes w_d = p_d / sum of the p_d, and differentiates it too; "equal" takes their plain mean. A contrast is
    the two-class case: its other class is the one reference. A probability is compared with probabilities. With
    alpha = 0 it is Grad-CAM. In the gradient's units times the activation's; `grid` is signed, before the ReLU.
    """

    label: ClassVar = "Finer-CAM"
    paper: ClassVar = "Zhang et al., 2025, arXiv:2501.11309"
    caption: ClassVar = "fast: where it differs from lookalikes, coarse"

    references: Annotated[int, Range(1, 10), "How many of the most similar classes to compare with"] = 3
    alpha: Annotated[float, Range(0, 2, 0.05), "How strongly they are taken off"] = 1.0
    weighting: Annotated[Literal["probability", "equal"], "How the similar classes share in the comparison"] = (
        "probability"
    )

    def grid(self, trace: Trace, target: Target, layer: str) -> Tensor:
        """Weigh each channel by the mean gradient of the difference: (h, w), signed."""
        similar = self.similar(trace, target)
        leaf = trace.activation(layer).clone().requires_grad_()
        with torch.enable_grad():
            # A copy: the network may write into it.
            score = self._difference(trace.rest(layer, leaf.clone()), target, similar)
            (found,) = differentiate(score.sum(), [leaf])
        gradient = laid_out(trace.model, layer, found)[0].float()
        return channel_weighted(activation_of(trace, layer), gradient.mean((1, 2)))

    def remarks(self, trace: Trace, target: Target) -> tuple[str, ...]:
        """Name the classes that it was compared with, and the variant."""
        names = trace.model.card.classes
        similar = [names[index] if index < len(names) else f"class {index}" for index in self.similar(trace, target)]
        shared = "" if len(similar) == 1 else f", each with {_SHARES[self.weighting]}"
        return (f"Compared with {', '.join(similar)}{shared}.",)

    def similar(self, trace: Trace, target: Target) -> list[int]:
        """Name the classes to compare with, the closest score first."""
        target(trace.logits)  # refuses a class that is not there
        if isinstance(target, Contrast):
            return [target.against]
        logits = both(trace.logits)[0]
        closest = (logits - logits[target.index]).abs().argsort(stable=True)[: self.references + 1].tolist()
        return [index for index in closest if index != target.index][: self.references]

    def _difference(self, logits: Tensor, target: Target, similar: list[int]) -> Tensor:
        """Take the similar classes off the class: logits (N, C) -> (N,)."""
        if isinstance(target, Contrast):
            return ClassLogit(target.index)(logits) - self.alpha * ClassLogit(target.against)(logits)
        own = target(logits)
        others = torch.stack([replace(target, index=index)(logits) for index in similar], 1)
        # Of their probabilities, which would all be 0 beside a score that is far above theirs.
        even = self.weighting == "equal"
        shares = torch.full_like(others, 1 / len(similar)) if even else both(logits)[:, similar].softmax(1)
        return own - self.alpha * (shares * others).sum(1)
