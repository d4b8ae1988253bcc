"""The side "Other networks": what every other network on this machine says of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import around, cache
from dashboard.catalogue import catalogue
from dashboard.classes import name_of
from dashboard.mistakes import question
from dashboard.words import escaped, percent
from explain.label_lists import folded
from models.errors import ConvLensError

if TYPE_CHECKING:
    from dashboard.feedback import Listening
    from dashboard.mistakes.place import Place
    from dashboard.mistakes.question import Question
    from explain.runs import Case
    from explain.second_opinions import Opinion
    from explain.tracing import Trace
    from models.loaded import LoadedModel


@dataclass(frozen=True)
class Asked:
    """A network that was asked: its name, and its opinion or why it has none."""

    network: str
    opinion: Opinion | None
    reason: str = ""


@dataclass(frozen=True)
class Names:
    """The two classes that others are asked about, as the run names them; networks need not name them alike."""

    first: str
    second: str


def draw(place: Place, case: Case, hear: Listening) -> None:
    """Ask one network after the other, and draw what is known so far."""
    asked = question.of(place, case)
    keys = around.others(asked.choice)
    if not keys:
        st.markdown("There are no weights of another network on this machine. Fetch some on the Explain page.")
        return
    names = _names(place, asked)
    text = st.empty()
    with st.container(key="opinions"):
        table = st.empty()
    answers: list[Asked] = []
    for number, key in enumerate(keys, 1):
        label = catalogue().models[key].label
        hear.work(f"Asking {label}, {number} of {len(keys)}")
        answers.append(_ask(asked, names, key, label, hear))
        text.markdown(said(answers, names, asked))
        table.markdown(_table(answers, names))


def _names(place: Place, asked: Question) -> Names:
    """Name the classes; where only the label's name is known, other networks may still know its class."""
    classes = place.run.classes
    called = asked.case.called if asked.case.label is None else ""
    return Names(name_of(asked.first, classes), called or name_of(asked.second, classes))


def _ask(asked: Question, names: Names, key: str, label: str, hear: Listening) -> Asked:
    """Ask one network; one that cannot be loaded or asked is no reason to leave out the rest."""

    def compute(network: LoadedModel, trace: Trace) -> Opinion:
        from explain.second_opinions import opinion

        # Loaded for just this unless it is at hand, so that the networks in use stay.
        other = cache.loaded(key, False) or cache.load(key)
        return opinion(other, asked.choice.picture.image, names.second, names.first)

    try:
        return Asked(label, cache.study(asked.choice, f"opinion {key} {names}", compute, hear))
    except ConvLensError as error:
        return Asked(label, None, str(error))


def said(answers: list[Asked], names: Names, asked: Question) -> str:
    """Say how many agree, and what that means."""
    opinions = [one.opinion for one in answers if one.opinion is not None]
    count = len(opinions)
    if not count:
        return "No other network could be asked yet."
    same = sum(folded(one.said) == folded(names.first) for one in opinions)
    first = f"*{escaped(names.first)}*"
    if not asked.wrong:
        return f"**{same} of {_many(count)}** {_say(same)} {first}, too."
    knows = sum(one.knows_label for one in opinions)
    right = sum(folded(one.said) == folded(names.second) for one in opinions)
    text = f"**{right} of {_many(count)}** {_say(right)} *{escaped(names.second)}*, the true class"
    text += f" ({knows} of them know{'s' if knows == 1 else ''} it)" if knows < count else ""
    text += f"; **{same}** {_say(same)} {first}, too."
    if same > right:
        return f"{text} When others err alike, look at the picture and its label."
    return f"{text} When others get it right, it is this network." if right > count / 2 else text


def _many(count: int) -> str:
    return f"{count} other network{'' if count == 1 else 's'}"


def _say(count: int) -> str:
    return "says" if count == 1 else "say"


def _table(answers: list[Asked], names: Names) -> str:
    """Write the table in Markdown."""
    rows = [("Network", "It says", escaped(names.first), escaped(names.second)), ("---",) * 4]
    for one in answers:
        told = (escaped(one.reason), "", "") if one.opinion is None else _cells(one.opinion)
        rows.append((escaped(one.network), *told))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(one: Opinion) -> tuple[str, str, str]:
    return (f"{escaped(one.said)}, {percent(one.probability)}", _chance(one.p_predicted), _chance(one.p_label))


def _chance(probability: float | None) -> str:
    return "does not know this class" if probability is None else percent(probability)
