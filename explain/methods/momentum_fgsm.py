"""Momentum FGSM: steps along the gathered direction of all gradients so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch

from explain.attack import Attack, Search
from explain.method import register
from explain.params import Range
from explain.perturbing import column, cross_entropy, projected, steepest


@register
@dataclass(frozen=True)
class MomentumFGSM(Attack):
    """Take several steps, each along the sum of all gradients so far, so that single ones matter less.

    MI-FGSM (Dong et al., 2017, arXiv:1710.06081): each gradient is divided by its mean absolute value and
    added to `decay` times the sum; a step is epsilon / steps long. Such changes carry over to other
    networks better than those of PGD.
    """

    label: ClassVar = "Momentum FGSM"
    paper: ClassVar = "Dong et al., 2017, arXiv:1710.06081"
    caption: ClassVar = "medium: carries over to other networks"

    epsilon: Annotated[float, Range(0, 10, 1 / 255), "How much may change"] = 8 / 255
    steps: Annotated[int, Range(1, 500), "Steps"] = 10
    decay: Annotated[float, Range(0, 2, 0.1), "Share of the earlier gradients that is kept"] = 1.0
    norm: Annotated[Literal["linf", "l2"], "Size of a change: linf = most of any colour, l2 = length"] = "linf"
    stop_early: Annotated[bool, "Stop as soon as the network is fooled"] = False

    def perturb(self, search: Search) -> None:
        """Step from the picture itself."""
        pixels, gathered = search.start.clone(), torch.zeros_like(search.start)
        for rows in search.rounds(self.steps, stop_early=self.stop_early):
            gradient = search.gradient(pixels[rows], rows, cross_entropy)
            mean = gradient.abs().mean((1, 2, 3)).clamp(min=1e-30)
            gathered[rows] = self.decay * gathered[rows] + gradient / column(mean)
            step = column(search.epsilon[rows] / self.steps) * steepest(gathered[rows], self.norm)
            pixels[rows] = projected(pixels[rows] + step, search.start[rows], search.epsilon[rows], self.norm)
        rows = search.all[~search.fooled] if self.stop_early else search.all
        if len(rows):
            search.look(pixels[rows], rows)
