"""Around the unit inside a step: where it lies on the picture, and its neighbours before and after the step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import ImageDraw

from dashboard import cache, words
from dashboard.layers import numbers
from dashboard.layers import place as places
from explain.results import FeatureMaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.feedback import Listening
    from dashboard.layers.place import Place

#: Side of the small picture, and how many neighbours are shown on each side of the unit.
SIDE, NEAR = 168, 2


def on_the_picture(place: Place) -> None:
    """Frame what the unit can see on a small picture; nothing where that is all of it."""
    from explain.fields import theoretical

    if not place.spatial:
        return
    box = theoretical(places.here(place.rail.model.key, place.rail.untrained), place.layer, *place.unit)
    if box is None or box.width * box.height in (0, place.side**2):
        return
    image = cache.crop(place.choice, SIDE).convert("RGB")
    times, pen = SIDE / place.side, ImageDraw.Draw(image)
    left, top = round(box.left * times), round(box.top * times)
    right, bottom = max(left + 4, round(box.right * times) - 1), max(top + 4, round(box.bottom * times) - 1)
    pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline="black", width=4)
    pen.rectangle((left, top, right, bottom), outline="white", width=2)
    st.image(
        np.asarray(image),
        width=SIDE,
        output_format="JPEG",
        caption=f"What it can see: {box.width} x {box.height} pixels",
        alt=f"{place.rail.alt} A frame marks what the unit in row {place.unit[0]}, column {place.unit[1]} can see.",
    )


def maps(place: Place, source: str, hear: Listening) -> None:
    """Show the unit and its neighbours before the step and after it."""
    network = places.here(place.rail.model.key, place.rail.untrained)
    if source not in {layer.name for layer in network.layers()}:
        return
    before, after = _values(place, source, hear), _values(place, place.layer, hear)
    if before.shape != after.shape:
        return
    if not place.spatial:
        _listed(place, source, before[:, 0, 0], after[:, 0, 0])
        return
    row, column = place.unit
    top, left = max(0, row - NEAR), max(0, column - NEAR)
    part = np.s_[place.channel, top : row + NEAR + 1, left : column + NEAR + 1]
    rows = range(top, top + before[part].shape[0])
    columns = range(left, left + before[part].shape[1])
    marked = (row - top, column - left)
    st.html(
        numbers.in_a_row(
            numbers.grid(f"Before: {source}", before[part], rows, columns, marked=marked),
            "\N{RIGHTWARDS ARROW}",
            numbers.grid(f"After: {place.layer}", after[part], rows, columns, marked=marked),
        )
    )
    st.caption(f"Channel {place.channel} around the unit, which is framed; rows and columns are those of the layer.")


def _listed(place: Place, source: str, before: NDArray[np.float32], after: NDArray[np.float32]) -> None:
    """List the picked value among its neighbours by number."""
    first = max(0, place.channel - NEAR)
    shown = range(first, min(len(before), place.channel + NEAR + 1))
    lines: list[list[str | float]] = [[f"value {each}", float(before[each]), float(after[each])] for each in shown]
    st.html(numbers.table("The value and its neighbours", ["", "before", "after"], lines))
    st.caption(f"Before: {words.escaped(source)}; after: {words.escaped(place.layer)}.")


def _values(place: Place, layer: str, hear: Listening) -> NDArray[np.float32]:
    found = cache.answer(place.at(layer), hear).explanation
    assert isinstance(found, FeatureMaps)
    return found.maps
