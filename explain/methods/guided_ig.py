"""Guided Integrated Gradients: a path that changes first what hardly matters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import torch

from explain.baselines import baseline
from explain.gradients import input_gradients, scores
from explain.method import Method, register
from explain.params import Range
from explain.paths import missing, residual, shared_out
from explain.results import Heatmap
from explain.stepping import steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.target import Target
    from explain.tracing import Trace

    Values = NDArray[np.float64]

#: Two distances closer than this count as one, as in the authors' code.
CLOSE = 1e-9


@register
@dataclass(frozen=True)
class GuidedIG(Method):
    """Share out the rise of the score among the pixels, along a path that changes first what matters least.

    Every step moves those colours of pixels towards the picture that have the smallest gradient, so that the path keeps
    out of places where the network only answers with noise, and adds gradient times change up, summed over colours
    (Kapishnikov et al., 2021, arXiv:2106.09788, after the authors' code). The values should add up to y(picture) -
    y(baseline); this sum takes the gradient before each step, where it is smallest, so that much can be missing at any
    number of steps: the check "completeness". Signed: negative values spoke against the class. The path hangs on which
    of many like gradients is the smallest, so another device may give a somewhat different map.
    """

    family: ClassVar = "Gradients"
    label: ClassVar = "Guided IG"
    paper: ClassVar = "Kapishnikov et al., 2021, arXiv:2106.09788"
    caption: ClassVar = "slow: for and against; less grainy, sums are off"

    steps: Annotated[int, Range(2, 500), "Steps on the path from the baseline, one after the other"] = 200
    fraction: Annotated[float, Range(0.01, 1, 0.01), "Share of values that may change at once"] = 0.25
    max_dist: Annotated[float, Range(0, 1, 0.01), "How far a value may stray from the straight path; 0 = not"] = 0.02
    baseline: Annotated[
        Literal["black", "white", "grey", "blur"], "The picture that stands for nothing, where the path starts"
    ] = "black"

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), signed, and the check "completeness" (0 = nothing missing)."""
        start = baseline(trace.pixels, self.baseline)
        difference = target(trace.logits) - scores(trace.model, start, target)
        path = _Path(start[0].cpu().double().numpy(), trace.pixels[0].cpu().double().numpy(), self)

        def so_far() -> Heatmap:
            return shared_out(torch.from_numpy(path.shares))

        for part in steps(trace, self.steps, so_far, gradient=True):
            for number in range(part.start, part.stop):
                place = torch.from_numpy(path.place)[None].to(trace.pixels)
                # The network itself, no folded copy: which values go first hangs on the last digits of the gradient.
                gradient = input_gradients(trace.model, place, target)[0].cpu().double().numpy()
                path.advance(gradient, (number + 1) / self.steps)
        left = residual(float(path.shares.sum()), float(difference), float(target(trace.logits)))
        return Heatmap(
            values=so_far().values,
            signed=True,
            checks={"completeness": left},
            notes=missing(left, "Integrated Gradients come closer"),
        )


class _Path:
    """A path from one picture to another, (3, H, W), and what each value has got for its change so far."""

    def __init__(self, start: Values, end: Values, settings: GuidedIG) -> None:
        self.place, self.shares = start.copy(), np.zeros_like(start)
        self._start, self._end, self._settings = start, end, settings
        self._way = end - start
        self._whole = float(np.abs(self._way).sum())

    def advance(self, gradient: Values, along: float) -> None:
        """Go on until the distance left is that of this share of the straight way, values with least gradient first."""
        before = self.place.copy()
        lowest = max(along - self._settings.max_dist, 0.0)
        highest = min(along + self._settings.max_dist, 1.0)
        self._catch_up(lowest, highest)
        limit = self._start + self._way * highest
        wanted = self._whole * (1 - along)
        size = np.abs(gradient)
        while True:
            left = float(np.abs(self._end - self.place).sum())
            size[self.place == limit] = np.inf
            # np.quantile's "lower" by a partition; only what can still move is picked.
            rank = math.floor(self._settings.fraction * (size.size - 1))
            chosen = (size <= np.partition(size, rank, axis=None)[rank]) & (size < np.inf)
            reach = float(np.abs(self.place - limit)[chosen].sum())
            if math.isclose(left, wanted, rel_tol=CLOSE, abs_tol=CLOSE) or reach == 0:
                break
            share = min((left - wanted) / reach, 1.0)
            self.place[chosen] = limit[chosen] if share == 1 else (limit + (self.place - limit) * (1 - share))[chosen]
            if share < 1:
                break
        self.shares += (self.place - before) * gradient

    def _catch_up(self, lowest: float, highest: float) -> None:
        """Move values that fell too far behind the straight path onto its lowest allowed point."""
        there = np.full_like(self.place, highest)
        np.divide(self.place - self._start, self._way, out=there, where=self._way != 0)
        behind = there < lowest
        self.place[behind] = (self._start + self._way * lowest)[behind]
