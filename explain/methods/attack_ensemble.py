"""AutoAttack-like ensemble: three unlike attacks, each on what withstood those before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from explain.attack import Attack, Search
from explain.method import METHODS, register
from explain.params import Range


@register
@dataclass(frozen=True)
class AttackEnsemble(Attack):
    """Try three unlike attacks in turn, each on what withstood those before: APGD-CE, APGD-DLR, Square.

    Like AutoAttack (Croce and Hein, 2020, arXiv:2003.01690), but not the same: FAB is missing, the DLR
    part has one goal or none instead of nine goals in turn, and the budgets are smaller. A network that
    withstands it has withstood less than AutoAttack. DLR is left out, and a note says so, where there
    are too few classes for it.
    """

    label: ClassVar = "AutoAttack-like, without FAB"
    paper: ClassVar = "after Croce and Hein, 2020, arXiv:2003.01690"
    caption: ClassVar = "slow: APGD-CE, APGD-DLR, then Square"

    epsilon: Annotated[float, Range(0, 1, 1 / 255), "How much any colour may change"] = 8 / 255
    steps: Annotated[int, Range(1, 1000), "Steps of each APGD"] = 50
    queries: Annotated[int, Range(1, 20000), "Pictures that Square tries at the most"] = 1000

    def perturb(self, search: Search) -> None:
        """Run the parts one after the other; each leaves alone what is fooled already."""
        enough = search.best_logits.shape[1] >= (3 if search.goals is None else 4)
        parts = [(self._part("APGD", steps=self.steps, loss="ce", stop_early=True), self.steps)]
        if enough:
            parts.append((self._part("APGD", steps=self.steps, loss="dlr", stop_early=True), self.steps))
        else:
            search.notes.append("APGD-DLR was left out: the network has too few classes for it.")
        parts.append((self._part("Square", queries=self.queries), self.queries))
        done, total = 0, sum(rounds for _, rounds in parts)
        for part, rounds in parts:
            search.part_of(done, total)
            part.perturb(search)
            done += rounds

    def _part(self, name: str, **settings: Any) -> Attack:
        kind: Any = METHODS[name]
        part: Attack = kind(epsilon=self.epsilon, **settings)
        return part
