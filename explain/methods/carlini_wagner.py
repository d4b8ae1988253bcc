"""Carlini-Wagner: the smallest change that fools the network, by weighing its size against the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch

from explain.attack import Attack, Search
from explain.method import register
from explain.params import Range
from explain.perturbing import column, lead_lost, margins, size_of

if TYPE_CHECKING:
    from torch import Tensor

#: Keeps black and white at a finite place where every number is a colour.
INSIDE = 0.999999
#: A descent goes on while each of so many parts of it lowers what it minimises at least to this share. In tenths, as
#: the authors' code does with the sum over a batch, single pictures end about 5 % farther away.
PARTS, PROGRESS = 5, 0.9999
#: What the weight of the scores is multiplied by as long as nothing was found.
GROWTH = 10.0
#: Halvings of the interval in which the change found may end.
SHORTENINGS = 8


@register
@dataclass(frozen=True)
class CarliniWagner(Attack):
    """Look for the smallest change that fools the network, weighing its size against the scores.

    Carlini and Wagner, 2016, arXiv:1608.04644, for the length of the change (L2): minimises |change|^2 + c
    max(score of the best other class - score of the goal, -confidence) by Adam over tanh-shaped pixels,
    which never leave [0, 1]; without a goal the score of the class to leave less the best other. c is ten
    times as large until something is found, then halves the interval. At the end, which is not in the
    paper, the change is shortened along its own line as far as it still fools. Slow, and hard to beat.
    """

    label: ClassVar = "Carlini-Wagner"
    paper: ClassVar = "Carlini and Wagner, 2016, arXiv:1608.04644"
    caption: ClassVar = "slow: the smallest change"
    smallest: ClassVar = True

    searches: Annotated[int, Range(1, 20), "Values of c tried"] = 5
    steps: Annotated[int, Range(1, 10000), "Steps for each c at the most"] = 100
    c: Annotated[float, Range(0.0001, 1000), "First weight of the scores against the size of the change"] = 0.1
    learning_rate: Annotated[float, Range(0.0001, 1, 0.001), "Length of a step"] = 0.01
    confidence: Annotated[float, Range(0, 100), "Lead in score that the wrong class must reach"] = 0.0

    def perturb(self, search: Search) -> None:
        """Descend once for each c, and bring c closer to the smallest that succeeds, for each picture."""
        wrong_from_the_start = search.margin < -self.confidence
        weight = torch.full_like(search.margin, self.c)
        low, high = torch.zeros_like(weight), torch.full_like(weight, torch.inf)
        for turn in range(self.searches):
            found = self._descend(search, weight, ~wrong_from_the_start, turn)
            high = torch.where(found, weight, high)
            low = torch.where(found, low, weight)
            weight = torch.where(high.isinf(), weight * GROWTH, (low + high) / 2)
        self._shorten(search, (search.margin < -self.confidence) & ~wrong_from_the_start)

    def _shorten(self, search: Search, active: Tensor) -> None:
        """Find the shortest part of the change that still fools, in the rows that are active."""
        change = search.best - search.start
        low, high = torch.zeros_like(search.margin), torch.ones_like(search.margin)
        before = self.searches * self.steps
        for rows in search.rounds(SHORTENINGS, active=active, done=before, of=before + SHORTENINGS):
            share = (low + high)[rows] / 2
            logits = search.look(search.start[rows] + column(share) * change[rows], rows)
            enough = margins(logits, search.labels[rows], search.goal_of(rows)) < -self.confidence
            high[rows] = torch.where(enough, share, high[rows])
            low[rows] = torch.where(enough, low[rows], share)

    def _descend(self, search: Search, weight: Tensor, active: Tensor, turn: int) -> Tensor:
        """Minimise for one c each, in the rows that are active; return which of them found something, (N,)."""
        anchor = torch.atanh((2 * search.start - 1) * INSIDE)
        start = _pixels(anchor)
        place, adam = anchor.clone(), _Adam(anchor, self.learning_rate)
        found, part = torch.zeros_like(active), max(1, self.steps // PARTS)
        lowest, last = torch.full_like(weight, torch.inf), torch.full_like(weight, torch.inf)
        total = self.searches * self.steps + SHORTENINGS
        rounds = search.rounds(self.steps, active=active, done=turn * self.steps, of=total)
        for step, rows in enumerate(rounds):
            pixels = _pixels(place[rows])
            ahead, slope = search.value_and_gradient(pixels, rows, lead_lost)
            short = self.confidence - ahead
            change = pixels - start[rows]
            pull = 2 * change - column(weight[rows] * (short >= 0)) * slope
            place[rows] -= adam.step(pull * 2 * pixels * (1 - pixels), rows, step)
            found[rows] |= short < 0
            # Adam's first steps are as long as the later ones, however near the boundary is: they do not count.
            if step >= part:
                now = size_of(change, "l2") ** 2 + weight[rows] * short.clamp(min=0)
                lowest[rows] = torch.minimum(lowest[rows], now)
            if step and step % part == 0:
                active[rows] = lowest[rows] <= PROGRESS * last[rows]
                last[rows] = lowest[rows]
        return found


class _Adam:
    """Adam (arXiv:1412.6980) with its usual constants, for some rows of a batch at a time."""

    def __init__(self, like: Tensor, learning_rate: float) -> None:
        self._mean, self._square = torch.zeros_like(like), torch.zeros_like(like)
        self._learning_rate = learning_rate

    def step(self, gradient: Tensor, rows: Tensor, count: int) -> Tensor:
        """Return what to subtract in these rows, in the step after `count` others."""
        self._mean[rows] = 0.9 * self._mean[rows] + 0.1 * gradient
        self._square[rows] = 0.999 * self._square[rows] + 0.001 * gradient**2
        mean = self._mean[rows] / (1 - 0.9 ** (count + 1))
        square = self._square[rows] / (1 - 0.999 ** (count + 1))
        return self._learning_rate * mean / (square.sqrt() + 1e-8)


def _pixels(place: Tensor) -> Tensor:
    return (torch.tanh(place) + 1) / 2
