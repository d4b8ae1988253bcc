"""The filters over the sheet of pictures, and the list of those that could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.mistakes import place as places
from dashboard.mistakes import said
from explain.mistakes import ORDERS, Filter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.mistakes.place import Place

ANY = "any"
#: How wide a filter is, in pixels: six stand in a row.
WIDTH = 150


def draw(place: Place) -> None:
    """Draw the filters; each lives in the address."""
    cases, asked = place.run.cases, place.filter
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="filters"):
        _select("show", "List", list(places.SHOWN), asked.show, places.SHOWN)
        _class("true", "True class", place, cases.label[cases.counted], asked.true)
        _class("guess", "Taken for", place, cases.predicted[cases.fine], asked.predicted)
        _select("top5", "True class is", list(places.TOP5), asked.top5, places.TOP5)
        _select("order", "Order", list(ORDERS), place.order, ORDERS)
        state.put("list-sure", (round(100 * asked.low), round(100 * asked.high)))
        st.slider(
            "How sure, in %",
            0,
            100,
            key="list-sure",
            on_change=_sure,
            width=WIDTH,
            help="The probability that the network gives its first guess.",
        )
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="listed"):
        st.caption(f"{len(place.rows):,} of {said.counted(len(cases), 'picture')} listed", width="content")
        if asked != Filter(show=asked.show):
            st.button("Clear the filters", key="clear_filters", type="tertiary", on_click=_clear)


def _select(name: str, label: str, options: list[str], value: str, words: dict[str, str]) -> None:
    """Draw the choice of a value that the address holds under this name; the first is the default."""
    key = f"list-{name}"
    state.put(key, value)
    st.selectbox(
        label, options, format_func=lambda option: words[option], key=key, on_change=_pick, args=(name,), width=WIDTH
    )


def _pick(name: str) -> None:
    value = state.get(f"list-{name}")
    if name == "order":
        state.mirror("case", None)
        state.mirror("order", None if value == next(iter(ORDERS)) else value)
        return
    # What is listed where nobody says depends on the run, so it is always written.
    places.set_filter(**{name: None if name == "top5" and value == ANY else value})


def _class(name: str, label: str, place: Place, occurring: NDArray[np.int32], value: int | None) -> None:
    """Draw the choice of one of the classes that occur; none is any."""
    indices = sorted({int(index) for index in np.unique(occurring)} | ({value} if value is not None else set()))
    key = f"list-{name}"
    state.put(key, None if value is None else place.names[value])
    st.selectbox(
        label,
        [place.names[index] for index in indices],
        key=key,
        index=None,
        placeholder=ANY,
        on_change=_pick_class,
        args=(name,),
        width=WIDTH,
    )


def _pick_class(name: str) -> None:
    places.set_filter(**{name: state.get(f"list-{name}")})


def _sure() -> None:
    low, high = state.get("list-sure")
    places.set_filter(sure=None if (low, high) == (0, 100) else f"{low}-{high}")


def _clear() -> None:
    places.set_filter(true=None, guess=None, sure=None, top5=None)


def unreadable(place: Place) -> None:
    """List the pictures without an answer, each with its reason."""
    cases = place.run.cases
    rows = np.flatnonzero(~cases.fine)
    if not len(rows):
        return
    with st.expander(f"{said.counted(len(rows), 'picture')} without an answer", icon=":material/block:"):
        st.dataframe(
            {"Picture": [str(cases.name[row]) for row in rows], "Why": [str(cases.reason[row]) for row in rows]},
            hide_index=True,
            key="unreadable",
            alt="The pictures without an answer, and why.",
        )
