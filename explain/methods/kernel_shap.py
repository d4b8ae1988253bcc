"""KernelSHAP: the score shared out among superpixels by their Shapley values, estimated by a regression."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from explain.method import register
from explain.paths import residual
from explain.surrogates import SuperpixelModel

if TYPE_CHECKING:
    from torch import Tensor

    from explain.surrogates import Floats


@register
@dataclass(frozen=True)
class KernelSHAP(SuperpixelModel):
    """Share out the rise of the score, from a picture with everything hidden to this one, among superpixels.

    Each gets its Shapley value: what it adds on average, over all orders in which superpixels could be shown (Lundberg
    and Lee, 2017, arXiv:1705.07874). The values solve a least-squares problem under the condition that they add up to
    y(picture) - y(filled); the check "completeness" is what is missing, as a share. Pictures are drawn by the Shapley
    kernel, each followed by the one that shows what it hid; where `samples` is enough for every subset (10 superpixels
    have 1,024), all are asked and the values are exact. Signed: negative values spoke against the class. Values depend
    on the cut and the fill, and share out what superpixels do only together without showing it; the check "fit" is the
    share of the scores' variance that adding up explains.
    """

    label: ClassVar = "KernelSHAP"
    paper: ClassVar = "Lundberg and Lee, 2017, arXiv:1705.07874"
    caption: ClassVar = "slow: patches for and against, adds up"

    def draw(self, count: int) -> Tensor:
        """Show all, none, and then every subset, or some drawn by the Shapley kernel together with their opposites."""
        ends = torch.tensor([[True], [False]]).expand(2, count)
        if self._all(count):
            numbers = torch.arange(1, 2**count - 1)
            return torch.cat([ends, (numbers[:, None] >> torch.arange(count)) % 2 == 1])
        generator = torch.Generator().manual_seed(self.seed)
        pairs = (self.samples - 1) // 2
        sizes = torch.arange(1, count, dtype=torch.float64)
        chances = 1 / (sizes * (count - sizes))
        size = 1 + torch.multinomial(chances, pairs, replacement=True, generator=generator)
        order = torch.rand((pairs, count), generator=generator).argsort(1).argsort(1)
        ways = order < size[:, None]
        return torch.cat([ends, torch.stack([ways, ~ways], 1).flatten(0, 1)])[: self.samples]

    def weigh(self, shown: Floats) -> Floats:
        """Weigh by the Shapley kernel where every subset was asked once; drawn ones have it in their number."""
        count = shown.shape[1]
        if not self._all(count):
            return np.ones(len(shown))
        # All and none follow from the condition, whatever their weight.
        sizes = shown.sum(1).astype(int)
        kernel = [1.0, *((count - 1) / (comb(count, size) * size * (count - size)) for size in range(1, count)), 1.0]
        weights: Floats = np.array(kernel)[sizes]
        return weights

    def fit(self, shown: Floats, scores: Floats, weights: Floats) -> tuple[Floats, float]:
        """Solve the least-squares problem whose values add up to the difference between all shown and none.

        Taking from each row its mean, and from each score its even share, leaves a problem without a condition, whose
        smallest solution adds up to zero.
        """
        whole, none = scores[:2]
        share = shown.mean(1)
        roots = np.sqrt(weights)
        rest = np.linalg.lstsq(
            roots[:, None] * (shown - share[:, None]), roots * (scores - none - share * (whole - none)), rcond=1e-10
        )[0]
        return rest + (whole - none) / shown.shape[1], float(none)

    def judged(self, added: Floats, scores: Floats, whole: float) -> dict[str, float]:
        """Measure what is missing from the difference, as a share of it."""
        difference = whole - float(scores[1])
        return {"completeness": residual(float(added.sum()), difference, whole)}

    def _all(self, count: int) -> bool:
        """Whether there are enough samples for every subset."""
        return count < 13 and 1 << count <= self.samples
