"""The side "Nearest pictures": which pictures of the run the network takes for alike, and what those are labelled."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cache
from dashboard.classes import name_of
from dashboard.mistakes import gallery, question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.feedback import Listening
    from dashboard.mistakes.gallery import Tile
    from dashboard.mistakes.place import Place
    from dashboard.mistakes.question import Question
    from explain.neighbours import Near, Neighbours
    from explain.runs import Case

#: Pictures of each kind.
SHOWN = 6


def draw(place: Place, case: Case, hear: Listening) -> None:
    """Draw the nearest pictures among those named right and among those named wrong; a click opens one."""
    asked = question.of(place, case)
    row = place.row_of(case.number)
    assert row is not None

    def compute() -> Neighbours:
        from explain.neighbours import neighbours

        return neighbours(place.run, row, SHOWN)

    hear.work("Comparing with the other pictures")
    # Needs the run alone, so the network is not loaded for it.
    key = (place.run.identity, "near", row)
    found: Neighbours = cache.shelf().studies.ask(key, compute, hear)
    hear.clear()
    st.markdown(said(found, place, asked))
    _sheet(place, found.right, "right")
    _sheet(place, found.wrong, "wrong")
    st.caption(
        "Nearness is the cosine of what goes into the network's last layer, from \N{MINUS SIGN}1 to 1; 1 is the same "
        "direction. Pick a picture to open it."
    )


def said(found: Neighbours, place: Place, asked: Question) -> str:
    """Say what the nearest pictures are labelled, and what that may mean."""
    count = len(found.nearest)
    if not count:
        return "There is no other picture with an answer and a known class to compare with."
    first, second = asked.named(asked.first), asked.named(asked.second)
    if asked.wrong and found.same_guess > count / 2:
        return (
            f"{_of(found.same_guess, count)} labelled {first}, which is what the network says: the label of this "
            "picture may be wrong, or the two classes overlap."
        )
    if asked.wrong and (found.same_label or 0) > count / 2:
        cases = place.run.cases
        alike = sum(int(cases.predicted[near.row]) == asked.first for near in found.nearest)
        too = f", and **{alike}** {_are(alike)} taken for {first}, too" if alike else ""
        return (
            f"{_of(found.same_label or 0, count)} labelled {second}, as this one is{too}: it lies among its own, on "
            "the wrong side of the line that the last layer draws."
        )
    if not asked.wrong and found.same_guess > count / 2:
        return f"{_of(found.same_guess, count)} labelled {first}, too: that speaks for the answer."
    labels = Counter(int(place.run.cases.label[near.row]) for near in found.nearest)
    told = ", ".join(f"{number} {asked.named(label)}" for label, number in labels.most_common())
    return f"By label, the {count} nearest are {told}: the network has no clear place for a picture like this."


def _of(number: int, count: int) -> str:
    return "The nearest picture is" if count == 1 else f"Of the {count} nearest pictures, **{number}** {_are(number)}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _sheet(place: Place, nearest: Sequence[Near], outcome: str) -> None:
    """Draw the nearest pictures with one outcome."""
    st.markdown(f"**Nearest of those named {outcome}**")
    if not nearest:
        st.markdown(f"No other picture is named {outcome}.")
        return
    tiles = [vars(_tile(place, near)) for near in nearest]
    data = {"chosen": None, "before": None, "after": None, "tiles": tiles}
    gallery.show(data, f"The nearest pictures of those named {outcome}; pick one to open it", key=f"near-{outcome}")


def _tile(place: Place, near: Near) -> Tile:
    """Describe a picture by its label first, since that is what counts here."""
    cases = place.run.cases
    label, said = (name_of(int(column[near.row]), place.names) for column in (cases.label, cases.predicted))
    taken = "" if label == said else f"taken for {said}, "
    figure = f"{taken}nearness {near.similarity:.2f}"
    told = f"labelled {label}, {figure}"
    return replace(gallery.tile(place, near.row), guess=label, true=figure, told=told)
