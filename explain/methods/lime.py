"""LIME: a weighted linear model of the network around one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from explain.method import register
from explain.surrogates import SuperpixelModel

if TYPE_CHECKING:
    from torch import Tensor

    from explain.surrogates import Floats

#: How far a picture may be from the whole one and still count: the width of the kernel, in cosine distance.
WIDTH = 0.25
#: What keeps the values small: the weight of their squares beside the sum of squared errors.
RIDGE = 1.0


@register
@dataclass(frozen=True)
class LIME(SuperpixelModel):
    """Show which superpixels raise the score when they are shown, in a linear model that fits near this picture.

    Superpixels are shown or hidden at random, each with probability 1/2, and the score is fitted by a sum over those
    shown (Ribeiro et al., 2016, arXiv:1602.04938). A picture at distance D counts exp(-D^2 / (2 0.25^2)), where D is
    the cosine distance of what it shows from all: 1 - sqrt(share shown). The fit is ridge regression (weight 1, not on
    the constant), as in the authors' program; the paper's lasso, which first picks a few superpixels, is left out.
    Values are in units of the target; negative ones lowered the score. They do not add up to anything, depend on
    the cut, the fill and the draw, and do not show what superpixels do only together: the check "fit" is the share of
    the scores' variance that the model explains.
    """

    label: ClassVar = "LIME"
    paper: ClassVar = "Ribeiro et al., 2016, arXiv:1602.04938"
    caption: ClassVar = "slow: which patches, by a rough stand-in"

    def draw(self, count: int) -> Tensor:
        """Show each superpixel with probability 1/2; the first picture shows all."""
        ways = torch.rand((self.samples, count), generator=torch.Generator().manual_seed(self.seed)) < 0.5
        ways[0] = True
        return ways

    def weigh(self, shown: Floats) -> Floats:
        """Weigh pictures by how much they show."""
        distance = 1 - np.sqrt(shown.mean(1))
        weights: Floats = np.exp(-(distance**2) / (2 * WIDTH**2))
        return weights

    def fit(self, shown: Floats, scores: Floats, weights: Floats) -> tuple[Floats, float]:
        """Fit by ridge regression: what each superpixel adds, and the constant."""
        middle, mean = np.average(shown, axis=0, weights=weights), float(np.average(scores, weights=weights))
        design = shown - middle
        weighed = design.T * weights
        found = np.linalg.solve(weighed @ design + RIDGE * np.eye(len(middle)), weighed @ (scores - mean))
        return np.asarray(found, np.float64), mean - float(middle @ found)
