"""From a mistake to the other pages: with its network, its picture, and the class that it was taken for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import samples, sidebar, state
from dashboard.catalogue import catalogue

if TYPE_CHECKING:
    from dashboard.mistakes.place import Place
    from explain.runs import Case

#: The pages by their names in the address, and what they do with a picture.
PAGES = {
    "explain": "Explain by any method, with its checks",
    "layers": "Look at it layer by layer",
    "attack": "See how little changes the answer",
}


def draw(place: Place, case: Case) -> None:
    """Draw a button for each page."""
    for name, what in PAGES.items():
        title = name.capitalize()
        if st.button(title, key=f"carry-{name}", type="tertiary", icon=":material/open_in_full:", help=what):
            # The values of that page's widgets would win over what the address asks for.
            state.drop("class", "against", "goal")
            page = st.Page(import_module(f"dashboard.views.{name}").page, title=title, url_path=name)
            st.switch_page(page, query_params=_address(place, case, name))


def _address(place: Place, case: Case, name: str) -> dict[str, str]:
    """Say what the page is to show; a picture that no address can carry goes along in the session.

    So does whether the network is untrained: Streamlit lets nobody but a switch itself write it into the address.
    """
    picture = place.picture(case.number)
    asked = {} if place.model.key == next(iter(catalogue().models)) else {"model": place.model.key}
    sample = samples.id_of(picture.sha256)
    if sample is None:
        state.put("own_picture", picture)
        asked["picture"] = sidebar.OWN
    else:
        state.drop("own_picture")
        asked["sample"] = sample
    if name == "explain" and case.label is not None and not case.right:
        asked["against"] = place.names[case.label]
    return asked
