"""Checks of all maps compared, the cheap ones first; those that ask the method again only where they are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cache, checks, feedback, state, verdicts
from dashboard.answers import Declined
from dashboard.compare import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamlit.delta_generator import DeltaGenerator

    from dashboard.answers import Outcome
    from dashboard.compare.filling import Seen
    from dashboard.compare.place import Place
    from dashboard.feedback import Listening
    from explain.metric import Metric
    from explain.results import Curve, Score


@dataclass
class Checked:
    """The checks planned for each pane, by their names, and what they found so far.

    contest: whether all maps answer the same question, so that one of them may be called the best. halted: whether the
    user has stopped the checks.
    """

    seen: tuple[Seen, ...]
    planned: tuple[dict[str, Metric], ...]
    contest: bool
    found: dict[tuple[str, int], Outcome] = field(default_factory=dict)
    halted: bool = False

    @property
    def metrics(self) -> list[Metric]:
        """One of each kind of check, in order."""
        every = {name: metric for pane in self.planned for name, metric in pane.items()}
        return sorted(every.values(), key=lambda metric: (metric.asks_again, metric.cost, metric.label))

    def jobs(self) -> Iterator[tuple[Metric, int]]:
        """Go through all checks of all panes, the cheap ones first."""
        for metric in self.metrics:
            for number, pane in enumerate(self.planned):
                if type(metric).__name__ in pane:
                    yield pane[type(metric).__name__], number

    def add(self, metric: Metric, number: int, outcome: Outcome) -> None:
        """Take what a check found for a pane."""
        self.found[type(metric).__name__, number] = outcome

    def outcome(self, metric: Metric, number: int) -> Outcome | None:
        """Return what a check found for a pane; None where it was not made, or not yet."""
        return self.found.get((type(metric).__name__, number))

    def measured(self, metric: Metric) -> dict[int, Curve | Score]:
        """Return the figures of a check, by the pane's number."""
        outcomes = {number: self.outcome(metric, number) for number in range(len(self.seen))}
        return {n: one for n, one in outcomes.items() if one is not None and not isinstance(one, Declined)}

    def best(self, metric: Metric) -> set[int]:
        """Number the panes with the best figure, once all are there: those that no other can be told to be better than.

        Only those that hold, and are better than all maps that know nothing; none where all are alike, or no contest.
        """
        planned = sum(type(metric).__name__ in pane for pane in self.planned)
        found = self.measured(metric)
        there = sum(self.outcome(metric, number) is not None for number in range(len(self.seen)))
        if not self.contest or there < planned:
            return set()
        values = [one.value for one in found.values()]
        best = [n for n, one in found.items() if not any(verdicts.better(metric, one, it) is False for it in values)]
        return {n for n in best if len(best) < len(found) and verdicts.beats_controls(metric, found[n])}

    def controls(self, metric: Metric) -> dict[str, tuple[float, float]]:
        """Return the lowest and the highest figure of each control map over the panes."""
        beside: dict[str, list[float]] = {}
        for one in self.measured(metric).values():
            for control, value in one.baselines.items():
                beside.setdefault(control, []).append(value)
        return {control: (min(values), max(values)) for control, values in beside.items()}


def draw(place: Place, seen: Sequence[Seen], hear: Listening) -> Checked:
    """Measure the quick checks, and all others where they are asked for, and draw what is known so far."""
    asked = state.mirrored("thorough", lambda text: text == "yes", "the checks") == "yes"
    shown = tuple(one for one in seen if not one.heatmap.empty)
    planned = tuple(
        {type(m).__name__: m for m in checks.planned(one.member.choice, one.answer) if asked or not m.asks_again}
        for one in shown
    )
    checked = Checked(shown, planned, contest=not place.axis.one_unit)
    with st.container(key="compare-checks"):
        st.subheader("Do they hold up?", anchor=False)
        slot = st.empty()
        if not asked:
            st.button(
                "Check thoroughly",
                key="thorough-checks",
                icon=":material/fact_check:",
                on_click=state.mirror,
                args=("thorough", "yes"),
                help="Asks each method again: for other classes, other weights, and pictures changed a little.",
            )
        _measure(place, checked, slot, hear)
    return checked


def _measure(place: Place, checked: Checked, slot: DeltaGenerator, hear: Listening) -> None:
    """Measure what is not known yet; the table grows with each figure."""
    waiting = []
    for metric, number in checked.jobs():
        one = checked.seen[number]
        known = cache.checked(one.member.choice, one.answer, metric)
        if known is None:
            waiting.append((metric, number))
        else:
            checked.add(metric, number, known)
    slot.html(table.as_html(checked))
    if waiting and feedback.stopped(("checks", place.key, len(checked.metrics))):
        checked.halted = True
        feedback.offer_to_begin("The checks were stopped.")
        return
    for done, (metric, number) in enumerate(waiting, 1):
        one = checked.seen[number]
        hear.work(f"{metric.label} of {one.title}, check {done} of {len(waiting)}")
        checked.add(metric, number, cache.check(one.member.choice, one.answer, metric, hear))
        slot.html(table.as_html(checked))
