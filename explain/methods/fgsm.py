"""FGSM: one step of the full size along the sign of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from explain.attack import Attack, Search
from explain.method import register
from explain.params import Range
from explain.perturbing import column, cross_entropy, steepest


@register
@dataclass(frozen=True)
class FGSM(Attack):
    """Take one step of the full size in the direction in which the loss rises fastest.

    The fast gradient sign method (Goodfellow et al., 2014, arXiv:1412.6572), with the cross-entropy as
    loss; for "l2" the step goes along the gradient itself.
    """

    label: ClassVar = "FGSM"
    paper: ClassVar = "Goodfellow et al., 2014, arXiv:1412.6572"
    caption: ClassVar = "fast: one step"

    epsilon: Annotated[float, Range(0, 10, 1 / 255), "How much may change"] = 8 / 255
    norm: Annotated[Literal["linf", "l2"], "Size of a change: linf = most of any colour, l2 = length"] = "linf"

    def perturb(self, search: Search) -> None:
        """Ask for the gradient once, and look at the picture one step from the start."""
        for rows in search.rounds(1):
            gradient = search.gradient(search.start[rows], rows, cross_entropy)
            step = column(search.epsilon[rows]) * steepest(gradient, self.norm)
            search.look((search.start[rows] + step).clamp(0, 1), rows)
