"""DeepFool: step to the nearest boundary as if the network were linear, again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch

from explain.attack import Attack, Loss, Search
from explain.method import register
from explain.params import Range
from explain.perturbing import column, lead_lost, size_of

if TYPE_CHECKING:
    from torch import Tensor


@register
@dataclass(frozen=True)
class DeepFool(Attack):
    """Find a small change by stepping to the nearest boundary between classes, as if the network were linear.

    Moosavi-Dezfooli et al., 2015, arXiv:1511.04599 (algorithm 2), for the length of the change (L2). The
    classes that the network finds most likely at the start are the candidates, the class to leave among
    them. The overshoot never goes on into the next step: it is a share of the first step, of each later
    step twice the share before, and never more than `overshoot` of the whole change; the search ends as
    soon as that picture fools the network. (The paper adds the full share of the whole change, which goes
    farther.) With a class to reach there is one candidate: that class against the best other.
    """

    label: ClassVar = "DeepFool"
    paper: ClassVar = "Moosavi-Dezfooli et al., 2015, arXiv:1511.04599"
    caption: ClassVar = "medium: a small change"
    smallest: ClassVar = True

    steps: Annotated[int, Range(1, 200), "Steps at the most"] = 50
    candidates: Annotated[int, Range(2, 100), "Classes considered, the one to leave among them"] = 10
    overshoot: Annotated[float, Range(0, 1, 0.01), "Share of the change added at the end, to cross the boundary"] = 0.02

    def perturb(self, search: Search) -> None:
        """Step to the nearest boundary, until the change with its overshoot fools the network."""
        pixels = search.start.clone()
        others = _most_likely_others(search, self.candidates - 1)
        for count, rows in enumerate(search.rounds(self.steps, stop_early=True)):
            losses = _only_the_goal if search.goals is not None else _against(others[rows])
            values, gradients = search.values_and_gradients(pixels[rows], rows, losses)
            step = _to_the_nearest(values, gradients)
            moved = (pixels[rows] + step).clamp(0, 1)
            search.look((moved + self._beyond(step, moved - search.start[rows], count)).clamp(0, 1), rows)
            pixels[rows] = moved

    def _beyond(self, step: Tensor, change: Tensor, count: int) -> Tensor:
        """Return how far to overshoot a step (n, 3, H, W): the more of it, the more steps did not do."""
        longest = self.overshoot * size_of(change, "l2") / size_of(step, "l2").clamp(min=1e-12)
        return column(longest.clamp(max=self.overshoot * 2.0**count)) * step


def _most_likely_others(search: Search, count: int) -> Tensor:
    """Name the most likely classes but the one to leave: (N, count), fewer where there are fewer."""
    others = search.best_logits.scatter(1, search.labels[:, None], -torch.inf)
    return others.topk(min(count, others.shape[1] - 1)).indices


def _against(others: Tensor) -> Loss:
    def leads(logits: Tensor, labels: Tensor, goals: Tensor | None) -> Tensor:
        return logits.gather(1, others) - logits.gather(1, labels[:, None])

    return leads


def _only_the_goal(logits: Tensor, labels: Tensor, goals: Tensor | None) -> Tensor:
    return lead_lost(logits, labels, goals)[:, None]


def _to_the_nearest(values: Tensor, gradients: Tensor) -> Tensor:
    """Return the shortest step (n, 3, H, W) that brings one of the losses (n, k) to zero, were they linear."""
    squares = gradients.flatten(2).square().sum(2).clamp(min=1e-24)
    nearest = (values.abs() / squares.sqrt()).argmin(1)
    picked = torch.arange(len(values), device=values.device), nearest
    return column(values[picked].abs() / squares[picked]) * gradients[picked]
