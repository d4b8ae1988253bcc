"""Integrated Gradients: how the score is shared out among the pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import torch

from explain.baselines import baseline, random_baselines
from explain.gradients import input_gradients, scores
from explain.method import Method, register
from explain.params import Range
from explain.results import Heatmap
from explain.stepping import steps

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace

#: Several baselines: how many pictures of noise "random" averages, and what "mean" averages.
DRAWS = 4
SEVERAL = ("black", "white", "grey", "blur")
#: The adaptive rule stops below this residual, or at this many times the steps asked for.
RESIDUAL, MOST_TIMES = 0.01, 8


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
    caption: ClassVar = "medium: which pixels, for and against"

    steps: Annotated[int, Range(2, 500), "Points on the path from the baseline"] = 50
    baseline: Annotated[
        Literal["black", "white", "grey", "blur", "mean", "random"],
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
            values = self._shared_out(trace, target, starts, count)
            residual = abs(float(values.sum()) - difference) / max(abs(difference), 1e-6)
            if not self.adaptive or residual < RESIDUAL or count * 2 > self.steps * MOST_TIMES:
                break
            count *= 2
        return Heatmap(
            values=values.astype(np.float32),
            signed=True,
            checks={"completeness": residual, "steps": float(count)},
            notes=self._notes(residual),
        )

    def _starts(self, pixels: Tensor) -> Tensor:
        if self.baseline == "random":
            return random_baselines(pixels, DRAWS, self.seed)
        kinds = SEVERAL if self.baseline == "mean" else (self.baseline,)
        return torch.cat([baseline(pixels, kind) for kind in kinds])

    def _shared_out(self, trace: Trace, target: Target, starts: Tensor, count: int) -> np.ndarray:
        """Integrate along the path from each start and average: (H, W) float64, summed over colours."""
        places, weights = np.polynomial.legendre.leggauss(count)
        along = torch.from_numpy((places + 1) / 2).to(starts)
        share = torch.from_numpy(weights / 2 / len(starts)).to(starts)
        total = torch.zeros_like(trace.pixels[0], dtype=torch.float64, device="cpu")

        def so_far() -> Heatmap:
            return Heatmap(values=total.sum(0).float().numpy(), signed=True)

        for part in steps(trace, count * len(starts), so_far, gradient=True):
            chosen = torch.arange(part.start, part.stop, device=starts.device)
            start, point = starts[chosen // count], chosen % count
            way = trace.pixels - start
            gradients = input_gradients(trace.model, start + along[point, None, None, None] * way, target)
            total += (gradients * way * share[point, None, None, None]).sum(0).double().cpu()
        return total.sum(0).numpy()

    def _notes(self, residual: float) -> tuple[str, ...]:
        if residual < RESIDUAL:
            return ()
        missing = "more than all" if not math.isfinite(residual) or residual > 1 else f"{100 * residual:.0f} %"
        return (f"The shares miss {missing} of the difference they should add up to; take more steps.",)
