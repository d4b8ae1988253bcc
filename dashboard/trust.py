"""The section "Does it hold up?" of the Explain page: the quick check at once, all checks where they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cache, checks, feedback, state, verdicts, words
from dashboard.answers import Declined
from dashboard.lens import Option, picker
from explain.results import Curve, Heatmap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamlit.delta_generator import DeltaGenerator

    from dashboard.answers import Choice, Outcome
    from dashboard.show import Shown
    from explain.metric import Metric
    from explain.results import QuickCheck

#: The name in the address under which all checks are asked for, and where the session keeps of what.
ADDRESS, ASKED_OF = "check", "checks_asked_of"
#: What stands before a check that was not made yet.
WAITING = "…"
#: What is said of all curves.
LEGEND = (
    "Green and solid: this map. Grey: maps that know nothing of the network; dotted a random map, dashed the picture's "
    "centre, dashes and dots an edge detector."
)


def beside(shown: Shown) -> None:
    """Say beside the map whether the quick check fails it."""
    line = verdicts.beside(verdicts.quick(shown))
    if line:
        with st.container(key="verdict"):
            st.markdown(line)


@dataclass(frozen=True)
class Offer:
    """Where all checks are offered and summed up; unasked: where it is said what the quick one had no time for."""

    place: DeltaGenerator
    unasked: DeltaGenerator | None


def quick(shown: Shown) -> Offer | None:
    """Draw what the quick check found; return the place of what all checks find, None where nothing can be checked."""
    found, notes = verdicts.quick(shown), verdicts.notes(shown)
    if not found and not notes:
        return None
    st.subheader("Does it hold up?", anchor=False)
    check = shown.answer.check
    with st.container(key="quick-check", gap="small"):
        lines = {verdict.about: st.empty() for verdict in found}
        for verdict in found:
            lines[verdict.about].markdown(f"{verdict.sign} **{verdict.word}.** {verdict.text}")
        if check is not None:
            with st.expander("The figures of hiding it", icon=":material/bar_chart:"):
                _bars(check, words.measured(shown.question))
        for note in notes:
            st.caption(words.escaped(note))
    explanation = shown.answer.explanation
    if not isinstance(explanation, Heatmap) or explanation.empty:
        return None
    unasked = check is not None and check.other is None
    return Offer(st.container(key="check-all"), lines.get(verdicts.ANOTHER) if unasked else None)


def _bars(check: QuickCheck, what: str) -> None:
    """Draw how sure the network is of the picture as it is, and with places hidden."""
    share = words.percent(check.share)
    st.caption(words.escaped(what))
    rows = [
        Option("before", "The picture as it is", words.percent(check.before), check.before, quiet=True),
        Option("hidden", f"Strongest {share} hidden", words.percent(check.hidden), check.hidden),
        Option("elsewhere", "As much elsewhere, on average", words.percent(check.elsewhere), check.elsewhere, True),
    ]
    picker(rows, key="hiding", label=what)


def halted(choice: Choice) -> bool:
    """Note that the checks are what comes next, and tell whether the user has stopped just these."""
    return feedback.stopped(("checks", choice.key))


def thorough(shown: Shown, offer: Offer, place: DeltaGenerator, stopped: bool) -> None:
    """Offer all checks in one place; where they are asked for, make them one after the other and draw them in another.

    stopped: whether the user has stopped them; what was found until then is drawn.
    """
    # Above the button: what was clicked stays until something else is, and in going must not move "Stop" away.
    above, slot = offer.place.container(), offer.place.empty()
    if not _asked(shown.choice):
        with slot:
            st.button(
                "Check thoroughly",
                key="check-button",
                icon=":material/fact_check:",
                on_click=_ask,
                args=(shown.choice,),
                help="Makes all checks of this map, one after the other, each beside maps that know nothing of the "
                "network. It can be stopped at any time.",
            )
        return
    hear = feedback.Listening(above, "Making the checks ready", "checks-")
    with hear:
        if cache.loaded(shown.choice.model, shown.choice.untrained) is None:
            hear.starting()
        cache.model(shown.choice.model, shown.choice.untrained, hear)
        planned = checks.planned(shown.choice, shown.answer)
        table = _Table(place, planned)
        for number, metric in enumerate(planned, 1):
            outcome = cache.checked(shown.choice, shown.answer, metric)
            if outcome is None and not stopped:
                hear.work(f"{metric.label}, check {number} of {len(planned)}", table.so_far(metric))
                outcome = cache.check(shown.choice, shown.answer, metric, hear)
            if outcome is not None:
                table.add(metric, outcome)
                if offer.unasked is not None and checks.asks_another_class(metric):
                    offer.unasked.empty()
        table.sort()
    with slot.container():
        st.markdown(_summed_up(table, stopped))
        if stopped and table.left:
            st.button("Go on", key="check-on", on_click=feedback.finished)


def _summed_up(table: _Table, stopped: bool) -> str:
    done, count = len(table.made), len(table.planned)
    said = f"Checked thoroughly: {table.summary}; the figures are below."
    if not (stopped and table.left):
        return said
    return f"Stopped after {done} of {count} checks. {said if done else ''}"


def _asked(choice: Choice) -> bool:
    """Tell whether all checks are asked for; a link or a click asks for those of one answer, and of no other."""
    before = state.get(f"value:{ADDRESS}")
    now = state.mirrored(ADDRESS, lambda text: text == "1", "the checks")
    if now is not None and before is None:
        state.put(ASKED_OF, choice.key)
    if now is not None and state.get(ASKED_OF) != choice.key:
        state.mirror(ADDRESS, None)
        return False
    return now is not None


def _ask(choice: Choice) -> None:
    state.mirror(ADDRESS, "1")
    state.put(ASKED_OF, choice.key)
    feedback.finished()


class _Table:
    """Draws what the checks find, a cell for each, and below them the curves."""

    def __init__(self, place: DeltaGenerator, planned: tuple[Metric, ...]) -> None:
        self.planned = planned
        self.made: list[tuple[Metric, Outcome]] = []
        with place:
            st.subheader("All checks", anchor=False)
            with st.container(key="checks"):
                self._cells = [st.empty() for _ in planned]
            self._legend = st.empty()
            self._curves = st.container(key="check-curves")
        self._arrange(planned)

    @property
    def left(self) -> int:
        """How many checks were not made yet."""
        return len(self.planned) - len(self.made)

    @property
    def summary(self) -> str:
        """Count what was found."""
        found = [verdicts.measured(metric, one) for metric, one in self.made if not isinstance(one, Declined)]
        return verdicts.summary(found, len(self.made) - len(found))

    def so_far(self, metric: Metric) -> Callable[[object], None]:
        """Return what draws a figure that is under way."""

        def draw(partial: object) -> None:
            if isinstance(partial, Curve):
                self._write(metric, WAITING, f"So far {verdicts.figure(partial.value)} after {len(partial.x)} steps.")

        return draw

    def add(self, metric: Metric, outcome: Outcome) -> None:
        """Draw what a check has found."""
        self.made.append((metric, outcome))
        self._put(metric, outcome)
        if isinstance(outcome, Curve):
            self._draw(metric, outcome)

    def sort(self) -> None:
        """Put the checks that decide first, once nothing more is coming; until then each stays where it is."""
        found = checks.decisive_first(self.made)
        known = [metric for metric, _ in found]
        self._arrange([*known, *(metric for metric in self.planned if metric not in known)])
        for metric, outcome in found:
            self._put(metric, outcome)

    def _arrange(self, metrics: Sequence[Metric]) -> None:
        """Give each check its cell, which says nothing yet."""
        self._place = dict(zip(metrics, self._cells, strict=True))
        for metric in metrics:
            self._write(metric, WAITING, "")

    def _put(self, metric: Metric, outcome: Outcome) -> None:
        if isinstance(outcome, Declined):
            self._write(metric, verdicts.SIGNS[None][0], words.escaped(f"Not for this map. {outcome.reason}"))
            return
        verdict = verdicts.measured(metric, outcome)
        self._write(metric, f"{verdict.sign} {verdict.word}.", verdict.text)

    def _write(self, metric: Metric, sign: str, text: str) -> None:
        head = f"**{sign} {words.escaped(metric.label)}** · {words.escaped(metric.caption)}"
        self._place[metric].markdown(f"{head}  \n{text}" if text else head)

    def _draw(self, metric: Metric, curve: Curve) -> None:
        from explain.figures import checked

        self._legend.caption(LEGEND)
        with self._curves:
            st.plotly_chart(
                checked(metric, curve),
                key=f"curve-{metric.label}",
                config={"displayModeBar": False},
                alt=f"{metric.label}: {verdicts.plain_figures(curve)}",
            )
