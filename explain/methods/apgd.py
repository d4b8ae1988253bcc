"""APGD: PGD that finds its own step size, with momentum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch

from explain.attack import Attack, Loss, Search
from explain.method import register
from explain.params import Range
from explain.perturbing import column, cross_entropy, difference_of_logits_ratio, projected, steepest
from models.errors import UnsuitableError

#: Share of the steps between two checkpoints that must raise the loss, or the step is halved.
RISING = 0.75
#: Weight of the new step against the one before.
NEW = 0.75

LOSSES: dict[str, Loss] = {"ce": cross_entropy, "dlr": difference_of_logits_ratio}


@register
@dataclass(frozen=True)
class APGD(Attack):
    """Climb the loss with momentum, and halve the step where the climb stalls: PGD without a step to choose.

    Auto-PGD (Croce and Hein, 2020, arXiv:2003.01690, algorithm 1): starts at a random picture within
    epsilon with a step of 2 epsilon; at checkpoints, ever closer, the step is halved and the climb goes
    back to its highest point, if too few steps rose or nothing was gained. Restarts only what still
    holds. The loss "ce" is the cross-entropy; "dlr" is a ratio of score differences, which sees through
    scores that are scaled up; it needs three classes, and four with a class to reach.
    """

    label: ClassVar = "APGD"
    paper: ClassVar = "Croce and Hein, 2020, arXiv:2003.01690"
    caption: ClassVar = "medium: strong, nothing to tune"

    epsilon: Annotated[float, Range(0, 10, 1 / 255), "How much may change"] = 8 / 255
    steps: Annotated[int, Range(1, 1000), "Steps of each climb"] = 50
    loss: Annotated[Literal["ce", "dlr"], "What is raised: ce = cross-entropy, dlr = ratio of score differences"] = "ce"
    norm: Annotated[Literal["linf", "l2"], "Size of a change: linf = most of any colour, l2 = length"] = "linf"
    restarts: Annotated[int, Range(1, 20), "Climbs, each from another random picture"] = 1
    stop_early: Annotated[bool, "Stop as soon as the network is fooled"] = False

    def perturb(self, search: Search) -> None:
        """Climb once for each restart."""
        classes, needed = search.best_logits.shape[1], 3 if search.goals is None else 4
        if self.loss == "dlr" and classes < needed:
            raise UnsuitableError(
                f"The loss dlr compares the scores of {needed} classes; this network has {classes}.",
                "Take the loss ce.",
            )
        for restart in range(self.restarts):
            self._climb(search, restart)

    def _climb(self, search: Search, restart: int) -> None:
        epsilon, start = search.epsilon, search.start
        checkpoints = _checkpoints(self.steps)
        pixels = search.random_start(self.norm)
        active = torch.ones_like(search.fooled) if restart == 0 else ~search.fooled
        before, peak, slope = pixels, pixels.clone(), torch.zeros_like(pixels)
        size, height = 2 * epsilon, torch.full_like(epsilon, -torch.inf)
        peak_slope, top, top_at_check = slope.clone(), height.clone(), height.clone()
        risen, halved, checked = torch.zeros_like(height), torch.ones_like(active), 0
        rounds = search.rounds(
            self.steps,
            stop_early=self.stop_early,
            active=active,
            done=restart * self.steps,
            of=self.restarts * self.steps,
        )
        for step, rows in enumerate(rounds):
            last = height.clone()
            height[rows], slope[rows] = search.value_and_gradient(pixels[rows], rows, LOSSES[self.loss])
            risen += height > last
            higher = height > top
            top = torch.where(higher, height, top)
            peak = torch.where(column(higher), pixels, peak)
            peak_slope = torch.where(column(higher), slope, peak_slope)
            if step == 0:
                risen.zero_()
                top_at_check = top
            if step in checkpoints:
                halved = (risen < RISING * (step - checked)) | (~halved & (top_at_check >= top))
                size = torch.where(halved, size / 2, size)
                pixels = torch.where(column(halved), peak, pixels)
                slope = torch.where(column(halved), peak_slope, slope)
                height = torch.where(halved, top, height)
                top_at_check, checked = top, step
                risen.zero_()
            aim = projected(pixels + column(size) * steepest(slope, self.norm), start, epsilon, self.norm)
            share = NEW if step > 0 else 1.0
            moved = pixels + share * (aim - pixels) + (1 - share) * (pixels - before)
            before, pixels = pixels, projected(moved, start, epsilon, self.norm)
        rows = search.all[active & ~search.fooled if self.stop_early else active]
        if len(rows):
            search.look(pixels[rows], rows)


def _checkpoints(steps: int) -> set[int]:
    """Return the steps at which the step size is judged: after 22 %, then ever sooner, at last each 6 %."""
    # In whole percents: 0.41 * 100 is a little more than 41.
    found, last, percent = set(), 0, 22
    while percent <= 100:
        found.add(math.ceil(percent * steps / 100))
        last, percent = percent, percent + max(percent - last - 3, 6)
    return found
