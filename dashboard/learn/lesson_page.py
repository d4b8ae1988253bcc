"""The page of a lesson, on the screen and on paper: there, links are written out and the answers stand at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import streamlit as st

from dashboard import state
from dashboard.components import component
from dashboard.learn.demonstrations import demonstrations
from dashboard.learn.desk import Desk
from dashboard.learn.terms import explained

if TYPE_CHECKING:
    from dashboard.learn.lesson import Lesson, Step

STYLE = Path(__file__).resolve().parent.parent / "lens" / "lesson.css"
#: The switch that unfolds all answers, by its name in the address.
ANSWERS = "lesson-answers"
#: How the switch may stand in a link.
SPELLINGS = {"false": "closed", "true": "open"}
_printing = component("printing")


def draw(lesson: Lesson) -> None:
    """Draw a lesson."""
    st.html(STYLE)
    _write(lesson.summary)
    _write(f"**{lesson.minutes} minutes.** {lesson.goal}")
    with st.container(key="lesson-bar", horizontal=True, vertical_alignment="center"):
        state.check_option(ANSWERS, SPELLINGS, str, "the answers")
        opened = st.toggle("Answers open, for the teacher", key=ANSWERS, bind="query-params")
        _printing(key="lesson-print", data={"label": "Print this lesson"})
    with st.container(key="lesson-steps"):
        for number, step in enumerate(lesson.steps, 1):
            _step(lesson, number, step, opened)
    if not opened:
        with st.container(key="lesson-answers-printed"):
            st.header("Answers", anchor=False)
            for number, step in enumerate(lesson.steps, 1):
                for place, question in enumerate(step.questions, 1):
                    _write(f"**{_label(number, place, step)}** {question.answer}")


def written(step: Step, page: str | None) -> str:
    """Write a step's address out for paper; `page`: the address of the page that is open, where it is known."""
    return f"{(page or 'learn').partition('?')[0]}?{urlencode(step.address)}"


def _step(lesson: Lesson, number: int, step: Step, opened: bool) -> None:
    with st.container(key=f"lesson-step-{number}"):
        st.header(f"{number}. {step.title}", anchor=False)
        _write(f"*{step.minutes} {'minute' if step.minutes == 1 else 'minutes'}.* {step.task}")
        demonstration = demonstrations().get(step.demonstration)
        if demonstration is not None:
            address = {name.replace("-", "_"): value for name, value in step.address.items()}
            with st.container(key=f"lesson-link-{number}", gap=None):
                Desk(demonstration).link(f"Open “{demonstration.title}” as this step needs it", "learn", **address)
                with st.container(key=f"lesson-written-{number}"):
                    st.markdown(f"`{written(step, st.context.url)}`")
        _write(f"**What to expect.** {step.expect}")
        for place, question in enumerate(step.questions, 1):
            _write(f"**{_label(number, place, step)}** {question.asked}")
            if opened:
                _write(f"*Answer.* {question.answer}")
            else:
                with st.expander(f"Answer to question {_label(number, place, step).removesuffix('.')}"):
                    _write(question.answer)


def _label(number: int, place: int, step: Step) -> str:
    """Number a question: 2, or 2a where its step asks several."""
    letter = "abcdef"[place - 1] if len(step.questions) > 1 else ""
    return f"{number}{letter}."


def _write(text: str) -> None:
    st.markdown(explained(text))
