"""The Explain page: one picture, one prediction, one explanation, and how far to trust it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cache, classes, export, feedback, known, loading, method_picker, state, trust, widgets, words
from dashboard.answers import Choice
from dashboard.compare import links
from dashboard.show import Shown, Underway, show
from models.errors import UnsuitableError

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.sidebar import Rail

log = logging.getLogger("convlens")


def page() -> None:
    """Draw the page."""
    links.arrive()
    loading.frame("explain", _explain, ("method", trust.ADDRESS))


def _explain(rail: Rail, head: DeltaGenerator, body: DeltaGenerator) -> None:
    """Ask, answer, and draw the answer: the lens on the left, classes and checks on the right."""
    # Each has a place of its own, so that nothing moves, and stays in sight twice, while the checks run.
    title, progress, text = head.container(), head.container(), head.container()
    hear = feedback.Listening(progress, f"Making {rail.model.label} ready")
    with hear:
        asked = Choice(
            model=rail.model.key,
            picture=rail.picture,
            method=rail.method.name,
            parameters=_parameters(rail, hear),
            ask=state.get("ask", "score"),
            untrained=rail.untrained,
        )
        if feedback.stopped(asked.key[:5]):
            title.title("Stopped", anchor=False)
            with text.container():
                feedback.offer_to_begin()
            return
        if cache.loaded(asked.model, asked.untrained) is None and cache.peek(asked) is None:
            hear.starting()
        prediction = cache.predict(asked, hear)
        left, right = body.columns([55, 45], gap="large")
        with right:
            choice = classes.draw(asked, prediction, rail.model.classes)
        asks = classes.Question.of(choice, prediction, rail.model.classes)
        title.title(words.headline(asks), anchor=False)
        remark = known.remark(asked.picture, rail.model, prediction)
        if remark:
            title.markdown(remark)
        underway = Underway(left.container(), cache.crop(choice))
        hear.work(f"Computing {rail.method.label}", underway)
        try:
            answer = cache.answer(choice, hear)
        except UnsuitableError as error:
            underway.clear()
            _refused(rail, choice, error, text, left)
            _about(rail, body)
            return
        underway.clear()
    stopped = trust.halted(choice)
    if not stopped:
        feedback.finished()
    shown = Shown(choice, answer, asks, words.origin(answer, rail.method.label, rail.model.label), rail.alt)
    text.markdown(words.sentence(answer, asks))
    with left:
        trust.beside(shown)
        show(answer.explanation, shown)
    with right:
        offer = trust.quick(shown)
        with st.container(horizontal=True):
            links.button()
            export.draw(shown)
    all_checks = body.container(key="all-checks")
    _about(rail, body)
    # Last, since it takes longest: all else stands by then.
    if offer is not None:
        trust.thorough(shown, offer, all_checks, stopped)


def _refused(rail: Rail, choice: Choice, error: UnsuitableError, text: DeltaGenerator, place: DeltaGenerator) -> None:
    """Say why the method has no answer, and offer those that have; one that nobody picked gives way by itself."""
    usual = method_picker.usual(choice.model, choice.untrained)
    if not method_picker.asked() and usual != choice.method:
        st.rerun()
    log.info("told the user: %s", error, exc_info=error)
    text.markdown(f"{words.refused(rail.method.label)} {words.escaped(f'{error.message} {error.hint}')}")
    with place:
        st.image(cache.crop(choice), width="stretch", alt=rail.alt)
        with st.container(horizontal=True):
            for entry in method_picker.instead(rail.method, choice.model, choice.untrained):
                label = f"Show {entry.label} instead"
                st.button(label, key=f"instead-{entry.name}", on_click=method_picker.pick, args=(entry.name, usual))


def _parameters(rail: Rail, hear: feedback.Listening) -> tuple[tuple[str, object], ...]:
    layers = cache.layers(rail.model.key, rail.untrained)
    if layers is None:
        cache.model(rail.model.key, rail.untrained, hear)
        layers = cache.layers(rail.model.key, rail.untrained) or ()
    with rail.adjust:
        values = widgets.configure(rail.method.name, rail.method.params, layers, rail.model.classes)
        widgets.ask()
    return values


def _about(rail: Rail, body: DeltaGenerator) -> None:
    with body, st.expander(f"About {rail.method.label}", icon=":material/menu_book:"):
        for paragraph in (rail.method.doc, *rail.method.more):
            st.markdown(words.escaped(paragraph))
        st.caption(f"{words.escaped(rail.method.family)} · {words.escaped(rail.method.paper)}")
