"""FullGrad: the gradient by the pixels and by every bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch.nn import functional

from explain.bias_gradients import bias_gradients
from explain.method import Method, register
from explain.results import Heatmap
from explain.suitability import laid_out, probe
from explain.target import ClassLogit
from explain.tracing import Trace
from models.errors import UnsuitableError

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from models import LoadedModel

#: Above this share missing, the parts are no account of the score.
MOST_MISSING = 0.01
#: A channel whose values differ by less than this share of the largest has no pattern, only rounding.
FLAT = 1e-5


@register
@dataclass(frozen=True)
class FullGrad(Method):
    """Show where the pixels and the biases of all layers together make up the score.

    The score is taken apart into gradient x pixels and gradient x bias of every layer, the normalisation of the input,
    norms with fixed statistics and the tangents of curved activations included. These signed parts add up to the score;
    the check "completeness" is what they miss, as a share of it. The map is sum of psi(part) over the colours and the
    channels of all layers, psi = absolute value, minus its smallest, divided by its largest value, upsampled
    bilinearly (Srinivas & Fleuret, 2019, arXiv:1905.00780). So each channel counts by its pattern alone, by
    at most 1: values have no unit, do not add up to the score and do not tell for from against. The biases of linear
    layers have no place; they count in the sum, not in the map.
    """

    family: ClassVar = "Class activation maps"
    label: ClassVar = "FullGrad"
    paper: ClassVar = "Srinivas & Fleuret, 2019, arXiv:1905.00780"
    caption: ClassVar = "fast: where, all layers accounted for; no sign"
    question: ClassVar = "where"

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), not negative, and the check "completeness" (0 = nothing missing)."""
        if trace.model.graph.operations is None:
            raise UnsuitableError(_UNREADABLE)
        parts = bias_gradients(trace, target)
        values = _patterns(parts.pixels) + _patterns(parts.shift)
        for layer, part in parts.layers.items():
            if trace.model.graph.geometry[layer].spatial:
                own = _patterns(laid_out(trace.model, layer, part))
                values += functional.interpolate(own, values.shape[2:], mode="bilinear", align_corners=False)
        missing = parts.missing
        return Heatmap(
            values=values[0, 0].cpu().numpy(),
            signed=False,
            checks={"completeness": missing},
            notes=(_note(missing),),
        )

    @classmethod
    def unsuitable(cls, model: LoadedModel) -> str | None:
        """Refuse networks whose operations cannot be read, and those whose parts miss over 1 % of the score."""
        if model.graph.operations is None:
            return _UNREADABLE
        missing = max(_missing(Trace(model, probe(model, seed))) for seed in (0, 1))
        if missing <= MOST_MISSING:
            return None
        return (
            f"On this network, gradient times pixels and biases miss {_percent(missing)} of the score that they should "
            "add up to: it is curved in other ways than single values are, as by norms over a picture or by attention."
        )


_UNREADABLE = "FullGrad needs the bias of every layer, and the operations of this network cannot be read."


def _missing(trace: Trace) -> float:
    with torch.no_grad():
        return bias_gradients(trace, ClassLogit(int(trace.logits[0].argmax()))).missing


def _patterns(part: Tensor) -> Tensor:
    """Bring the size of each channel to 0..1 and add them up: (1, C, h, w) -> (1, 1, h, w)."""
    sizes = part.abs()
    low, high = sizes.amin((2, 3), keepdim=True), sizes.amax((2, 3), keepdim=True)
    varied = high - low > FLAT * high
    shares = torch.where(varied, (sizes - low) / torch.where(varied, high - low, 1), 0)
    return shares.sum(1, keepdim=True)


def _note(missing: float) -> str:
    if missing > MOST_MISSING:
        return f"For this picture the parts behind the map miss {_percent(missing)} of what they should add up to."
    return (
        f"The parts behind the map add up to what is explained ({_percent(missing)} is missing); in the map each "
        "counts by its pattern alone, so brightness compares places and is no share."
    )


def _percent(share: float) -> str:
    return "under 0.1 %" if share < 0.001 else f"{100 * share:.1f} %" if share < 0.095 else f"{100 * share:.0f} %"
