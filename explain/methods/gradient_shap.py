"""GradientSHAP, also known as Expected Gradients: how the score is shared out, on average over empty pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch

from explain.averaging import Moments
from explain.gradients import scores
from explain.many_gradients import many_gradients
from explain.method import Method, register
from explain.params import Range
from explain.paths import Starts, missing, residual, starts_of
from explain.results import Heatmap
from explain.stepping import steps

if TYPE_CHECKING:
    from explain.target import Target
    from explain.tracing import Trace

#: How many pictures of noise the samples of "random" start from, in turn.
DRAWS = 10


@register
@dataclass(frozen=True)
class GradientSHAP(Method):
    """Share out the rise of the score among the pixels, on average over several empty pictures.

    The mean of dy/dx (picture - baseline) at random points between a baseline and the picture, summed over colours: an
    estimate of SHAP values (Lundberg & Lee, 2017, arXiv:1705.07874) known as Expected Gradients (Erion et al., 2019,
    arXiv:1906.10670). Baselines come in turn; the points are spread evenly over the way, one at random in each of
    `samples` equal parts. Signed, in units of the score: negative values spoke against the class. The values add up to
    y(picture) - mean y(baseline) but for chance: the check "completeness" is what is missing, "standard_error" what
    chance leaves open, at the most, as a share of the map's norm. The baselines are no pictures of a data set.
    """

    family: ClassVar = "Gradients"
    label: ClassVar = "GradientSHAP"
    paper: ClassVar = "Lundberg & Lee, 2017, arXiv:1705.07874; Erion et al., 2019, arXiv:1906.10670"
    caption: ClassVar = "medium: for and against; adds up but for chance"

    samples: Annotated[int, Range(2, 500), "Random points to average"] = 50
    baseline: Annotated[
        Starts,
        "The picture that stands for nothing; mean = black, white, grey and blur in turn; random = ten of noise",
    ] = "random"
    seed: Annotated[int, Range(0, 99), "Draw of the points and of the noise"] = 0

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), signed, and the checks "completeness" and "standard_error"."""
        starts = starts_of(trace.pixels, self.baseline, DRAWS, self.seed)[: self.samples]
        from_start = torch.arange(self.samples) % len(starts)
        generator = torch.Generator().manual_seed(self.seed)
        along = torch.randperm(self.samples, generator=generator) + torch.rand(self.samples, generator=generator)
        along = along / self.samples
        empty = torch.zeros(len(starts))
        moments = Moments(tuple(trace.pixels.shape[-2:]))
        gradients = many_gradients(trace, target, self.samples)
        for part in steps(trace, self.samples, lambda: self._map(moments), gradient=True):
            first = slice(part.start, min(part.stop, len(starts)))
            if first.start < first.stop:
                empty[first] = scores(trace.model, starts[first], target).cpu()
            start = starts[from_start[part].to(starts.device)]
            way = trace.pixels - start
            points = start + along[part, None, None, None].to(way) * way
            moments.add((gradients(points) * way).sum(1))
        return self._map(moments, (float(target(trace.logits)), float(empty[from_start].mean())))

    def _map(self, moments: Moments, ends: tuple[float, float] | None = None) -> Heatmap:
        """Show the mean so far; against the rise of the score between its ends once all samples are there."""
        mean = moments.mean()
        checks = moments.checks(mean, moments.error_of_mean())
        notes: tuple[str, ...] = ()
        if ends is not None:
            checks["completeness"] = residual(float(mean.sum()), ends[0] - ends[1], ends[0])
            notes = missing(checks["completeness"], "take more samples")
        return Heatmap(values=mean.float().numpy(), signed=True, checks=checks, notes=notes)
