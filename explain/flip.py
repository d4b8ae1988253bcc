"""Flipping an answer: what would have to be hidden for a network to say something else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np
import torch

from explain.baselines import Baseline, baseline
from explain.memory import within_memory
from explain.perturbing import margins
from explain.stepping import at_once, measured_batch
from explain.superpixels import superpixels
from explain.target import both, classes_of, whole
from models.errors import ParameterError, PictureError, TargetError
from models.progress import report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from explain.tracing import Trace


class Step(NamedTuple):
    """One superpixel more is hidden: its number, and then the probabilities of the class to leave and of the other.

    The other is the goal, or without one the most likely class but the one to leave.
    """

    segment: int
    predicted: float
    other: float


@dataclass(frozen=True, eq=False)
class Flip:
    """A set of superpixels whose hiding changes an answer, none of which can be left out.

    hidden (H, W): the pixels. segments (H, W): the number of each pixel's superpixel. members: the numbers of those
    hidden, the one with the largest effect first. share: of the picture's area, 0..1. before, after (classes,):
    probabilities. answer: the class after. reached: whether the answer changed as asked; if not, the set is the one
    that came closest on the way to hiding everything. forwards: how many pictures the network was shown. path: from
    one member to all of them.
    """

    hidden: NDArray[np.bool_]
    segments: NDArray[np.int32]
    members: tuple[int, ...]
    share: float
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    answer: int
    reached: bool
    forwards: int
    path: tuple[Step, ...]


def smallest_flip(
    trace: Trace,
    predicted: int,
    goal: int | None = None,
    segments: NDArray[np.integer[Any]] | None = None,
    baseline: Baseline = "blur",
) -> Flip:
    """Find a small set of superpixels whose hiding makes a network say the goal, or without one anything else.

    Hides one superpixel after the other, always the one that closes the gap between the scores most, and then shows
    again what need not be hidden. A single superpixel that is enough is always found; of larger sets a smaller one
    may exist. segments (H, W): whole numbers, None = 60 superpixels. baseline: what is seen instead. The partial
    result is the set so far.
    """
    cut = superpixels(trace.pixels[0].permute(1, 2, 0).cpu().numpy()) if segments is None else np.asarray(segments)
    if cut.shape != tuple(trace.pixels.shape[2:]) or cut.dtype.kind not in "iu":
        raise PictureError(
            f"Wanted a whole number for each of {tuple(trace.pixels.shape[2:])} pixels, not {cut.shape}."
        )
    if baseline not in get_args(Baseline):
        raise ParameterError(f"Superpixels are hidden by {', '.join(get_args(Baseline))}, not {baseline!r}.")
    classes = classes_of(trace.logits)
    for index in (predicted, goal):
        if index is not None and (whole(index) is None or not 0 <= index < classes):
            raise TargetError(f"There is no class {index!r}: the network knows the classes 0 to {classes - 1}.")
    if predicted == goal:
        raise TargetError("The goal is the class that is to be left.", "Pick two different classes.")
    return within_memory(trace, lambda own: _Search(own, predicted, goal, cut.astype(np.int32), baseline).flip())


class _Search:
    """Looks for the set, and counts what it costs."""

    def __init__(
        self, trace: Trace, predicted: int, goal: int | None, segments: NDArray[np.int32], kind: Baseline
    ) -> None:
        self.trace = trace
        self.predicted = predicted
        self.goal = goal
        self.segments = segments
        self.numbers = [int(number) for number in np.unique(segments)]
        self.places = torch.from_numpy(segments).to(trace.pixels.device)
        self.instead = baseline(trace.pixels, kind)
        self.batch = at_once(measured_batch(trace))
        self.before = both(trace.logits).float().cpu()
        self.start = float(self._gaps(self.before)[0])
        self.closed = 0.0
        self.forwards = 0
        self.so_far = self._told((), self.before[:0])

    def flip(self) -> Flip:
        """Hide until the answer changes, then show again what need not be hidden."""
        members: tuple[int, ...] = ()
        gap, path = self.start, self.before[:0]
        closest, least = self.so_far, gap
        while gap >= 0 and len(members) < len(self.numbers):
            rest = [number for number in self.numbers if number not in members]
            logits = self._asked([(*members, number) for number in rest])
            gaps = self._gaps(logits)
            best = int(gaps.argmin())
            members, gap, path = (*members, rest[best]), float(gaps[best]), torch.cat([path, logits[best : best + 1]])
            self.so_far = self._told(members, path)
            if gap < least:
                closest, least = self.so_far, gap
        kept = self._pruned(members) if gap < 0 else closest.members
        if gap < 0 and kept != members:
            path = self._asked([kept[:count] for count in range(1, len(kept) + 1)])
        report(100, 100)
        return self._told(kept, path[: len(kept)])

    def _pruned(self, members: tuple[int, ...]) -> tuple[int, ...]:
        """Show members again, the last first, while the answer stays changed, until none can be shown."""
        while members:
            without = [tuple(other for other in members if other != member) for member in members]
            changed = (self._gaps(self._asked(without)) < 0).nonzero().flatten().tolist()
            if not changed:
                break
            for member in [members[place] for place in reversed(changed)]:
                fewer = tuple(other for other in members if other != member)
                if float(self._gaps(self._asked([fewer]))[0]) < 0:
                    members = fewer
            if len(members) == len(without):
                # Only rounding, which differs between batches, let them be left out.
                break
        return members

    def _asked(self, sets: Sequence[tuple[int, ...]]) -> Tensor:
        """Hide each set by itself and return the scores, (n, classes), on the CPU."""
        found = []
        for start in range(0, len(sets), self.batch):
            report(int(99 * self.closed), 100, lambda: self.so_far)
            masks = torch.stack([self._hidden(members) for members in sets[start : start + self.batch]])
            pictures = torch.where(masks[:, None], self.instead, self.trace.pixels)
            found.append(both(self.trace.model(pictures)).float().cpu())
            left = float(self._gaps(found[-1]).min()) / (self.start or 1)
            self.closed = min(1.0, max(self.closed, 1 - left))
        logits = torch.cat(found)
        self.forwards += len(logits)
        return logits

    def _hidden(self, members: tuple[int, ...]) -> Tensor:
        return torch.isin(self.places, torch.tensor(members, dtype=self.places.dtype, device=self.places.device))

    def _gaps(self, logits: Tensor) -> Tensor:
        """Say how far each picture is from the answer that is wanted, (n,); below zero it has it."""
        labels = torch.full((len(logits),), self.predicted)
        return margins(logits, labels, None if self.goal is None else torch.full_like(labels, self.goal))

    def _told(self, members: tuple[int, ...], path: Tensor) -> Flip:
        """Put a set into words; path (n, classes): the scores after one member, two, and so on."""
        last = torch.cat([self.before, path])[-1:]
        hidden = self._hidden(members).cpu().numpy()
        return Flip(
            hidden=hidden,
            segments=self.segments,
            members=members,
            share=float(hidden.mean()),
            before=self.before.softmax(1)[0].numpy(),
            after=last.softmax(1)[0].numpy(),
            answer=int(last.argmax()),
            reached=bool(self._gaps(last)[0] < 0),
            forwards=self.forwards,
            path=tuple(
                Step(member, float(chances[self.predicted]), self._other(chances))
                for member, chances in zip(members, path.softmax(1), strict=True)
            ),
        )

    def _other(self, chances: Tensor) -> float:
        if self.goal is not None:
            return float(chances[self.goal])
        return float(torch.cat([chances[: self.predicted], chances[self.predicted + 1 :]]).max())
