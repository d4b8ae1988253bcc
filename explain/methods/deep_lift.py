"""DeepLIFT: how the difference from a baseline spreads through the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch

from explain.baselines import baseline
from explain.memory import on_cpu
from explain.method import Method, register
from explain.multipliers import multipliers
from explain.paths import RESIDUAL, residual
from explain.results import Heatmap
from explain.suitability import probe
from explain.target import ClassLogit
from explain.tracing import Trace
from models.errors import UnsuitableError

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from models import LoadedModel


@register
@dataclass(frozen=True)
class DeepLift(Method):
    """Share out the rise of the score, from an empty picture to this one, by how each operation's output differs.

    Picture and baseline run one after the other; instead of its gradient, each operation passes on the difference of
    its output over that of its input (Shrikumar et al., 2017, arXiv:1704.02685, Rescale rule), the mean of both orders
    where two moving values are multiplied, and the place of the larger maximum where a window is pooled. The values,
    summed over colours, add up to y(picture) - y(baseline), in units of the target; the check "completeness" is what
    is missing, as a share of that difference. Signed: negative values spoke against the class. What equals the
    baseline gets nothing, and the map does not say what would happen if a pixel changed a little.
    """

    family: ClassVar = "Gradients"
    label: ClassVar = "DeepLIFT"
    paper: ClassVar = "Shrikumar et al., 2017, arXiv:1704.02685"
    caption: ClassVar = "fast: for and against, adds up exactly"

    baseline: Annotated[Literal["black", "white", "grey", "blur"], "The picture that stands for nothing"] = "black"

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), signed, and the check "completeness" (0 = nothing missing)."""
        shares, rise, score = _shared_out(trace, target, self.baseline)
        missed = residual(float(shares.sum()), rise, score)
        if missed > RESIDUAL and abs(float(shares.sum()) - rise) <= RESIDUAL * float(shares.abs().sum()):
            # Where shares for and against all but cancel, rounding alone is more than 1 % of the little that is left.
            shares, rise, score = _shared_out(_in_double(trace), target, self.baseline)
            missed = residual(float(shares.sum()), rise, score)
        if missed > RESIDUAL:
            raise UnsuitableError(_refusal(missed), "Integrated Gradients works on any network with gradients.")
        return Heatmap(values=shares.sum(0).float().numpy(), signed=True, checks={"completeness": missed})

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Refuse networks where more than 1 % of the difference is missing, for the class whose score differs most."""
        trace = Trace(model, probe(model))
        with torch.no_grad():
            # By the network itself: operations that are rewritten could give another score.
            start = model(baseline(trace.pixels, "black"))
        target = ClassLogit(int((trace.logits - start)[0].abs().argmax()))
        shares, *_ = _shared_out(trace, target, "black")
        difference = float(target(trace.logits) - target(start))
        missed = residual(float(shares.sum()), difference, float(target(trace.logits)))
        return None if missed <= RESIDUAL else _refusal(missed)


def _shared_out(trace: Trace, target: Target, kind: str) -> tuple[Tensor, float, float]:
    """Return the shares (3, H, W) float64 on the CPU, the rise that they should add up to, and the picture's score."""
    start = baseline(trace.pixels, kind)
    found, begun, ended = multipliers(trace.model, trace.pixels, start, target)
    return (found * (trace.pixels - start))[0].cpu().double(), ended - begun, ended


def _in_double(trace: Trace) -> Trace:
    """Trace the picture in a copy of the network that counts in twice the bits, on the CPU."""
    model = on_cpu(trace.model)
    model.network.double()
    return Trace(model, trace.pixels.cpu().double())


def _refusal(missed: float) -> str:
    return f"On this network DeepLIFT's shares miss {_share(missed)} the rise that they should add up to."


def _share(missed: float) -> str:
    return f"{100 * missed:.3g} % of" if missed < 10 else "many times"
