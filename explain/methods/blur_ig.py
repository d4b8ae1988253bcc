"""Blur Integrated Gradients: how the score is shared out as the picture comes into focus."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch

from explain.gradients import scores
from explain.many_gradients import many_gradients
from explain.method import Method, register
from explain.params import Range
from explain.paths import missing, residual, shared_out
from explain.stepping import steps

if TYPE_CHECKING:
    from torch import Tensor

    from explain.results import Heatmap
    from explain.target import Target
    from explain.tracing import Trace

#: Points lie closer where the blur is small: its width falls with this power along the path.
POWER = 2
#: A Gaussian ends at this many of its widths.
TRUNCATE = 4.0


@register
@dataclass(frozen=True)
class BlurIG(Method):
    """Share out the rise of the score among the pixels as the picture comes into focus.

    The gradient is added up along the pictures blurred by a Gaussian whose width shrinks from `widest` to nothing,
    times the change from one to the next, summed over colours (Xu et al., 2020, arXiv:2004.03383). Beyond the edge
    the picture is black, as in the authors' code. The values add up to y(picture) - y(blurred picture); the check
    "completeness" is what is missing. Signed: negative values spoke against the class. What survives the widest
    blur, such as the colour of a wide sky, gets little, whatever it means.
    """

    family: ClassVar = "Gradients"
    label: ClassVar = "Blur IG"
    paper: ClassVar = "Xu et al., 2020, arXiv:2004.03383"
    caption: ClassVar = "medium: edges and textures; adds up, grainy"

    steps: Annotated[int, Range(2, 500), "Points on the path from the blurred picture"] = 100
    widest: Annotated[float, Range(1, 100), "Standard deviation of the strongest blur, in pixels of the crop"] = 50.0

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), signed, and the check "completeness" (0 = nothing missing)."""
        ends = self._widths(torch.arange(self.steps + 1) / self.steps)
        middles = self._widths((torch.arange(self.steps) + 0.5) / self.steps)
        difference = target(trace.logits) - scores(trace.model, blurred(trace.pixels, ends[:1]), target)
        gradients = many_gradients(trace, target, self.steps)
        total = torch.zeros_like(trace.pixels[0], dtype=torch.float64, device="cpu")
        for part in steps(trace, self.steps, partial(shared_out, total), gradient=True):
            change = blurred(trace.pixels, ends[part.start : part.stop + 1]).diff(dim=0)
            total += (gradients(blurred(trace.pixels, middles[part])) * change).sum(0).cpu().double()
        left = residual(float(total.sum()), float(difference), float(target(trace.logits)))
        return replace(shared_out(total), checks={"completeness": left}, notes=missing(left))

    def _widths(self, along: Tensor) -> Tensor:
        """Say how wide the blur is at these shares of the path."""
        return self.widest * (1 - along.double()) ** POWER


def blurred(pixels: Tensor, widths: Tensor) -> Tensor:
    """Blur a picture (1, 3, H, W) by a Gaussian of each width, in pixels; beyond the edge it is black: (n, 3, H, W)."""
    across, down = (_weights(side, widths).to(pixels)[:, None] for side in (pixels.shape[-1], pixels.shape[-2]))
    return down @ pixels @ across.transpose(-1, -2)


def _weights(side: int, widths: Tensor) -> Tensor:
    """Return what each place takes from each other one along an axis: (n, side, side) float64, rows for the results."""
    reach = int(TRUNCATE * float(widths.max()) + 0.5)
    away = torch.arange(-reach, reach + 1, dtype=torch.float64)
    width = widths[:, None].clamp_min(1e-3)
    weights = torch.exp(-((away / width) ** 2) / 2) * (away.abs() <= (TRUNCATE * width + 0.5).floor())
    weights = torch.cat([weights / weights.sum(1, keepdim=True), torch.zeros(len(widths), 1)], 1)
    places = torch.arange(side)
    apart = (places[None] - places[:, None]).abs()
    return weights[:, torch.where(apart <= reach, apart + reach, -1)]
