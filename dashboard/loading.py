"""What every page begins with: the rail, notices, and whether the network may be loaded."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from dashboard import cache, feedback, sidebar, state
from dashboard.catalogue import size_in_words
from dashboard.components import component
from dashboard.sidebar import Network, Rail
from models.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamlit.delta_generator import DeltaGenerator

Chosen = TypeVar("Chosen", Rail, Network)

log = logging.getLogger("convlens")

#: Takes what the page writes into its address after one act of the user as one step back in the browser.
_history = component("history", html="<i hidden>\n</i>")


def frame(
    page: sidebar.Page,
    draw: Callable[[Rail, DeltaGenerator, DeltaGenerator], None],
    names: tuple[str, ...] = (),
) -> None:
    """Draw a page: the rail, then by `draw` the headline and the body, once the network may be loaded.

    names: what of the address belongs to that page.
    """
    _frame(lambda: sidebar.draw(page, names), draw)


def network_frame(
    page: sidebar.Page, names: tuple[str, ...], draw: Callable[[Network, DeltaGenerator, DeltaGenerator], None]
) -> None:
    """Draw a page about a network alone in the same way; `names`: what of the address belongs to it."""
    _frame(lambda: sidebar.draw_network(page, names), draw)


def free_frame(draw: Callable[[DeltaGenerator, DeltaGenerator], None]) -> None:
    """Draw a page that no network is picked for: the headline and the body by `draw`, which fills the rail itself."""
    _framed(draw)


def _frame(choose: Callable[[], Chosen], draw: Callable[[Chosen, DeltaGenerator, DeltaGenerator], None]) -> None:
    def chosen(head: DeltaGenerator, body: DeltaGenerator) -> None:
        rail = choose()
        with head:
            ready = _allowed(rail)
        if ready:
            try:
                draw(rail, head, body)
            except WeightsError as error:
                with head:
                    _failed(rail, error)

    _framed(chosen)


def _framed(draw: Callable[[DeltaGenerator, DeltaGenerator], None]) -> None:
    top, head, body = st.container(key="notices"), st.container(key="headline"), st.container(key="body")
    with feedback.guarded():
        draw(head, body)
    with top:
        texts = state.notices()
        if texts:
            feedback.notice(*texts)
    with body:
        _history(key="history")


def _allowed(rail: Rail | Network) -> bool:
    """Tell whether the network may be loaded; a download is asked for, never begun unasked."""
    if rail.untrained:
        st.warning(
            "This network is filled with random numbers and has learned nothing. What its maps show comes from the "
            "picture and from how the network is built.",
            icon=":material/shuffle:",
        )
        return True
    if not cache.needs_download(rail.model.key) or state.get(_asked(rail)):
        return True
    size = size_in_words(rail.model.bytes)
    st.title(rail.model.label, anchor=False)
    st.markdown(f"The weights of this network are not on this machine yet: it needs a download of **{size}**, once.")
    _offer(rail, f"Download {size}")
    st.caption("A file of weights in the folder that the setting CONVLENS_WEIGHTS names is found, too.")
    return False


def _asked(rail: Rail | Network) -> str:
    return f"download:{rail.model.key}"


def _offer(rail: Rail | Network, label: str) -> None:
    with st.container(horizontal=True):
        st.button(label, key="download", type="primary", on_click=state.put, args=(_asked(rail), True))
        st.button("Look at it untrained", key="look_untrained", on_click=state.put, args=("untrained", True))


def _failed(rail: Rail | Network, error: WeightsError) -> None:
    """Say why the weights could not be had, and how to go on; nothing is tried again unasked."""
    log.info("told the user: %s", error, exc_info=error)
    state.drop(_asked(rail))
    st.title(rail.model.label, anchor=False)
    feedback.tell(error)
    _offer(rail, "Try again")
