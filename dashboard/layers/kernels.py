"""Kernels as pictures: those that read colours as colours, any other as a slice for each channel that it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import lens, sheet, state
from dashboard.layers import place as places
from dashboard.layers.numbers import short

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.layers.place import Place
    from explain.filters import Filter, Filters

#: Kernels shown on a page, slices of one, and bars where a slice is a single weight.
PAGE, SLICES, BARS = 64, 40, 12
COLOURS = ("red", "green", "blue")


def colours(place: Place, filters: Filters, number: int) -> None:
    """Draw the kernels of the first convolution in colours; a click picks one."""
    from explain.filters import read_colours
    from explain.sprites import sprite

    count = filters.shape[0]
    pages = -(-count // PAGE)
    state.check_number("filters-page", 1, pages, int, "the page")
    turned = min(max(1, int(state.get("filters-page") or number // PAGE + 1)), pages)
    numbers = np.arange((turned - 1) * PAGE, min(turned * PAGE, count))
    network = places.here(place.rail.model.key, place.rail.untrained)
    kernels = read_colours(network, filters.layer, numbers)
    tiles = [sheet.Tile(int(shown), str(shown), f"filter {shown}") for shown in numbers]
    data = sheet.pack(
        sprite(kernels),
        tiles,
        coloured=True,
        chosen=number,
        alt=f"Filters of {filters.layer} in colours. Arrow keys move over them, Enter picks one.",
        hint="Click a filter to look at it closely.",
        beside="one-filter",
    )

    def pick() -> None:
        pick_filter(place, filters, int(state.get("kernels")["picked"]))

    sheet.draw(data, key="kernels", on_picked=pick)
    if pages > 1:
        st.pagination(pages, key="filters-page", bind="query-params")
    st.caption(
        f"{len(numbers)} of {count} filters, each scaled by its own largest weight. Mid-grey is zero; a bright colour "
        "is one that the filter looks for, a dark one speaks against it."
    )


def slices(filters: Filters, chosen: Filter) -> None:
    """Draw one kernel as a slice for each channel that it reads, the largest first; a click goes to that channel."""
    from explain.sprites import levels, sprite

    lengths = np.sqrt(np.square(chosen.slices).sum((1, 2)))
    order = np.arange(3) if filters.coloured else np.argsort(-lengths, kind="stable")[:SLICES]
    top = float(np.abs(chosen.slices).max(initial=0))
    if chosen.slices[0].size == 1 and not filters.coloured:
        _weights(filters, chosen, order[:BARS], top)
        return
    sheets = levels(chosen.slices[order], True, np.full(len(order), top, np.float32))
    tiles = []
    for place in order:
        channel = int(chosen.inputs[place])
        label, title = (COLOURS[channel],) * 2 if filters.coloured else (str(channel), _read(filters, channel))
        tiles.append(sheet.Tile(channel, label, title, top, f"length {short(float(lengths[place]))}"))
    linked = bool(filters.source) and not filters.coloured
    data = sheet.pack(
        sprite(sheets, columns=16),
        tiles,
        signed=True,
        chosen=None,
        alt=f"The weights of filter {chosen.number} of {filters.layer}, a square for each channel that it reads. "
        f"Arrow keys move over the channels{', Enter goes to one' if linked else ''}.",
        hint="Point at a square for its weights" + ("; click it to go to that channel." if linked else "."),
    )

    def pick() -> None:
        if linked:
            places.pick_layer(filters.source, int(state.get("slices")["picked"]))

    sheet.draw(data, key="slices", on_picked=pick)
    shown = "" if len(order) == len(lengths) else f"The {len(order)} largest of {len(lengths)} slices. "
    st.caption(f"{shown}Orange is above zero, blue below, all on one scale up to {short(top)}.")


def _weights(filters: Filters, chosen: Filter, order: NDArray[np.int64], top: float) -> None:
    """List the weights of a kernel of 1 x 1 as bars, the largest first; a click goes to the channel that is read."""
    flat = chosen.slices[:, 0, 0]
    options = [
        lens.Option(
            str(int(chosen.inputs[place])),
            _read(filters, int(chosen.inputs[place])),
            short(float(flat[place])),
            abs(float(flat[place])) / (top or 1.0),
            quiet=bool(flat[place] < 0),
        )
        for place in order
    ]

    def pick() -> None:
        places.pick_layer(filters.source, int(state.get("weights-1x1")["picked"]))

    lens.picker(
        options, key="weights-1x1", label="Weights, the largest first", on_picked=pick if filters.source else None
    )
    shown = f"The {len(order)} largest of {len(flat):,} weights. " if len(order) < len(flat) else ""
    st.caption(f"{shown}Grey bars are below zero." + (" Pick one to go to its channel." if filters.source else ""))


def _read(filters: Filters, channel: int) -> str:
    """Name a channel that a filter reads."""
    return f"channel {channel} of {filters.source}" if filters.source else f"input channel {channel}"


def pick_filter(place: Place, filters: Filters, number: int) -> None:
    """Go to the channel that a filter makes; where the picked layer has other channels, to the filter's own layer."""
    state.put("filters-page", number // PAGE + 1)
    if filters.shape[0] == place.size[0]:
        places.pick_channel(number)
    else:
        places.pick_layer(filters.layer, number)
