"""Layer-wise relevance propagation: a score is shared out backwards, layer by layer, by zennit's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from explain.relevance_copy import relevance_copy
from explain.relevance_rules import composite
from explain.suitability import close
from models.errors import UnsuitableError
from models.graph import run

if TYPE_CHECKING:
    from torch import Tensor

    from models import LoadedModel
    from models.tracer import Operations


class Relevance:
    """Shares out what is put in at the scores of a picture among its pixels; works on a copy of the network.

    start: (1, classes), what each score has to share out. `missing` and `evenly` are shares of its absolute sum;
    `evenly`: what units shared evenly in the last `shares`, because their rule found no input to share it by, added
    over all layers. So it may be more than 1.
    """

    evenly: float = 0.0

    def __init__(self, model: LoadedModel, pixels: Tensor, start: Tensor, name: str) -> None:
        with model.lock:
            self.copy: Operations = relevance_copy(model.graph)
        self.model = model
        self.pixels = pixels
        self.start = start
        self.name = name

    def shares(self, logits: Tensor, *, biases: bool) -> Tensor:
        """Share out among the pixels, summed over colours: (H, W); `biases`: whether they take their part.

        logits: what the network itself gives, (1, classes); a copy that gives something else is refused.
        """
        leaf = self.model.normalise(self.pixels).detach().requires_grad_()
        low, high = (self.model.normalise(torch.full_like(self.pixels[:, :, :1, :1], end)) for end in (0, 1))
        even: list[float] = []
        rules = composite(self.name, low, high, even, biases=biases)
        with torch.enable_grad(), rules.context(self.copy.network):
            scores = run(self.copy, {self.copy.input: leaf}, [self.copy.output])[self.copy.output]
            if not bool((scores - logits).abs().max() <= close(logits.dtype) * logits.abs().max()):
                raise UnsuitableError("Rewritten for the rules of relevance, this network gives other scores.")
            (found,) = torch.autograd.grad(scores, leaf, self.start)
        self.evenly = self._share(sum(even))
        return found[0].detach().sum(0)

    def missing(self, shares: Tensor) -> float:
        """Measure what shares (H, W) lack, or have too much below zero, as a share of what was put in."""
        lack = self.start.cpu().double().sum() - shares.cpu().double().sum()
        return self._share(-float(lack) if float(self.start.sum()) < 0 else float(lack))

    def _share(self, amount: float) -> float:
        """Count an amount as a share of what was put in."""
        whole = float(self.start.cpu().double().abs().sum())
        return amount / whole if whole else 0.0
