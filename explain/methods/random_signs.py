"""Random signs: noise as large as an attack's change, as a control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from explain.attack import Attack, Search
from explain.method import register
from explain.params import Range
from explain.perturbing import column, random_signs


@register
@dataclass(frozen=True)
class RandomSigns(Attack):
    """Add noise as large as an attack's change, but without aim: a control that shows that size is not the point.

    Every colour of every pixel goes up or down by epsilon at random (the control experiment of Goodfellow et
    al., 2014, arXiv:1412.6572, section 6). The answer is the draw that harms most, so a control of several
    draws is a harder one to beat.
    """

    label: ClassVar = "Random signs (control)"
    paper: ClassVar = "control of Goodfellow et al., 2014, arXiv:1412.6572"
    caption: ClassVar = "fast: noise of the same size"

    epsilon: Annotated[float, Range(0, 1, 1 / 255), "How much every colour changes"] = 8 / 255
    draws: Annotated[int, Range(1, 100), "Draws, of which the most harmful counts"] = 10

    def perturb(self, search: Search) -> None:
        """Look at one draw of noise a round."""
        for rows in search.rounds(self.draws):
            start = search.start[rows]
            signs = random_signs(start, (1, *start.shape[1:]), search.generator)
            search.look((start + column(search.epsilon[rows]) * signs).clamp(0, 1), rows)
        search.notes.append(f"A control, not an attack: random signs, the most harmful of {self.draws} draws.")
