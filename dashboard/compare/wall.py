"""All methods at once: a wall of small maps, grouped by the question they answer, each drawn as soon as it is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import cache, feedback, sheet, state, widgets, words
from dashboard.catalogue import catalogue
from dashboard.compare import links, said
from dashboard.compare import place as places
from dashboard.lens import passing, scale
from explain.pictures import overlay, painted_parts
from explain.results import Concepts, Heatmap
from models.errors import ConvLensError

if TYPE_CHECKING:
    from PIL import Image
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.answers import Answer, Choice
    from dashboard.catalogue import MethodEntry
    from dashboard.compare.place import Place
    from dashboard.feedback import Listening
    from explain.method import Question
    from explain.results import Explanation

#: How long methods take, as their captions begin, the quick ones first; and from which on they wait to be asked for.
SPEEDS = ("instant", "fast", "medium", "slow", "very slow")
SLOW = SPEEDS.index("slow")
#: Side of a small map.
SIDE = 112
#: How much is asked for, as the address has it.
QUICK, ALL = "quick", "all"
CLICKS = {"beside": "puts it beside", "explain": "opens it on Explain"}


@dataclass(frozen=True, eq=False)
class Hung:
    """A method and its answer, or why it has none."""

    entry: MethodEntry
    answer: Answer | None
    reason: str = ""


def draw(place: Place, hear: Listening) -> bool:
    """Draw what was asked for of the wall, and offer the rest; tell whether the user has stopped it."""
    with st.container(key="wall"):
        st.subheader("All methods at once", anchor=False)
        asked = state.mirrored("wall", lambda text: text in (QUICK, ALL), "the wall of methods")
        entries = _entries(place)
        slow = [entry for entry in entries if _speed(entry) >= SLOW]
        if asked is None:
            st.markdown(
                f"What {len(entries)} methods say of the same picture and class, from one run of the network: "
                f"{len(entries) - len(slow)} quick ones, and {len(slow)} slow ones if you like."
            )
            label = "Show the quick ones"
            st.button(label, key="wall-quick", icon=":material/grid_view:", on_click=_ask, args=(QUICK,))
            return False
        widgets.pick("A click on a map", CLICKS, "wall-click", "what a click does")
        halted = _hang(place, [entry for entry in entries if asked == ALL or entry not in slow], hear)
        if asked == QUICK and slow:
            label = f"Show the {len(slow)} slow ones, too"
            st.button(label, key="wall-all", icon=":material/hourglass_top:", on_click=_ask, args=(ALL,))
        return halted


def _entries(place: Place) -> list[MethodEntry]:
    """List the methods that suit the network and give a map or parts, the quick ones first."""
    choice = place.base.choice
    reasons = cache.unsuitable(choice.model, choice.untrained)
    kinds = (Heatmap.__name__, Concepts.__name__)
    found = [e for e in catalogue().explanations.values() if e.gives in kinds and e.name not in reasons]
    return sorted(found, key=_speed)


def _speed(entry: MethodEntry) -> int:
    return SPEEDS.index(entry.caption.partition(":")[0])


def _ask(how_much: str) -> None:
    state.mirror("wall", how_much)


def _hang(place: Place, entries: list[MethodEntry], hear: Listening) -> bool:
    """Ask one method after the other; each group becomes one that can be clicked once it is whole.

    Tells whether the user has stopped it; what is known by then is drawn.
    """
    choices = {entry.name: _choice(place, entry) for entry in entries}
    missing = [entry for entry in entries if cache.peek(choices[entry.name]) is None]
    halted = bool(missing) and feedback.stopped(("wall", place.base.choice.key, len(entries)))
    if halted:
        feedback.offer_to_begin("The rest was stopped.")
        entries = [entry for entry in entries if entry not in missing]
    groups = {question: [e for e in entries if e.question == question] for question in words.QUESTIONS}
    slots: dict[Question, DeltaGenerator] = {}
    for question, members in groups.items():
        if members:
            st.markdown(f"**{words.QUESTIONS[question]}**")
            slots[question] = st.empty()
    crop = cache.crop(place.base.choice, SIDE)
    hung: dict[Question, list[Hung]] = {question: [] for question in groups}
    for number, entry in enumerate(entries, 1):
        hear.work(f"{entry.label}, {number} of {len(entries)}")
        group = hung[entry.question]
        group.append(_answered(entry, choices[entry.name], hear))
        whole = len(group) == len(groups[entry.question])
        if whole:
            _sheet(entry.question, group, crop, place, slots[entry.question])
        elif entry in missing:
            _under_way(group, crop, slots[entry.question])
    refused = [one for group in hung.values() for one in group if one.answer is None]
    for one in refused:
        st.caption(words.escaped(f"No map by {one.entry.label}. {one.reason}"))
    return halted


def _choice(place: Place, entry: MethodEntry) -> Choice:
    """Ask the same by another method with its defaults; the rail's own method keeps what was set."""
    base = place.base.choice
    if entry.name == base.method:
        return base
    return replace(base, method=entry.name, parameters=tuple((param.name, param.default) for param in entry.params))


