"""Extremal perturbation: the area of a given size that keeps the score highest when all else is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from torch.nn import functional

from explain.baselines import Baseline, baseline
from explain.class_activation import upsampled
from explain.gradients import differentiate, least_difference, scores
from explain.masking import through
from explain.method import Method, register
from explain.params import Range
from explain.results import Heatmap
from explain.stepping import steps

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace

#: Cells along each side of the mask that is searched for, and how many cells each reaches to every side.
CELLS, REACH = 28, 4
#: Sharpness of the smooth maximum over neighbouring cells, as in the paper.
SHARPNESS = 20.0
#: Length of a step for the cell that moves most, and how much of the way before goes on.
LENGTH, MOMENTUM = 0.05, 0.9
#: How much the area weighs beside the score at first, and in the end.
FIRST, LAST = 1.0, 200.0


@register
@dataclass(frozen=True)
class ExtremalPerturbation(Method):
    """Show the area, of the size asked for, that keeps the score highest when all else is hidden.

    The mask m, smooth and of values from 0 to 1, is found by gradient steps on y(m picture + (1 - m) filled) / span -
    weight mean((sorted(m) - r)^2), where r is 1 on the share `area` and else 0 (Fong et al., 2019, arXiv:1910.08485).
    The weight rises; span is the largest difference from y(filled) seen so far, so that the units of the target do
    not matter. Smooth as in the paper: each place takes the smooth maximum of the cells near it, each less the further
    away. What is hidden fades into the filled picture, where the paper blurs it more and more. Values are how much of
    a place is kept, not how much it matters; the area is one that is enough, and another may be, too. The check "area"
    is the mean of m, "kept" the score with only this area shown, "whole" that of the picture, in units of the target.
    """

    family: ClassVar = "Perturbation"
    label: ClassVar = "Extremal perturbation"
    paper: ClassVar = "Fong et al., 2019, arXiv:1910.08485"
    caption: ClassVar = "slow: which area is enough, by trying it"
    question: ClassVar = "hidden"

    area: Annotated[float, Range(0.01, 0.9, 0.01), "Share of the picture to keep"] = 0.1
    steps: Annotated[int, Range(10, 1000, 10), "Gradient steps"] = 200
    fill: Annotated[Baseline, "What is seen where the picture is hidden"] = "blur"

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the mask: values (H, W) in 0..1."""
        pixels, instead = trace.pixels, baseline(trace.pixels, self.fill)
        whole, start = float(target(trace.logits)[0]), float(scores(trace.model, instead, target)[0])
        if torch.equal(pixels, instead):
            note = "Nothing can be hidden: the picture is what it would be filled with."
            return Heatmap(values=torch.zeros_like(pixels[0, 0]).cpu().numpy(), signed=False, notes=(note,))
        cells = torch.full((1, 1, CELLS, CELLS), 0.5, device=pixels.device)
        way = torch.zeros_like(cells)
        span = max(abs(whole - start), least_difference(whole, start))

        def mask() -> Tensor:
            return smooth(cells, (pixels.shape[-2], pixels.shape[-1]))

        for part in steps(trace, self.steps, lambda: drawn(mask()), gradient=True):
            for step in range(part.start, part.stop):
                # At first all cells are the same, and none is among the highest: there the score alone decides.
                weight = FIRST * (LAST / FIRST) ** (step / self.steps) if step else 0.0
                with torch.enable_grad():
                    cells.requires_grad_()
                    kept = mask()
                    score = target(trace.model(through(kept[None], pixels, instead))).sum()
                    span = max(span, abs(float(score.detach()) - start))
                    (uphill,) = differentiate(score / span - weight * self._excess(kept), [cells])
                way = MOMENTUM * way + uphill / uphill.abs().max().clamp(min=1e-12)
                cells = (cells.detach() + LENGTH * way).clamp(0, 1)
        found = mask()
        kept_score = float(scores(trace.model, through(found[None], pixels, instead), target)[0])
        area = float(found.mean())
        note = f"With only this area, {100 * area:.0f} % of all, the score is {kept_score:.3g}; with all {whole:.3g}."
        return drawn(found, {"area": area, "kept": kept_score, "whole": whole}, note)

    def _excess(self, mask: Tensor) -> Tensor:
        """Measure how far a mask is from one that is 1 on the area asked for and 0 elsewhere."""
        ordered = mask.flatten().sort().values
        ranks = torch.arange(len(ordered), device=mask.device)
        wanted = (ranks >= round((1 - self.area) * len(ordered))).to(mask)
        return (ordered - wanted).square().mean()


def drawn(mask: Tensor, checks: dict[str, float] | None = None, *notes: str) -> Heatmap:
    """Make the heatmap of a mask (H, W)."""
    return Heatmap(values=mask.detach().cpu().numpy(), signed=False, checks=checks or {}, notes=notes)


def smooth(cells: Tensor, side: tuple[int, int]) -> Tensor:
    """Spread cells (1, 1, n, n) in 0..1 to their neighbours, and bring them to (height, width); differentiable."""
    width = 2 * REACH + 1
    along = torch.arange(-REACH, REACH + 1, device=cells.device)
    distance = (along[:, None] ** 2 + along**2).sqrt() / (REACH - 1)
    nearness = torch.exp(-2 * (distance - 0.5).clamp(min=0) ** 2).reshape(-1, 1, 1)
    near = functional.unfold(cells, width, padding=REACH).reshape(-1, *cells.shape[2:]) * nearness
    most = (near * (SHARPNESS * near).softmax(0)).sum(0)
    # Where all cells are 1 the smooth maximum stays below 1, by this much.
    full = (nearness * (SHARPNESS * nearness).softmax(0)).sum()
    return upsampled((most / full).clamp(max=1), side)
