"""ROAD: remove the marked pixels, fill the holes from around them, and watch the score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import torch

from explain.hiding import in_order
from explain.imputing import imputed
from explain.metric import Metric, fitting, register
from explain.params import Range
from models.errors import UnsuitableError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from explain.hiding import Tell
    from explain.method import Method
    from explain.results import Curve, Heatmap
    from explain.target import Target
    from explain.tracing import Trace

    Floats = NDArray[np.float32]

#: A share of the picture that may be left over, where that much should have been removed, without a word.
SHORT = 0.005


@register
@dataclass(frozen=True)
class ROAD(Metric):
    """How fast the score falls when the marked pixels are removed and blended into their surroundings; lower is better.

    The curve is the target's own value (a score, or a probability) against the share of the picture that is removed, in
    the order of the map, highest first, in equal steps that stop one short of the whole; the area under it is the
    figure. Places of equal value go together, so a step may remove more; the lowest value is always left. A removed
    pixel becomes the weighted mean of its eight neighbours, with a little noise, so that neither the hole's edge nor
    its shape tells the network anything. "both" also removes the lowest first: y is then half of what is left less what
    is left that way, below zero for a good map. Large holes are smooth, as no photograph is (Rong et al., 2022,
    arXiv:2202.00449).
    """

    family: ClassVar = "Faithfulness"
    label: ClassVar = "ROAD"
    paper: ClassVar = "Rong et al., 2022, arXiv:2202.00449"
    caption: ClassVar = "blend the marked places into what is around them: does the score fall?"
    better: ClassVar = "lower"
    has_unit: ClassVar = True
    cost: ClassVar = 40
    axes: ClassVar = ("share removed", "score")

    steps: Annotated[int, Range(1, 49), "Shares that are removed, equally far apart"] = 9
    noise: Annotated[float, Range(0, 0.2, 0.01), "Noise on what is filled in, in pixel values from 0 to 1"] = 0.01
    order: Annotated[Literal["most", "both"], "Remove the highest first, or also the lowest, and compare"] = "most"
    seed: Annotated[int, Range(0, 99), "Draw of the noise"] = 0

    def __call__(self, trace: Trace, heatmap: Heatmap, target: Target | int, method: Method | None = None) -> Curve:
        """Remove the picture step by step."""
        target = fitting(trace, heatmap, target)
        if heatmap.values.min() == heatmap.values.max():
            raise UnsuitableError("The map is the same everywhere, so no place comes first.")
        pixels = trace.pixels[0].cpu().double().numpy()
        generator = torch.Generator().manual_seed(self.seed)
        # The same noise for every map, so that only the maps differ.
        noise = self.noise * torch.randn(trace.pixels.shape[1:], generator=generator).numpy()

        def picture(values: Floats, step: int, tell: Tell) -> Tensor:
            removed = _highest(values, step, self.steps + 1)
            filled = imputed(pixels, removed, tell)
            return torch.from_numpy(np.where(removed, filled + noise, pixels)).to(trace.pixels).clamp(0, 1)

        found = in_order(
            self,
            trace,
            heatmap,
            target,
            x=(np.arange(self.steps + 1) / (self.steps + 1)).astype(np.float32),
            order=lambda values: values,
            known={0: float(target(trace.logits)[0])},
            picture=picture,
            score=target,
            reversed_too=self.order == "both",
        )
        most, all_of_it = float(_highest(heatmap.values, self.steps, self.steps + 1).mean()), float(found.x[-1])
        if most >= all_of_it - SHORT:
            return found
        much, wanted = f"{100 * most:.0f} %", f"{100 * all_of_it:.0f} %"
        note = f"Only {much} of the picture could be removed, not {wanted}: the rest has the map's lowest value."
        return replace(found, notes=(*found.notes, note))


def _highest(values: Floats, parts: int, of: int) -> NDArray[np.bool_]:
    """Mark this share of the pixels, from a percentile on, as the authors' programme does: equal values go together.

    Where that would be all of them, the lowest value is left, since holes are filled from what is around them.
    """
    marked: NDArray[np.bool_] = (values >= np.percentile(values, 100 * (of - parts) / of)) & (values > values.min())
    return marked
