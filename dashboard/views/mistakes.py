"""The Mistakes page: a network over many pictures, what it takes for what, and why it is wrong about one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cache, feedback, loading
from dashboard.mistakes import about, carry, gallery, keeping, listing, look, one, picking, reporting, running
from dashboard.mistakes import place as places
from explain.runs import RunError

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.mistakes.place import Place
    from dashboard.sidebar import Network


def page() -> None:
    """Draw the page."""
    loading.network_frame("mistakes", places.ADDRESS, _mistakes)


def _mistakes(network: Network, head: DeltaGenerator, body: DeltaGenerator) -> None:
    """Draw what the run has found so far, and go on with it where the user asked for that."""
    model, untrained = network.model, network.untrained
    # Places that can be emptied: else what an earlier run of the script wrote stays while the pictures are gone over.
    title, text, offer, progress = head.empty(), head.empty(), head.empty(), head.container()
    title.title("Where does the network go wrong?", anchor=False)
    hear = feedback.Listening(progress, f"Making {model.label} ready")
    with hear, body:
        album, folder = picking.choose(network.more, hear)
        if album is None:
            return
        path = keeping.where(model, untrained, album, folder)
        if path is None:
            # The user had its weights fetched, and they are not here yet.
            cache.model(model.key, untrained, hear)
            st.rerun()
        try:
            run = keeping.read(path)
        except RunError as error:
            running.failed(error, path, album)
            return
        place = None if run is None else places.find(model, untrained, run, album)
        going = (run is None or not run.finished) and running.going(path)
        if place is not None:
            look.headline(place, title, text)
        else:
            title.title(f"What does {model.label} say of these pictures?", anchor=False)
        if not going and (run is None or not run.finished):
            with offer.container():
                running.offer(path, album, run)
        if place is None:
            about.notes(album)
            gallery.preview(album, model.classes)
        else:
            _found(place, going)
            about.draw(place, path)
        if going:
            try:
                running.go_over(path, album, model, untrained, hear)
            except RunError as error:
                hear.clear()
                with offer.container():
                    running.failed(error, path, album)


def _found(place: Place, going: bool) -> None:
    """Draw the run as a whole, the pictures that are listed, and the one that is open."""
    look.figures(place)
    beside = look.draw(place)
    st.subheader("The pictures", anchor=False)
    listing.draw(place)
    if not len(place.rows):
        st.markdown("No picture passes these filters.")
    elif place.filter.show != "unreadable":
        gallery.draw(place)
    listing.unreadable(place)
    with beside, feedback.guarded():
        look.chart(place)
    below, case = st.empty(), place.case()
    if case is None or going:
        return
    with below.container(key="one", border=True):
        steps = st.container(horizontal=True, vertical_alignment="center", key="steps")
        with feedback.Listening(st.container(), "Looking at this picture") as hear:
            with steps:
                gallery.step(place, case)
                carry.draw(place, case)
                reporting.draw(place, place.rows, hear)
            one.draw(place, case, hear)
