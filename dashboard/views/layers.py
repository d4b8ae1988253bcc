"""The Layers page: what every layer, channel and unit of a network does, on the picture."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cache, feedback, loading, state, words
from dashboard.layers import place as places
from dashboard.layers import strip

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.layers.place import Place
    from dashboard.sidebar import Rail

#: The sections, by the module in dashboard.layers that draws each, and what they are called.
SECTIONS = {
    "maps": "Feature maps",
    "unit": "What a unit sees",
    "step": "Inside a step",
    "filters": "Filters",
    "visualise": "What a channel looks for",
    "top": "Top pictures",
    "audit": "Audit",
}


def page() -> None:
    """Draw the page."""
    loading.frame("layers", _layers)


def _layers(rail: Rail, head: DeltaGenerator, body: DeltaGenerator) -> None:
    """Draw the network, and below it the section that was picked."""
    title, text, progress = head.empty(), head.container(), head.container()
    title.title("What does each layer see?", anchor=False)
    # What the address says is all that the page may be working on.
    halted = feedback.stopped(("layers", rail.picture.sha256, state.address()))
    hear = feedback.Listening(progress, f"Making {rail.model.label} ready")
    with hear, body:
        if halted and cache.loaded(rail.model.key, rail.untrained) is None:
            feedback.offer_to_begin()
            return
        network = cache.model(rail.model.key, rail.untrained, hear)
        place = places.find(rail, network, hear)
        text.markdown(_said(place))
        strip.draw(rail.model.key, rail.untrained, place.layer, hear)
        state.check_option("section", SECTIONS, lambda name: SECTIONS[name], "the section", str)
        section = st.segmented_control(
            "Section",
            list(SECTIONS),
            default=next(iter(SECTIONS)),
            required=True,
            format_func=lambda name: SECTIONS[name],
            key="section",
            bind="query-params",
            label_visibility="collapsed",
        )
        if halted:
            feedback.offer_to_begin()
            return
        import_module(f"dashboard.layers.{section}").draw(place, hear)
    feedback.finished()


def _said(place: Place) -> str:
    """Say in a sentence what the picked layer is."""
    channels, rows, columns = place.size
    shape = f"**{channels:,}** channels of **{rows} x {columns}**" if place.spatial else f"**{channels:,}** values"
    seen = place.info.receptive_field
    field = "the whole picture" if seen is None else f"**{seen[0]} x {seen[1]}** pixels of it"
    weights = f" and holds **{place.info.parameters:,}** weights" if place.info.parameters else ""
    kind, name = words.escaped(place.info.kind), words.escaped(place.layer)
    return f"**{name}** ({kind}) gives {shape}{weights}. Each of its units can see {field}."