def _answered(entry: MethodEntry, choice: Choice, hear: Listening) -> Hung:
    try:
        return Hung(entry, cache.answer(choice, hear))
    except ConvLensError as error:
        return Hung(entry, None, error.message)


def _under_way(group: list[Hung], crop: Image.Image, slot: DeltaGenerator) -> None:
    """Draw what is there of a group, quickest first."""
    there = [one for one in group if one.answer is not None]
    if there:
        drawn = [passing(_small(one.answer.explanation, crop)) for one in there if one.answer is not None]
        slot.image(drawn, caption=[one.entry.label for one in there], width=SIDE)


def _small(explanation: Explanation, crop: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    if isinstance(explanation, Concepts):
        return painted_parts(crop, explanation)
    if isinstance(explanation, Heatmap) and not explanation.empty:
        top, _ = scale(explanation.values)
        return overlay(crop, replace(explanation, values=np.clip(explanation.values, -top, top)))
    return np.asarray(crop)


def _sheet(question: Question, group: list[Hung], crop: Image.Image, place: Place, slot: DeltaGenerator) -> None:
    """Draw a whole group, which can be pointed at and clicked."""
    from explain.sprites import sprite

    answers = {one.entry: one.answer for one in group if one.answer is not None}
    if not answers:
        slot.empty()
        return
    shown = {member.choice.method for member in place.members}
    numbers = list(catalogue().explanations)
    tiles = [
        sheet.Tile(
            numbers.index(entry.name),
            f"{'✓ ' if entry.name in shown else ''}{entry.label}",
            entry.label,
            more=_more(entry, answer),
        )
        for entry, answer in answers.items()
    ]
    pictures = np.stack([_small(answer.explanation, crop) for answer in answers.values()])
    data = sheet.pack(
        sprite(pictures),
        tiles,
        chosen=None,
        across=6,
        coloured=True,
        alt=f"{words.QUESTIONS[question]} Maps by {len(answers)} methods. Arrow keys move over them, Enter picks one.",
        hint="Point at a map for what is known of it; each has its own scale. ✓ stands in a pane above.",
    )
    key = f"wall-{question}"
    with slot.container():
        sheet.draw(data, key=key, on_picked=lambda: _picked(numbers[int(state.get(key)["picked"])], place))


def _more(entry: MethodEntry, answer: Answer) -> str:
    """Say what is known of a map: what hiding its strongest part does, how long it took, how far to trust it."""
    check, parts = answer.check, [entry.caption.partition(": ")[2]]
    if check is not None:
        parts.append(
            f"its top {words.percent(check.share)} hidden: {words.percent(check.before)} becomes "
            f"{words.percent(check.hidden)}, elsewhere {words.percent(check.elsewhere)}"
        )
    elif isinstance(answer.explanation, Heatmap):
        parts.append("an empty map")
    return " · ".join([*parts, words.duration(answer.explanation.seconds), *said.caution(entry.name)])


def _picked(name: str, place: Place) -> None:
    """Do with a map that was clicked what the user asked for; parts, which are no map, can only be opened."""
    if state.get("wall-click") == "explain" or name not in catalogue().maps:
        links.later(name)
    else:
        places.put_beside(name, place.base)
