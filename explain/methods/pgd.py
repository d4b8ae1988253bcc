"""PGD: many small steps uphill in the loss, each brought back to within epsilon of the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch

from explain.attack import Attack, Search
from explain.method import register
from explain.params import Range
from explain.perturbing import column, cross_entropy, projected, random_start, steepest

if TYPE_CHECKING:
    from torch import Tensor

    #: An attack on a network in training: (logits_of, pixels, labels, generator) -> pixels.
    TrainingAttack = Callable[[Callable[[Tensor], Tensor], Tensor, Tensor, torch.Generator], Tensor]


@register
@dataclass(frozen=True)
class PGD(Attack):
    """Climb the loss in many small steps, and stay within epsilon of the picture after each.

    Projected gradient descent (Madry et al., 2017, arXiv:1706.06083), with the cross-entropy as loss.
    The sizes are shares of the pixels' range: for "linf" epsilon is the most that any colour of any
    pixel changes; for "l2" it is the length of the whole change, so it must be larger, such as 1.
    """

    label: ClassVar = "PGD"
    paper: ClassVar = "Madry et al., 2017, arXiv:1706.06083"
    caption: ClassVar = "medium: the standard attack"

    epsilon: Annotated[float, Range(0, 10, 1 / 255), "How much may change"] = 8 / 255
    step_size: Annotated[float, Range(0, 10, 0.5 / 255), "Length of a step"] = 2 / 255
    steps: Annotated[int, Range(1, 500), "Steps"] = 10
    norm: Annotated[Literal["linf", "l2"], "Size of a change: linf = most of any colour, l2 = length"] = "linf"
    random_start: Annotated[bool, "Start at a random picture within epsilon"] = True
    stop_early: Annotated[bool, "Stop as soon as the network is fooled"] = False

    def perturb(self, search: Search) -> None:
        """Climb from the start, or from a random picture near it."""
        pixels = search.random_start(self.norm) if self.random_start else search.start.clone()
        # At another size than its own, as in a sweep, a step stays the same share of it.
        lengths = self.step_size * (search.epsilon / self.epsilon if self.epsilon else torch.ones_like(search.epsilon))
        for rows in search.rounds(self.steps, stop_early=self.stop_early):
            gradient = search.gradient(pixels[rows], rows, cross_entropy)
            moved = pixels[rows] + column(lengths[rows]) * steepest(gradient, self.norm)
            pixels[rows] = projected(moved, search.start[rows], search.epsilon[rows], self.norm)
        rows = search.all[~search.fooled] if self.stop_early else search.all
        if len(rows):
            search.look(pixels[rows], rows)


def for_training(epsilon: float) -> TrainingAttack:
    """Make the attack that `python -m models.train --attack explain.methods.pgd:for_training` trains against.

    PGD-2, L-infinity, from a random start, steps of 3/4 epsilon; few steps are enough where the network is
    attacked anew in each batch (compare Wong et al., 2020, arXiv:2001.03994).
    """
    return _climb(epsilon, steps=2, step_size=0.75 * epsilon)


def twenty_steps(epsilon: float) -> TrainingAttack:
    """Make PGD-20, L-infinity, from a random start, steps of epsilon / 8: what `models.evaluate --attack` measures."""
    return _climb(epsilon, steps=20, step_size=epsilon / 8)


def _climb(epsilon: float, steps: int, step_size: float) -> TrainingAttack:
    def attack(
        logits_of: Callable[[Tensor], Tensor], pixels: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        sizes = torch.full((len(pixels),), epsilon, device=pixels.device)
        moved = random_start(pixels, sizes, "linf", generator)
        for _ in range(steps):
            leaf = moved.detach().requires_grad_()
            with torch.enable_grad():
                loss = cross_entropy(logits_of(leaf), labels, None).sum()
                (gradient,) = torch.autograd.grad(loss, [leaf])
            moved = projected(moved + step_size * gradient.sign(), pixels, sizes, "linf")
        return moved.detach()

    return attack
