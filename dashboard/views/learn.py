"""The Learn page: guided demonstrations, each a short text, something to move, and an answer computed on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import loading, state
from dashboard.components import component
from dashboard.learn import contents, exporting
from dashboard.learn import place as places
from dashboard.learn.demonstrations import demonstrations
from dashboard.learn.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamlit.delta_generator import DeltaGenerator

    from dashboard.learn.desk import Demonstration
    from dashboard.learn.lessons import Lesson
    from dashboard.learn.place import Place

FOLDER = Path(__file__).resolve().parent.parent
NOTHING = "<i hidden>\n</i>"
_terms = component("terms", html=NOTHING)
_turning = component("turning", html=NOTHING)


def page() -> None:
    """Draw the page."""
    st.html(FOLDER / "learn.css")
    loading.free_frame(_learn)


def _learn(head: DeltaGenerator, body: DeltaGenerator) -> None:
    """Draw a demonstration, a lesson, or all of them as cards."""
    places.arrive()
    place = places.find()
    if place.presented:
        st.html(FOLDER / "learn_presented.css")
    with st.sidebar:
        contents.rail(_here(place))
    with body.container(key="learn"):
        if place.lesson is not None:
            _lesson(place.lesson, head)
        elif place.demonstration is not None:
            _demonstration(place, place.demonstration, head)
        else:
            _overview(head)
        _terms(key="terms")


def _here(place: Place) -> str:
    if place.lesson is not None:
        return contents.entry("lesson", place.lesson.key)
    return "" if place.demonstration is None else contents.entry("demo", place.demonstration.key)


def _overview(head: DeltaGenerator) -> None:
    with head:
        st.title("How does a convolutional network work?", anchor=False)
        st.markdown(
            "Short demonstrations, each with something to move. Every number that you see is computed by a real layer "
            "or network, on this machine."
        )
    contents.cards()


def _lesson(lesson: Lesson, head: DeltaGenerator) -> None:
    with head:
        st.title(lesson.title, anchor=False)
    lesson.draw(lesson)


def _demonstration(place: Place, demonstration: Demonstration, head: DeltaGenerator) -> None:
    desk = Desk(demonstration, place.hidden, presented=place.presented)
    with head:
        st.title(demonstration.title, anchor=False)
        desk.text(demonstration.summary)
    demonstration.draw(desk)
    st.header("To think about", anchor=False)
    desk.text(demonstration.question)
    with st.expander("An answer"):
        desk.text(demonstration.answer)
    if not place.presented:
        exporting.draw(desk)
    _turn(demonstration, place.presented)


def _turn(demonstration: Demonstration, presented: bool) -> None:
    """Draw the way to the demonstrations before and after this one, and into the presentation or out of it."""
    before, after = places.neighbours(demonstration.key)
    with st.container(horizontal=True, key="turning"):
        for name, key, icon in (("Previous", before, "arrow_back"), ("Next", after, "arrow_forward")):
            if key is not None:
                st.button(
                    f"{name}: {demonstrations()[key].title}",
                    key=f"turn-{name.lower()}",
                    icon=f":material/{icon}:",
                    on_click=_go(key),
                )
        st.button(
            "End the presentation" if presented else "Present to a class",
            key="present-end" if presented else "present-begin",
            type="tertiary",
            icon=":material/close:" if presented else ":material/slideshow:",
            on_click=places.present,
            args=(not presented,),
        )
    if presented:

        def turned() -> None:
            match state.get("turning-keys")["turned"]:
                case "end":
                    places.present(False)
                case "back" if before is not None:
                    places.go(demo=before)
                case "on" if after is not None:
                    places.go(demo=after)

        _turning(key="turning-keys", on_turned_change=turned)


def _go(key: str) -> Callable[[], None]:
    return lambda: places.go(demo=key)
