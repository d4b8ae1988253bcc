"""The sentences of the Attack page: what happened, how little it took, and what that does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.classes import name_of
from dashboard.words import escaped, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.around import Attacked, Maps
    from explain.outcomes import Control, Kept, Smallest, Survival, Sweep, Transfer
    from explain.perturbing import Norm

Names = tuple[str, ...]


def named(index: int, names: Names) -> str:
    """Write a class's name in italics."""
    return f"*{escaped(name_of(index, names))}*"


def levels(size: float) -> str:
    """Write a size of [0, 1] in levels of 255: 4, 0.38."""
    return f"{float(f'{255 * size:.2g}'):g}" if size < 100 / 255 else f"{255 * size:.0f}"


def size(value: float, norm: Norm) -> str:
    """Write how large a change is: "4 of 255" for the L-infinity norm, a length for the other."""
    return f"{levels(value)} of 255" if norm == "linf" else f"{value:.2g}"


def headline(found: Attacked, names: Names) -> str:
    """Ask the question that the page answers."""
    left = named(found.left, names)
    if found.goal is not None:
        return f"What turns {left} into {named(found.goal, names)}?"
    if found.result.success and found.said[0] == found.left:
        return f"What turns {left} into {named(found.said[1], names)}?"
    return f"What turns {left} into something else?"


def sentence(found: Attacked, names: Names, label: str) -> str:
    """Say what happened."""
    before, after = found.said
    left, sure = named(found.left, names), f"**{percent(float(found.result.after[after]))}** sure"
    if before != found.left:
        return (
            f"The model says {named(before, names)} of this picture to begin with, not {left}, so there is little to "
            f"attack. Afterwards it says {named(after, names)}, {sure}."
        )
    if found.result.success:
        return f"{_change(found)} turns {left} into {named(after, names)}, {sure}."
    aim = "anything else" if found.goal is None else named(found.goal, names)
    says = f"still says {left}" if after == before else f"says {named(after, names)} now"
    was = f" (before: {percent(float(found.result.before[found.left]))})" if after == before else ""
    return (
        f"{escaped(label)} found no change{_bound(found)} that turns {left} into {aim}. The model {says}, {sure}{was}. "
        "That does not prove that there is none."
    )


def _change(found: Attacked) -> str:
    result = found.result
    if found.attack.measured_in == "linf":
        return f"A change of at most **{levels(result.linf)} of 255** per colour"
    return f"A change of length **{result.l2:.2g}**, at most {levels(result.linf)} of 255 per colour,"


def _bound(found: Attacked) -> str:
    budget, norm = found.attack.budget, found.attack.measured_in
    if budget == float("inf"):
        return ""
    most = size(budget, norm)
    return f" of at most {most} per colour" if norm == "linf" else f" of at most length {most}"


def controlled(control: Control, found: Attacked, names: Names) -> str:
    """Say what random signs of the same size do."""
    left = named(found.left, names)
    mean = percent(float(control.probabilities.mean()))
    times = f"{control.fooled} of {control.draws}"
    what = "fool the model" if found.goal is None else f"make the model say {named(found.goal, names)}"
    if not found.result.success:
        return f"Random signs as large as was allowed leave {left} at {mean} on average, and {what} in {times} draws."
    if control.fooled == 0:
        end = "So it is not the size of the change, but its direction."
    elif control.fooled < control.draws / 2:
        end = "So mostly it is not the size of the change, but its direction."
    else:
        end = "So here size alone is often enough: this answer hangs by a thread."
    return f"Random signs of the same size {what} in **{times}** draws and leave {left} at {mean} on average. {end}"


def maps(found: Maps) -> str:
    """Say how alike the two maps are."""
    rank, structure = found.change.spearman, found.change.ssim
    if rank is None or structure is None:
        return "One of the maps is the same everywhere, so the two cannot be compared."
    alike = min(rank, structure)
    kind = "hardly changed" if alike > 0.9 else "changed in part" if alike > 0.5 else "changed beyond recognition"
    return (
        f"The map has {kind}: the order of its pixels agrees to **{rank:.2f}** (Spearman's rank correlation), "
        f"its shapes to **{structure:.2f}** (SSIM); 1 is the same map, 0 an unrelated one."
    )


def sizes(curve: Sweep, found: Smallest | None, norm: Norm) -> str:
    """Say how little is enough."""
    top = float(curve.epsilons[-1])
    if curve.smallest is None:
        return f"Not even {size(top, norm)} is enough for this attack. A stronger one may need less."
    if curve.fails_at is None:
        return "No change at all is needed: the model did not say it to begin with."
    low, high = (curve.fails_at, curve.smallest)
    if found is not None and found.epsilon is not None:
        low, high = found.fails_at, found.epsilon
    unit = " of 255" if norm == "linf" else ""
    text = f"The smallest change that is enough for this attack lies between **{_exact(low, norm)}** and "
    text += f"**{_exact(high, norm)}{unit}**."
    if norm == "linf" and 255 * high < 1:
        text += " That is less than one step of the 256 that a file can hold."
    return text


def _exact(value: float, norm: Norm) -> str:
    return f"{255 * value:.3g}" if norm == "linf" else f"{value:.3g}"


def transferred(rows: Sequence[Transfer], found: Attacked, names: Names, classes: dict[str, Names]) -> str:
    """Count the networks that are fooled, too, of those that were not wrong from the start."""
    left = name_of(found.left, names)
    knowing = sum(left in classes[row.model] for row in rows)
    right = [row for row in rows if row.before.name == left]
    fooled = sum(row.after.name != left for row in right)
    text = (
        f"Of {len(rows)} other networks, {knowing} {_verb(knowing, 'know')} {named(found.left, names)}, and "
        f"{len(right)} {_verb(len(right), 'say')} it of the picture before the attack."
    )
    if right:
        text += f" **{fooled} of {len(right)}** {_verb(fooled, 'say')} something else afterwards."
    if found.goal is not None:
        goal = name_of(found.goal, names)
        reached = sum(row.after.name == goal and row.before.name != goal for row in rows)
        text += f" {reached} {_verb(reached, 'say')} {named(found.goal, names)} now."
    return text


def _verb(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb


def survived(rows: Sequence[Survival], left: int) -> str:
    """Count the defences that the attack survives, and those that spoil the picture itself."""
    lasting = sum(row.survives and not _spoilt(row, left) for row in rows)
    spoilt = sum(_spoilt(row, left) for row in rows)
    text = f"The attack survives **{lasting} of {len(rows)}**"
    if spoilt:
        text += f"; {spoilt} {'spoils' if spoilt == 1 else 'spoil'} the clean picture, too"
    return f"{text}. Whoever knows of a defence can attack through it, so none of this is proof of safety."


def survives(row: Survival, left: int) -> str:
    """Say whether the attack survives a defence, or the defence spoils the picture itself."""
    if _spoilt(row, left):
        return "the clean picture fails, too"
    return "yes" if row.survives else "no"


def _spoilt(row: Survival, left: int) -> bool:
    return row.clean.index != left


def file(kept: Kept, found: Attacked) -> str:
    """Say what became of the attack in the file."""
    says = f"Read back from the file, the model says *{escaped(kept.said.name)}*, {percent(kept.said.probability)} sure"
    return f"{says}; the file differs by at most {levels(kept.linf)} of 255."
