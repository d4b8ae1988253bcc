"""Between the Explain page and this one: the same network, picture, class and method."""

from __future__ import annotations

from importlib import import_module

import streamlit as st

from dashboard import state
from dashboard.compare.place import KEPT

#: What of the address only the Explain page knows.
LENS = ("view", "pixel")
#: Which method is to be opened on Explain as soon as the page is drawn.
OPEN = "open-on-explain"


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


def _turn(name: str, address: dict[str, str]) -> None:
    page = st.Page(import_module(f"dashboard.views.{name}").page, title=name.capitalize(), url_path=name)
    st.switch_page(page, query_params=address)
