"""The part of a report that is about the whole run: its figures, the confusion matrix, the worst pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.classes import name_of
from dashboard.report.markup import Markup, tag
from dashboard.report.matrix import matrix
from dashboard.words import UNBROKEN
from explain.mistakes import Summary, confuse, summarise, worst_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explain.mistakes import Pair
    from explain.runs import Run


def summary(run: Run, names: Sequence[str]) -> Markup:
    """Write it."""
    found = summarise(run.cases)
    parts = [tag("h2", "The whole run"), figures(found), tag("p", counts(found), class_="quiet")]
    if found.counted:
        confusion = confuse(run.cases)
        parts.append(tag("div", tag("h3", "Which class was taken for which"), matrix(confusion, names), class_="whole"))
        worst = worst_pairs(confusion)
        if worst:
            parts.append(tag("div", tag("h3", "The most frequent mistakes"), _pairs(worst, names), class_="whole"))
    return tag("section", *parts, id="run")


def figures(found: Summary) -> Markup:
    """Write the figures, each with what it is."""
    if found.accuracy is None or found.interval is None or found.top5_accuracy is None:
        return tag("p", "No picture has both a label and an answer, so nothing can be said to be right or wrong.")
    low, high = found.interval
    cards = [
        ("First guess right", in_percent(found.accuracy), f"{found.right:,} of {found.counted:,} pictures"),
        ("95 % interval of that", f"{100 * low:.1f} to {in_percent(high)}", "where the true share may lie (Wilson)"),
        ("Among the first five", in_percent(found.top5_accuracy), f"{found.top5:,} of {found.counted:,} pictures"),
    ]
    if found.confidence is not None:
        cards.append(("How sure on average", in_percent(found.confidence), "mean probability of the first guess"))
    if found.calibration_error is not None:
        error = f"{100 * found.calibration_error:.1f} points"
        cards.append(("Calibration error", error, "mean gap between how sure and how often right, in 15 bins"))
    written = [
        tag("div", tag("dt", name), tag("dd", tag("strong", figure)), tag("dd", what, class_="quiet"))
        for name, figure, what in cards
    ]
    return tag("dl", *written, class_="cards")


def counts(found: Summary) -> str:
    """Say of how many pictures the figures are, and which are left out."""
    text = f"{_many(found.pictures)}: {found.counted:,} with a class and an answer"
    if found.unlabelled:
        text += f", {found.unlabelled:,} without a class that the network knows"
    if found.unreadable:
        text += f", {found.unreadable:,} without an answer"
    return f"{text}."


def in_percent(share: float) -> str:
    """Write a share with one decimal, as figures are reported."""
    figure = f"{100 * share:.1f}{UNBROKEN}%"
    if 0 < share < 0.0005:
        return f"under 0.1{UNBROKEN}%"
    return f"over 99.9{UNBROKEN}%" if 0.9995 <= share < 1 else figure


def _pairs(worst: Sequence[Pair], names: Sequence[str]) -> Markup:
    head = [tag("th", text, scope="col") for text in ("True class", "Taken for", "Pictures", "Of the class")]
    rows = []
    for pair in worst:
        called = (name_of(index, tuple(names)) for index in (pair.true, pair.predicted))
        share = f"{in_percent(pair.count / pair.of)} of {pair.of:,}"
        rows.append(tag("tr", *(tag("td", text) for text in (*called, f"{pair.count:,}", share))))
    return tag("table", tag("thead", tag("tr", *head)), tag("tbody", *rows), class_="list")


def _many(count: int) -> str:
    return f"{count:,} picture{'' if count == 1 else 's'}"
