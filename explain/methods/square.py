"""Square: random squares of colour, kept where they help; asks only for scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch

from explain.attack import Attack, Search
from explain.method import register
from explain.params import Range
from explain.perturbing import column, cross_entropy, margins, random_signs

if TYPE_CHECKING:
    from torch import Tensor

#: Of 10,000 queries, those after which the squares' share of the picture is halved.
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


@register
@dataclass(frozen=True)
class Square(Attack):
    """Try random squares of changed colour, ever smaller, and keep those that help; needs no gradients.

    The Square attack (Andriushchenko et al., 2019, arXiv:1912.00049, algorithms 1 and 2) for the most
    change of any colour: it knows the network's scores only, and so tells whether a network merely hides
    its gradients. Starts with vertical stripes; each square shifts every colour by plus or minus epsilon.
    It lowers the lead of the class to leave, or raises the probability of the class to reach, and stops
    at success.
    """

    label: ClassVar = "Square"
    paper: ClassVar = "Andriushchenko et al., 2019, arXiv:1912.00049"
    caption: ClassVar = "slow: sees only the scores"

    epsilon: Annotated[float, Range(0, 1, 1 / 255), "How much any colour may change"] = 8 / 255
    queries: Annotated[int, Range(1, 20000), "Pictures tried at the most"] = 1000
    share: Annotated[float, Range(0.01, 1, 0.01), "Share of the picture that the first squares cover"] = 0.8

    def perturb(self, search: Search) -> None:
        """Start with stripes, then try one square a round, at the same place in all pictures."""
        pixels, cost = search.start.clone(), torch.full_like(search.margin, torch.inf)
        for query, rows in enumerate(search.rounds(self.queries, stop_early=True)):
            tried = self._with_square(pixels[rows], search, rows, query) if query else _striped(search, rows)
            found = _cost(search.look(tried, rows), search, rows)
            better = found < cost[rows]
            pixels[rows[better]] = tried[better]
            cost[rows[better]] = found[better]

    def _with_square(self, pixels: Tensor, search: Search, rows: Tensor, query: int) -> Tensor:
        """Place a square in every picture; the draws do not depend on which pictures are left."""
        height, width = pixels.shape[-2:]
        side = self._side(query, height, width)
        top, left = (_below(room - side + 1, search.generator) for room in (height, width))
        place = slice(None), slice(None), slice(top, top + side), slice(left, left + side)
        signs = random_signs(pixels, (1, 3, 1, 1), search.generator)
        pixels[place] = (search.start[rows][place] + column(search.epsilon[rows]) * signs).clamp(0, 1)
        return pixels

    def _side(self, query: int, height: int, width: int) -> int:
        """Return the side of the squares: their share of the picture is halved as the queries are used up."""
        halvings = sum(query * 10000 > after * self.queries for after in HALVINGS)
        side = round(math.sqrt(self.share / 2**halvings * height * width))
        return min(max(side, 1), height, width)


def _striped(search: Search, rows: Tensor) -> Tensor:
    start = search.start[rows]
    signs = random_signs(start, (1, 3, 1, start.shape[-1]), search.generator)
    return (start + column(search.epsilon[rows]) * signs).clamp(0, 1)


def _cost(logits: Tensor, search: Search, rows: Tensor) -> Tensor:
    """What a square must lower: the lead of the class to leave, or the goal's cross-entropy."""
    labels, goals = search.labels[rows], search.goal_of(rows)
    return margins(logits, labels, None) if goals is None else -cross_entropy(logits, labels, goals)


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
