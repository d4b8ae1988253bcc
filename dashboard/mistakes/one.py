"""One picture of a run: why this class and not that one, and the sides from which that can be looked at."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import feedback, state, widgets
from dashboard.mistakes import question

if TYPE_CHECKING:
    from dashboard.feedback import Listening
    from dashboard.mistakes.place import Place
    from explain.runs import Case

#: The sides, by the module in dashboard.mistakes that draws each, and what they are called.
SIDES = {
    "sides": "Both classes",
    "flip": "What would have to be hidden",
    "near": "Nearest pictures",
    "crops": "Other crops and sizes",
    "corrupted": "Corruptions",
    "others": "Other networks",
}


def draw(place: Place, case: Case, hear: Listening) -> None:
    """Draw the question, what is known at once, and the side that was picked."""
    if case.reason:
        st.subheader("Why is there no answer?", anchor=False)
        st.text(case.reason)
        return
    with feedback.guarded():
        asked = question.of(place, case)
        st.subheader(asked.headline, anchor=False)
        st.markdown(asked.sentence)
        side = widgets.pick("Looked at by", SIDES, "side", "the side", label_shown=False)
        if feedback.stopped(("one mistake", state.address())):
            feedback.offer_to_begin()
            return
        import_module(f"dashboard.mistakes.{side}").draw(place, case, hear)
        feedback.finished()
    hear.clear()
