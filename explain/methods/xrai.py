"""XRAI: which regions hold the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch

from explain.baselines import baseline
from explain.gradients import scores
from explain.method import Method, register
from explain.params import Range
from explain.paths import along_lines, missing, residual
from explain.regions import ranked, regions
from explain.results import Heatmap

if TYPE_CHECKING:
    from explain.target import Target
    from explain.tracing import Trace


@register
@dataclass(frozen=True)
class XRAI(Method):
    """Show which regions of the picture hold the most evidence for the class.

    Integrated Gradients over a black and a white baseline, of each pixel the largest over its colours; the regions of
    like colour, found at six scales, are taken one after the other, the one with the largest mean first (Kapishnikov et
    al., 2019, arXiv:1906.02825). Each pixel shows the mean of the region that brought it in, in units of the score;
    negative: the region spoke against the class on the whole. The edges are the picture's own, not the network's: what
    part of a region counts does not show. The check "completeness" is what Integrated Gradients miss.
    """

    family: ClassVar = "Gradients"
    label: ClassVar = "XRAI"
    paper: ClassVar = "Kapishnikov et al., 2019, arXiv:1906.02825"
    caption: ClassVar = "slow: where, in regions of like colour; coarse"
    question: ClassVar = "where"

    steps: Annotated[int, Range(2, 250), "Points on the path from each of the two baselines"] = 50

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), signed, and the check "completeness" of the gradients underneath."""
        starts = torch.cat([baseline(trace.pixels, kind) for kind in ("black", "white")])
        difference = float((target(trace.logits) - scores(trace.model, starts, target)).mean())
        shares = along_lines(trace, target, starts, self.steps)
        masks = regions(trace.pixels[0].permute(1, 2, 0).cpu().numpy())
        left = residual(float(shares.sum()), difference, float(target(trace.logits)))
        return Heatmap(
            values=ranked(shares.amax(0).numpy(), masks),
            signed=True,
            checks={"completeness": left, "regions": float(len(masks))},
            notes=missing(left),
        )
