"""What the attacks share: the search for a picture that fools the network, and the result it becomes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch

from explain.flags import flags
from explain.method import Method
from explain.params import ClassIndex, Range
from explain.perturbing import Norm, column, margins, random_change, size_of
from explain.results import Adversarial
from explain.target import Contrast, both, classes_of, probabilities
from models.errors import ParameterError, TargetError
from models.progress import report

if TYPE_CHECKING:
    from torch import Tensor

    from explain.target import Target
    from explain.tracing import Trace

#: A loss for each picture: (logits (N, C), labels (N,), goals (N,) or None) -> (N,), or (N, k) where an attack
#: asks for k losses of each picture; attacks raise it.
Loss = Callable[["Tensor", "Tensor", "Tensor | None"], "Tensor"]


class Search:
    """The search for pictures that fool a network, over a batch: what was asked, the best so far, and what it cost.

    logits_of: pixels (N, 3, H, W) in [0, 1] -> logits (N, C). start: the pictures. labels (N,): the class
    to leave. goals (N,): the class to reach, or None. epsilon (N,): how much may change, in pixels of [0, 1].
    smallest: whether, of the pictures that fool the network, the nearest is the best, rather than the
    one that fools it most. lead: with `smallest`, by how much a picture must fool the network to count, in scores.
    Every picture that is looked at is weighed, so the best is never worse than the start.
    Where an attack draws, all pictures share the draw: each ends as it would alone, but for rounding.
    """

    def __init__(
        self,
        logits_of: Callable[[Tensor], Tensor],
        start: Tensor,
        labels: Tensor,
        goals: Tensor | None,
        epsilon: Tensor,
        *,
        smallest: bool = False,
        lead: float = 0.0,
        seed: int = 0,
        logits: Tensor | None = None,
    ) -> None:
        self._logits_of = logits_of
        self.start, self.labels, self.goals, self.epsilon = start, labels, goals, epsilon
        self.generator = torch.Generator().manual_seed(seed)
        #: Gradients asked for, and pictures shown to the network without one.
        self.evaluations = 0
        #: Sentences of the attack about what it did.
        self.notes: list[str] = []
        self.best = start.clone()
        self.all = torch.arange(len(start), device=start.device)
        self._smallest, self._lead = smallest, lead
        self._before, self._of = 0, 0
        self._stands = (0, 1)
        #: Whether any gradient asked for so far held a number other than zero.
        self.felt = False
        self.asked_gradient = False
        # A copy: it is written into, and a network may hand out what it goes on to use.
        self.best_logits = (self._ask(start) if logits is None else both(logits).to(start.dtype)).clone()
        self.margin = margins(self.best_logits, labels, goals)
        self._cost = torch.full_like(self.margin, torch.inf)
        self._weigh(start, self.best_logits, self.all)

    @property
    def fooled(self) -> Tensor:
        """Which of the pictures fool the network by now, (N,) bool."""
        return self.margin < 0

    def look(self, pixels: Tensor, rows: Tensor | None = None) -> Tensor:
        """Ask the network about pictures that stand for these rows of the batch (None = all): logits (n, C)."""
        rows = self.all if rows is None else rows
        logits = self._ask(pixels)
        self._weigh(pixels, logits, rows)
        return logits

    def gradient(self, pixels: Tensor, rows: Tensor, loss: Loss) -> Tensor:
        """Differentiate the loss by the pixels, and weigh the pictures on the way: (n, 3, H, W)."""
        return self.value_and_gradient(pixels, rows, loss)[1]

    def value_and_gradient(self, pixels: Tensor, rows: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
        """Return the loss of each picture (n,) beside its gradient (n, 3, H, W)."""
        values, gradients = self.values_and_gradients(pixels, rows, lambda *asked: loss(*asked)[:, None])
        return values[:, 0], gradients[:, 0]

    def values_and_gradients(self, pixels: Tensor, rows: Tensor, losses: Loss) -> tuple[Tensor, Tensor]:
        """Return k losses of each picture (n, k) beside their gradients (n, k, 3, H, W), from one forward."""
        leaf = pixels.detach().requires_grad_()
        with torch.enable_grad():
            logits = self._scores(leaf)
            values = losses(logits, self.labels[rows], self.goal_of(rows))
            totals = values.sum(0).unbind()
        # One backward for each loss: as quick as torch's batched backward on the CPU, and right for any operation.
        found = []
        for place, total in enumerate(totals):
            found.append(_derived(total, leaf, more=place + 1 < len(totals)))
            report(*self._stands)
        gradients = torch.stack(found, 1)
        self.evaluations += len(pixels) * len(found)
        self.asked_gradient = True
        self.felt = self.felt or bool((gradients.isfinite() & (gradients != 0)).any())
        self._weigh(leaf.detach(), logits.detach(), rows)
        return values.detach(), gradients

    def random_start(self, norm: Norm) -> Tensor:
        """Draw one change of at most epsilon, evenly, and add it to every picture, cut to [0, 1]."""
        change = random_change(self.start[:1], norm, self.generator)
        return (self.start + column(self.epsilon) * change).clamp(0, 1)

    def rounds(
        self,
        count: int,
        *,
        stop_early: bool = False,
        active: Tensor | None = None,
        done: int = 0,
        of: int | None = None,
    ) -> Iterator[Tensor]:
        """Yield, up to `count` times, the rows that still need work; report before each and after the last.

        stop_early: leave out what already fools the network, and end when nothing is left. active (N,) bool:
        leave out the others; it may change from round to round. done, of: where this stands in a longer job.
        """
        total = self._of or (count if of is None else of)
        done += self._before
        for step in range(count):
            self._stands = (done + step, total)
            report(done + step, total, self.best[0])
            needed = torch.ones_like(self.fooled) if active is None else active
            rows = self.all[needed & ~self.fooled if stop_early else needed]
            if len(rows) == 0:
                break
            yield rows
        report(done + count, total)

    def part_of(self, done: int, of: int) -> None:
        """Say where the rounds to come stand in a job of several attacks."""
        self._before, self._of = done, of

    def goal_of(self, rows: Tensor) -> Tensor | None:
        """The goals of these rows, or None."""
        return None if self.goals is None else self.goals[rows]

    def _ask(self, pixels: Tensor) -> Tensor:
        self.evaluations += len(pixels)
        with torch.no_grad():
            return self._scores(pixels)

    def _scores(self, pixels: Tensor) -> Tensor:
        """The network's scores, in the pixels' own type of number: one of another type is attacked like any other."""
        return both(self._logits_of(pixels)).to(pixels.dtype)

    def _weigh(self, pixels: Tensor, logits: Tensor, rows: Tensor) -> None:
        margin = margins(logits, self.labels[rows], self.goal_of(rows))
        cost = margin
        if self._smallest:
            distance = size_of(pixels - self.start[rows], "l2")
            missing = margin + self._lead
            cost = torch.where(missing < 0, -1 / (1e-6 + distance), missing.clamp(min=0))
        better = cost < self._cost[rows]
        chosen = rows[better]
        self._cost[chosen] = cost[better]
        self.margin[chosen] = margin[better]
        self.best[chosen] = pixels[better]
        self.best_logits[chosen] = logits[better]


def _derived(value: Tensor, leaf: Tensor, *, more: bool) -> Tensor:
    """Differentiate one number by the pixels; what does not depend on them gives zeros. more: keep the graph."""
    if not value.requires_grad:
        return torch.zeros_like(leaf)
    (found,) = torch.autograd.grad(value, [leaf], retain_graph=more, allow_unused=True, materialize_grads=True)
    return found


@dataclass(frozen=True)
class Attack(Method):
    """Change a picture a little so that the network takes it for something else.

    A subclass states its own parameters and `perturb`s the pictures of a `Search`; `norm` says how it measures
    a change, `smallest` whether it looks for the smallest change rather than the most harm within epsilon.
    """

    family: ClassVar = "Attacks"
    smallest: ClassVar[bool] = False

    goal: Annotated[int | None, ClassIndex(), "Class to reach; none = any other"] = field(default=None, kw_only=True)
    seed: Annotated[int, Range(0, 99), "Draw of random starts and choices"] = field(default=0, kw_only=True)

    @abstractmethod
    def perturb(self, search: Search) -> None:
        """Look for pictures that fool the network; what `search` has seen is weighed by it."""

    @property
    def budget(self) -> float:
        """How much may change, in pixels of [0, 1]; infinite for attacks that look for the smallest change."""
        return float(getattr(self, "epsilon", torch.inf))

    @property
    def measured_in(self) -> Norm:
        """The norm that `budget` is measured in."""
        norm: Norm = getattr(self, "norm", "l2" if self.smallest else "linf")
        return norm

    @property
    def lead(self) -> float:
        """By how much a picture must fool the network to count, in scores; more than zero for a sure attack."""
        return float(getattr(self, "confidence", 0.0))

    def search(
        self,
        logits_of: Callable[[Tensor], Tensor],
        start: Tensor,
        labels: Tensor,
        goals: Tensor | None = None,
        *,
        epsilon: Tensor | None = None,
        logits: Tensor | None = None,
    ) -> Search:
        """Attack a batch of pictures (N, 3, H, W) and return the finished search; epsilon (N,), None = `budget`."""
        sizes = torch.full((len(start),), self.budget, device=start.device) if epsilon is None else epsilon
        search = Search(
            logits_of,
            start,
            labels,
            goals,
            sizes,
            smallest=self.smallest,
            lead=self.lead,
            seed=self.seed,
            logits=logits,
        )
        self.perturb(search)
        return search

    def __call__(self, trace: Trace, target: Target) -> Adversarial:
        """Change the picture so that the network leaves the target's class, or reaches the goal."""
        label, goal = target.index, self.goal_for(trace, target)
        target(trace.logits)
        search = self.search(
            trace.model,
            trace.pixels,
            torch.tensor([label], device=trace.pixels.device),
            None if goal is None else torch.tensor([goal], device=trace.pixels.device),
            logits=trace.logits,
        )
        change = search.best - trace.pixels
        return Adversarial(
            pixels=search.best[0].permute(1, 2, 0).cpu().numpy(),
            epsilon=self.budget,
            linf=float(size_of(change, "linf")[0]),
            l2=float(size_of(change, "l2")[0]),
            before=probabilities(trace.logits)[0].float().cpu().numpy(),
            after=search.best_logits[0].softmax(0).cpu().numpy(),
            evaluations=search.evaluations,
            success=bool(search.fooled[0]),
            notes=(*search.notes, *flags(trace, search, label), *self._unsure(search)),
        )

    def _unsure(self, search: Search) -> tuple[str, ...]:
        """Say so if the network is fooled, but less surely than was asked for."""
        by = -float(search.margin[0])
        if 0 < by < self.lead:
            return (f"The network is fooled by {by:.2g} in scores only; {self.lead:g} was asked for.",)
        return ()

    def goal_for(self, trace: Trace, target: Target) -> int | None:
        """Return the class to reach, None for any other; refuse one that cannot be reached."""
        goal = target.against if self.goal is None and isinstance(target, Contrast) else self.goal
        if goal is not None and goal >= classes_of(trace.logits):
            last = classes_of(trace.logits) - 1
            raise TargetError(f"There is no class {goal} to reach: the network knows the classes 0 to {last}.")
        if goal == target.index:
            raise ParameterError("The class to reach is the class to leave.", "Pick another class to reach.")
        return goal
