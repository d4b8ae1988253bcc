"""Infidelity: does the map foretell what small random changes of the picture do to the score?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import torch

from explain.control_maps import control_maps
from explain.masking import many_scores
from explain.metric import Metric, fitting, register
from explain.params import Range
from explain.results import Score
from explain.stepping import steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.method import Method
    from explain.results import Heatmap
    from explain.target import Target
    from explain.tracing import Trace

    Exact = NDArray[np.float64]


@register
@dataclass(frozen=True)
class Infidelity(Metric):
    """How far the map is from foretelling what small random changes of the picture do to the score; lower is better.

    In each sample every pixel is dimmed by a random share of itself (or moved by random noise, the same in all
    colours), uniform within the radius. The map foretells a fall of the score: the sum of its values times these
    numbers. The figure is the mean squared distance from the fall that comes, in squared units of the target; `error`
    is its standard error, and the check "share" the figure as a share of the mean squared fall. Most maps have no unit,
    so the map is first scaled to fit best, as the control maps always are. Maps of places rather than pixels, such as
    CAMs, cannot do well here. Nothing is cut off at black and white (Yeh et al., 2019, arXiv:1901.09392, scaled as in
    the authors' programme).
    """

    family: ClassVar = "Faithfulness"
    label: ClassVar = "Infidelity"
    paper: ClassVar = "Yeh et al., 2019, arXiv:1901.09392"
    caption: ClassVar = "small random changes: does the map foretell the score?"
    better: ClassVar = "lower"
    has_unit: ClassVar = True
    cost: ClassVar = 11

    samples: Annotated[int, Range(2, 1000), "Pictures that are changed at random"] = 10
    radius: Annotated[float, Range(0.001, 1, 0.001), "How much changes at the most: a share, or pixel values"] = 0.02
    change: Annotated[Literal["dim", "noise"], "What is done to each pixel: dim it by a share, or add noise"] = "dim"
    scaled: Annotated[bool, "Scale the map to fit best first; off = it has the target's unit"] = True
    seed: Annotated[int, Range(0, 99), "Draw of the changes"] = 0

    def __call__(self, trace: Trace, heatmap: Heatmap, target: Target | int, method: Method | None = None) -> Score:
        """Change the picture, and compare each fall of the score with the one that the map foretells."""
        target = fitting(trace, heatmap, target)
        controls = control_maps(trace)
        maps = np.stack([heatmap.values, *controls.values()]).astype(np.float64)
        generator = torch.Generator().manual_seed(self.seed)
        scored = many_scores(trace, target, self.samples + 1)
        before = scored(trace.pixels)
        foretold, fell = np.zeros((len(maps), 0)), np.zeros(0)

        def so_far() -> Score:
            return self._score(foretold, fell, tuple(controls))

        for part in steps(trace, self.samples, so_far):
            # One at a time: the draws are the same for every size of a step.
            drawn = [torch.rand(trace.pixels.shape[2:], generator=generator) for _ in range(part.start, part.stop)]
            moved = self.radius * (2 * torch.stack(drawn) - 1)
            by = moved[:, None].to(trace.pixels) * (trace.pixels if self.change == "dim" else 1)
            fell = np.append(fell, (before - scored(trace.pixels - by)).numpy())
            foretold = np.append(foretold, np.einsum("mij,nij->mn", maps, moved.double().numpy()), axis=1)
        return so_far()

    def _score(self, foretold: Exact, fell: Exact, controls: tuple[str, ...]) -> Score:
        own, *others = (_missed(row, fell, self.scaled or number > 0) for number, row in enumerate(foretold))
        value, square = float(own.mean()), float(np.mean(fell**2))
        return Score(
            value=value,
            error=float(own.std(ddof=1) / len(own) ** 0.5) if len(own) > 1 else float("nan"),
            better=self.better,
            baselines={name: float(other.mean()) for name, other in zip(controls, others, strict=True)},
            checks={"share": value / square} if square > 0 else {},
        )


def _missed(foretold: Exact, fell: Exact, scaled: bool) -> Exact:
    """Return the squared distances between what was foretold, to the best scale, and what came.

    A scale below zero would make a map as good as its opposite, so the least is zero; captum goes below.
    """
    square = float(foretold @ foretold)
    scale = max(0.0, float(foretold @ fell) / square) if square > 0 else 1.0
    missed: Exact = ((scale if scaled else 1.0) * foretold - fell) ** 2
    return missed
