"""Between the Explain page and this one: the same network, picture, class and method."""

from __future__ import annotations

from importlib import import_module

import streamlit as st

from dashboard import state
from dashboard.compare.place import KEPT

#: What of the address only the Explain page knows.
LENS = ("view", "pixel")
#: Which method is to be opened on Explain as soon as the page is drawn, and what widgets there are to hold.
OPEN, CARRIED = "open-on-explain", "carried"


def button() -> None:
    """Draw the button that leads from the Explain page here, with all that is asked there."""
    if st.button("Compare", key="to-compare", icon=":material/compare:", help="Beside other methods or classes"):
        _turn("compare", {name: value for name, value in state.address() if name not in LENS})


def later(method: str) -> None:
    """Open a method on the Explain page when the page is drawn next: a callback cannot turn to another page."""
    state.put(OPEN, method)


def follow() -> None:
    """Turn to the Explain page where a map was picked for that."""
    method = state.get(OPEN)
    if method is not None:
        state.drop(OPEN)
        own = {name: value for name, value in state.address() if name not in KEPT}
        _turn("explain", {**own, "method": method})


def arrive() -> None:
    """Set the widgets of this page as those of the page before it were."""
    for key, value in (state.get(CARRIED) or {}).items():
        state.put(key, value)
        state.keep(key, False)
    state.drop(CARRIED)


def _turn(name: str, address: dict[str, str]) -> None:
    """Turn to another page; what a widget writes into the address goes along in the session instead."""
    bound = state.bound()
    state.put(CARRIED, bound)
    address = {name: value for name, value in address.items() if name not in bound}
    page = st.Page(import_module(f"dashboard.views.{name}").page, title=name.capitalize(), url_path=name)
    st.switch_page(page, query_params=address)
