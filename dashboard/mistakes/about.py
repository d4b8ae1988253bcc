"""What a run is a run of: pictures, network, weights, device and versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.mistakes import keeping, running, said
from dashboard.words import escaped
from explain.sources import labels_of

if TYPE_CHECKING:
    from pathlib import Path

    from dashboard.mistakes.place import Place
    from dashboard.mistakes.source import Album


def notes(album: Album) -> None:
    """Say what was chosen of the pictures."""
    for note in album.notes:
        st.caption(escaped(note))


def draw(place: Place, path: Path) -> None:
    """Draw what a run depends on, and offer to begin it anew."""
    header = place.run.header
    with st.expander("About this run", icon=":material/info:"):
        st.markdown(
            f"**{said.counted(len(place.run.cases), 'picture')}** of {escaped(place.pictures.title)}, gone over by "
            f"**{escaped(header.label)}**, {header.batch} at a time, on {escaped(header.device.upper())}."
        )
        notes(place.pictures)
        note = _labels(place)
        if note:
            st.caption(escaped(note))
        versions = ", ".join(f"{name} {version}" for name, version in header.versions.items())
        st.caption(escaped(f"Weights {header.weights} · pictures {header.checksum[:16]} · {versions}"))
        if path != keeping.SHIPPED:
            running.begin_anew(path, place.pictures)


def _labels(place: Place) -> str:
    """Say how the pictures' classes were found, looked up once for each run."""
    key = (place.pictures.identity, place.run.model)
    held: tuple[tuple[str, str], str] | None = state.get("labels_note")
    if held is None or held[0] != key:
        held = (key, labels_of(place.pictures.sources, place.run.classes).note)
        state.put("labels_note", held)
    return held[1]
