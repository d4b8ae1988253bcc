"""The panes side by side, with one cursor and one zoom, and how two of them differ."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import panes, state, widgets
from dashboard.compare import said
from dashboard.compare.scales import SCALES, Scaled, difference, on_one_grid, scaled
from dashboard.panes import Pane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from dashboard.compare.filling import Seen
    from dashboard.compare.place import Place
    from dashboard.compare.scales import Floats

NO_DIFFERENCE = "none"
HINT = "Point at a pane, or use the arrow keys, to read the same place in all."


@dataclass(frozen=True, eq=False)
class Drawn:
    """What the panes show: raw maps on one grid, the photographs below them, and the maps as they are scaled.

    apart: the numbers of the two whose difference is drawn, and that difference.
    """

    seen: tuple[Seen, ...]
    maps: tuple[Floats, ...]
    photos: tuple[Image.Image, ...]
    scaled: tuple[Scaled, ...]
    cut: bool
    apart: tuple[int, int, Scaled] | None


def draw(place: Place, seen: Sequence[Seen]) -> Drawn:
    """Draw the panes, and how two of them differ, and return what they show."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="compare-scale"):
        how = widgets.pick("Colours", SCALES, "scale", "the scale")
        pair = _pair(seen)
    drawn = arranged(place, seen, how, pair)
    shown = [_pane(place, drawn, number) for number in range(len(seen))]
    if drawn.apart is not None:
        shown.append(_apart(drawn, drawn.apart))
    asked = state.mirrored("zoom", _zoom, "the zoom")
    data = panes.pack(shown, hint=HINT, zooms=True, zoom=asked, stacked=True)
    panes.draw(data, key="compared", on_zoom=_zoomed)
    st.caption(said.scale(how, place.axis) + (said.CUT if drawn.cut else ""))
    return drawn


def arranged(place: Place, seen: Sequence[Seen], how: str, pair: tuple[int, int] | None) -> Drawn:
    """Bring the maps onto one grid and on their scales."""
    maps, photos, cut = on_one_grid(seen)
    signed = [one.heatmap.signed for one in seen]
    titles = [one.title for one in seen]
    shown = scaled(maps, signed, titles, how, place.axis.one_unit)
    apart = None if pair is None else (*pair, difference(shown[pair[0]], shown[pair[1]], how))
    return Drawn(tuple(seen), tuple(maps), tuple(photos), tuple(shown), cut, apart)


def _pair(seen: Sequence[Seen]) -> tuple[int, int] | None:
    """Choose two panes whose difference is drawn."""
    if len(seen) < 2:
        return None
    pairs = list(combinations(range(len(seen)), 2))
    options = {f"{one + 1}-{other + 1}": f"{seen[one].title} less {seen[other].title}" for one, other in pairs}
    options[NO_DIFFERENCE] = "none"
    chosen = st.selectbox(
        "Difference",
        list(options),
        format_func=lambda option: options[option],
        key="difference",
        on_change=state.select("difference", options, "the difference"),
        width=360,
    )
    found = state.two_numbers(str(chosen))
    return None if found is None else (found[0] - 1, found[1] - 1)


def _pane(place: Place, drawn: Drawn, number: int) -> Pane:
    one, shown = drawn.seen[number], drawn.scaled[number]
    return Pane(
        *("map", one.title, said.answer(place.axis, one), said.alt(one), one.title),
        layer=np.asarray(shown.values, np.float32),
        top=shown.top,
        signed=shown.signed,
        legend=shown.legend,
        exceeds=shown.exceeds,
        suffix=shown.unit,
        photo=drawn.photos[number],
    )


def _apart(drawn: Drawn, apart: tuple[int, int, Scaled]) -> Pane:
    first, second, shown = apart
    one, other = drawn.seen[first].title, drawn.seen[second].title
    return Pane(
        *("map", f"{one} less {other}", said.difference(one, other)),
        *(f"Where {one} and {other} differ. {drawn.seen[first].member.alt}", "difference"),
        layer=np.asarray(shown.values, np.float32),
        top=shown.top,
        signed=True,
        legend=shown.legend,
        exceeds=shown.exceeds,
        suffix=shown.unit,
        photo=drawn.photos[first],
    )


def _zoom(text: str) -> bool:
    """Tell whether this is how large in percent, and the middle in percent of the picture: 400-50-37."""
    parts = text.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in parts):
        return False
    factor, *middle = map(int, parts)
    return 100 <= factor <= 1600 and all(place <= 100 for place in middle)


def _zoomed() -> None:
    state.mirror("zoom", state.get("compared")["zoom"] or None)
