"""RISE: the score under many random masks, shared out among the pixels they showed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from torch.nn import functional

from explain.baselines import Baseline, baseline
from explain.masking import many_scores, through
from explain.method import Method, register
from explain.params import Range
from explain.results import Heatmap
from explain.stepping import steps

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace


#: How far apart scores may lie by rounding alone, as a share of their size.
ROUNDING = 1e-6


@register
@dataclass(frozen=True)
class RISE(Method):
    """Show which pixels go with a high score when random parts of the picture are hidden.

    S = sum(score * mask) / (N p) over N masks: a coarse grid of cells, each shown with probability p, enlarged
    bilinearly and shifted by less than a cell (Petsiuk et al., 2018, arXiv:1806.07421). That is the mean score while a
    pixel is shown, in units of the target, so the mean over all masks lies under the whole map, and the chance in how
    often a pixel was shown with it: little where most masks bring a probability to 0, much where scores stay high.
    Centred, as by default, each score counts from that mean, which takes both away: zero is then a pixel that makes no
    difference, and negative one that goes with a lower score. Needs no gradient, so it works on any network. Nothing
    finer than a cell is shown, nor what parts do only together. The check "standard_error" is what so few masks leave
    open, as a share of the map's norm; "mean_score" is the mean.
    """

    family: ClassVar = "Perturbation"
    label: ClassVar = "RISE"
    paper: ClassVar = "Petsiuk et al., 2018, arXiv:1806.07421"
    caption: ClassVar = "very slow: what counts, any network; noisy"
    question: ClassVar = "hidden"

    samples: Annotated[int, Range(10, 8000, 10), "Random masks"] = 1000
    cells: Annotated[int, Range(2, 32), "Cells of a mask along each side"] = 7
    keep: Annotated[float, Range(0.05, 0.95, 0.05), "Share of the cells that a mask shows"] = 0.5
    fill: Annotated[Baseline, "What is seen where a mask hides the picture"] = "black"
    centred: Annotated[bool, "Count scores from their mean, so that only differences show; off = the paper's"] = True
    seed: Annotated[int, Range(0, 99), "Draw of the masks"] = 0

    def __call__(self, trace: Trace, target: Target) -> Heatmap:
        """Compute the map: values (H, W), signed, in units of the target."""
        generator = torch.Generator().manual_seed(self.seed)
        grids = (torch.rand((self.samples, 1, self.cells, self.cells), generator=generator) < self.keep).float()
        shifts = torch.rand((self.samples, 2), generator=generator)
        pixels, instead = trace.pixels, baseline(trace.pixels, self.fill)
        height, width = pixels.shape[-2:]
        ask = many_scores(trace, target, self.samples)
        sums = _Sums(height, width)
        for part in steps(trace, self.samples, lambda: self._map(sums)):
            masks = enlarged(grids[part], shifts[part], height, width)
            sums.add(masks, ask(through(masks.to(pixels), pixels, instead)))
        return self._map(sums)

    def _map(self, sums: _Sums) -> Heatmap:
        values, squared_error = sums.average(self.centred)
        size = float(values.norm())
        error = {"standard_error": float(squared_error.sum().sqrt()) / size} if size and sums.count > 1 else {}
        return Heatmap(
            values=(values / self.keep).float().numpy(),
            signed=True,
            checks={"mean_score": sums.mean_score, **error},
            notes=(_note(sums, self.centred),) if size else (),
        )


def _note(sums: _Sums, centred: bool) -> str:
    if centred:
        return f"Scores count from their mean, {sums.mean_score:.3g}; the paper's formula is “centred” switched off."
    if sums.even:
        return "Every mask got the same score: the map only shows how often each pixel was shown."
    return f"The mean score, {sums.mean_score:.3g}, lies under the whole map; “centred” takes it away."


def enlarged(grids: Tensor, shifts: Tensor, height: int, width: int) -> Tensor:
    """Turn coarse masks (N, 1, s, s) into masks of the picture, (N, height, width), each shifted by less than a cell.

    They are made one cell larger than the picture and cut to it; shifts: (N, 2) in 0..1, down and right.
    """
    cells = grids.shape[-1]
    tall, wide = -(-height // cells), -(-width // cells)
    size = ((cells + 1) * tall, (cells + 1) * wide)
    large = functional.interpolate(grids, size, mode="bilinear", align_corners=False)[:, 0]
    corners = (shifts * torch.tensor([tall, wide])).long().tolist()
    return torch.stack([
        mask[top : top + height, left : left + width] for mask, (top, left) in zip(large, corners, strict=True)
    ])


class _Sums:
    """Sums over masks of what the map and its error follow from, whether scores are counted from their mean or not."""

    def __init__(self, height: int, width: int) -> None:
        self.shape = (height, width)
        #: The first score. All are counted from it, so that equal ones leave nothing, not even rounding.
        self._first = 0.0
        #: Of the mask to the power of 0, 1 and 2 (rows), times 1, the score and its square (columns), for each pixel.
        self._sums = torch.zeros((3, 3, height * width), dtype=torch.float64)

    @property
    def count(self) -> float:
        """How many masks were taken in."""
        return float(self._sums[0, 0, 0])

    @property
    def mean_score(self) -> float:
        """The mean of the scores."""
        return self._first + float(self._sums[0, 1, 0]) / self.count

    @property
    def even(self) -> bool:
        """Whether all scores are the same, but for rounding."""
        return not self._sums[0, 2, 0]

    def add(self, masks: Tensor, scores: Tensor) -> None:
        """Take in some more masks (N, H, W) and their scores (N,)."""
        self._first = self._first if self.count else float(scores[0])
        apart = scores - self._first
        apart = torch.where(apart.abs() <= ROUNDING * abs(self._first), 0, apart)
        powers = torch.stack([torch.ones_like(apart), apart, apart**2])
        flat = masks.double().flatten(1)
        self._sums += torch.stack([powers @ flat**power for power in range(3)])

    def average(self, centred: bool) -> tuple[Tensor, Tensor]:
        """Average score * mask, each score less their mean if asked, and give the squared standard error, both (H, W).

        Less its mean, a score is as good as never multiplied by the part of the mask that does not change either.
        """
        means = self._sums / self.count
        score = float(means[0, 1, 0]) if centred else -self._first
        mask = means[1, 0] if centred else torch.zeros_like(means[1, 0])
        mean = means[1, 1] - score * means[1, 0]
        none, once, twice = means[:, 2] - 2 * score * means[:, 1] + score**2 * means[:, 0]
        square = twice - 2 * mask * once + mask**2 * none
        error = (square - mean**2).clamp_min(0) / max(self.count - 1, 1)
        return mean.reshape(self.shape), error.reshape(self.shape)
