"""Integrated Gradients: how the score is shared out among the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from explain.gradients import scores
from explain.method import Method, register
from explain.params import Range
from explain.paths import RESIDUAL, Starts, along_lines, missing, residual, starts_of
from explain.results import Heatmap

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace

#: How many pictures of noise "random" averages.
DRAWS = 4
#: The adaptive rule stops at this many times the steps asked for, at the latest.
MOST_TIMES = 8


@register
@dataclass(frozen=True)
class IntegratedGradients(Method):
    """Share out the rise of the score, from an empty picture to this one, among the pixels.

    The gradient is averaged along the straight path from a baseline and multiplied by the difference,
    summed over colours (Sundararajan et al., 2017, arXiv:1703.01365), by Gauss-Legendre points. The
    values add up to y(picture) - y(baseline); the check "completeness" is what is missing, as a share
    of that difference. Signed: negative values spoke against the class. What equals the baseline gets nothing.
    """

    family: ClassVar = "Gradients"
    label: ClassVar = "Integrated Gradients"
    paper: ClassVar = "Sundararajan et al., 2017, arXiv:1703.01365"
    caption: ClassVar = "medium: for and against, adds up; grainy"

    steps: Annotated[int, Range(2, 500), "Points on the path from the baseline"] = 50
    baseline: Annotated[
        Starts,
        "The picture that stands for nothing; mean = over black, white, grey and blur; random = over four of noise",
    ] = "black"
    adaptive: Annotated[bool, "Double the points until less than 1 % of the difference is missing"] = False
    seed: Annotated[int, Range(0, 99), "Draw of the noise"] = 0

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), signed, and the check "completeness" (0 = nothing missing)."""
        starts = self._starts(trace.pixels)
        difference = float((target(trace.logits) - scores(trace.model, starts, target)).mean())
        count = self.steps
        while True:
            values = along_lines(trace, target, starts, count).sum(0)
            left = residual(float(values.sum()), difference, float(target(trace.logits)))
            if not self.adaptive or left < RESIDUAL or count * 2 > self.steps * MOST_TIMES:
                break
            count *= 2
        return Heatmap(
            values=values.float().numpy(),
            signed=True,
            checks={"completeness": left, "steps": float(count)},
            notes=missing(left),
        )

    def _starts(self, pixels: Tensor) -> Tensor:
        return starts_of(pixels, self.baseline, DRAWS, self.seed)
