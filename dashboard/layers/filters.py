"""The section of filters: their kernels, how long and how alike they are, and what the network says without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cache, state, words
from dashboard.layers import kernels, silence
from dashboard.layers import place as places
from dashboard.layers.numbers import short

if TYPE_CHECKING:
    from dashboard.feedback import Listening
    from dashboard.layers.place import Place
    from explain.filters import Filter, Filters
    from explain.tracing import Trace
    from models.loaded import LoadedModel

#: Cosines from which two filters count as nearly the same, and as alike.
SAME, ALIKE = 0.95, 0.7


def draw(place: Place, hear: Listening) -> None:
    """Draw the section."""
    from explain.filters import holders

    names = holders(places.here(place.rail.model.key, place.rail.untrained), place.layer)
    if names:
        _filters(place, _holder(place, names), hear)
    else:
        st.markdown(f"**{words.escaped(place.layer)}** holds no filters, and neither does what comes right before it.")
    silence.draw(place, hear)


def _holder(place: Place, names: tuple[str, ...]) -> str:
    """Say whose filters are shown; where several layers make the channels, let one be picked."""
    if names == (place.layer,):
        return place.layer
    nearest = "the nearest layer before it" if len(names) == 1 else "the nearest layers before it"
    st.markdown(f"**{words.escaped(place.layer)}** holds no filters of its own. These are the filters of {nearest}.")
    if len(names) == 1:
        return names[0]
    holder: str = st.radio("Filters of", names, key=f"holder-{place.layer}", horizontal=True)
    return holder


def _filters(place: Place, holder: str, hear: Listening) -> None:
    """Draw all filters, the picked one, and how they compare."""
    hear.work(f"Comparing the filters of {holder}")

    def compare(network: LoadedModel, trace: Trace) -> Filters:
        from explain.filters import read_filters

        return read_filters(network, holder)

    filters = cache.study(place.alone, f"filters:{holder}", compare, hear)
    # Where filters of several layers are joined, a channel's number is not that of its filter.
    number = place.channel if filters.shape[0] == place.size[0] else 0
    top = float(filters.edges[-1])

    def read(network: LoadedModel, trace: Trace) -> Filter:
        from explain.filters import read_filter

        return read_filter(network, holder, number, top)

    chosen = cache.study(place.alone, f"filter:{holder}:{number}", read, hear)
    st.markdown(said(filters))
    left, right = st.columns([58, 42], gap="large")
    with left:
        if filters.coloured:
            kernels.colours(place, filters, number)
        else:
            kernels.slices(filters, chosen)
    with right.container(key="one-filter"):
        _one(place, filters, chosen)
    _figures(filters, chosen)


def said(filters: Filters) -> str:
    """Say in a sentence what the layer holds."""
    count, inputs, height, width = filters.shape
    if filters.coloured:
        reads = "the three colours of the picture"
    elif inputs == 1:
        reads = "a single channel"
    else:
        among = f" of {inputs * filters.groups:,}" if filters.groups > 1 else ""
        reads = f"**{inputs:,}**{among} channels"
    size = f" of **{height} x {width}**" if height * width > 1 else ""
    weights = inputs * height * width
    own = f", with **{weights:,}** weights" if weights > 1 else ", with a single weight"
    return f"**{words.escaped(filters.layer)}** holds **{count:,}** filters{size}. Each reads {reads}{own}."


def _one(place: Place, filters: Filters, chosen: Filter) -> None:
    """Say how the picked filter compares, and let another one be picked by its number."""
    number, count = chosen.number, filters.shape[0]
    key = f"filter-{filters.layer}"
    state.put(key, number)

    def pick() -> None:
        kernels.pick_filter(place, filters, int(state.get(key)))

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input("Filter", 0, count - 1, key=key, on_change=pick, width=150)
        twin = int(filters.twins[number])
        if twin >= 0:
            go = (place, filters, twin)
            st.button(f"Most like it: filter {twin}", key="twin", on_click=kernels.pick_filter, args=go)
    if filters.coloured:
        kernels.slices(filters, chosen)
    for line in about(filters, chosen):
        st.markdown(line)


def about(filters: Filters, chosen: Filter) -> list[str]:
    """Say of one filter how long it is, and how like the others."""
    number, count = chosen.number, filters.shape[0]
    rank = int((filters.norms > filters.norms[number]).sum()) + 1
    bias = "" if chosen.bias is None else f" Its bias is **{short(chosen.bias)}**."
    lines = [f"Its length (L2) is **{short(float(filters.norms[number]))}**, number {rank} of {count} by length.{bias}"]
    if not chosen.slices.any():
        return [*lines, "All its weights are zero: it answers the same wherever it looks."]
    twin, cosine = int(filters.twins[number]), float(filters.cosines[number])
    if twin < 0:
        return [*lines, "No other filter reads the same channels, so it has no twin."]
    if cosine >= SAME:
        verdict = "they are **nearly the same**"
    else:
        verdict = "they are alike" if cosine >= ALIKE else "even that one is not much like it"
    return [*lines, f"Of all others, filter {twin} is most like it, at a cosine of **{cosine:.2f}**: {verdict}."]


def _figures(filters: Filters, chosen: Filter) -> None:
    """Draw how the weights are spread, and the lengths of all filters."""
    from explain import filter_figures

    longest, shortest = filters.norms.max(), filters.norms.min()
    alike = int((filters.cosines >= SAME).sum())
    one, other = st.columns(2, gap="large")
    with one:
        st.subheader("How the weights are spread", anchor=False)
        st.plotly_chart(
            filter_figures.histogram(filters, chosen),
            key="weights",
            config={"displayModeBar": False},
            alt=f"Histogram of the weights of {filters.layer}, from {short(float(filters.edges[0]))} to "
            f"{short(float(filters.edges[-1]))}.",
        )
    with other:
        st.subheader("How long the filters are", anchor=False)
        st.plotly_chart(
            filter_figures.norms(filters, chosen.number),
            key="norms",
            config={"displayModeBar": False},
            alt=f"Lengths of the filters of {filters.layer}, from {short(float(longest))} down to "
            f"{short(float(shortest))}.",
        )
    st.caption(
        f"Filters with a twin of cosine {SAME} or more: {alike} of {filters.shape[0]}. "
        "A short filter answers weakly, unless a norm that follows makes up for it."
    )
