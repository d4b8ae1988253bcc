"""The sentences of the Mistakes page: how often the network is right, and what it takes for what."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dashboard.words import UNBROKEN, escaped, percent
from explain.mistakes import worst_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explain.mistakes import Confusion, Pair, Summary


def headline(summary: Summary, finished: bool) -> str:
    """Say the answer in a line."""
    so_far = "" if finished else "So far: "
    if summary.accuracy is None:
        return f"{so_far}{counted(summary.pictures, 'picture')}, and no way to tell which are named right"
    wrong = summary.counted - summary.right
    if not wrong:
        return f"{so_far}no mistake in {counted(summary.counted, 'picture')}"
    return f"{so_far}{counted(wrong, 'mistake')} in {counted(summary.counted, 'picture')}"


def sentence(summary: Summary, confusion: Confusion, names: Sequence[str], title: str) -> str:
    """Say how often it is right, between which bounds that lies, and which mistake is the most frequent."""
    over = f"Over {escaped(title)}: "
    if summary.accuracy is None or summary.interval is None:
        return f"{over}no folder and no list says the class of a picture as the network names it."
    named = (
        f"{over}it names **{percent(summary.accuracy)}** of **{counted(summary.counted, 'picture')}** right "
        f"({span(*summary.interval)} on others like these)"
    )
    worst = worst_pairs(confusion, 1)
    return f"{named}; most often it takes {taken(worst[0], names)}." if worst else f"{named}."


def taken(pair: Pair, names: Sequence[str]) -> str:
    """Write a mistake: a *lemon* for an *orange*."""
    true, guess = names[pair.true], names[pair.predicted]
    return f"{with_article(true)} for {with_article(guess)} ({pair.count:,} of {pair.of:,})"


def with_article(name: str) -> str:
    """Write a class's name in italics with its article, as far as its letters tell."""
    last = name.split()[-1].lower() if name.split() else ""
    if last.endswith("s") and not last.endswith(("ss", "us", "is")):
        return f"*{escaped(name)}*"
    silent = re.match(r"[aeio]|u(?!ni|ku|s[ae])|hour|heir", name.lower()) and not re.match(r"eu|one\b", name.lower())
    return f"{'an' if silent else 'a'} *{escaped(name)}*"


def span(low: float, high: float) -> str:
    """Write a stretch of shares: 55 to 67 %."""
    one, other = percent(low), percent(high)
    return f"{one.removesuffix(f'{UNBROKEN}%')} to {other}" if one != other else f"about {one}"


def left_out(summary: Summary) -> list[str]:
    """Say which pictures are not among those counted."""
    said = []
    if summary.unreadable:
        said.append(f"{counted(summary.unreadable, 'picture')} without an answer")
    if summary.unlabelled and summary.counted:
        said.append(f"{counted(summary.unlabelled, 'picture')} whose class the network does not know")
    return said


def counted(number: int, one: str) -> str:
    """Write a number of things: 1 picture, 1,250 pictures."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def rest(seconds: float) -> str:
    """Write how long something will still take, roughly."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    return f"about {round(seconds / 60):,} min left"
