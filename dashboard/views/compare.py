"""The Compare page: two to four maps side by side, over methods, classes, networks or pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cache, feedback, loading
from dashboard.compare import agreeing, drawing, exporting, filling, links, measuring, said, wall
from dashboard.compare import place as places
from dashboard.compare.axes import Base

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.sidebar import Rail


def page() -> None:
    """Draw the page."""
    links.arrive()
    loading.frame("compare", _compare, places.KEPT)


def _compare(rail: Rail, head: DeltaGenerator, body: DeltaGenerator) -> None:
    """Answer for each pane, draw the panes, and below them what can be measured, the quick things first."""
    links.follow()
    title, text, progress = head.empty(), head.container(), head.container()
    title.title("Comparing", anchor=False)
    hear = feedback.Listening(progress, f"Making {rail.model.label} ready")
    with hear, body:
        asked = places.ask(rail, hear)
        if feedback.stopped(asked.key) and cache.peek(asked) is None:
            title.title("Stopped", anchor=False)
            feedback.offer_to_begin()
            return
        if cache.loaded(asked.model, asked.untrained) is None and cache.peek(asked) is None:
            hear.starting()
        place = places.find(Base(rail, asked, cache.predict(asked, hear)), hear)
        title.title(said.headline(place), anchor=False)
        if feedback.stopped(place.key):
            feedback.offer_to_begin()
            return
        seen, refusals = filling.fill(place, st.container(), hear)
        for refusal in refusals:
            feedback.notice(refusal)
        halted = bool(seen) and _drawn(place, seen, text, hear)
    if not halted:
        feedback.finished()


def _drawn(place: places.Place, seen: list[filling.Seen], text: DeltaGenerator, hear: feedback.Listening) -> bool:
    """Draw the panes and what is measured of them, each part as it is ready; tell whether the user has stopped any."""
    drawn = drawing.draw(place, seen)
    pairs = agreeing.agreement(drawn.maps)
    if pairs:
        first = pairs[0]
        text.markdown(said.alike(seen[0].title, seen[first.second].title, first.spearman, first.ssim))
        agreeing.draw(drawn, pairs)
    else:
        text.markdown(f"Pick one of the {place.axis.key} to put beside it.")
    checked = measuring.draw(place, seen, hear)
    exporting.draw(place, drawn, pairs, checked)
    return wall.draw(place, hear) or checked.halted
