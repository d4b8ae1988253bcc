"""Choosing the pictures to go over, in the rail: those of the server, the samples, or the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.commands import serving
from dashboard.mistakes import handed, said, source
from dashboard.mistakes import place as places
from dashboard.words import escaped

if TYPE_CHECKING:
    from pathlib import Path

    from streamlit.delta_generator import DeltaGenerator

    from dashboard.feedback import Listening
    from dashboard.mistakes.source import Album

DATA, SAMPLES, OWN = "data", "samples", "own"
KEY = "pictures-choice"


def choose(rail: DeltaGenerator, hear: Listening) -> tuple[Album | None, Path | None]:
    """Draw the choice and return the pictures, with the folder of the session if they are its own.

    There are none while the user has not handed any over; the places to do so are drawn where the page stands.
    """
    path = serving.data()
    titles = {} if path is None else {DATA: escaped(path.name)}
    titles |= {SAMPLES: "Samples, corrupted", OWN: "Your own"}
    captions = {
        DATA: "what this server was started with",
        SAMPLES: "the bundled pictures: darker, blurred, noisier …",
        OWN: "a folder, pictures or a zip",
    }
    chosen = state.mirrored("pictures", lambda text: text in titles, "the pictures") or next(iter(titles))
    state.put(KEY, chosen)
    with rail:
        st.radio(
            "Pictures",
            list(titles),
            format_func=lambda name: titles[name],
            captions=[captions[name] for name in titles],
            key=KEY,
            on_change=_pick,
            args=(next(iter(titles)),),
        )
        below = st.container()
    if chosen == OWN:
        return _own(below, hear)
    if chosen == SAMPLES:
        return source.sample_album(), None
    with st.spinner("Looking through the folder"):
        album = source.server_album()
    with below:
        st.button(
            "Look through it again",
            key="list_again",
            type="tertiary",
            icon=":material/refresh:",
            on_click=source.list_again,
            help="Finds pictures that were added since.",
        )
    return album, None


def _own(below: DeltaGenerator, hear: Listening) -> tuple[Album | None, Path | None]:
    held = handed.held()
    if held is None:
        handed.draw(hear)
        return None, None
    with below:
        many = said.counted(len(held.album.sources), "picture")
        st.caption(f"{many} handed over: {escaped(held.album.title)}")
        st.button("Forget them", key="forget_handed", type="tertiary", on_click=handed.forget)
    return held.album, held.folder


def _pick(default: str) -> None:
    """Go over other pictures; what was listed and open belongs to those before."""
    chosen = state.get(KEY)
    places.set_filter(**dict.fromkeys(places.LISTED))
    state.mirror("pictures", None if chosen == default else chosen)
