"""Silencing channels of the picked layer: what the network says without them, or with them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import cache, folder_picker, lens, state, widgets, words
from dashboard.classes import TOP, name_of
from dashboard.layers import over as measured_over
from dashboard.layers import place as places
from dashboard.layers.numbers import signed
from models.errors import LayerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.feedback import Listening
    from dashboard.layers.place import Place
    from explain.silencing import Drops, Effect
    from explain.tracing import Trace
    from models.loaded import LoadedModel

    Chances = NDArray[np.float32]

#: What to do with the picked channels, as the address writes it and as the page says it.
SILENCE, KEEP = "silence", "keep"
WAYS = {SILENCE: "Silence these", KEEP: "Keep only these"}
#: Channels listed by what they do to the answer, and digits of a channel in the address.
LISTED, DIGITS = 8, 6
#: Channels that may be picked at once, since the address holds them; and from how many on they are not all listed.
MOST_PICKED, MOST_OFFERED = 512, 2048


def draw(place: Place, hear: Listening) -> None:
    """Draw the section."""
    from explain.silencing import channels_of

    st.subheader("What if channels fell silent?", anchor=False)
    try:
        _, count = channels_of(places.here(place.rail.model.key, place.rail.untrained), place.layer)
    except LayerError as error:
        st.markdown(words.escaped(error.message))
        return
    channels, keep_only = _chosen(place, count)
    if channels:
        hear.work("Running the rest of the network")
        _effect(place, channels, keep_only, hear)
        _counted(place, channels, keep_only, hear)
    else:
        st.markdown("Pick channels, and only what comes after this layer is run again without them.")
    _drops(place, count, hear)


def _counted(place: Place, channels: list[int], keep_only: bool, hear: Listening) -> None:
    """Offer to count over the samples or a folder how many pictures are named right."""
    if st.toggle("Count over many pictures how many it names right", key="counted", bind="query-params"):
        over = folder_picker.choose(place.rail.model, hear)
        if over is not None:
            measured_over.accuracy(place, channels, keep_only, over, hear)


def _chosen(place: Place, count: int) -> tuple[list[int], bool]:
    """Draw the controls, and return the channels, and whether all others are the ones to silence."""
    channels = silent(place, count)
    with st.container(horizontal=True, vertical_alignment="center"):
        keep_only = keeping()
        add = place.channel not in channels and place.channel < count and len(channels) < MOST_PICKED
        verb = "Add" if channels else "Keep only" if keep_only else "Silence"
        st.button(
            f"{verb} {place.named}",
            key="silence-this",
            disabled=not add,
            on_click=remember,
            args=(place.layer, [*channels, place.channel]),
        )
        if channels:
            st.button("Forget all", key="silence-none", on_click=remember, args=(place.layer, []))
    key = f"silenced-{place.layer}"
    state.put(key, channels)

    def follow() -> None:
        remember(place.layer, _written(state.get(key), count))

    # To send thousands of numbers with each answer of the page would slow it down; so there they are written.
    wide = count > MOST_OFFERED
    st.multiselect(
        "The channels",
        channels if wide else range(count),
        key=key,
        on_change=follow,
        max_selections=MOST_PICKED,
        accept_new_options=wide,
        placeholder=f"Add more by number, 0 to {count - 1}",
        label_visibility="collapsed",
    )
    if count > MOST_PICKED:
        st.caption(f"At most {MOST_PICKED} of the {count:,} channels can be picked at once.")
    return channels, keep_only


def keeping() -> bool:
    """Draw the choice of what to do with the channels, and return whether all others are the ones to silence."""
    what = "what to do with the channels"
    return widgets.pick("Channels of this layer", WAYS, "silencing", what, label_shown=False) == KEEP


def silent(place: Place, count: int) -> list[int]:
    """Read from the address which channels of the layer are picked; those of another layer are left for later."""
    layers = {info.name for info in places.here(place.rail.model.key, place.rail.untrained).layers()}

    def accepts(asked: str) -> bool:
        found = _read(asked)
        return found is not None and found[0] in layers

    found = _read(state.mirrored("silent", accepts, "the channels") or "")
    if found is None or found[0] != place.layer:
        return []
    there = [channel for channel in found[1] if channel < count]
    if there != found[1]:
        state.notice(f"This link asks for channels that {place.layer} does not have; it has 0 to {count - 1}.")
    picked = there[:MOST_PICKED]
    if picked != there:
        state.notice(f"At most {MOST_PICKED} channels can be picked at once; the first {MOST_PICKED} are picked here.")
    if picked != found[1]:
        remember(place.layer, picked)
    return picked


def remember(layer: str, channels: list[int]) -> None:
    """Keep the picked channels in the address: silent=layer3:4-12."""
    numbers = "-".join(str(channel) for channel in sorted(channels))
    state.mirror("silent", f"{layer}:{numbers}" if numbers else None)


def _read(text: str) -> tuple[str, list[int]] | None:
    """Turn "layer3:4-12" into the layer and its channels; None where it is written in another way."""
    layer, colon, numbers = text.rpartition(":")
    parts = numbers.split("-")
    if not colon or not all(part.isascii() and part.isdigit() and len(part) <= DIGITS for part in parts):
        return None
    return layer, sorted({int(part) for part in parts})


def _written(values: list[int | str], count: int) -> list[int]:
    """Turn what was picked or written into channels; what is none is dropped with a notice."""
    texts = [str(value).strip() for value in values]
    channels = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) <= DIGITS]
    there = sorted({channel for channel in channels if channel < count})
    if len(channels) < len(texts) or any(channel >= count for channel in channels):
        state.notice(f"A channel is a number from 0 to {count - 1}.")
    return there


def _effect(place: Place, channels: list[int], keep_only: bool, hear: Listening) -> None:
    """Draw the prediction before and after."""

    def compute(network: LoadedModel, trace: Trace) -> Effect:
        from explain.silencing import effect

        return effect(trace, place.layer, channels, keep_only)

    name = f"silenced:{'keep' if keep_only else 'silence'}:{'-'.join(map(str, channels))}"
    found = cache.study(place.choice, name, compute, hear)
    names = place.rail.model.classes
    st.markdown(sentence(found, channels, keep_only, names))
    shown = {int(found.before.argmax()), int(found.after.argmax())}
    for column, key, heading, chances in zip(
        st.columns(2, gap="large"), ("before", "after"), ("Before", "After"), (found.before, found.after), strict=True
    ):
        with column:
            st.markdown(f"**{heading}**")
            lens.picker(_bars(chances, shown, names), key=f"silence-{key}", label=f"Most likely classes {key}")


def sentence(found: Effect, channels: list[int], keep_only: bool, names: tuple[str, ...]) -> str:
    """Say what the network says now, and what it said."""
    before, after = int(found.before.argmax()), int(found.after.argmax())
    which = f"channel {channels[0]}" if len(channels) == 1 else f"these {len(channels)} channels"
    with_or_without = f"With {which} alone" if keep_only else f"Without {which}"
    said, says = words.escaped(name_of(before, names)), words.escaped(name_of(after, names))
    sure, still = words.percent(float(found.before[before])), words.percent(float(found.after[before]))
    if before == after:
        if sure == still:
            return f"{with_or_without}, the model still says *{said}*, and is as sure of it: **{sure}**."
        return f"{with_or_without}, the model still says *{said}*: **{still}** sure instead of **{sure}**."
    now = words.percent(float(found.after[after]))
    fallen = f"which falls from {sure} to {still}"
    return f"{with_or_without}, the model says *{says}* (**{now}**) instead of *{said}*, {fallen}."


def _bars(chances: Chances, marked: set[int], names: tuple[str, ...]) -> list[lens.Option]:
    """List the most likely classes; those that won before or after stand out, and are there in any case."""
    order = [int(index) for index in np.argsort(-chances, kind="stable")]
    return [
        lens.Option(
            id=str(index),
            name=name_of(index, names),
            figure=words.percent(float(chances[index])),
            share=float(chances[index]),
            quiet=index not in marked,
        )
        for place, index in enumerate(order)
        if place < TOP or index in marked
    ]


def _drops(place: Place, count: int, hear: Listening) -> None:
    """Offer to silence each channel by itself, and list those whose silence changes the score the most."""
    layers = {info.name for info in places.here(place.rail.model.key, place.rail.untrained).layers()}
    asked = state.mirrored("each", layers.__contains__, "the layer")
    if asked != place.layer:
        st.button(
            f"Which of the {count:,} {place.part}s matter the most here?",
            key="ask-each",
            on_click=state.mirror,
            args=("each", place.layer),
        )
        return
    hear.work(f"Silencing each channel of {place.layer} by itself")

    def compute(network: LoadedModel, trace: Trace) -> Drops:
        from explain.silencing import drops
        from explain.target import ClassLogit, probabilities

        index = int(probabilities(trace.logits)[0].argmax())
        return drops(trace, place.layer, ClassLogit(index))

    found = cache.study(place.choice, "drops", compute, hear)
    name = words.escaped(name_of(found.index, place.rail.model.classes))
    st.markdown(
        f"Each {place.part} by itself at zero, and what that changes in the score of *{name}*. Pick one to silence it."
    )
    order = [int(channel) for channel in np.argsort(-found.values, kind="stable")]
    one, other = st.columns(2, gap="large")
    with one:
        _listed(place, found.values, order[:LISTED], speaks_against=False)
    with other:
        _listed(place, found.values, order[::-1][:LISTED], speaks_against=True)


def _listed(place: Place, values: Chances, channels: list[int], *, speaks_against: bool) -> None:
    """List channels with a bar for what their silence changes; a click silences one."""
    side = "against" if speaks_against else "for"
    heading = f"Speak {side} it the most"
    top = float(np.abs(values).max(initial=0)) or 1.0

    def pick() -> None:
        remember(place.layer, [int(state.get(f"each-{side}")["picked"])])

    st.markdown(f"**{heading}**")
    options = [
        lens.Option(
            id=str(channel),
            name=f"{place.part} {channel}{place.class_of(channel)}",
            # What is measured is by how much the score falls.
            figure=f"score {signed(-float(values[channel]))}",
            share=abs(float(values[channel])) / top,
            quiet=speaks_against,
        )
        for channel in channels
        if (values[channel] < 0 if speaks_against else values[channel] > 0)
    ]
    lens.picker(options, key=f"each-{side}", label=heading, on_picked=pick)
