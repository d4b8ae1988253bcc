"""An attack at many sizes in one batch: the curve over epsilon, and the smallest size that succeeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from explain.attack import Attack
from explain.many_gradients import folded
from explain.outcomes import Smallest, Sweep
from explain.perturbing import margins, size_of
from explain.stepping import at_once
from explain.target import both
from models.errors import ParameterError
from models.progress import Progress, heard_by, report

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from explain.results import Adversarial
    from explain.target import Target
    from explain.tracing import Trace

#: Sizes of a sweep as shares of the attack's own: a quarter of the range below it holds half of them.
SHARES = (0, 1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1, 1.25, 1.5, 2, 2.5, 3, 3.5, 4)
#: Pictures in one batch: more cost memory and gain nothing.
AT_ONCE = 8
#: How far a change may exceed its size by rounding.
SLACK = 1e-6


def sizes(attack: Attack) -> tuple[float, ...]:
    """List the sizes of a sweep round the attack's own epsilon; empty for an attack that has none."""
    return tuple(share * attack.budget for share in SHARES) if np.isfinite(attack.budget) else ()


def sweep(
    trace: Trace,
    attack: Attack,
    target: Target,
    epsilons: Sequence[float] | None = None,
    *,
    known: Adversarial | None = None,
) -> Sweep:
    """Attack a picture at several sizes, in batches, and say what the network makes of each result.

    epsilons: None = sixteen, from 0 to four times the attack's own. known: an answer that is there
    already. What was found within a smaller size lies within a larger one, too, so each size counts
    the best of all that fits into it.
    """
    asked = sizes(attack) if epsilons is None else tuple(sorted(set(epsilons)))
    if not asked or asked[0] < 0:
        raise ParameterError(f"A sweep needs sizes from 0 upwards; {type(attack).__name__} has none of its own.")
    label, goal = target.index, attack.goal_for(trace, target)
    found, evaluations = _attacked(trace, attack, asked, label, goal)
    if known is not None:
        found.append(_Found.of(trace, attack, known.pixels, label, goal))
    fit = [[one for one in found if one.allowed == size or one.size <= size + SLACK] for size in asked]
    best = [min(fitting, key=lambda one: one.margin) for fitting in fit]
    chances = torch.stack([one.logits for one in best]).softmax(1)
    others = chances.clone()
    others[:, label] = -1
    reached = others.amax(1) if goal is None else chances[:, goal]
    return Sweep(
        epsilons=np.array(asked, np.float32),
        success=np.array([one.margin < 0 for one in best]),
        left=chances[:, label].numpy(),
        reached=reached.numpy(),
        classes=chances.argmax(1).numpy(),
        evaluations=evaluations,
    )


def smallest(
    trace: Trace, attack: Attack, target: Target, *, low: float = 0.0, high: float, rounds: int = 2
) -> Smallest:
    """Narrow down the smallest size at which the attack succeeds, between one that fails and one that succeeds.

    Each round tries eight sizes between the two in one batch, which leaves a ninth of the gap. Where even
    `high` fails, the answer holds no size.
    """
    if not 0 <= low < high:
        raise ParameterError(f"Sizes from a lower to a higher one are searched, not from {low:g} to {high:g}.")
    label, goal = target.index, attack.goal_for(trace, target)
    quick = _stopping_early(attack)
    best: tuple[float, Tensor] | None = None
    evaluations = 0
    with _joined(rounds) as begin:
        for number in range(rounds):
            begin(number)
            inner = np.linspace(low, high, AT_ONCE + 2)[1:-1] if number else np.linspace(low, high, AT_ONCE + 1)[1:]
            found, cost = _attacked(trace, quick, tuple(float(size) for size in inner), label, goal)
            evaluations += cost
            winners = [one for one in found if one.margin < 0]
            if not winners and best is None:
                return Smallest(None, high, None, evaluations)
            # A change may be smaller than it was allowed to be.
            best = min([(one.size, one.pixels) for one in winners] + ([best] if best else []), key=lambda pair: pair[0])
            high = best[0]
            low = max([low, *(one.allowed for one in found if one.margin >= 0 and one.allowed < high)])
            if high - low <= SLACK:
                break
    assert best is not None
    return Smallest(best[0], low, best[1].permute(1, 2, 0).numpy(), evaluations)


def _stopping_early(attack: Attack) -> Attack:
    """Let an attack that can stop at success do so."""
    early: dict[str, Any] = {field.name: True for field in dataclasses.fields(attack) if field.name == "stop_early"}
    return dataclasses.replace(attack, **early)


@dataclasses.dataclass(frozen=True, eq=False)
class _Found:
    """A picture that an attack found: how much it may have changed and did, its margin, scores and pixels."""

    allowed: float
    size: float
    margin: float
    logits: Tensor
    pixels: Tensor

    @classmethod
    def of(cls, trace: Trace, attack: Attack, pixels: NDArray[np.float32], label: int, goal: int | None) -> _Found:
        """Weigh a picture (H, W, 3) that is there already."""
        there = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(trace.pixels)
        with torch.no_grad():
            logits = both(trace.model(there))
        margin = float(margins(logits, *_asked(label, goal, there))[0])
        size = float(size_of(there - trace.pixels, attack.measured_in)[0])
        return cls(attack.budget, size, margin, logits[0].cpu(), there[0].cpu())


def _attacked(
    trace: Trace, attack: Attack, allowed: tuple[float, ...], label: int, goal: int | None
) -> tuple[list[_Found], int]:
    """Attack the picture within each of these sizes: what was found, and what it cost."""
    found: list[_Found] = []
    evaluations = 0
    logits_of = folded(trace.model, trace.pixels)
    size = at_once(AT_ONCE)
    groups = [allowed[start : start + size] for start in range(0, len(allowed), size)]
    with _joined(len(groups)) as begin:
        for number, group in enumerate(groups):
            begin(number)
            pictures = trace.pixels.repeat(len(group), 1, 1, 1)
            search = attack.search(
                logits_of, pictures, *_asked(label, goal, pictures), epsilon=pictures.new_tensor(group)
            )
            evaluations += search.evaluations
            changed = size_of(search.best - trace.pixels, attack.measured_in)
            rows = zip(group, changed.tolist(), search.margin.tolist(), strict=True)
            for row, (most, used, margin) in enumerate(rows):
                found.append(_Found(most, used, margin, search.best_logits[row].cpu(), search.best[row].cpu()))
    return found, evaluations


def _asked(label: int, goal: int | None, pictures: Tensor) -> tuple[Tensor, Tensor | None]:
    """The class to leave and the class to reach, once for each picture."""
    labels = torch.full((len(pictures),), label, device=pictures.device)
    return labels, None if goal is None else torch.full_like(labels, goal)


@contextmanager
def _joined(count: int) -> Iterator[Callable[[int], None]]:
    """Join the progress of `count` jobs, one after the other, into one; call what is yielded to begin a job."""
    outer, now = copy_context(), 0

    def begin(number: int) -> None:
        nonlocal now
        now = number

    def hear(progress: Progress) -> None:
        # In the context outside, where whoever listens to the whole is the listener.
        outer.run(report, now * progress.total + progress.done, count * progress.total)

    with heard_by(hear):
        yield begin
