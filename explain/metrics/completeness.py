"""Completeness: do the map's values add up to what they say they explain?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from explain.asking_again import another_map
from explain.baselines import baseline
from explain.gradients import scores
from explain.method import Method
from explain.methods.blur_ig import BlurIG, blurred
from explain.methods.deep_lift import DeepLift
from explain.methods.full_grad import FullGrad
from explain.methods.gradient_shap import DRAWS as DRAWS_OF_SHAP
from explain.methods.gradient_shap import GradientSHAP
from explain.methods.guided_ig import GuidedIG
from explain.methods.integrated_gradients import DRAWS as DRAWS_OF_IG
from explain.methods.integrated_gradients import IntegratedGradients
from explain.methods.kernel_shap import KernelSHAP
from explain.methods.lrp import LRP
from explain.metric import Metric, fitting, register
from explain.paths import residual, starts_of
from explain.results import Score
from models.errors import ParameterError, UnsuitableError
from models.progress import report

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from explain.results import Heatmap
    from explain.target import Target
    from explain.tracing import Trace

    Turns = NDArray[np.int64]

#: How far a map may lie from the one that its method makes, as a share of its largest value, and still be that one.
CLOSE = 1e-3


@register
@dataclass(frozen=True)
class Completeness(Metric):
    """How much of the score's rise over an empty picture the map's values miss; lower is better.

    |sum of the values - rise| as a share of the rise y(picture) - y(baseline), for the target that is asked about and
    the baseline of the method that made the map. Where parts behind the map add up rather than its values (FullGrad;
    LRP, whose biases take a part), the method is asked again: of the map that it makes, the figure is what those parts
    miss, and any other map is refused. There are no control maps: a map that knows nothing of the network has no unit
    in which it could add up to a score (Sundararajan et al., 2017, arXiv:1703.01365).
    """

    family: ClassVar = "Axioms"
    label: ClassVar = "Completeness"
    paper: ClassVar = "Sundararajan et al., 2017, arXiv:1703.01365"
    caption: ClassVar = "do the values add up to the score?"
    better: ClassVar = "lower"
    cost: ClassVar = 1
    passes: ClassVar = 0.01

    def __call__(self, trace: Trace, heatmap: Heatmap, target: Target | int, method: Method | None = None) -> Score:
        """Compare the sum of the values with the rise of the score."""
        target = fitting(trace, heatmap, target)
        made_by = method or heatmap.method
        if made_by is None:
            raise ParameterError(
                "This map does not say which method made it, so nothing is known of what its values should add up to.",
                "Hand over method=, such as IntegratedGradients().",
            )
        report(0, 1)
        missed = missing(made_by, trace, heatmap, target)
        report(1, 1)
        return Score(value=missed, better=self.better)


@singledispatch
def missing(method: Method, trace: Trace, heatmap: Heatmap, target: Target) -> float:
    """Say which share a map's values miss of what its method says they add up to; refuse methods that say nothing."""
    raise UnsuitableError(
        f"The values of {method.label} do not claim to add up to the score, so nothing can be missing."
    )


@missing.register(IntegratedGradients)
def _integrated(method: IntegratedGradients, trace: Trace, heatmap: Heatmap, target: Target) -> float:
    return _missed(trace, heatmap, target, starts_of(trace.pixels, method.baseline, DRAWS_OF_IG, method.seed))


@missing.register(GradientSHAP)
def _expected(method: GradientSHAP, trace: Trace, heatmap: Heatmap, target: Target) -> float:
    starts = starts_of(trace.pixels, method.baseline, DRAWS_OF_SHAP, method.seed)[: method.samples]
    # How often the turn of each comes.
    turns = np.bincount(np.arange(method.samples) % len(starts))
    return _missed(trace, heatmap, target, starts, turns)


@missing.register(GuidedIG)
@missing.register(DeepLift)
def _from_one(method: GuidedIG | DeepLift, trace: Trace, heatmap: Heatmap, target: Target) -> float:
    return _missed(trace, heatmap, target, baseline(trace.pixels, method.baseline))


@missing.register(BlurIG)
def _from_blur(method: BlurIG, trace: Trace, heatmap: Heatmap, target: Target) -> float:
    widest = torch.tensor([method.widest], dtype=torch.float64)
    return _missed(trace, heatmap, target, blurred(trace.pixels, widest))


@missing.register(KernelSHAP)
def _superpixels(method: KernelSHAP, trace: Trace, heatmap: Heatmap, target: Target) -> float:
    if heatmap.segments is None:
        raise UnsuitableError("KernelSHAP shares the score out among superpixels, and this map does not name them.")
    places = heatmap.segments.ravel()
    # Every pixel of a superpixel shows all that it got.
    shares = np.bincount(places, heatmap.values.ravel()) / np.bincount(places)
    rise = _rise(trace, target, baseline(trace.pixels, method.fill))
    return residual(float(shares.sum()), rise, float(target(trace.logits)))


@missing.register(FullGrad)
@missing.register(LRP)
def _parts_behind(method: FullGrad | LRP, trace: Trace, heatmap: Heatmap, target: Target) -> float:
    own = another_map(method, trace, target, lambda: report(0, 1))
    if np.abs(own.values - heatmap.values).max() > CLOSE * np.abs(own.values).max():
        raise UnsuitableError(f"This is not the map that {method.label} makes of this picture and target.")
    return own.checks["conservation" if isinstance(method, LRP) else "completeness"]


def _missed(trace: Trace, heatmap: Heatmap, target: Target, empty: Tensor, turns: Turns | None = None) -> float:
    """Compare the sum of the values with the rise over empty pictures (N, 3, H, W); turns: how much each counts."""
    found, rise = float(heatmap.values.sum(dtype=np.float64)), _rise(trace, target, empty, turns)
    return residual(found, rise, float(target(trace.logits)))


def _rise(trace: Trace, target: Target, empty: Tensor, turns: Turns | None = None) -> float:
    before = scores(trace.model, empty, target).cpu().double().numpy()
    return float(target(trace.logits)[0]) - float(np.average(before, weights=turns))
