"""What the curves of a training say, in words: computed from the numbers alone, as a practised eye would read them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from explain.teaching.training_record import Record

#: From here on a batch's loss has leapt; from here on the validation loss has risen from its lowest; so large a gap
#: between both accuracies is overfitting; so much the loss still falls in the last fifth while it is learning.
LEAPT, RISEN, GAP, FALLING = 1.5, 1.2, 0.08, 0.1
#: A fall that is this share of the average one is steady; from this training accuracy on there is little left to learn.
STEADY, DONE = 0.25, 0.995
#: From this validation accuracy on it has learned the digits, as digits go.
GOOD = 0.9
#: Right by chance: one digit of ten, and a little more.
CHANCE = 0.2
#: The loss of guessing among ten digits without having looked, and the share of it down to which nothing was learned.
GUESSING, UNMOVED = {"cross_entropy": math.log(10), "squared": 0.9}, 0.97


@dataclass(frozen=True)
class Verdict:
    """How a training went: a kind for whoever reads by machine, a headline, and a sentence with the numbers."""

    kind: str
    headline: str
    words: str


def verdict(record: Record) -> Verdict:
    """Read the curves of a training as far as it has come."""
    first, last = record.epochs[0], record.final
    if record.ended == "diverged" or _leapt(record) or _dead(record):
        return Verdict("diverged", "Diverged", _diverged(record))
    if last.number == 0:
        words = f"By chance alone a network gets about 10 % right; this one gets {_percent(last.validation.accuracy)}."
        return Verdict("untrained", "Not trained yet", words)
    if last.number >= 3 and last.training.accuracy < CHANCE and last.training.loss > UNMOVED * first.training.loss:
        return Verdict(
            "stuck",
            "Not learning at all",
            f"After {_counted(last.number)} it gets {_percent(last.validation.accuracy)} right, which is chance, and "
            f"the training loss is where it was: {first.training.loss:.3f} at first, {last.training.loss:.3f} now.",
        )
    gap = last.training.accuracy - last.validation.accuracy
    numbers = (
        f"{_percent(last.training.accuracy)} of the training pictures are right and "
        f"{_percent(last.validation.accuracy)} of the validation pictures"
    )
    low = record.best.validation.loss
    risen = record.kept is None and last.validation.loss > RISEN * low and last.training.loss < low
    if risen or gap > GAP:
        rise = (
            f" The validation loss was lowest after {_counted(record.best.number)} ({low:.3f}) and has risen to "
            f"{last.validation.loss:.3f} since."
            if risen
            else ""
        )
        return Verdict("overfitting", "Overfitting", f"{numbers}: a gap of {100 * gap:.0f} points.{rise}")
    if record.ended == "stopped early":
        words = f"{numbers}. The weights are those after {_counted(last.number)}, where the validation loss was lowest."
        return Verdict("learned", "Stopped early", words)
    if _falling(record):
        slow = " At this pace it has far to go." if last.validation.accuracy < 0.5 and record.ended else ""
        return Verdict("learning", "Still learning", f"{numbers}, and both losses are still falling.{slow}")
    numbers += ", and the validation loss no longer falls much."
    if last.validation.accuracy > GOOD:
        return Verdict("learned", "Learned", numbers)
    if record.settings.schedule != "constant" and record.ended == "epochs":
        numbers += " The schedule has brought the steps to almost nothing by now."
    return Verdict("levelled", "Levelled off", numbers)


def _falling(record: Record) -> bool:
    """Tell whether both losses still fall: by a tenth in the last fifth of the epochs, or steadily."""
    first, last = record.epochs[0], record.final
    fifth = max(1, last.number // 5)
    before = record.epochs[last.number - fifth]
    fallen = before.training.loss - last.training.loss
    usual = (first.training.loss - last.training.loss) * fifth / last.number
    fast = fallen > FALLING * before.training.loss or fallen > STEADY * usual
    return fast and last.training.accuracy < DONE and last.validation.loss < before.validation.loss


def _leapt(record: Record) -> bool:
    """Tell whether a batch's loss has leapt over the first ones, and the network has not come back from it."""
    last = record.epochs[-1]
    if len(record.batches) < 2 or last.number == 0:
        return False
    peak = max(record.batches[1:])
    return peak > LEAPT * record.epochs[0].training.loss and last.training.accuracy < CHANCE


def _dead(record: Record) -> bool:
    """Tell whether the network guesses since no gradient comes back to its first layer any more, as one once did."""
    last, kind = record.epochs[-1], record.settings.loss
    lengths = [next(iter(epoch.gradients.values()), math.nan) for epoch in record.epochs]
    guessing = last.training.accuracy < CHANCE and last.training.loss > UNMOVED * GUESSING[kind]
    return guessing and lengths[-1] == 0 and max(lengths) > 0


def _diverged(record: Record) -> str:
    peak = max(record.batches)
    where = record.batches.index(peak) + 1
    if not math.isfinite(record.batches[-1]):
        return f"At step {len(record.batches)} the loss was no number any more: the steps are too large."
    if not _leapt(record):
        return (
            f"The network gets {_percent(record.epochs[-1].validation.accuracy)} right, which is chance, with a loss "
            f"like that of guessing, {GUESSING[record.settings.loss]:.2f}. The steps threw its weights so far that "
            "every picture gives the same, and no gradient reaches the first layer any more."
        )
    return (
        f"The loss leapt from {record.epochs[0].training.loss:.2f} to {peak:,.1f} at step {where}, and the network "
        f"gets {_percent(record.epochs[-1].validation.accuracy)} right, which is chance: the steps are too large."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share < 0.995 or share == 1 else f"{100 * share:.1f} %"


def _counted(number: int) -> str:
    return f"{number} epoch" if number == 1 else f"{number} epochs"
