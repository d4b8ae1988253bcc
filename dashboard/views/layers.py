"""The Layers page: what every layer, channel and unit of a network does, on the picture."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from dashboard import cache, feedback, loading, state, widgets, words
from dashboard.layers import place as places
from dashboard.layers import strip, visualise

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


#: What of the address belongs to this page, and is still there after a look at another one.
KEPT = (
    *("layer", "channel", "unit", "section", "order", "aim"),
    *("silent", "silencing", "each", "head", "looking", "over"),
)


def page() -> None:
    """Draw the page."""
    loading.frame("layers", _layers, KEPT)


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
        if cache.loaded(rail.model.key, rail.untrained) is None:
            hear.starting()
        network = cache.model(rail.model.key, rail.untrained, hear)
        place = places.find(rail, network, hear)
        text.markdown(_said(place))
        strip.draw(place, hear)
        section = widgets.pick("Section", SECTIONS, "section", "the section", label_shown=False)
        if halted:
            if section == "visualise":
                visualise.draw_stopped(place, hear)
            feedback.offer_to_begin("Pick another section or layer, change anything in the rail, or begin again.")
            return
        import_module(f"dashboard.layers.{section}").draw(place, hear)
    feedback.finished()


def _said(place: Place) -> str:
    """Say in a sentence what the picked layer is."""
    channels, rows, columns = place.size
    shape = f"**{channels:,}** channels of **{rows} x {columns}**" if place.spatial else f"**{channels:,}** values"
    weights = f" and holds **{place.info.parameters:,}** weights" if place.info.parameters else ""
    kind, name = words.escaped(place.info.kind), words.escaped(place.layer)
    units = "Each of its units" if place.spatial else "Each of them"
    return f"**{name}** ({kind}) gives {shape}{weights}. {units} can see {_seen(place)}.{_tokens(place)}"


def _seen(place: Place) -> str:
    """Say how much of the picture a unit can see; a field may be larger than the picture, whose rest is padding."""
    field, side = place.info.receptive_field, place.side
    if field is None:
        known = places.here(place.rail.model.key, place.rail.untrained).graph.operations is not None
        return "the whole picture" if known else "a part of the picture, or all: here that is not known"
    size = f"**{field[0]} x {field[1]}** pixels"
    if min(field) > side:
        return f"{size}, more than the whole {side} x {side} picture"
    return f"{size} of the picture's {side} x {side}"


def _tokens(place: Place) -> str:
    """Explain the other shape that the strip gives a layer of tokens."""
    network = places.here(place.rail.model.key, place.rail.untrained)
    geometry = network.graph.geometry[place.layer]
    if "T" not in geometry.axes or not place.spatial:
        return ""
    _, rows, columns = place.size
    ahead = {0: "", 1: "the class token and "}.get(geometry.prefix, f"{geometry.prefix} tokens without a place and ")
    shape = " x ".join(str(count) for count in place.info.shape[1:])
    count = place.size[0]
    return f" The strip writes it as {shape}: {ahead}{rows} x {columns} places, each a token of {count} numbers."
